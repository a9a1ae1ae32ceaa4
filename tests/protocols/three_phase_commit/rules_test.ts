import { assertEquals } from "@std/assert";
import fc from "fast-check";
import type {
  CoordinatorRecord,
  ParticipantRecord,
} from "../../../protocols/three_phase_commit/messages.ts";
import {
  isThreePhaseRecord,
  nextLeader,
  outcomeAfterTotalFailure,
  recoverCoordinator,
  recoverParticipant,
  retainedByCoordinator,
  retainedByParticipant,
  terminationRule,
} from "../../../protocols/three_phase_commit/rules.ts";

const protocol = "3pc";
const id = (sequence: number, log = "a") => ({ log, sequence });

Deno.test("the next to lead is the next lowest, and in the end oneself", () => {
  const succession = (index: number) => {
    const leaders = [-1];
    while (leaders.at(-1) !== index) leaders.push(nextLeader(leaders.at(-1)!, index));
    return leaders;
  };
  assertEquals([0, 1, 3].map(succession), [[-1, 0], [-1, 0, 1], [-1, 0, 1, 2, 3]]);
  assertEquals(nextLeader(3, 1), 1); // One above it had taken it for failed, and failed itself.
});

Deno.test("the termination rule of a leader", () => {
  const rows = [
    [[0, 1], [], "abort"],
    [[0], [1], "join"],
    [[1], [0], "spread"],
    [[], [0, 1], "commit"],
  ] as const;
  for (const [uncertain, preCommitted, rule] of rows) {
    assertEquals(terminationRule({ uncertain, preCommitted }, 0), rule);
  }
});

Deno.test("after a total failure all are waited for", () => {
  const rows = [
    [[0], [1], undefined],
    [[0, 1], [2], "commit"],
    [[0, 1, 2], [], "abort"],
  ] as const;
  for (const [uncertain, preCommitted, outcome] of rows) {
    assertEquals(outcomeAfterTotalFailure({ uncertain, preCommitted }, 3), outcome);
  }
});

const transaction = fc.record({
  log: fc.constantFrom("a", "__proto__"),
  sequence: fc.nat({ max: 3 }),
});
const kinds = <K extends string>(...all: K[]) => fc.constantFrom(...all);
const coordinatorRecords: fc.Arbitrary<CoordinatorRecord[]> = fc.array(
  fc.tuple(kinds("began", "commit", "abort", "ended"), transaction).map(([kind, id]) =>
    kind === "began"
      ? { protocol, kind, id, participants: ["p"], epoch: 1 }
      : kind === "commit"
      ? { protocol, kind, id, stores: ["s"] }
      : { protocol, kind, id }
  ),
);
const participantRecords: fc.Arbitrary<ParticipantRecord[]> = fc.array(
  fc.tuple(kinds("prepared", "preCommitted", "committed", "aborted"), transaction)
    .map(([kind, id]) =>
      kind === "prepared"
        ? { protocol, kind, id, coordinator: "c", peers: ["p"], you: 0, epoch: 1, effect: null }
        : { protocol, kind, id }
    ),
);

Deno.test("a coordinator goes on with what began and has not ended", () => {
  const began = { protocol, kind: "began", id: id(1), participants: ["p"], epoch: 1 } as const;
  const commit = { protocol, kind: "commit", id: id(1), stores: ["s"] } as const;
  const of = (...records: CoordinatorRecord[]) => recoverCoordinator(records).map(({ as }) => as);
  assertEquals(of(began), ["undecided"]);
  assertEquals(of(began, commit), ["commit"]);
  assertEquals(of(began, { protocol, kind: "abort", id: id(1) }), ["abort"]);
  assertEquals(of(began, commit, { protocol, kind: "ended", id: id(1) }), []);
});

Deno.test("a participant is what its last step on disk says", () => {
  const prepared: ParticipantRecord = {
    ...{ protocol, kind: "prepared", id: id(1), coordinator: "c" },
    ...{ peers: ["p"], you: 0, epoch: 1, effect: null },
  };
  const of = (...kinds: ("preCommitted" | "committed" | "aborted")[]) =>
    recoverParticipant([prepared, ...kinds.map((kind) => ({ protocol, kind, id: id(1) } as const))])
      .map(({ as }) => as);
  assertEquals(of(), ["uncertain"]);
  assertEquals(of("preCommitted"), ["preCommitted"]);
  assertEquals(of("preCommitted", "committed"), ["committed"]);
  assertEquals(of("aborted"), ["aborted"]);
  // The watermark ends the memory of an outcome, and no doubt.
  const done: ParticipantRecord = { protocol, kind: "committed", id: id(0) };
  const known = recoverParticipant([done, prepared], { a: 2 });
  assertEquals(known.map(({ as }) => as), ["uncertain"]);
});

Deno.test("recovery is total, and a checkpoint recovers to the same", () => {
  fc.assert(fc.property(coordinatorRecords, (records) => {
    const kept = retainedByCoordinator(records);
    assertEquals(recoverCoordinator(kept), recoverCoordinator(records));
    assertEquals(kept.filter((it) => !isThreePhaseRecord(it)), []);
  }));
  fc.assert(fc.property(participantRecords, fc.nat({ max: 4 }), (records, lowest) => {
    const kept = retainedByParticipant(records, { a: lowest });
    assertEquals(
      recoverParticipant(kept, { a: lowest }),
      recoverParticipant(records, { a: lowest }),
    );
  }));
});
