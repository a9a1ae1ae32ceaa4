import { assert, assertEquals, assertMatch, assertThrows } from "@std/assert";
import { DatabaseSync } from "node:sqlite";
import { salvageStores } from "../../examples/telecom/salvage.ts";
import type { ParticipantRecord as ThreePhaseRecord } from "../../protocols/three_phase_commit/messages.ts";
import {
  isThreePhaseRecord,
  recoverParticipant as recoverThreePhase,
} from "../../protocols/three_phase_commit/rules.ts";
import type {
  ParticipantRecord,
  PreparedRecord,
} from "../../protocols/two_phase_commit/messages.ts";
import { recoverParticipant } from "../../protocols/two_phase_commit/rules.ts";
import { StoreError } from "../../runtime/store_error.ts";
import { SqliteStore } from "../../runtime/worker/sqlite_store.ts";

const NAMES = ["core-1.coordinator.sqlite", "cloud-1.participant.sqlite"];

const id = (sequence: number) => ({ log: "core-log", sequence });
const prepared = (sequence: number): ParticipantRecord => ({
  kind: "prepared",
  id: id(sequence),
  coordinator: "core-1/coordinator",
  peers: ["cloud-1/participant"],
  you: 0,
  epoch: 1,
  effect: { keys: [], writes: { puts: [], adds: [] } },
  entries: [],
  holders: [],
});

/** A folder with two stores; the participant's records are one commit each. */
function withStores(
  records: readonly ParticipantRecord[],
  test: (folder: string, participant: string) => void,
): void {
  const folder = Deno.makeTempDirSync({ prefix: "trunkline-salvage-" });
  try {
    const store = new SqliteStore(`${folder}/${NAMES[1]}`);
    for (const record of records) {
      store.append(record);
      store.commit();
    }
    const core = new SqliteStore(`${folder}/${NAMES[0]}`);
    core.append({ kind: "reserved", upTo: 10 });
    core.put(`meta/log/cloud-1/participant/${store.id}`, { durable: store.durable, born: 1 });
    core.commit();
    core.close();
    store.close();
    test(folder, `${folder}/${NAMES[1]}`);
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
}

function sql(path: string, statement: string): void {
  const db = new DatabaseSync(path);
  db.exec(statement);
  db.close();
}

function recovered(path: string) {
  const store = new SqliteStore(path);
  const { inDoubt, heuristics, finished } = recoverParticipant(
    [...store.records()] as ParticipantRecord[],
  );
  store.close();
  return {
    id: store.id,
    inDoubt: inDoubt.map(({ id }) => id.sequence),
    hazards: heuristics.map(({ heuristic }) => [heuristic.id.sequence, heuristic.decision]),
    finished: finished.map(({ id }) => id.sequence),
  };
}

const HISTORY: readonly ParticipantRecord[] = [
  prepared(1),
  prepared(2),
  { kind: "committed", id: id(1) },
  { kind: "committed", id: id(2) },
  prepared(3),
];

Deno.test("salvage: sound stores are left alone", () =>
  withStores(HISTORY, (folder, path) => {
    const before = recovered(path);
    assertEquals(salvageStores(folder, NAMES, 5), []);
    assertEquals(recovered(path), before);
  }));

Deno.test("salvage: an outcome that is lost becomes a hazard, what follows the hole stays", () =>
  withStores(HISTORY, (folder, path) => {
    const { id: old } = recovered(path);
    sql(path, "UPDATE journal SET body = zeroblob(length(body)) WHERE first = 3");
    assertThrows(() => new SqliteStore(path), StoreError, "journal record 3 was changed");
    const lines = salvageStores(folder, NAMES, 5);
    assertMatch(
      lines[0]!,
      /participant.sqlite: journal record 3 was changed.* 4 records were kept/,
    );
    assertMatch(lines[1]!, /heuristic hazard: core-log:1 may have been applied or not/);
    assertEquals(lines.length, 2);
    const { id: renewed, ...rest } = recovered(path);
    assert(renewed !== old);
    // Prepared before the hole: its outcome may lie in it. Prepared behind it: in doubt as ever.
    assertEquals(rest, { inDoubt: [3], hazards: [[1, "hazard"]], finished: [2] });
    assertEquals(salvageStores(folder, NAMES, 5), []);
  }));

const prepared3 = (sequence: number): ThreePhaseRecord => {
  const { id, coordinator, peers, you, epoch, effect } = prepared(sequence) as PreparedRecord;
  return { protocol: "3pc", kind: "prepared", id, coordinator, peers, you, epoch, effect };
};

Deno.test("salvage: promises of three-phase commit become hazards of their own protocol", () => {
  const outcome = (kind: "preCommitted" | "committed", sequence: number): ThreePhaseRecord => {
    return { protocol: "3pc", kind, id: id(sequence) };
  };
  const history = [
    prepared3(1),
    prepared(2),
    prepared3(3),
    outcome("preCommitted", 1),
    outcome("committed", 1), // The record that is lost.
    outcome("committed", 3),
    prepared3(4),
  ] as ParticipantRecord[];
  withStores(history, (folder, path) => {
    sql(path, "UPDATE journal SET body = zeroblob(length(body)) WHERE first = 5");
    const lines = salvageStores(folder, NAMES, 5).slice(1);
    const hazards = lines.map((line) => /hazard: core-log:(\d+) /.exec(line)?.[1]).sort();
    assertEquals(hazards, ["1", "2"]);
    const store = new SqliteStore(path);
    const records = [...store.records()] as (ParticipantRecord | ThreePhaseRecord)[];
    store.close();
    const [three, two] = [true, false].map((is) =>
      records.filter((record) => isThreePhaseRecord(record) === is)
    );
    assertEquals(
      recoverThreePhase(three as ThreePhaseRecord[]).map((it) => [
        it.id.sequence,
        it.as,
        "heuristic" in it ? it.heuristic?.decision : undefined,
      ]),
      [[1, "preCommitted", "hazard"], [3, "committed", undefined], [4, "uncertain", undefined]],
    );
    const { heuristics, inDoubt } = recoverParticipant(two as ParticipantRecord[]);
    assertEquals(heuristics.map(({ heuristic }) => heuristic.id.sequence), [2]);
    assertEquals(inDoubt, []);
    assertEquals(salvageStores(folder, NAMES, 5), []);
  });
});

Deno.test("salvage: a tail that others remember is found, and all doubts are hazards", () =>
  withStores(HISTORY, (folder, path) => {
    sql(path, "DELETE FROM journal WHERE first > 3");
    const lines = salvageStores(folder, NAMES, 5);
    assertMatch(lines[0]!, /journal records 4 to 5 are missing/);
    assertEquals(recovered(path).hazards, [[2, "hazard"]]);
    assertEquals(salvageStores(folder, NAMES, 5), []);
  }));

Deno.test("salvage: a file that is no database is one clear error", () =>
  withStores(HISTORY, (folder, path) => {
    Deno.writeFileSync(path, new Uint8Array(5000).fill(7));
    const error = assertThrows(() => salvageStores(folder, NAMES, 5), StoreError);
    assertMatch(error.message, /^Cannot open the store .*not a database/);
  }));
