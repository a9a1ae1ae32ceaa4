/**
 * Each rule of the paper's section 4 as events, what the last one causes, and where it leads.
 *
 * @module
 */
import {
  type Assigned,
  type Recovered,
  replica,
  type ReplicaContext,
  type ReplicaEvent,
  type ReplicaRecord,
  type SentViewChange,
} from "../../../protocols/pbft/mod.ts";
import { type Effect, effect, timer } from "../rows.ts";

type Events = readonly ReplicaEvent[];
const INITIAL = { sequence: 0, digest: "initial" };
export const LIMITS = {
  checkpointInterval: 2,
  window: 4,
  maxBatch: 2,
  maxInFlight: 2,
  viewTimeoutMs: 100,
  maxBackoff: 3,
  statusMs: 30,
  fetchTimeoutMs: 50,
};

const fresh: Recovered = { view: 0, active: true, stable: INITIAL, log: {} };
export const recovered = (as: Recovered = fresh, executed: Assigned = INITIAL): ReplicaEvent => {
  return { type: "recovered", as, executed };
};
const at = (sequence: number, digest: string, view = 0) => ({ view, sequence, digest });
const prePrepare = (sequence: number, digest: string, from = 0, view = 0): ReplicaEvent => {
  return { type: "prePrepare", from, ...at(sequence, digest, view) };
};
const prepare = (from: number, sequence: number, digest: string, view = 0): ReplicaEvent => {
  return { type: "prepare", from, ...at(sequence, digest, view) };
};
const commit = (from: number, sequence: number, digest: string, view = 0): ReplicaEvent => {
  return { type: "commit", from, ...at(sequence, digest, view) };
};
const durable = (record: ReplicaRecord): ReplicaEvent => ({ type: "journaled", record });
const accepted = (sequence: number, digest: string, view = 0) =>
  durable({ kind: "accepted", ...at(sequence, digest, view) });
const prepared = (sequence: number, digest: string, view = 0) =>
  durable({ kind: "prepared", ...at(sequence, digest, view) });
const checkpoint = (from: number, sequence: number, digest: string): ReplicaEvent => {
  return { type: "checkpoint", from, sequence, digest };
};
const id = (client: string, timestamp = 1) => ({
  client,
  timestamp,
  digest: `${client}${timestamp}`,
});
export const request = (...clients: string[]): ReplicaEvent => {
  return { type: "request", requests: clients.map((client) => id(client)), direct: true };
};
const executed = (sequence: number, clients: string[] = [], state?: string): ReplicaEvent => ({
  type: "executed",
  sequence,
  requests: clients.map((client) => id(client)),
  ...(state === undefined ? {} : { state }),
});
type Proved = readonly (readonly [number, number, string])[];
export const change = (
  from: number,
  view: number,
  proved: Proved = [],
  stable: Assigned = INITIAL,
) => ({
  type: "viewChange" as const,
  from,
  view,
  stable,
  prepared: proved.map(([sequence, view, digest]) => ({ sequence, view, digest })),
});
const newView = (
  from: number,
  view: number,
  viewChanges: readonly SentViewChange[],
  ...digests: string[]
): Extract<ReplicaEvent, { readonly type: "newView" }> => ({
  type: "newView",
  from,
  view,
  viewChanges,
  assigned: digests.map((digest, index) => ({ sequence: index + 1, digest })),
});
const begun = ({ from: _, ...it }: Extract<ReplicaEvent, { readonly type: "newView" }>) =>
  durable({ kind: "newView", newView: it });
export const left = ({ from: _, ...it }: SentViewChange) =>
  durable({ kind: "viewChange", viewChange: it });
const after = (delay: string, region: string) =>
  timer<ReplicaEvent>(replica, delay, `working.${region}`);
export const impatient = after("patience", "patience.waiting");

const journal = (record: ReplicaRecord) => effect("journal", { record });
const send = (to: number[], ...messages: object[]) => effect("send", { to, messages });
const refuse = (reason: string) => effect("refuse", { reason });
const accuse = (who: number, offence: string, view = 0, sequence = 0) =>
  effect("accuse", { replica: who, offence, view, sequence });
