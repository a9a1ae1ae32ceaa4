import { assertEquals } from "@std/assert";
import fc from "fast-check";
import type {
  CommitRecord,
  CoordinatorRecord,
  ParticipantRecord,
  PreparedRecord,
} from "../../../protocols/two_phase_commit/messages.ts";
import {
  recoverCoordinator,
  recoverParticipant,
  retainedByCoordinator,
  retainedByParticipant,
} from "../../../protocols/two_phase_commit/rules.ts";

const id = (sequence: number, log = "log") => ({ log, sequence });
const commit = (sequence: number): CommitRecord => ({
  kind: "commit",
  id: id(sequence),
  participants: ["a"],
  stores: ["s"],
  holders: [],
  entries: [],
});
const prepared = (sequence: number, log = "log"): PreparedRecord => ({
  kind: "prepared",
  id: id(sequence, log),
  coordinator: "coordinator",
  peers: ["a"],
  you: 0,
  epoch: 0,
  effect: null,
  entries: [],
  holders: [],
});

const transaction = fc.record({
  log: fc.constantFrom("a", "b", "toString", "__proto__"),
  sequence: fc.nat({ max: 5 }),
});
const coordinatorRecords: fc.Arbitrary<CoordinatorRecord[]> = fc.array(fc.oneof(
  fc.nat({ max: 9 }).map((upTo): CoordinatorRecord => ({ kind: "reserved", upTo })),
  fc.nat({ max: 5 }).map((sequence): CoordinatorRecord => commit(sequence)),
  fc.tuple(fc.constantFrom("began" as const, "ended" as const, "aborted" as const), transaction)
    .map(([kind, { sequence }]): CoordinatorRecord => ({ kind, id: id(sequence) })),
));
const participantRecords: fc.Arbitrary<ParticipantRecord[]> = fc.array(fc.oneof(
  transaction.map(({ log, sequence }): ParticipantRecord => prepared(sequence, log)),
  fc.tuple(
    fc.constantFrom("committed" as const, "aborted" as const, "refused" as const),
    transaction,
  ).map(([kind, { log, sequence }]): ParticipantRecord => ({ kind, id: id(sequence, log) })),
  transaction.map(({ log, sequence }): ParticipantRecord => (
    { kind: "watermark", log, lowest: sequence }
  )),
));

Deno.test("an empty coordinator log recovers to nothing", () => {
  assertEquals(recoverCoordinator([]), { committing: [], reservedUpTo: 0, next: 0, lowest: 0 });
});

Deno.test("a commit without ended is told again and holds the watermark", () => {
  const found = recoverCoordinator([
    { kind: "reserved", upTo: 10 },
    commit(4),
    commit(2),
    { kind: "ended", id: id(2) },
    { kind: "began", id: id(5) },
  ]);
  assertEquals(found, { committing: [commit(4)], reservedUpTo: 10, next: 10, lowest: 4 });
});

Deno.test("an id with a record counts as used even without its reservation", () => {
  assertEquals(recoverCoordinator([{ kind: "began", id: id(6) }]).next, 7);
});

Deno.test("prepared without an outcome is in doubt, whatever the watermark says", () => {
  const found = recoverParticipant([prepared(1), { kind: "watermark", log: "log", lowest: 9 }]);
  assertEquals(found, {
    inDoubt: [prepared(1)],
    heuristics: [],
    finished: [],
    watermarks: { log: 9 },
  });
});

Deno.test("outcomes are kept until the watermark has passed them", () => {
  const found = recoverParticipant([
    prepared(1),
    { kind: "committed", id: id(1) },
    prepared(2),
    { kind: "aborted", id: id(2) },
    { kind: "refused", id: id(3) },
    { kind: "watermark", log: "log", lowest: 2 },
  ]);
  assertEquals(found.finished, [
    { id: id(2), outcome: "abort" },
    { id: id(3), outcome: "abort" },
  ]);
  assertEquals(found.inDoubt, []);
});

Deno.test("a checkpoint of a coordinator loses nothing", () => {
  fc.assert(fc.property(coordinatorRecords, (records) => {
    const kept = retainedByCoordinator(records);
    assertEquals(recoverCoordinator(kept), recoverCoordinator(records));
    assertEquals(retainedByCoordinator(kept), kept);
  }));
});

Deno.test("a checkpoint of a participant loses nothing, nor does what follows it", () => {
  fc.assert(fc.property(participantRecords, participantRecords, (records, later) => {
    const kept = retainedByParticipant(records);
    assertEquals(recoverParticipant(kept), recoverParticipant(records));
    assertEquals(retainedByParticipant(kept), kept);
    // Later records never speak of what the watermark allowed to be dropped: `admitPrepare`.
    const { watermarks, inDoubt } = recoverParticipant(records);
    const open = new Set(inDoubt.map(({ id }) => JSON.stringify(id)));
    const possible = later.filter((record) =>
      record.kind === "watermark" || open.has(JSON.stringify(record.id)) ||
      record.id.sequence >=
        (Object.hasOwn(watermarks, record.id.log) ? watermarks[record.id.log]! : 0)
    );
    assertEquals(
      recoverParticipant([...kept, ...possible]),
      recoverParticipant([...records, ...possible]),
    );
  }));
});

Deno.test("recovery does not depend on the order of the records", () => {
  fc.assert(fc.property(coordinatorRecords, participantRecords, (coordinator, participant) => {
    assertEquals(
      recoverCoordinator(coordinator.toReversed()),
      recoverCoordinator(coordinator),
    );
    assertEquals(
      recoverParticipant(participant.toReversed()).inDoubt,
      recoverParticipant(participant).inDoubt,
    );
  }));
});
