/**
 * View changes (section 4.4). Guards, facts and effects of the chart in `replica.ts`, by name.
 *
 * @module
 */
import { backoffMs } from "../machine_types.ts";
import { atStable } from "./checkpoints.ts";
import { inNewView, preparedIn } from "./log.ts";
import type { NewView, ReplicaRecord, SentViewChange, ViewChange } from "./messages.ts";
import {
  beginningOf,
  isCorrectNewView,
  isPossibleViewChange,
  isQuorumFor,
  viewToJoin,
} from "./new_view.ts";
import { type Args, isPrimary, others, saidAt } from "./ordering.ts";
import type { Offence, ReplicaContext, ReplicaEffects, ReplicaEvent } from "./replica_types.ts";
import { isSameAssignment, isSamePrepared, primaryOf, quorum } from "./rules.ts";

type Change = Partial<ReplicaContext>;
type Event<T extends ReplicaEvent["type"]> = Extract<ReplicaEvent, { readonly type: T }>;

/** View changes for the view it is on its way to, by sender. */
function viewChangesFor({ viewChanges, view }: ReplicaContext): readonly SentViewChange[] {
  return Object.entries(viewChanges).filter(([, it]) => it.view === view)
    .map(([from, it]) => ({ ...it, from: Number(from) }));
}

/** A quorum of them: what the new primary shows. */
function chosen(context: ReplicaContext): readonly SentViewChange[] {
  return viewChangesFor(context).slice(0, quorum(context));
}

function isSameViewChange(a: ViewChange, b: ViewChange): boolean {
  return a.view === b.view && isSameAssignment(a.stable, b.stable) &&
    a.prepared.length === b.prepared.length &&
    a.prepared.every((it, index) => isSamePrepared(it, b.prepared[index]!));
}

/** All view changes known, this event's among them. */
function withThis({ context, event }: Args): readonly SentViewChange[] {
  const sent = event as Event<"viewChange">;
  const known = { ...context.viewChanges, [sent.from]: sent };
  return Object.entries(known).map(([from, it]) => ({ ...it, from: Number(from) }));
}

/** The same, of the others only: f + 1 of them move it. */
function toJoin(args: Args): number | undefined {
  const { view, index } = args.context;
  const ofOthers = withThis(args).filter(({ from }) => from !== index);
  return viewToJoin(ofOthers, view, args.context);
}

function contentOf({ view, viewChanges, assigned }: NewView): NewView {
  return { type: "newView", view, viewChanges, assigned };
}

/** Time for a new view to begin, and for a request to be executed in it: doubled each time (4.5.2). */
export function patienceMs({ viewTimeoutMs, attempt, maxBackoff }: ReplicaContext): number {
  return backoffMs(viewTimeoutMs, Math.max(0, attempt - 1), maxBackoff);
}

/** Facts when a view's beginning is known, by the own computation or another's. */
function adopted(context: ReplicaContext, newView: NewView): Change {
  const { stable, assigned } = beginningOf(newView.viewChanges);
  const ahead = stable.sequence > context.stable.sequence;
  const at = { ...context, ...(ahead ? atStable(context, stable) : {}) };
  const relevant = assigned.filter(({ sequence }) => sequence > at.stable.sequence);
  return {
    ...(ahead ? atStable(context, stable) : {}),
    view: newView.view,
    active: false,
    newView,
    log: inNewView(at.log, relevant, "accepting"),
    proposed: Math.max(at.stable.sequence, ...assigned.map(({ sequence }) => sequence)),
    pending: context.pending.map((it) => it.ordered ? { ...it, ordered: false } : it),
  };
}

function isAhead({ context, event }: Args): boolean {
  const { view } = event as Event<"newView">;
  return view > context.view || view === context.view && !context.active;
}

/** One was taken for this view: another, as correct as it may be, would leave the journal behind. */
function isInstalled({ context, event }: Args): boolean {
  return context.newView?.view === (event as Event<"newView">).view;
}

function isFromItsPrimary({ context, event }: Args): boolean {
  const { from, view } = event as Event<"newView">;
  return from === primaryOf(view, context);
}

function followsFromItsViewChanges({ context, event }: Args): boolean {
  return isCorrectNewView(event as Event<"newView">, context, context.window);
}