const execute = (sequence: number, digest: string) => effect("execute", { sequence, digest });
const stable = (sequence: number, digest: string): readonly Effect[] => [
  journal({ kind: "stable", sequence, digest }),
  effect("forget", { sequence, digest }),
];

/** A rule. */
export type Rule = {
  readonly description: string;
  readonly events: Events;
  /** Without timers. */
  readonly effects: readonly Effect[];
  readonly options: {
    readonly index?: number;
    readonly replicas?: number;
    /** Regions whose state is looked at. */
    readonly states?: Readonly<Record<string, unknown>>;
    /** Facts that are looked at. */
    readonly context?: Partial<ReplicaContext>;
    readonly from?: ReplicaEvent;
    /** Timers that are set and cancelled, where they are looked at. */
    readonly timers?: readonly string[];
  };
};

/** All of them. */
export const RULES: Rule[] = [];

function rule(
  description: string,
  events: Events,
  effects: readonly Effect[],
  options: Rule["options"] = {},
): void {
  RULES.push({ description, events, effects, options });
}

// 4.2: pre-prepare and prepare ------------------------------------------------------------------

const one: Events = [prePrepare(1, "a"), accepted(1, "a")];
const onePrepared: Events = [...one, prepare(2, 1, "a")];
const oneCommitted: Events = [
  ...onePrepared,
  prepared(1, "a"),
  commit(0, 1, "a"),
  commit(2, 1, "a"),
];

rule("a pre-prepare is accepted durably before anything is said", [prePrepare(1, "a")], [
  journal({ kind: "accepted", ...at(1, "a") }),
]);
rule("once it is durable a backup prepares it", one, [
  send([0, 2, 3], { type: "prepare", ...at(1, "a") }),
]);
rule("a pre-prepare of a backup is refused", [prePrepare(1, "a", 2)], [refuse("notPrimary")]);
rule("one of another view is refused", [prePrepare(1, "a", 1, 1)], [refuse("wrongView")]);
rule("one above the high watermark is refused", [prePrepare(5, "a")], [refuse("outsideWindow")]);
rule("one at the low watermark is refused", [prePrepare(0, "a")], [refuse("outsideWindow")]);
rule("a second digest for one number convicts the primary", [...one, prePrepare(1, "b")], [
  accuse(0, "equivocation", 0, 1),
]);
rule("so it does while the first is on its way to the disk", [
  prePrepare(1, "a"),
  prePrepare(1, "b"),
], [accuse(0, "equivocation", 0, 1)]);
rule("a duplicate is nothing new", [...one, prePrepare(1, "a")], []);
rule("Q - 1 prepares are needed, its own among them", one.concat(prepare(2, 1, "b")), []);
rule("with them it is prepared: the proof is made durable first", onePrepared, [
  journal({ kind: "prepared", ...at(1, "a") }),
]);
rule("with n = 5 a quorum is 4: one prepare more is needed", onePrepared, [], { replicas: 5 });
rule("and that one is enough", [...onePrepared, prepare(3, 1, "a")], [
  journal({ kind: "prepared", ...at(1, "a") }),
], { replicas: 5 });
rule("prepares that came before the pre-prepare was durable count", [
  prePrepare(1, "a"),
  prepare(2, 1, "a"),
  accepted(1, "a"),
], [
  send([0, 2, 3], { type: "prepare", ...at(1, "a") }),
  journal({ kind: "prepared", ...at(1, "a") }),
]);
rule("and then that proof becomes durable as any", [
  prePrepare(1, "a"),
  prepare(2, 1, "a"),
  accepted(1, "a"),
  prepared(1, "a"),
], [send([0, 2, 3], { type: "commit", ...at(1, "a") })]);
rule("the prepare that completes it counts as its sender's", [...onePrepared, prepare(2, 1, "b")], [
  accuse(2, "doublePrepare", 0, 1),
]);
rule("prepares without a pre-prepare prove nothing", [prepare(2, 1, "a"), prepare(3, 1, "a")], []);
rule("the primary's own word is no prepare", [...one, prepare(0, 1, "a")], [refuse("notBackup")]);
rule("a prepare of another view is refused", [...one, prepare(2, 1, "a", 1)], [
  refuse("wrongView"),
]);
rule("a prepare outside of the watermarks is refused", [prepare(2, 9, "a")], [
  refuse("outsideWindow"),
]);
rule("two prepares for one number convict their sender", [
  ...one,
  prepare(2, 1, "b"),
  prepare(2, 1, "a"),
], [accuse(2, "doublePrepare", 0, 1)]);
rule("and the second does not count", [
  ...one,
  prepare(2, 1, "b"),
  prepare(2, 1, "a"),
  prepare(3, 1, "b"),
], []);

