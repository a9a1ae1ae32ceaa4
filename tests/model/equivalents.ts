/**
 * Mutants that behave as the original does wherever it matters, each with its reason. At most one in
 * twenty.
 *
 * @module
 */

const COUNTED =
  "who was counted is not read once all are: the last one too keeps equal states equal";

const BEHIND = "a replica that is behind begins to fetch again, from the next one";

/** By the id of the mutant. */
export const EQUIVALENT: Readonly<Record<string, string>> = {
  "rpc.call waiting.attempting.after.attempt.1 target exhausted to none":
    "an attempt that was the last has no timer any more and answers every event as exhausted does: " +
    "late reports are swallowed, the deadline, an answer and a cancel end the call",
  "twoPhaseCommit.participant refusing.on.journaled.actions.2 clearAskers left out":
    "who asked is not read after the refusal: forgetting it keeps equal states equal",
  "twoPhaseCommit.participant refusing.on.inquiry.actions noteAsker left out":
    "a second peer that asks while the refusal is being written is not told when it is durable; it " +
    "asks again after its pause and is told then: later, with the same answer",
  "threePhaseCommit.coordinator waiting.on.voteYes.0.actions countVote left out": COUNTED,
  "threePhaseCommit.coordinator preCommitted.on.preCommitAck.0.actions countPreCommitAck left out":
    COUNTED,
  "threePhaseCommit.participant collecting.on.stateReport.2.actions countState left out": COUNTED,
  "threePhaseCommit.participant collecting.on.stateReport.3.actions countState left out": COUNTED,
  "pbft.replica working.view.changing.on.journaled.0 target normal to resuming":
    "a replica that has entered its view resumes in it",
  "pbft.replica working.transfer.fetching.on.transferFailed target fetching to idle": BEHIND,
  "pbft.replica working.transfer.fetching.after.fetchTimeout target fetching to idle": BEHIND,
  "pbft.replica working.transfer.fetching.always target fetching to idle": BEHIND,
  "supervision running.fresh.after.proven target proven to none":
    "restarts are forgotten all the same; only the name that the status shows differs",
};
