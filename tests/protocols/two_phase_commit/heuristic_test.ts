import { heuristic, type HeuristicEvent } from "../../../protocols/two_phase_commit/heuristic.ts";
import { effect, everyPair, type Row, rows, timer } from "../rows.ts";

const input = { inquireMs: 100, maxBackoff: 2 };

const resolve = (decision: "commit" | "abort"): HeuristicEvent => ({ type: "resolve", decision });
const known: HeuristicEvent = { type: "known" };
const unknown: HeuristicEvent = { type: "unknown" };
const recovered = (decision: "commit" | "abort" | "hazard"): HeuristicEvent => ({
  type: "recovered",
  decision,
});
const commit: HeuristicEvent = { type: "commit" };
const abort: HeuristicEvent = { type: "abort" };
const inquiry: HeuristicEvent = { type: "inquiry", from: 2 };
const uncertain: HeuristicEvent = { type: "uncertain" };
const prepare: HeuristicEvent = { type: "prepare" };
const forget: HeuristicEvent = { type: "forget" };
const written: HeuristicEvent = { type: "journaled", record: "heuristic" };
const settledRecord: HeuristicEvent = { type: "journaled", record: "settled" };
const askAgain = timer<HeuristicEvent>(heuristic, "inquire", "decided");

const states = {
  idle: [],
  investigating: [resolve("commit")],
  recording: [resolve("commit"), unknown],
  decided: [resolve("commit"), unknown, written],
  settling: [resolve("commit"), unknown, written, abort],
  settled: [resolve("commit"), unknown, written, abort, settledRecord],
  refused: [resolve("commit"), known],
} satisfies Record<string, readonly HeuristicEvent[]>;

const tellsPeer = effect("sendUncertain", { to: 2 });
const journal = (record: string) => effect("journal", { record });
const report = (verdict: string, real: string) => effect("report", { verdict, real });

function settles(decision: "commit" | "abort", real: HeuristicEvent, verdict: string) {
  const outcome = real.type as "commit" | "abort";
  return {
    description: `${decision} here, ${outcome} there: ${verdict}`,
    from: [resolve(decision), unknown, written],
    event: real,
    state: "settling",
    effects: ["cancel", journal(outcome), report(verdict, outcome)],
  } satisfies Row<HeuristicEvent>;
}

function quiet(state: keyof typeof states, events: readonly HeuristicEvent[]) {
  return events.map((event): Row<HeuristicEvent> => ({
    description: `in ${state} a ${event.type} changes nothing`,
    from: states[state],
    event,
    state,
    effects: [],
  }));
}

function answers(state: keyof typeof states): Row<HeuristicEvent> {
  return {
    description: `in ${state} a peer is told that nothing is known`,
    from: states[state],
    event: inquiry,
    state,
    effects: [tellsPeer],
  };
}

const table: Row<HeuristicEvent>[] = [
  {
    description: "asks around before it decides anything",
    from: [],
    event: resolve("commit"),
    state: "investigating",
    effects: [effect("investigate")],
  },
  {
    description: "a decision that is known is not overruled",
    from: states.investigating,
    event: known,
    state: "refused",
    effects: [effect("refuse")],
  },
  {
    description: "rows and record are one write, and nobody is told before it is durable",
    from: states.investigating,
    event: unknown,
    state: "recording",
    effects: [effect("complete", { decision: "commit" }), journal("heuristic")],
  },
  {
    description: "an abort is recorded as one",
    from: [resolve("abort")],
    event: unknown,
    state: "recording",
    effects: [effect("complete", { decision: "abort" }), journal("heuristic")],
  },
  {
    description: "the operator is told when it is durable",
    from: states.recording,
    event: written,
    state: "decided",
    effects: [effect("confirm"), "after 100"],
  },
  {
    description: "the real decision is asked for, less and less often",
    from: states.decided,
    event: askAgain,
    state: "decided",
    effects: ["cancel", effect("inquire"), "after 200"],
  },
  {
    description: "the delay stops growing",
    from: [...states.decided, askAgain, askAgain, askAgain],
    event: askAgain,
    state: "decided",
    effects: ["cancel", effect("inquire"), "after 400"],
  },
  settles("commit", commit, "agreed"),
  settles("abort", abort, "agreed"),
  settles("commit", abort, "mixed"),
  settles("abort", commit, "mixed"),
  {
    description: "what a salvage cannot know is a hazard, whatever was decided",
    from: [recovered("hazard")],
    event: commit,
    state: "settling",
    effects: ["cancel", journal("commit"), report("hazard", "commit")],
  },
  {
    description: "the participant's chart goes on with the real decision",
    from: states.settling,
    event: settledRecord,
    state: "settled",
    effects: [effect("handOver", { outcome: "abort" })],
  },
  {
    description: "after a restart it asks at once",
    from: [],
    event: recovered("abort"),
    state: "decided",
    effects: [effect("inquire"), "after 100"],
  },
  ...quiet("recording", [commit, abort, uncertain, prepare, forget]),
  ...quiet("decided", [uncertain, prepare, forget]),
  ...quiet("settling", [commit, abort, uncertain, prepare, forget]),
  answers("recording"),
  answers("decided"),
  answers("settling"),
];

rows(heuristic, input, table);

everyPair(heuristic, input, states, [
  resolve("commit"),
  known,
  unknown,
  recovered("commit"),
  commit,
  abort,
  inquiry,
  uncertain,
  prepare,
  forget,
  written,
  settledRecord,
], table);