// 4.2: commit and execution ---------------------------------------------------------------------

rule("once the proof is durable it commits", [...onePrepared, prepared(1, "a")], [
  send([0, 2, 3], { type: "commit", ...at(1, "a") }),
]);
rule("Q - 1 commits are too few", oneCommitted.slice(0, -1), []);
rule("Q commits, its own among them, execute it", oneCommitted, [execute(1, "a")]);
rule("commits for another digest do not count", [
  ...oneCommitted.slice(0, -1),
  commit(2, 1, "b"),
], []);
rule("a second commit of one replica does not count", [
  ...oneCommitted.slice(0, -1),
  commit(0, 1, "b"),
], [refuse("contradiction")]);
rule("commits of others alone execute nothing: it must be prepared here", [
  ...one,
  commit(0, 1, "a"),
  commit(2, 1, "a"),
  commit(3, 1, "a"),
], []);
rule("commits that came early count", [
  ...one,
  commit(0, 1, "a"),
  commit(2, 1, "a"),
  prepare(2, 1, "a"),
  prepared(1, "a"),
], [send([0, 2, 3], { type: "commit", ...at(1, "a") }), execute(1, "a")]);
rule("a commit outside of the watermarks is refused", [commit(2, 5, "a")], [
  refuse("outsideWindow"),
]);

const two: Events = [
  prePrepare(2, "b"),
  accepted(2, "b"),
  prepare(2, 2, "b"),
  prepared(2, "b"),
  commit(0, 2, "b"),
  commit(2, 2, "b"),
];
rule("what is committed out of order waits", two, [], { context: { executed: 0 } });
rule("and is executed in order", [...two, ...oneCommitted, executed(1)], [execute(2, "b")]);
rule("one number is executed at a time", [...two, ...oneCommitted], [execute(1, "a")]);
rule("an execution of another number is not taken for it", [...oneCommitted, executed(2)], [], {
  context: { executed: 0 },
});

// 4.1: requests ---------------------------------------------------------------------------------

const proposed = (sequence: number, digest: string, view = 0, taken = 1): ReplicaEvent => {
  return { type: "proposed", ...at(sequence, digest, view), taken };
};
const propose = (sequence: number, ...clients: string[]) =>
  effect("propose", { view: 0, sequence, requests: clients.map((client) => id(client)) });

rule("the primary makes a batch of what waits", [request("a", "b", "c")], [propose(1, "a", "b")], {
  index: 0,
});
rule("its pre-prepare is durable before it is said", [request("a"), proposed(1, "x")], [
  journal({ kind: "accepted", ...at(1, "x") }),
], { index: 0 });
rule("then it says it", [request("a"), proposed(1, "x"), accepted(1, "x")], [
  send([1, 2, 3], { type: "prePrepare", ...at(1, "x") }),
], { index: 0 });
rule("what is ordered is not ordered again", [request("a"), proposed(1, "x"), request("a")], [], {
  index: 0,
});
rule(
  "it stops when too much is not executed",
  [
    request("a"),
    proposed(1, "x"),
    request("b", "c"),
    proposed(2, "y", 0, 2),
    request("d", "e"),
  ],
  [],
  { index: 0, states: { proposal: "idle" } },
);
const oneOnItsWay: Events = [request("a"), proposed(1, "x")];
rule("what comes while a batch is on its way is collected", [...oneOnItsWay, request("b")], [], {
  index: 0,
  states: { proposal: "idle" },
});
rule("but a full batch does not wait", [...oneOnItsWay, request("b", "c")], [
  propose(2, "b", "c"),
], { index: 0 });
rule(
  "what did not fit into a batch is in the next",
  [request("a", "b"), proposed(1, "x", 0, 1), request("c")],
  [propose(2, "b", "c")],
  { index: 0 },
);
rule(
  "the primary has Q - 1 prepares of others, and no own",
  [
    request("a"),
    proposed(1, "x"),
    accepted(1, "x"),
    prepare(1, 1, "x"),
  ],
  [],
  { index: 0 },
);
rule(
  "a batch that comes when the view is left is not ordered in it",
  [
    request("a"),
    change(1, 1),
    change(2, 1),
    proposed(1, "x"),
  ],
  [],
  { index: 0, states: { proposal: "idle" }, context: { log: {} } },
);
rule("a backup hands a client's request to the primary, and waits", [request("a")], [
  effect("relay", { to: 0, requests: [id("a")] }),
], { states: { patience: "waiting" } });
rule(
  "what is handed on is not handed on again",
  [{
    type: "request",
    requests: [id("a")],
    direct: false,
  }],
  [],
  { states: { patience: "waiting" } },
);

