/**
 * Normal operation: pre-prepare, prepare, commit, and execution in order (section 4.2). Guards, facts
 * and effects of the chart in `replica.ts`, by name.
 *
 * @module
 */
import { range } from "../machine_types.ts";
import { EMPTY, isCommitted, isPrepared, type Slot, slotAt, withSlot } from "./log.ts";
import type { Assigned, Commit, Prepare, PrePrepare, Replica, ReplicaRecord } from "./messages.ts";
import type { Refusal, ReplicaContext, ReplicaEffects, ReplicaEvent } from "./replica_types.ts";
import { isInWindow, primaryOf, withoutExecuted, withPending } from "./rules.ts";

/** What guards and effects are computed from. */
export type Args = { readonly context: ReplicaContext; readonly event: ReplicaEvent };
type Change = Partial<ReplicaContext>;
type Event<T extends ReplicaEvent["type"]> = Extract<ReplicaEvent, { readonly type: T }>;

/** The event of an action or guard that is only ever given this one. */
export function eventOf<T extends ReplicaEvent["type"]>({ event }: Args, _type: T): Event<T> {
  return event as Event<T>;
}

/** All replicas but this one. */
export function others({ replicas, index }: ReplicaContext): readonly Replica[] {
  return range(replicas).filter((replica) => replica !== index);
}

/** Whether this replica is the primary of its view. */
export function isPrimary(context: ReplicaContext): boolean {
  return primaryOf(context.view, context) === context.index;
}

function slotOf({ context, event }: Args): Slot {
  return slotAt(context.log, (event as Partial<Assigned>).sequence ?? 0);
}

function isWaiting({ active, pending }: ReplicaContext): boolean {
  return active && pending.length > 0;
}

/** The number that the primary gives away next. */
function nextToPropose({ proposed, executed, stable }: ReplicaContext): number {
  return Math.max(proposed, executed, stable.sequence) + 1;
}

function batchOf({ pending, maxBatch }: ReplicaContext): ReplicaContext["pending"] {
  return pending.filter(({ ordered }) => !ordered).slice(0, maxBatch);
}

/**
 * Batching by load (5.1.2 of Castro's thesis): what comes while a batch is on its way is collected
 * until that one is executed, or until it fills a batch of its own.
 */
function isWorthABatch(context: ReplicaContext): boolean {
  const waiting = batchOf(context).length;
  const isIdle = nextToPropose(context) === context.executed + 1;
  return waiting > 0 && (isIdle || waiting === context.maxBatch);
}

type Vote = Event<"prePrepare" | "prepare" | "commit">;

/** Why an ordering message is not for this view, in this window; undefined: it is. */
function misplaced({ context, event }: Args): Refusal | undefined {
  const { view, sequence } = event as Vote;
  if (view !== context.view) return "wrongView";
  return isInWindow(sequence, context.stable.sequence, context.window)
    ? undefined
    : "outsideWindow";
}

/** The slot with this event's prepare, own or another's, in it. */
function withPrepare({ context, event }: Args, from: Replica): Slot {
  const slot = slotOf({ context, event });
  const { digest } = event as Prepare;
  return { ...slot, prepares: { [from]: digest, ...slot.prepares } };
}

/** The record that has become durable, if it is of this kind, view and still of its slot. */
function durable({ context, event }: Args, kind: "accepted" | "prepared") {
  const { record } = event as Event<"journaled">;
  if (record.kind !== kind || record.view !== context.view) return undefined;
  const { digest, phase } = slotAt(context.log, record.sequence);
  const due = kind === "accepted" ? "accepting" : "preparing";
  return digest === record.digest && phase === due ? record : undefined;
}

/** The slot of an accepted record with the own prepare in it: the primary's is its pre-prepare. */
function accepted(args: Args): Slot & Assigned | undefined {
  const record = durable(args, "accepted");
  if (record === undefined) return undefined;
  const { context } = args;
  const { sequence, digest } = record;
  const slot = slotAt(context.log, sequence);
  const own = isPrimary(context) ? {} : { [context.index]: digest };
  return {
    ...slot,
    phase: "prePrepared",
    prepares: { ...slot.prepares, ...own },
    sequence,
    digest,
  };
}

/** What a replica says of its own part at a number: what others are told again when they lack it. */
export function saidAt(
  context: ReplicaContext,
  sequence: number,
): readonly (PrePrepare | Prepare | Commit)[] {
  const { phase, digest } = slotAt(context.log, sequence);
  const { view } = context;
  if (digest === undefined || phase === "accepting" || phase === "empty") return [];
  const said = { view, sequence, digest };
  return [
    isPrimary(context) ? { type: "prePrepare", ...said } : { type: "prepare", ...said },
    ...(phase === "prepared" ? [{ type: "commit", ...said } as const] : []),
  ];
}

