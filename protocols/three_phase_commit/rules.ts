/**
 * The rules of three-phase commit that are not transitions. Which ids may begin, who may refuse what
 * it has no record of, and which store may acknowledge are the questions of two-phase commit, with
 * the same answers.
 *
 * @module
 */
export {
  admitPrepare,
  answerUnknownInquiry,
  mayAckUnknownCommit,
  nextReservation,
  raiseLowest,
} from "../two_phase_commit/rules.ts";
export * from "./recovery.ts";
export * from "./termination.ts";