// 4.3: checkpoints ------------------------------------------------------------------------------

const twoExecuted: Events = [...two, ...oneCommitted, executed(1), executed(2, [], "s2")];
const kept = (sequence: number, digest: string) =>
  durable({ kind: "checkpoint", sequence, digest });
const threeExecuted: Events = [...twoExecuted, kept(2, "s2")];

rule("every K executions its state is made durable first", twoExecuted, [
  journal({ kind: "checkpoint", sequence: 2, digest: "s2" }),
]);
rule("then it says the digest: others forget their logs because of it", threeExecuted, [
  send([0, 2, 3], { type: "checkpoint", sequence: 2, digest: "s2" }),
]);
rule("before that nobody is told, not even who lacks it", [
  ...twoExecuted,
  { type: "status", from: 3, view: 0, active: true, stable: 0, executed: 2 },
], []);
rule(
  "Q equal digests are stable: the log below is forgotten",
  [
    ...threeExecuted,
    checkpoint(0, 2, "s2"),
    checkpoint(2, 2, "s2"),
  ],
  stable(2, "s2"),
  {
    context: { stable: { sequence: 2, digest: "s2" }, log: {} },
  },
);
rule("Q - 1 are not", [...threeExecuted, checkpoint(0, 2, "s2")], []);
rule("different ones are not", [
  ...threeExecuted,
  checkpoint(0, 2, "s2"),
  checkpoint(2, 2, "x"),
], []);
rule("the window moves with it", [
  ...threeExecuted,
  checkpoint(0, 2, "s2"),
  checkpoint(2, 2, "s2"),
  prePrepare(6, "f"),
], [journal({ kind: "accepted", ...at(6, "f") })]);
rule("two digests of one state convict their sender", [
  checkpoint(2, 2, "x"),
  checkpoint(2, 2, "y"),
], [accuse(2, "doubleCheckpoint", 0, 2)]);
const wrong = effect("accuse", {
  replica: 2,
  offence: "wrongCheckpoint",
  view: 0,
  sequence: 2,
  digest: "s2",
});
rule(
  "who has signed another state than a quorum is convicted when the quorum is complete",
  [
    ...threeExecuted,
    checkpoint(2, 2, "x"),
    checkpoint(0, 2, "s2"),
    checkpoint(3, 2, "s2"),
  ],
  [...stable(2, "s2"), wrong],
  {
    context: { checkpoints: { 0: { 2: "s2" }, 1: { 2: "s2" }, 2: {}, 3: { 2: "s2" } } },
  },
);
rule("and who signs it afterwards", [
  ...threeExecuted,
  checkpoint(0, 2, "s2"),
  checkpoint(3, 2, "s2"),
  checkpoint(2, 2, "x"),
], [wrong]);
rule(
  "a checkpoint of a state that is past convicts nobody: nothing is left to compare it with",
  [
    checkpoint(0, 4, "s4"),
    checkpoint(2, 4, "s4"),
    checkpoint(3, 4, "s4"),
    checkpoint(2, 2, "x"),
  ],
  [],
  { context: { checkpoints: { 0: { 4: "s4" }, 2: { 4: "s4" }, 3: { 4: "s4" } } } },
);
rule("a checkpoint where none is due is refused", [checkpoint(2, 3, "x")], [
  refuse("notCheckpoint"),
]);