function sequenceOf({ event }: Args): number {
  return event.type === "journaled"
    ? (event.record as Assigned).sequence
    : (event as Assigned).sequence;
}

/** Guards. */
export const orderingGuards = {
  /** One digest is accepted for a view and number, from its primary (4.2). */
  isAcceptable: (args: Args): boolean =>
    misplaced(args) === undefined && slotOf(args).phase === "empty" &&
    eventOf(args, "prePrepare").from === primaryOf(args.context.view, args.context),
  isEquivocation: (args: Args): boolean => {
    const { from, digest } = eventOf(args, "prePrepare");
    const accepted = slotOf(args).digest;
    return misplaced(args) === undefined && from === primaryOf(args.context.view, args.context) &&
      accepted !== undefined && accepted !== digest;
  },
  isMisplaced: (args: Args): boolean => misplaced(args) !== undefined,
  isFromPrimary: (args: Args): boolean =>
    (args.event as Event<"prePrepare">).from === primaryOf(args.context.view, args.context),
  /** The prepare that makes it prepared: the pre-prepare and Q - 1 prepares are in the log (4.2). */
  completesPrepared: (args: Args): boolean =>
    misplaced(args) === undefined && slotOf(args).phase === "prePrepared" &&
    isPrepared(withPrepare(args, eventOf(args, "prepare").from), args.context),
  isDoublePrepare: (args: Args): boolean => {
    const { from, digest } = eventOf(args, "prepare");
    const first = slotOf(args).prepares[from];
    return first !== undefined && first !== digest;
  },
  isDoubleCommit: (args: Args): boolean => {
    const { from, digest } = eventOf(args, "commit");
    const first = slotOf(args).commits[from];
    return first !== undefined && first !== digest;
  },
  isAcceptedAndPrepared: (args: Args): boolean => {
    const slot = accepted(args);
    return slot !== undefined && isPrepared(slot, args.context);
  },
  isAccepted: (args: Args): boolean => durable(args, "accepted") !== undefined,
  isPreparedDurably: (args: Args): boolean => durable(args, "prepared") !== undefined,
  /** The primary has something to order, and room for it: below H, and not too far ahead. */
  mayPropose: ({ context }: Args): boolean => {
    const next = nextToPropose(context);
    return context.active && isPrimary(context) && isWorthABatch(context) &&
      isInWindow(next, context.stable.sequence, context.window) &&
      next <= context.executed + context.maxInFlight;
  },
  isProposal: ({ context, event }: Args): boolean =>
    event.type === "proposed" && context.active && event.view === context.view &&
    event.sequence === nextToPropose(context),
  /** Strictly in order, though commits are not (4.2). */
  isNextCommitted: ({ context }: Args): boolean =>
    isCommitted(slotAt(context.log, context.executed + 1), context),
  isExecution: ({ context, event }: Args): boolean =>
    event.type === "executed" && event.sequence === context.executed + 1,
  /**
   * It knows of a request that is not executed, and is in a view to wait in (4.4). The paper's primary
   * has no timer; but it may lack commits that were lost, of backups that have left the view since.
   */
  isWaiting: ({ context }: Args): boolean => isWaiting(context),
  isNotWaiting: ({ context }: Args): boolean => !isWaiting(context),
  /** The request it has waited for longest is executed. */
  isRelieved: ({ context, event }: Args): boolean =>
    event.type === "executed" &&
    withoutExecuted(context.pending.slice(0, 1), event.requests).length === 0,
  isToRelay: ({ context, event }: Args): boolean =>
    event.type === "request" && event.direct && context.active && !isPrimary(context),
};

