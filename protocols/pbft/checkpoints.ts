/**
 * Checkpoints, garbage collection (section 4.3) and the transfer of states by digest (5.3.2 of
 * Castro's thesis, "Practical Byzantine Fault Tolerance", 2001), with what is told again to one that
 * has fallen behind. Guards, facts and effects of the chart in `replica.ts`, by name.
 *
 * @module
 */
import { above } from "./log.ts";
import type { Assigned, Digest, Replica, ReplicaMessage, Status } from "./messages.ts";
import { type Args, others, saidAt } from "./ordering.ts";
import type { ReplicaContext, ReplicaEffects, ReplicaEvent } from "./replica_types.ts";
import { isCheckpoint, isStableProof } from "./rules.ts";

type Change = Partial<ReplicaContext>;
type Checkpoints = ReplicaContext["checkpoints"];
type Event<T extends ReplicaEvent["type"]> = Extract<ReplicaEvent, { readonly type: T }>;

/** Numbers that one status is answered for at most. */
const MOST_ANSWERED = 16;

/** Digests kept of one replica: those within the watermarks and a few of one that is ahead. */
function mostKept({ window, checkpointInterval }: ReplicaContext): number {
  return Math.ceil(window / checkpointInterval) + 2;
}

/** The highest checkpoint above the stable one that a quorum has given the same digest for (4.3). */
export function newlyStable(context: ReplicaContext): Assigned | undefined {
  const voters = new Map<string, { readonly at: Assigned; readonly from: Replica[] }>();
  for (const [from, given] of Object.entries(context.checkpoints)) {
    for (const [number, digest] of Object.entries(given)) {
      const sequence = Number(number);
      if (sequence <= context.stable.sequence) continue;
      const key = `${sequence} ${digest}`;
      const found = voters.get(key) ?? { at: { sequence, digest }, from: [] };
      found.from.push(Number(from));
      voters.set(key, found);
    }
  }
  return [...voters.values()].filter(({ from }) => isStableProof(from, context))
    .map(({ at }) => at)
    .reduce<Assigned | undefined>(
      (best, at) => best === undefined || at.sequence > best.sequence ? at : best,
      undefined,
    );
}

function noted(
  context: ReplicaContext,
  from: Replica,
  { sequence, digest }: Assigned,
): Checkpoints {
  const given = { [sequence]: digest, ...context.checkpoints[from] };
  const numbers = Object.keys(given).map(Number).sort((a, b) => b - a).slice(0, mostKept(context));
  const kept = Object.fromEntries(numbers.map((number) => [number, given[number]!]));
  return { ...context.checkpoints, [from]: kept };
}

/** Facts after a checkpoint has become stable: the log and other digests below it are forgotten. */
export function atStable(context: ReplicaContext, stable: Assigned): Change {
  const kept = (given: Readonly<Record<number, Digest>>) =>
    Object.fromEntries(
      Object.entries(given).filter(([number]) => Number(number) >= stable.sequence),
    );
  const checkpoints = Object.fromEntries(
    Object.entries(context.checkpoints).map(([from, given]) => [from, kept(given)]),
  );
  return {
    stable,
    log: above(context.log, stable.sequence),
    proposed: Math.max(context.proposed, stable.sequence),
    checkpoints,
  };
}

function ownDigest({ checkpoints, index }: ReplicaContext, sequence: number): Digest | undefined {
  return checkpoints[index]?.[sequence];
}

/** Whether the own state is not the stable one or one after it. */
function isBehind(context: ReplicaContext): boolean {
  const { stable, executed } = context;
  const own = ownDigest(context, stable.sequence);
  return executed < stable.sequence || own !== undefined && own !== stable.digest;
}

function nextSource(context: ReplicaContext, after: Replica): Replica {
  const next = (after + 1) % context.replicas;
  return next === context.index ? (next + 1) % context.replicas : next;
}

/** What a replica that has come so far lacks, of what this one can say (retransmission). */
export function lackedBy(
  context: ReplicaContext,
  { view, active, stable, executed }: Status,
): readonly ReplicaMessage[] {
  const { index, checkpoints, newView, viewChanges } = context;
  const messages: ReplicaMessage[] = [];
  for (const [number, digest] of Object.entries(checkpoints[index] ?? {})) {
    const sequence = Number(number);
    if (sequence > stable) messages.push({ type: "checkpoint", sequence, digest });
  }
  const isEarlier = view < context.view || view === context.view && !active;
  const own = viewChanges[index];
  if (isEarlier && context.active && newView !== undefined) return [...messages, newView];
  if (isEarlier && !context.active && own !== undefined) messages.push(own);
  if (view !== context.view || !active || !context.active) return messages;
  // Commits of others are waited for in order: what is far ahead can wait too.
  const first = Math.max(executed, context.stable.sequence) + 1;
  for (let sequence = first; sequence < first + MOST_ANSWERED; sequence++) {
    messages.push(...saidAt(context, sequence));
    // Whoever has it may lack the pre-prepare's sender: anybody can hand on what the primary signed.
    const slot = context.log[sequence];
    if (sequence <= context.executed && slot?.digest !== undefined) {
      messages.push({ type: "prePrepare", view, sequence, digest: slot.digest });
    }
  }
  return messages;
}

/** Another that has given another digest for the stable state than a quorum has. */
function wrongAtStable({ checkpoints, stable, index }: ReplicaContext): Replica | undefined {
  const found = Object.entries(checkpoints).find(([from, given]) => {
    const digest = given[stable.sequence];
    return Number(from) !== index && digest !== undefined && digest !== stable.digest;
  });
  return found === undefined ? undefined : Number(found[0]);
}