const three: Events = [
  prePrepare(3, "c"),
  accepted(3, "c"),
  prepare(2, 3, "c"),
  prepared(3, "c"),
  commit(0, 3, "c"),
  commit(2, 3, "c"),
];
rule("after a checkpoint it goes on, while that is on its way to the disk", [
  ...three,
  ...twoExecuted,
], [
  journal({ kind: "checkpoint", sequence: 2, digest: "s2" }),
  execute(3, "c"),
], { states: { execution: "executing" } });

rule(
  "one that is stable already is nothing new",
  [
    ...threeExecuted,
    checkpoint(0, 2, "s2"),
    checkpoint(2, 2, "s2"),
    checkpoint(3, 2, "s2"),
  ],
  [],
  { context: { checkpoints: { 0: { 2: "s2" }, 1: { 2: "s2" }, 2: { 2: "s2" } } } },
);

// State transfer --------------------------------------------------------------------------------

const behind: Events = [checkpoint(0, 4, "s4"), checkpoint(2, 4, "s4"), checkpoint(3, 4, "s4")];
const fetch = (from: number) =>
  effect("fetchState", { checkpoint: { sequence: 4, digest: "s4" }, from });
const installed = (digest: string): ReplicaEvent => {
  return { type: "installed", sequence: 4, digest, requests: [] };
};

rule("one that has fallen behind fetches the stable state by its digest", behind, [
  ...stable(4, "s4"),
  fetch(2),
], { states: { transfer: "fetching" } });
rule("from another when what it got is not that", [...behind, { type: "transferFailed" }], [
  fetch(3),
]);
rule("and from another when it gets nothing", [
  ...behind,
  after("fetchTimeout", "transfer.fetching"),
], [fetch(3)]);
rule("when another becomes stable it fetches that", [
  ...behind,
  checkpoint(0, 8, "s8"),
  checkpoint(2, 8, "s8"),
  checkpoint(3, 8, "s8"),
], [
  ...stable(8, "s8"),
  effect("fetchState", { checkpoint: { sequence: 8, digest: "s8" }, from: 3 }),
]);
rule("what it is given when it needs nothing is nothing new", [{ type: "transferFailed" }], []);
rule("a state with another digest is not taken", [...behind, installed("x")], [], {
  context: { executed: 0 },
});
rule("with the state it goes on from there", [...behind, installed("s4")], [], {
  states: { transfer: "idle" },
  context: { executed: 4 },
});
rule(
  "what it was executing meanwhile is in that state",
  [...oneCommitted, ...behind, installed("s4")],
  [],
  {
    states: { execution: "idle", transfer: "idle" },
    context: { executed: 4 },
  },
);
rule("but in no other", [...oneCommitted, ...behind, installed("x")], [], {
  states: { execution: "executing", transfer: "fetching" },
});
rule("one whose own state is not the stable one fetches that", [
  ...two,
  ...oneCommitted,
  executed(1),
  executed(2, [], "wrong"),
  checkpoint(0, 2, "s2"),
  checkpoint(2, 2, "s2"),
  checkpoint(3, 2, "s2"),
], [
  ...stable(2, "s2"),
  effect("fetchState", { checkpoint: { sequence: 2, digest: "s2" }, from: 2 }),
]);

const mistaken: Events = [...two, ...oneCommitted, executed(1), executed(2, [], "wrong")];
const corrected: Events = [
  checkpoint(0, 2, "s2"),
  checkpoint(2, 2, "s2"),
  checkpoint(3, 2, "s2"),
  { type: "installed", sequence: 2, digest: "s2", requests: [] },
];
rule(
  "a state that is not its own any more is not said",
  [
    ...mistaken,
    ...corrected,
    kept(2, "wrong"),
  ],
  [],
  {
    context: { kept: 0 },
  },
);
rule(
  "one that took a state back has nothing later to say",
  [
    ...mistaken,
    kept(2, "wrong"),
    ...corrected,
    ...three,
  ],
  [execute(3, "c")],
  { context: { kept: 2, executed: 2 } },
);

