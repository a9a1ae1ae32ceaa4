/** The two sides of a hand-over, as rows. */
import { assertEquals } from "@std/assert";
import {
  type HandOverInput,
  predecessor,
  type PredecessorEvent,
  successor,
  type SuccessorEvent,
} from "../../../protocols/configuration/mod.ts";
import { effect, type Row, run, timer } from "../rows.ts";

const input: HandOverInput = { drainMs: 5000, retryMs: 500 };
const drainTimer = timer<PredecessorEvent>(predecessor, "drain", "draining");
const orderTimer = timer<PredecessorEvent>(predecessor, "retry", "sealed");
const handOver = { type: "handOver" } as const;
const drained = { type: "drained" } as const;
const journaled = { type: "journaled" } as const;
const released = { type: "released" } as const;
const canceled = { type: "canceled" } as const;

const PREDECESSOR: readonly Row<PredecessorEvent>[] = [
  {
    description: "it begins nothing more",
    from: [],
    event: handOver,
    state: "draining",
    effects: [effect("drain"), "after 5000"],
  },
  {
    description: "it is told again",
    from: [handOver],
    event: handOver,
    state: "draining",
    effects: [],
  },
  {
    description: "it goes on if that is taken back",
    from: [handOver],
    event: canceled,
    state: "serving",
    effects: ["cancel", effect("resume")],
  },
  {
    description: "when all is decided it seals",
    from: [handOver],
    event: drained,
    state: "sealing",
    effects: ["cancel", effect("seal")],
  },
  {
    description: "what is not decided in time is aborted",
    from: [handOver],
    event: drainTimer,
    state: "aborting",
    effects: ["cancel", effect("abort"), effect("drain")],
  },
  {
    description: "a seal is ordered when it is durable",
    from: [handOver, drained],
    event: journaled,
    state: "sealed",
    effects: [effect("order"), "after 500"],
  },
  {
    description: "a seal that is under way is not taken back",
    from: [handOver, drained],
    event: canceled,
    state: "sealing",
    effects: [],
  },
  {
    description: "nor is one that is durable",
    from: [handOver, drained, journaled],
    event: canceled,
    state: "sealed",
    effects: [],
  },
  {
    description: "it is ordered again",
    from: [handOver, drained, journaled],
    event: orderTimer,
    state: "sealed",
    effects: ["cancel", effect("order"), "after 500"],
  },
  {
    description: "when another owns it, it is over",
    from: [handOver, drained, journaled],
    event: released,
    state: "released",
    effects: ["cancel", effect("release")],
  },
  {
    description: "after a restart it is sealed still",
    from: [],
    event: { type: "recovered", as: "sealed" },
    state: "sealed",
    effects: [effect("order"), "after 500"],
  },
  {
    description: "or over",
    from: [],
    event: { type: "recovered", as: "released" },
    state: "released",
    effects: [effect("release")],
  },
  {
    description: "an old copy of a log that another owns is served no more",
    from: [],
    event: released,
    state: "released",
    effects: [effect("fence"), effect("release")],
  },
  {
    description: "a stray is rejected",
    from: [],
    event: journaled,
    state: "serving",
    effects: [effect("reject")],
  },
];

const sealed = { type: "sealed" } as const;
const fetched = { type: "fetched" } as const;
const failed = { type: "failed" } as const;
const owned = { type: "owned" } as const;
const withdrawn = { type: "withdrawn" } as const;

const SUCCESSOR: readonly Row<SuccessorEvent>[] = [
  {
    description: "what is sealed is fetched",
    from: [],
    event: sealed,
    state: "fetching",
    effects: [effect("fetch")],
  },
  {
    description: "one that owns nothing serves nothing",
    from: [],
    event: owned,
    state: "idle",
    effects: [],
  },
  {
    description: "an owner that does not answer is asked again later",
    from: [sealed],
    event: failed,
    state: "waiting",
    effects: ["after 500"],
  },
  {
    description: "then",
    from: [sealed, failed],
    event: timer<SuccessorEvent>(successor, "retry", "waiting"),
    state: "fetching",
    effects: ["cancel", effect("fetch")],
  },
  {
    description: "what is fetched is made durable",
    from: [sealed],
    event: fetched,
    state: "adopting",
    effects: [effect("adopt")],
  },
  {
    description: "and ordered then, not served",
    from: [sealed, fetched],
    event: journaled,
    state: "adopted",
    effects: [effect("order"), "after 500"],
  },
  {
    description: "it serves when the group says that it is the owner",
    from: [sealed, fetched, journaled],
    event: owned,
    state: "owning",
    effects: ["cancel", effect("serve")],
  },
  {
    description: "not before it has the records",
    from: [sealed],
    event: owned,
    state: "fetching",
    effects: [],
  },
  {
    description: "if another is to have it, it lets go",
    from: [sealed, fetched, journaled],
    event: withdrawn,
    state: "idle",
    effects: ["cancel", effect("drop")],
  },
  {
    description: "after a restart it asks whether it is the owner",
    from: [],
    event: { type: "recovered" },
    state: "adopted",
    effects: [effect("order"), "after 500"],
  },
  {
    description: "a stray is rejected",
    from: [],
    event: journaled,
    state: "idle",
    effects: [effect("reject")],
  },
];

for (const row of PREDECESSOR) {
  Deno.test(`the owner of a log: ${row.description}`, () => {
    const [snapshot, effects] = run(predecessor, input, [...row.from, row.event]);
    assertEquals([snapshot.value, effects], [row.state, [...row.effects]]);
  });
}

for (const row of SUCCESSOR) {
  Deno.test(`the successor of a log: ${row.description}`, () => {
    const [snapshot, effects] = run(successor, input, [...row.from, row.event]);
    assertEquals([snapshot.value, effects], [row.state, [...row.effects]]);
  });
}