/** Guards. */
export const viewChangeGuards = {
  isImpossible: ({ context, event }: Args): boolean =>
    !isPossibleViewChange(event as Event<"viewChange">, context, context.window),
  /** Two view changes for one view by one replica. */
  isDoubleViewChange: ({ context, event }: Args): boolean => {
    const sent = event as Event<"viewChange">;
    const known = context.viewChanges[sent.from];
    return known !== undefined && known.view === sent.view && !isSameViewChange(known, sent);
  },
  isToJoin: (args: Args): boolean => toJoin(args) !== undefined,
  /** Q, its own among them, have left for this view or a later one: the timer starts (4.5.2). */
  hasQuorum: ({ context }: Args): boolean =>
    Object.values(context.viewChanges).filter(({ view }) => view >= context.view).length >=
      quorum(context),
  isNewPrimary: ({ context }: Args): boolean =>
    isPrimary(context) &&
    isQuorumFor(context.view, viewChangesFor(context), context, context.window),
  /** From the primary of that view, and what follows from V: O is computed again (4.4). */
  isBeginning: (args: Args): boolean =>
    isAhead(args) && !isInstalled(args) && isFromItsPrimary(args) &&
    followsFromItsViewChanges(args),
  isForgery: (args: Args): boolean => isAhead(args) && !followsFromItsViewChanges(args),
  isNotItsPrimary: (args: Args): boolean => !isFromItsPrimary(args),
  isBegun: ({ context, event }: Args): boolean =>
    event.type === "journaled" && event.record.kind === "newView" &&
    event.record.newView.view === context.view,
  hasLeft: ({ context, event }: Args): boolean =>
    event.type === "journaled" && event.record.kind === "viewChange" &&
    event.record.viewChange.view === context.view,
  isActive: ({ context }: Args): boolean => context.active,
};

/** Facts. */
export const viewChangeFacts = {
  leaveForNext: ({ context }: Args): Change => ({
    view: context.view + 1,
    active: false,
    attempt: context.attempt + 1,
  }),
  leaveToJoin: (args: Args): Change => ({
    view: toJoin(args)!,
    active: false,
    attempt: args.context.attempt + 1,
  }),
  noteViewChange: ({ context, event }: Args): Change => {
    const { from, view, stable, prepared } = event as Event<"viewChange">;
    const known = context.viewChanges[from];
    if (known !== undefined && known.view >= view) return {};
    const sent: ViewChange = { type: "viewChange", view, stable, prepared };
    return { viewChanges: { ...context.viewChanges, [from]: sent } };
  },
  /** What it says from now on about this view is said once for all: not before it is durable. */
  noteLeft: ({ context, event }: Args): Change => {
    const { record } = event as Event<"journaled">;
    const { viewChange } = record as Extract<ReplicaRecord, { kind: "viewChange" }>;
    return { viewChanges: { ...context.viewChanges, [context.index]: viewChange } };
  },
  makeNewView: ({ context }: Args): Change => {
    const viewChanges = chosen(context);
    const { assigned } = beginningOf(viewChanges);
    return adopted(context, { type: "newView", view: context.view, viewChanges, assigned });
  },
  adoptNewView: ({ context, event }: Args): Change =>
    adopted(context, contentOf(event as Event<"newView">)),
  enterView: ({ context }: Args): Change => {
    const { log, index } = context;
    const isBackup = !isPrimary(context);
    const entered = Object.entries(log).map(([sequence, slot]) => {
      if (slot.phase !== "accepting") return [sequence, slot];
      const prepares = isBackup ? { [index]: slot.digest! } : {};
      return [sequence, { ...slot, phase: "prePrepared", prepares }];
    });
    return { active: true, log: Object.fromEntries(entered) };
  },
};

/** Forces what it says when it leaves. */
export const journalViewChange = {
  type: "journal",
  params: ({ context: { view, stable, log } }: Args): ReplicaEffects["journal"] => ({
    record: {
      kind: "viewChange",
      viewChange: { type: "viewChange", view, stable, prepared: preparedIn(log) },
    },
  }),
} as const;

/** Says that it has left. */
export const sayViewChange = {
  type: "send",
  params: ({ context }: Args): ReplicaEffects["send"] => ({
    to: others(context),
    messages: [context.viewChanges[context.index]!],
  }),
} as const;

/** Forces the beginning of a view; the stable checkpoint it rests on goes with it. */
export const journalNewView = {
  type: "journal",
  params: ({ context }: Args): ReplicaEffects["journal"] => ({
    record: { kind: "newView", newView: context.newView! },
  }),
} as const;

/** The new primary begins the view; a backup prepares what it begins with (4.4). */
export const sayBeginning = {
  type: "send",
  params: ({ context }: Args): ReplicaEffects["send"] => {
    const { newView, stable } = context;
    const relevant = newView!.assigned.filter(({ sequence }) => sequence > stable.sequence);
    return {
      to: others(context),
      messages: isPrimary(context)
        ? [newView!]
        : relevant.flatMap(({ sequence }) => saidAt(context, sequence)),
    };
  },
} as const;

/** The view is entered. */
export const enter = {
  type: "enter",
  params: ({ context }: Args): ReplicaEffects["enter"] => ({ view: context.view }),
} as const;

/** In a new view its primary may lack the requests that others wait for. */
export const relayPending = {
  type: "relay",
  params: ({ context }: Args): ReplicaEffects["relay"] => ({
    to: primaryOf(context.view, context),
    requests: isPrimary(context)
      ? []
      : context.pending.map(({ client, timestamp, digest }) => ({ client, timestamp, digest })),
  }),
} as const;

/** Says by whose words somebody is faulty. */
export function accuse(offence: Offence) {
  return {
    type: "accuse",
    params: ({ event }: Args): ReplicaEffects["accuse"] => {
      const { from, view = 0, sequence = 0 } = event as {
        readonly from: number;
        readonly view?: number;
        readonly sequence?: number;
      };
      return { replica: from, offence, view, sequence };
    },
  } as const;
}