// 4.4: leaving a view ---------------------------------------------------------------------------

const own = change(1, 1);
const leaving: Events = [request("a"), impatient];
const gone: Events = [...leaving, left(own)];
const { from: _from, ...said } = own;
const behindAll = { active: true, stable: 0, executed: 0 };

rule("a request that is not executed in time makes it leave, durably first", leaving, [
  journal({ kind: "viewChange", viewChange: said }),
], { states: { view: { changing: "leaving" } }, context: { view: 1, active: false } });
rule("before that nobody is told, not even at its time to say how far it has come", [
  ...leaving,
  after("status", "gossip.telling"),
], [send([0, 2, 3], { type: "status", view: 1, active: false, stable: 0, executed: 0 })]);
rule("nor who asks", [...leaving, { type: "status", from: 3, view: 0, ...behindAll }], []);
rule("then it says so", gone, [send([0, 2, 3], said)], {
  states: { view: { changing: "collecting" } },
});
rule("it shows what is prepared, with the view of the proof", [
  ...onePrepared,
  prepared(1, "a"),
  ...leaving,
], [journal({ kind: "viewChange", viewChange: { ...said, prepared: [at(1, "a")] } })]);
rule("what is not durably prepared it does not show", [...onePrepared, ...leaving], [
  journal({ kind: "viewChange", viewChange: said }),
]);
rule("a proof that becomes durable after it has left causes no commit", [
  ...onePrepared,
  ...leaving,
  prepared(1, "a"),
], []);
for (
  const event of [
    prePrepare(1, "a"),
    prepare(2, 1, "a"),
    commit(2, 1, "a"),
  ]
) {
  rule(`between two views a ${event.type} is refused`, [...gone, event], [refuse("wrongView")]);
}
rule(
  "the execution of the request it knows longest begins the time anew",
  [
    request("a", "b"),
    ...oneCommitted,
    executed(1, ["a"]),
  ],
  [],
  {
    states: { patience: "waiting" },
    context: { attempt: 0 },
    timers: ["cancel", "after 100"],
  },
);
rule(
  "the execution of another one does not",
  [
    request("a", "b"),
    ...oneCommitted,
    executed(1, ["b"]),
  ],
  [],
  { states: { patience: "waiting" }, timers: [] },
);
rule("between two views it waits for none", [request("a"), change(2, 4), change(3, 4)], [
  journal({ kind: "viewChange", viewChange: { ...said, view: 4 } }),
], { states: { patience: "calm" } });
rule(
  "when nothing is left to wait for it is calm",
  [
    request("a"),
    ...oneCommitted,
    executed(1, ["a"]),
  ],
  [],
  { states: { patience: "calm" } },
);
rule("f view changes do not move it", [change(2, 5)], [], { context: { view: 0 } });
rule("f + 1 do, to the smallest of their views", [change(2, 5), change(3, 4)], [
  journal({ kind: "viewChange", viewChange: { ...said, view: 4 } }),
], { context: { view: 4 } });
rule(
  "and those count for that view",
  [
    change(2, 4),
    change(3, 4),
    left(change(1, 4)),
  ],
  [send([0, 2, 3], { type: "viewChange", view: 4, stable: INITIAL, prepared: [] })],
  {
    states: { view: { changing: "awaiting" } },
  },
);
rule("one that no correct replica says is refused", [change(2, 1, [[9, 0, "a"]])], [
  refuse("impossibleViewChange"),
]);
rule("two for one view convict their sender", [change(2, 1), change(2, 1, [[1, 0, "a"]])], [
  accuse(2, "doubleViewChange", 1),
]);
rule("a late one of an earlier view is nothing new", [change(2, 2), change(2, 1)], []);

// 4.4: beginning a view -------------------------------------------------------------------------

const proof: Proved = [[1, 0, "a"]];
const quorumOf = [change(1, 1), change(2, 1, proof), change(3, 1)];
const beginning: Events = [...gone, change(2, 1, proof), change(3, 1)];
const ours = newView(1, 1, quorumOf, "a");
const { from: _primary, ...ourContent } = ours;
const initialStable = journal({ kind: "stable", ...INITIAL });

