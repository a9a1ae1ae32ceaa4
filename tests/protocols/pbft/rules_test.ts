import { assertEquals } from "@std/assert";
import {
  admitRequest,
  beginningOf,
  groupFault,
  isCorrectNewView,
  isInWindow,
  isPossibleViewChange,
  isPreparedProof,
  isStableProof,
  mostFaulty,
  quorum,
  recover,
  type ReplicaRecord,
  retained,
  type SentViewChange,
  viewToJoin,
  weakQuorum,
  withoutExecuted,
  withPending,
} from "../../../protocols/pbft/mod.ts";

const FOUR = { replicas: 4, faulty: 1 };
const INITIAL = { sequence: 0, digest: "initial" };

/** A view change; `prepared` are [sequence, view, digest]. */
function change(
  from: number,
  view: number,
  prepared: readonly (readonly [number, number, string])[] = [],
  stable = INITIAL,
): SentViewChange {
  return {
    type: "viewChange",
    from,
    view,
    stable,
    prepared: prepared.map(([sequence, view, digest]) => ({ sequence, view, digest })),
  };
}

Deno.test("pbft: two quorums share a correct replica, and one is there without the faulty", () => {
  const sizes: Record<string, number> = {};
  for (let replicas = 4; replicas <= 13; replicas++) {
    const group = { replicas, faulty: mostFaulty(replicas) };
    const q = sizes[`${replicas},${group.faulty}`] = quorum(group);
    assertEquals(2 * q - replicas > group.faulty, true, `two quorums of ${replicas}`);
    assertEquals(q <= replicas - group.faulty, true, `a quorum of ${replicas} without the faulty`);
    assertEquals(weakQuorum(group), group.faulty + 1);
  }
  assertEquals(sizes, {
    "4,1": 3,
    "5,1": 4, // Two threes of five can share the liar alone.
    "6,1": 4,
    "7,2": 5,
    "8,2": 6,
    "9,2": 6,
    "10,3": 7,
    "11,3": 8,
    "12,3": 8,
    "13,4": 9,
  });
});

Deno.test("pbft: a group smaller than 3f + 1 is refused, with the reason", () => {
  assertEquals(groupFault({ replicas: 4, faulty: 1 }), undefined);
  assertEquals(
    groupFault({ replicas: 3, faulty: 1 }),
    "3 replicas cannot bear 1 faulty ones: that takes 4",
  );
  assertEquals(groupFault({ replicas: 4, faulty: 0 }), "0 is no number of faulty replicas");
  assertEquals(groupFault({ replicas: 1.5, faulty: 1 }), "1.5 is no number of replicas");
});

Deno.test("pbft: a sequence number is in use above h and up to H", () => {
  const found = [4, 5, 12, 13, 5.5].map((sequence) => isInWindow(sequence, 4, 8));
  assertEquals(found, [false, true, true, false, false]);
});

Deno.test("pbft: a proof of prepared has prepares of Q - 1 different backups", () => {
  assertEquals(isPreparedProof(0, [1, 2], FOUR), true);
  assertEquals(isPreparedProof(0, [1, 1], FOUR), false);
  assertEquals(isPreparedProof(0, [0, 1], FOUR), false); // The primary of view 0.
  assertEquals(isPreparedProof(1, [0, 2], FOUR), true);
  assertEquals(isPreparedProof(0, [1, 9], FOUR), false);
});

Deno.test("pbft: a stable checkpoint has Q different signers", () => {
  assertEquals(isStableProof([0, 1, 2], FOUR), true);
  assertEquals(isStableProof([0, 1, 1], FOUR), false);
  assertEquals(isStableProof([0, 1, 4], FOUR), false);
});

Deno.test("pbft: a request is executed once, its reply repeated, an older one ignored", () => {
  const found = [undefined, 4, 5, 6].map((last) => admitRequest(5, last));
  assertEquals(found, ["execute", "execute", "resendReply", "outdated"]);
});

Deno.test("pbft: one request of a client waits, the latest, at the end of the queue", () => {
  const id = (client: string, timestamp: number) => ({ client, timestamp, digest: "d" });
  const queue = withPending([], [id("a", 1), id("b", 1), id("a", 2), id("b", 1), id("a", 1)]);
  assertEquals(queue.map(({ client, timestamp }) => `${client}${timestamp}`), ["b1", "a2"]);
  const left = withoutExecuted(queue, [id("a", 2), id("a", 1), id("b", 0)]);
  assertEquals(left.map(({ client }) => client), ["b"]);
});

Deno.test("pbft: a new view begins at the highest stable checkpoint", () => {
  const stable = { sequence: 4, digest: "s" };
  const found = beginningOf([change(0, 1, [[3, 0, "c"], [5, 0, "e"]]), change(1, 1, [], stable)]);
  assertEquals(found, { stable, assigned: [{ sequence: 5, digest: "e" }] });
});