/** Facts. */
export const orderingFacts = {
  addPending: ({ context, event }: Args): Change =>
    event.type === "request" ? { pending: withPending(context.pending, event.requests) } : {},
  acceptProposal: ({ context, event }: Args): Change => {
    const { sequence, digest, taken } = event as Event<"proposed">;
    const batch = new Set(batchOf(context).slice(0, taken));
    return {
      proposed: sequence,
      log: withSlot(context.log, sequence, { phase: "accepting", digest }),
      pending: context.pending.map((it) => batch.has(it) ? { ...it, ordered: true } : it),
    };
  },
  acceptPrePrepare: ({ context, event }: Args): Change => {
    const { sequence, digest } = event as Event<"prePrepare">;
    return {
      proposed: Math.max(context.proposed, sequence),
      log: withSlot(context.log, sequence, { phase: "accepting", digest }),
    };
  },
  notePrepare: (args: Args): Change => {
    const { sequence, from } = args.event as Event<"prepare">;
    return { log: withSlot(args.context.log, sequence, withPrepare(args, from)) };
  },
  noteCommit: ({ context, event }: Args): Change => {
    const { sequence, from, digest } = event as Event<"commit">;
    const { commits } = slotAt(context.log, sequence);
    return { log: withSlot(context.log, sequence, { commits: { [from]: digest, ...commits } }) };
  },
  noteAccepted: (args: Args): Change => {
    const { sequence, ...slot } = accepted(args)!;
    return { log: withSlot(args.context.log, sequence, slot) };
  },
  beginPreparing: (args: Args): Change => ({
    log: withSlot(args.context.log, sequenceOf(args), { phase: "preparing" }),
  }),
  notePrepared: ({ context, event }: Args): Change => {
    const { record } = event as Event<"journaled">;
    const { sequence, digest, view } = record as Extract<ReplicaRecord, { kind: "prepared" }>;
    const { commits } = slotAt(context.log, sequence);
    const change = { commits: { ...commits, [context.index]: digest }, proof: { view, digest } };
    return { log: withSlot(context.log, sequence, { phase: "prepared", ...change }) };
  },
  /** Of a view that it has left: nothing was said because of it, and a later view change shows it. */
  noteProof: ({ context, event }: Args): Change => {
    const { record } = event as Event<"journaled">;
    if (record.kind !== "prepared" || record.sequence <= context.stable.sequence) return {};
    const { sequence, view, digest } = record;
    const { proof } = context.log[sequence] ?? EMPTY;
    if (proof !== undefined && proof.view >= view) return {};
    return { log: withSlot(context.log, sequence, { proof: { view, digest } }) };
  },
  noteExecuted: ({ context, event }: Args): Change => {
    const { sequence, requests, state } = event as Event<"executed">;
    const { index, checkpoints } = context;
    return {
      executed: sequence,
      pending: withoutExecuted(context.pending, requests),
      ...(requests.length > 0 ? { attempt: 0 } : {}), // The view makes progress (4.5.2).
      ...(state === undefined ? {} : {
        checkpoints: {
          ...checkpoints,
          [index]: { ...checkpoints[index], [sequence]: state },
        },
      }),
    };
  },
};

type Send = ReplicaEffects["send"];

/** Refuses a message. */
export function refuse(reason: Refusal) {
  return { type: "refuse", params: { reason } } as const;
}

/** Refuses an ordering message of another view or outside of the watermarks. */
export const refuseMisplaced = {
  type: "refuse",
  params: (args: Args): ReplicaEffects["refuse"] => ({ reason: misplaced(args) ?? "notPrimary" }),
} as const;

/** Forces what was accepted or is prepared at the number of this event. */
export function journalAt(kind: "accepted" | "prepared") {
  return {
    type: "journal",
    params: (args: Args): ReplicaEffects["journal"] => {
      const { view, log } = args.context;
      const sequence = sequenceOf(args);
      return { record: { kind, view, sequence, digest: slotAt(log, sequence).digest! } };
    },
  } as const;
}

/** Says to all what has become true here with this record: the pre-prepare, the prepare, the commit. */
export const say = {
  type: "send",
  params: (args: Args): Send => {
    const { context } = args;
    const { record } = args.event as Event<"journaled">;
    const said = saidAt(context, sequenceOf(args));
    const messages = said.filter(({ type }) =>
      (type === "commit") === (record.kind === "prepared")
    );
    return { to: others(context), messages };
  },
} as const;

/** Asks the host for a batch. */
export const propose = {
  type: "propose",
  params: ({ context }: Args): ReplicaEffects["propose"] => ({
    view: context.view,
    sequence: nextToPropose(context),
    requests: batchOf(context).map(({ client, timestamp, digest }) => {
      return { client, timestamp, digest };
    }),
  }),
} as const;

/** Hands a client's requests to the primary, which may not have them. */
export const relay = {
  type: "relay",
  params: ({ context, event }: Args): ReplicaEffects["relay"] => ({
    to: primaryOf(context.view, context),
    requests: (event as Event<"request">).requests,
  }),
} as const;

/** Executes what follows. */
export const execute = {
  type: "execute",
  params: ({ context }: Args): ReplicaEffects["execute"] => {
    const sequence = context.executed + 1;
    return { sequence, digest: slotAt(context.log, sequence).digest! };
  },
} as const;