rule("the new primary waits for Q", [...gone, change(2, 1, proof)], [], {
  states: { view: { changing: "collecting" } },
});
rule("with Q it begins the view, durably first", beginning, [
  initialStable,
  journal({ kind: "newView", newView: ourContent }),
], { states: { view: { changing: "announcing" } } });
rule("then it shows on whose word, and hands nothing to itself", [...beginning, begun(ours)], [
  send([0, 2, 3], ourContent),
  effect("enter", { view: 1 }),
  effect("relay", { to: 1, requests: [] }),
], { states: { view: "normal" }, context: { active: true } });

const theirs = newView(1, 1, quorumOf, "a");
const installing: Events = [request("c"), theirs];

rule("a backup computes it again, and takes it durably", installing, [
  initialStable,
  journal({ kind: "newView", newView: ourContent }),
], { index: 2, states: { view: { changing: "installing" } } });
rule("then it prepares what the view begins with", [...installing, begun(theirs)], [
  send([0, 1, 3], { type: "prepare", ...at(1, "a", 1) }),
  effect("enter", { view: 1 }),
  effect("relay", { to: 1, requests: [id("c")] }),
], { index: 2, states: { view: "normal" } });
rule(
  "a second one for that view is not taken, as correct as it may be: the first is on its way",
  [
    ...installing,
    newView(1, 1, [change(0, 1), change(1, 1), change(3, 1)]),
    begun(theirs),
  ],
  [
    send([0, 1, 3], { type: "prepare", ...at(1, "a", 1) }),
    effect("enter", { view: 1 }),
    effect("relay", { to: 1, requests: [id("c")] }),
  ],
  { index: 2 },
);
rule("a forged one convicts the new primary", [newView(1, 1, quorumOf, "b")], [
  accuse(1, "forgedNewView", 1),
], { index: 2, context: { view: 0 } });
rule("one that hides what was prepared is forged", [newView(1, 1, quorumOf)], [
  accuse(1, "forgedNewView", 1),
], { index: 2 });
rule("one without a quorum is forged", [newView(1, 1, quorumOf.slice(0, 2), "a")], [
  accuse(1, "forgedNewView", 1),
], { index: 2 });
rule("one that is not its primary's is refused", [newView(3, 1, quorumOf, "a")], [
  refuse("notPrimary"),
], { index: 2 });
rule(
  "one of a view that is past is nothing new",
  [
    ...installing,
    begun(theirs),
    newView(1, 1, quorumOf, "b"),
  ],
  [],
  { index: 2 },
);
rule(
  "votes of the old view do not count in the new one",
  [
    prePrepare(1, "a"),
    accepted(1, "a"),
    prepare(3, 1, "a"),
    ...installing,
    begun(theirs),
    prepare(3, 1, "a", 1),
  ],
  [journal({ kind: "prepared", ...at(1, "a", 1) })],
  { index: 2 },
);
rule("a new view above its checkpoint brings the checkpoint", [
  newView(1, 1, [
    change(0, 1, [], { sequence: 4, digest: "s4" }),
    change(1, 1),
    change(3, 1),
  ]),
], [
  journal({ kind: "stable", sequence: 4, digest: "s4" }),
  journal({
    kind: "newView",
    newView: {
      type: "newView",
      view: 1,
      viewChanges: [
        change(0, 1, [], { sequence: 4, digest: "s4" }),
        change(1, 1),
        change(3, 1),
      ],
      assigned: [],
    },
  }),
  effect("fetchState", { checkpoint: { sequence: 4, digest: "s4" }, from: 3 }),
], { index: 2 });

// 4.5.2: liveness -------------------------------------------------------------------------------

