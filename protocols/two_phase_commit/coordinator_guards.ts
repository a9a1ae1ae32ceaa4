/**
 * What a coordinator's transitions depend on.
 *
 * @module
 */
import { union } from "../machine_types.ts";
import type { CoordinatorContext, CoordinatorEvent } from "./coordinator_types.ts";

/** What a guard sees. */
export type Args = { readonly context: CoordinatorContext; readonly event: CoordinatorEvent };

/** Whether the sender is a participant. */
export function isParticipant({ context, event }: Args): boolean {
  return "from" in event && Number.isInteger(event.from) && event.from >= 0 &&
    event.from < context.participants;
}

/** Whether this vote is the last one missing. */
export function completesVotes(args: Args): boolean {
  const { context, event } = args;
  return isParticipant(args) && event.type === "voteYes" &&
    union(context.yes, [event.from]).length === context.participants;
}

/** Whether this answer of a holder is the last one missing. */
export function isLastHeld({ context, event }: Args): boolean {
  return event.type === "held" && context.holders.includes(event.from) &&
    union(context.held, [event.from]).length === context.holders.length;
}

/** Whether it depends on others, what the present event says included. */
export function isDependent({ context, event }: Args): boolean {
  return context.dependent || (event.type === "voteYes" && event.dependent === true);
}

/** The holders that are known, those included that the present event names. */
export function allHolders({ context, event }: Args): readonly number[] {
  return event.type === "voteYes" || event.type === "recovered"
    ? union(context.holders, event.holders)
    : context.holders;
}