Deno.test("pbft: a new view takes what was prepared last, and null where nothing was", () => {
  const { assigned } = beginningOf([
    change(0, 3, [[1, 0, "old"], [4, 1, "d"]]),
    change(1, 3, [[1, 2, "new"]]),
    change(2, 3, [[1, 1, "older"], [2, 0, "b"]]),
  ]);
  assertEquals(assigned.map(({ digest }) => digest), ["new", "b", "null", "d"]);
});

Deno.test("pbft: a new view is refused unless it follows from a quorum's view changes", () => {
  const viewChanges = [change(0, 1, [[1, 0, "a"]]), change(1, 1), change(2, 1)];
  const assigned = [{ sequence: 1, digest: "a" }];
  const sound = { type: "newView", view: 1, viewChanges, assigned } as const;
  const forged = [
    { ...sound, assigned: [] },
    { ...sound, assigned: [{ sequence: 1, digest: "b" }] },
    { ...sound, assigned: [...assigned, { sequence: 2, digest: "b" }] },
    { ...sound, viewChanges: viewChanges.slice(0, 2) },
    { ...sound, viewChanges: [viewChanges[0]!, viewChanges[1]!, viewChanges[1]!] },
    { ...sound, viewChanges: [...viewChanges.slice(0, 2), change(2, 2)] },
    { ...sound, view: 2 },
  ];
  assertEquals(isCorrectNewView(sound, FOUR, 8), true);
  assertEquals(forged.filter((it) => isCorrectNewView(it, FOUR, 8)), []);
});

Deno.test("pbft: f + 1 view changes make a replica join the smallest of their views, f do not", () => {
  assertEquals(viewToJoin([change(1, 9)], 0, FOUR), undefined);
  assertEquals(viewToJoin([change(1, 9), change(2, 3)], 0, FOUR), 3);
  assertEquals(viewToJoin([change(1, 9), change(2, 3)], 3, FOUR), undefined);
});

Deno.test("pbft: a view change must be one that a correct replica could say", () => {
  const stable = { sequence: 4, digest: "s" };
  const possible = (it: SentViewChange) => isPossibleViewChange(it, FOUR, 8);
  assertEquals(possible(change(1, 2, [[5, 0, "a"], [6, 1, "b"]], stable)), true);
  const impossible = [
    change(4, 2),
    change(1, 0),
    change(1, 2, [[4, 0, "a"]], stable), // Below its stable checkpoint.
    change(1, 2, [[13, 0, "a"]], stable), // Above its high watermark.
    change(1, 2, [[6, 0, "a"], [5, 0, "b"]], stable),
    change(1, 2, [[5, 2, "a"]], stable), // Prepared in the view that it asks for.
  ];
  assertEquals(impossible.filter(possible), []);
});

const JOURNAL: readonly ReplicaRecord[] = [
  { kind: "accepted", view: 0, sequence: 1, digest: "a" },
  { kind: "prepared", view: 0, sequence: 1, digest: "a" },
  { kind: "accepted", view: 0, sequence: 2, digest: "b" },
  { kind: "stable", sequence: 1, digest: "s" },
  { kind: "prepared", view: 0, sequence: 2, digest: "b" },
  { kind: "accepted", view: 0, sequence: 3, digest: "c" },
  {
    kind: "viewChange",
    viewChange: { type: "viewChange", view: 1, stable: INITIAL, prepared: [] },
  },
  {
    kind: "newView",
    newView: {
      type: "newView",
      view: 1,
      viewChanges: [],
      assigned: [{ sequence: 1, digest: "a" }, { sequence: 2, digest: "b" }],
    },
  },
  { kind: "accepted", view: 1, sequence: 3, digest: "d" },
  { kind: "prepared", view: 1, sequence: 3, digest: "d" },
];

Deno.test("pbft: a replica recovers its view, what it accepted in it, and every proof", () => {
  const known = recover(JOURNAL, 2, FOUR, INITIAL);
  assertEquals({ view: known.view, active: known.active, stable: known.stable.sequence }, {
    view: 1,
    active: true,
    stable: 1,
  });
  assertEquals(known.log, {
    2: {
      phase: "prePrepared",
      digest: "b",
      prepares: { 2: "b" },
      commits: {},
      proof: { view: 0, digest: "b" },
    },
    3: {
      phase: "prepared",
      digest: "d",
      prepares: { 2: "d" },
      commits: { 2: "d" },
      proof: { view: 1, digest: "d" },
    },
  });
  const left = recover(JOURNAL.slice(0, 7), 2, FOUR, INITIAL);
  assertEquals([left.view, left.active, left.viewChange?.view], [1, false, 1]);
});

Deno.test("pbft: what a checkpoint of the journal keeps recovers to the same, at any point", () => {
  for (let length = 0; length <= JOURNAL.length; length++) {
    const records = JOURNAL.slice(0, length);
    const kept = retained(records, INITIAL);
    for (const index of [1, 2]) {
      assertEquals(recover(kept, index, FOUR, INITIAL), recover(records, index, FOUR, INITIAL));
    }
  }
  assertEquals(retained(JOURNAL, INITIAL).length, 6);
});