const awaiting: Events = [request("a"), impatient, left(change(2, 1)), change(0, 1), change(3, 1)];
export const late = { type: "xstate.after.patience.pbft.replica.working.view.changing.awaiting" };
rule("with Q view changes its time runs", awaiting, [], {
  index: 2,
  states: { view: { changing: "awaiting" } },
});
rule(
  "those that have gone further count",
  [
    request("a"),
    impatient,
    left(change(2, 1)),
    change(0, 1),
    change(3, 7),
  ],
  [],
  { index: 2, states: { view: { changing: "awaiting" } } },
);
rule(
  "a new view that does not begin in time is left for the next",
  [
    ...awaiting,
    late as unknown as ReplicaEvent,
  ],
  [journal({ kind: "viewChange", viewChange: { ...said, view: 2 } })],
  {
    index: 2,
    context: { view: 2, attempt: 2 },
  },
);
const late2: Events = [change(0, 1), change(3, 1), late as unknown as ReplicaEvent];
const prepared2: Events = [prePrepare(1, "a"), accepted(1, "a"), prepare(3, 1, "a")];
const shows = journal({
  kind: "viewChange",
  viewChange: { ...said, view: 2, prepared: [at(1, "a")] },
});
rule(
  "a proof that became durable between two views is shown for the next",
  [
    ...prepared2,
    request("a"),
    impatient,
    left(change(2, 1)),
    prepared(1, "a"),
    ...late2,
  ],
  [shows],
  { index: 2 },
);
rule(
  "a proof of an earlier view says nothing in the next",
  [
    ...prepared2,
    theirs,
    begun(theirs),
    prepared(1, "a"),
  ],
  [],
  { index: 2, states: { view: "normal" } },
);
rule(
  "but it is shown when that is left",
  [
    ...prepared2,
    theirs,
    begun(theirs),
    prepared(1, "a"),
    { type: "suspect" },
  ],
  [shows],
  { index: 2 },
);
rule("alone it does not run ahead", [...gone, { type: "suspect" }], [], { context: { view: 1 } });
rule(
  "an executed request ends the doubling",
  [
    ...installing,
    begun(theirs),
    prepare(1, 1, "a", 1),
    prepare(3, 1, "a", 1),
    prepared(1, "a", 1),
    commit(1, 1, "a", 1),
    commit(3, 1, "a", 1),
    executed(1, ["c"]),
  ],
  [],
  { index: 2, context: { attempt: 0, executed: 1 } },
);

// Restart ---------------------------------------------------------------------------------------

rule("back between two views it says again that it has left", [
  after("status", "gossip.telling"),
], [
  send(
    [0, 2, 3],
    { type: "status", view: 1, active: false, stable: 0, executed: 0 },
    said,
  ),
], {
  from: recovered({ ...fresh, view: 1, active: false, viewChange: said }),
  states: { view: { changing: "collecting" } },
  timers: ["cancel", "after 30"],
});
rule("back in a view it takes no other digest for what it accepted", [prePrepare(1, "b")], [
  accuse(0, "equivocation", 0, 1),
], {
  from: recovered({
    ...fresh,
    log: { 1: { phase: "prePrepared", digest: "a", prepares: { 1: "a" }, commits: {} } },
  }),
});

rule("the first it says is how far it has come", [], [
  send([0, 2, 3], { type: "status", view: 0, active: true, stable: 0, executed: 0 }),
]);

// Retransmission --------------------------------------------------------------------------------

const status = (executed: number, view = 0, active = true): ReplicaEvent => {
  return { type: "status", from: 3, view, active, stable: 0, executed };
};
rule("one that lacks votes is told its own", [...onePrepared, prepared(1, "a"), status(0)], [
  send([3], { type: "prepare", ...at(1, "a") }, { type: "commit", ...at(1, "a") }),
]);
rule("one that lacks a pre-prepare is handed on what the primary signed", [
  ...oneCommitted,
  executed(1),
  status(0),
], [
  send(
    [3],
    { type: "prepare", ...at(1, "a") },
    { type: "commit", ...at(1, "a") },
    { type: "prePrepare", ...at(1, "a") },
  ),
]);
rule("one that lacks a checkpoint is told its digest", [...threeExecuted, status(2)], [
  send([3], { type: "checkpoint", sequence: 2, digest: "s2" }),
]);
rule("one in an earlier view is shown the new view", [...beginning, begun(ours), status(0)], [
  send([3], ourContent),
]);
rule("one that lacks nothing is told nothing", [...oneCommitted, executed(1), status(1)], []);

rule("what it does not know is rejected", [{ type: "nonsense" } as unknown as ReplicaEvent], [
  effect("reject"),
]);
