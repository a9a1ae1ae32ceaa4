/**
 * The chart of one suspected deadlock, a row for each thing that can happen to it.
 */
import { detector, type DetectorEvent } from "../../../protocols/deadlock/detector.ts";
import { effect, everyPair, type Row, rows, timer } from "../rows.ts";

const input = { resendMs: 50, attempts: 2 };
const suspect: DetectorEvent = { type: "suspect", reporters: 2 };
const waits = (from: number, victims = 2): DetectorEvent => ({ type: "waits", from, victims });
const finished = (from: number): DetectorEvent => ({ type: "finished", from });
const dissolved: DetectorEvent = { type: "dissolved" };
const askAgain = timer<DetectorEvent>(detector, "resend", "confirming");
const tellAgain = timer<DetectorEvent>(detector, "resend", "aborting");
const confirming = [suspect];
const aborting = [suspect, waits(0), waits(1)];
const refresh = (...to: number[]) => effect("refresh", { to });
const victim = (...to: number[]) => effect("victim", { to });
const conclude = (as: string) => effect("conclude", { as });

const table: Row<DetectorEvent>[] = [
  {
    description: "a suspicion is put to everyone who raised it",
    from: [],
    event: suspect,
    state: "confirming",
    effects: [refresh(0, 1), "after 50"],
  },
  {
    description: "one answer does not make a deadlock",
    from: confirming,
    event: waits(0),
    state: "confirming",
    effects: [],
  },
  {
    description: "nor does the same answer again",
    from: [suspect, waits(0)],
    event: waits(0),
    state: "confirming",
    effects: [],
  },
  {
    description: "when all have answered, the victims of the last look are aborted",
    from: [suspect, waits(0, 9)],
    event: waits(1),
    state: "aborting",
    effects: ["cancel", victim(0, 1), "after 50"],
  },
  {
    description: "a cycle that is gone was a phantom, or has ended by itself",
    from: confirming,
    event: dissolved,
    state: "phantom",
    effects: ["cancel", conclude("phantom")],
  },
  {
    description: "who did not answer is asked again",
    from: [suspect, waits(1)],
    event: askAgain,
    state: "confirming",
    effects: ["cancel", refresh(0), "after 50"],
  },
  {
    description: "without all answers nobody is aborted",
    from: [suspect, waits(1), askAgain],
    event: askAgain,
    state: "dropped",
    effects: ["cancel", conclude("dropped")],
  },
  {
    description: "a report of someone who was not asked is no answer",
    from: confirming,
    event: waits(2),
    state: "confirming",
    effects: [effect("reject")],
  },
  {
    description: "a victim is decided",
    from: aborting,
    event: finished(0),
    state: "aborting",
    effects: [],
  },
  {
    description: "the last victim is decided",
    from: [...aborting, finished(0)],
    event: finished(1),
    state: "resolved",
    effects: ["cancel", conclude("resolved")],
  },
  {
    description: "someone else is decided",
    from: aborting,
    event: finished(2),
    state: "aborting",
    effects: [effect("reject")],
  },
  {
    description: "reports show the end before coordinators say so",
    from: aborting,
    event: dissolved,
    state: "resolved",
    effects: ["cancel", conclude("resolved")],
  },
  {
    description: "reports that show no end are of no interest any more",
    from: aborting,
    event: waits(0),
    state: "aborting",
    effects: [],
  },
  {
    description: "a victim that is not decided is told of again",
    from: [...aborting, finished(1)],
    event: tellAgain,
    state: "aborting",
    effects: ["cancel", victim(0), "after 50"],
  },
  {
    description: "a coordinator that is silent for long is down",
    from: [...aborting, tellAgain],
    event: tellAgain,
    state: "dropped",
    effects: ["cancel", conclude("dropped")],
  },
];

rows(detector, input, table);
everyPair(
  detector,
  input,
  {
    idle: [],
    confirming,
    aborting,
    resolved: [...aborting, dissolved],
    phantom: [suspect, dissolved],
    dropped: [suspect, askAgain, askAgain],
  },
  [suspect, waits(0), finished(0), dissolved],
  table,
);