/** Guards. */
export const checkpointGuards = {
  isStable: ({ context }: Args): boolean => newlyStable(context) !== undefined,
  /** Execution is deterministic: who signs another state than a quorum has is faulty. */
  hasWrong: ({ context }: Args): boolean => wrongAtStable(context) !== undefined,
  isBehind: ({ context }: Args): boolean => isBehind(context),
  /** It fetches a state that is no longer the one it needs. */
  isOvertaken: ({ context }: Args): boolean =>
    context.fetching.checkpoint.sequence !== context.stable.sequence,
  isNoCheckpoint: ({ context, event }: Args): boolean =>
    !isCheckpoint((event as Event<"checkpoint">).sequence, context.checkpointInterval),
  /** Two digests of one state by one replica. */
  isDoubleCheckpoint: ({ context, event }: Args): boolean => {
    const { sequence, digest, from } = event as Event<"checkpoint">;
    const first = context.checkpoints[from]?.[sequence];
    return first !== undefined && first !== digest;
  },
  isAboveStable: ({ context, event }: Args): boolean =>
    (event as Event<"checkpoint">).sequence > context.stable.sequence,
  /** Of the stable state, and late: it is looked at once more if it is another digest. */
  isWrong: ({ context: { stable }, event }: Args): boolean => {
    const { sequence, digest } = event as Event<"checkpoint">;
    return sequence === stable.sequence && digest !== stable.digest;
  },
  hasCheckpointed: ({ context, event }: Args): boolean =>
    event.type === "executed" && event.state !== undefined &&
    isCheckpoint(event.sequence, context.checkpointInterval) &&
    event.sequence === context.executed + 1,
  /** A replica is paid for its state by this digest alone: it may be anybody's. */
  isFetched: ({ context, event }: Args): boolean => {
    if (event.type !== "installed") return false;
    const { checkpoint } = context.fetching;
    return event.sequence === checkpoint.sequence && event.digest === checkpoint.digest;
  },
  isLacking: ({ context, event }: Args): boolean =>
    event.type === "status" && lackedBy(context, event).length > 0,
};

/** Facts. */
export const checkpointFacts = {
  noteCheckpoint: ({ context, event }: Args): Change => {
    const { from, sequence, digest } = event as Event<"checkpoint">;
    return { checkpoints: noted(context, from, { sequence, digest }) };
  },
  becomeStable: ({ context }: Args): Change => atStable(context, newlyStable(context)!),
  forgetWrong: ({ context }: Args): Change => {
    const from = wrongAtStable(context)!;
    const { [context.stable.sequence]: _, ...given } = context.checkpoints[from]!;
    return { checkpoints: { ...context.checkpoints, [from]: given } };
  },
  beginFetching: ({ context }: Args): Change => ({
    fetching: { checkpoint: context.stable, from: nextSource(context, context.fetching.from) },
  }),
  noteInstalled: ({ context, event }: Args): Change => {
    const { sequence, digest, requests } = event as Event<"installed">;
    const last = new Map(requests.map(({ client, timestamp }) => [client, timestamp]));
    const own = { ...context.checkpoints[context.index], [sequence]: digest };
    return {
      executed: sequence,
      pending: context.pending.filter(({ client, timestamp }) =>
        timestamp > (last.get(client) ?? -Infinity)
      ),
      // Digests of its own that came after a wrong one are wrong too.
      checkpoints: {
        ...context.checkpoints,
        [context.index]: Object.fromEntries(
          Object.entries(own).filter(([number]) => Number(number) <= sequence),
        ),
      },
    };
  },
};

/** Forces the stable checkpoint. */
export const journalStable = {
  type: "journal",
  params: ({ context }: Args): ReplicaEffects["journal"] => ({
    record: { kind: "stable", ...context.stable },
  }),
} as const;

/** Says who has signed another state than a quorum has. */
export const accuseWrong = {
  type: "accuse",
  params: ({ context }: Args): ReplicaEffects["accuse"] => ({
    replica: wrongAtStable(context)!,
    offence: "wrongCheckpoint",
    view: 0,
    ...context.stable,
  }),
} as const;

/** Tells the host what is needed no more. */
export const forget = {
  type: "forget",
  params: ({ context }: Args): ReplicaEffects["forget"] => context.stable,
} as const;

/** Says the digest of the state after this execution to all. */
export const sayCheckpoint = {
  type: "send",
  params: ({ context, event }: Args): ReplicaEffects["send"] => {
    const { sequence, state } = event as Event<"executed">;
    return { to: others(context), messages: [{ type: "checkpoint", sequence, digest: state! }] };
  },
} as const;

/** Asks the next replica for the stable state. */
export const fetchState = {
  type: "fetchState",
  params: ({ context }: Args): ReplicaEffects["fetchState"] => context.fetching,
} as const;

/** Says to all how far it has come, and again why it has left its view. */
export const sayStatus = {
  type: "send",
  params: ({ context }: Args): ReplicaEffects["send"] => {
    const { view, active, stable, executed, viewChanges, index } = context;
    const own = viewChanges[index];
    return {
      to: others(context),
      messages: [
        { type: "status", view, active, stable: stable.sequence, executed },
        ...(active || own?.view !== view ? [] : [own]),
      ],
    };
  },
} as const;

/** Tells one that has fallen behind what it lacks. */
export const tellLacking = {
  type: "send",
  params: ({ context, event }: Args): ReplicaEffects["send"] => {
    const status = event as Event<"status">;
    return { to: [status.from], messages: lackedBy(context, status) };
  },
} as const;
