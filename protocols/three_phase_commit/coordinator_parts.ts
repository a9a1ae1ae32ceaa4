/**
 * What the chart of a coordinator is put together from: its effects and guards by name.
 *
 * @module
 */
import { missing, union } from "../machine_types.ts";
import type {
  AbortReason,
  CoordinatorContext,
  CoordinatorEffects,
  CoordinatorEvent,
} from "./coordinator_types.ts";
import type { Outcome } from "./messages.ts";

type Args = { readonly context: CoordinatorContext; readonly event: CoordinatorEvent };
type Message = CoordinatorEffects["send"]["message"];

/** Whether an event comes from one of the participants. */
export function isParticipant({ context, event }: Args): boolean {
  return "from" in event && Number.isInteger(event.from) && event.from >= 0 &&
    event.from < context.participants;
}

/** Whether `counted` is complete with the sender of this message. */
export function completes(args: Args, counted: readonly number[]): boolean {
  const { context, event } = args;
  return "from" in event && isParticipant(args) &&
    union(counted, [event.from]).length === context.participants;
}

/** Whether a message says what its sender has decided, durably. */
export function isAck(args: Args, outcome: Outcome): boolean {
  const { event } = args;
  return event.type === "ack" && event.outcome === outcome && isParticipant(args);
}

/** Journals a record. */
export function journal(record: CoordinatorEffects["journal"]["record"], forced: boolean) {
  return { type: "journal", params: { record, forced } } as const;
}

/** To those that have not answered. */
export function ask(message: Message, answered: "yes" | "preCommitted" | "acked") {
  return {
    type: "send",
    params: ({ context }: Args): CoordinatorEffects["send"] => ({
      message,
      to: missing(context.participants, context[answered]),
    }),
  } as const;
}

function tellSender(message: Outcome) {
  return {
    type: "send",
    params: ({ event }: Args): CoordinatorEffects["send"] => ({
      message,
      to: "from" in event ? [event.from] : [],
    }),
  } as const;
}

/** Notes what the client is told. */
export function noteAbort(reason: AbortReason) {
  return { type: "noteAbort", params: { reason } } as const;
}

/** Whether the sender has decided so. */
export function acked(outcome: Outcome) {
  return { type: "isAck", params: { outcome } } as const;
}

/** Whether a record is the one waited for. */
export function awaited(record: "began" | Outcome) {
  return { type: "isAwaitedRecord", params: { record } } as const;
}

/** Tells the outcome until all have acknowledged it. */
export function telling(outcome: Outcome) {
  const counted = [
    { guard: { type: "isLastAck", params: { outcome } }, target: "ended" },
    { guard: acked(outcome), actions: "countAck" },
  ] as const;
  return {
    on: {
      ack: counted,
      inquiry: { guard: "isParticipant", actions: tellSender(outcome) },
      voteYes: { guard: "isParticipant", actions: tellSender(outcome) }, // It has heard nothing yet.
      preCommitAck: {}, // It hears the outcome next.
      abort: {}, // Decided.
    },
    initial: "telling",
    states: {
      telling: {
        entry: ask(outcome, "acked"),
        after: { resend: { target: "telling", reenter: true, actions: "countAttempt" } },
      },
    },
  } as const;
}
