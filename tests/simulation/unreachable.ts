/**
 * States and transitions that no run of a scenario can take, each with its reason: they are not
 * asked of the runs, and a run that takes one of them all the same fails.
 *
 * The charts are written for any host; most of these are for hosts unlike ours, and are tested by
 * rows in `tests/protocols/` and by the checker.
 *
 * @module
 */

const LOCKS_AT_ONCE = "our locks are withdrawn at once: a grant never crosses the withdrawal";
const HOST_ANSWERS = "our host answers for what it does not know by the rule, without an instance";
const NOTHING_BETWEEN = "the step is done before the next message is looked at";
const BY_HAND = "no scenario has an operator who resolves a doubt: heuristics_test.ts does, " +
  "and the checker takes all of it";
const NEVER_FAILS = "our host's step cannot fail";

const DROPPED = "our host drops what is about no instance: none waits in its first state";

/** Of the participant of three-phase commit. */
const THREE_PHASE: Readonly<Record<string, string>> = {
  "threePhaseCommit.participant initial:commit[0]": HOST_ANSWERS,
  "threePhaseCommit.participant initial:abort[0]": HOST_ANSWERS,
  "threePhaseCommit.participant initial:preCommit[0]": DROPPED,
  "threePhaseCommit.participant initial:stateReport[0]": DROPPED,
  ...Object.fromEntries(
    ["refusing", "aborting", "aborted"].map((state) => [
      `threePhaseCommit.participant ${state}:refused[0]`,
      "our locks are withdrawn at once, and what is refused is refused when they are granted",
    ]),
  ),
};

/** States and transitions of the chart that stands in for a participant after a decision by hand. */
const HEURISTIC: readonly string[] = [
  ..."idle investigating recording decided settling settled refused".split(" "),
  ...["idle:resolve", "idle:recovered", "investigating:known", "investigating:unknown"],
  ...["recording", "decided", "settling"].flatMap((state) =>
    ["commit", "abort", "inquiry", "uncertain", "prepare", "forget"].map((type) =>
      `${state}:${type}`
    )
  ),
  ...["recording:journaled", "decided:after inquire", "settling:journaled"],
].map((name) => `twoPhaseCommit.heuristic ${name.includes(":") ? `${name}[0]` : name}`);

/** `machine state` or `machine state:event[index]`, and why. */
export const UNREACHABLE: Readonly<Record<string, string>> = {
  ...Object.fromEntries(HEURISTIC.map((name) => [name, BY_HAND])),
  ...THREE_PHASE,
  "twoPhaseCommit.holder idle:release[0]": HOST_ANSWERS,
  "twoPhaseCommit.participant idle:commit[0]": HOST_ANSWERS,
  "twoPhaseCommit.participant idle:abort[0]": HOST_ANSWERS,
  "twoPhaseCommit.participant idle:uncertain[0]": HOST_ANSWERS,
  "twoPhaseCommit.participant votedNo:granted[0]": LOCKS_AT_ONCE,
  "twoPhaseCommit.participant votedNo:refused[0]": LOCKS_AT_ONCE,
  "twoPhaseCommit.participant refusing:granted[0]": LOCKS_AT_ONCE,
  "twoPhaseCommit.participant refusing:refused[0]": LOCKS_AT_ONCE,
  "twoPhaseCommit.participant aborted:granted[0]": LOCKS_AT_ONCE,
  "twoPhaseCommit.participant aborted:refused[0]": LOCKS_AT_ONCE,
  "heartbeat.monitor waiting:heartbeat[0]": "the first heartbeat heard is older than no other",
  "heartbeat.emitter idle:stop[0]": "our host starts its emitter as soon as it has made it",
  "lifecycle.node loadingConfiguration:drain[0]": NOTHING_BETWEEN,
  "lifecycle.node optimising:drain[0]": NOTHING_BETWEEN,
  "lifecycle.node optimising:stepFailed[0]": NEVER_FAILS,
  "lifecycle.node connecting:stepFailed[0]": "a peer that does not answer is left to the monitor",
  "lifecycle.node refusing:stepDone[1]": NOTHING_BETWEEN,
  "lifecycle.node refusing:stepFailed[0]": NEVER_FAILS,
  "lifecycle.node refusing:stepFailed[1]": NOTHING_BETWEEN,
};
