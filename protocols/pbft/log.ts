/**
 * The log: for each sequence number above the last stable checkpoint, how far a batch has come there
 * in the present view, and what was proved of it in earlier ones.
 *
 * A replica's own part at a number goes through these phases (section 4.2):
 *
 * ```text
 * empty ──pre-prepare──> accepting ──durable──> prePrepared ──Q-1 prepares──> preparing
 *                           prepare is said <──┘                                  │ durable
 *                           committed <── Q commits ── prepared <── commit is said ┘
 * ```
 *
 * @module
 */
import type { Assigned, Digest, Prepared, Replica, ReplicaRecord } from "./messages.ts";
import { type Group, isInWindow, primaryOf, quorum, votesFor } from "./rules.ts";

/** How far a replica's own part has come. */
export type Phase = "empty" | "accepting" | "prePrepared" | "preparing" | "prepared";

/** One sequence number. */
export type Slot = {
  readonly phase: Phase;
  /** Accepted in the present view; undefined in phase `empty`. */
  readonly digest?: Digest;
  /** The first prepare of each backup in the present view, the own one when it is durable. */
  readonly prepares: Readonly<Record<Replica, Digest>>;
  /** The first commit of each replica in the present view, the own one when its proof is durable. */
  readonly commits: Readonly<Record<Replica, Digest>>;
  /** The last proof that something was prepared here, durable: what a view change must say. */
  readonly proof?: Omit<Prepared, "sequence">;
};

/** By sequence number. */
export type Log = Readonly<Record<number, Slot>>;

/** Of a number that nothing is known of. */
export const EMPTY: Slot = { phase: "empty", prepares: {}, commits: {} };

/** The slot of a sequence number. */
export function slotAt(log: Log, sequence: number): Slot {
  return log[sequence] ?? EMPTY;
}

/** A log with a changed slot. */
export function withSlot(log: Log, sequence: number, change: Partial<Slot>): Log {
  return { ...log, [sequence]: { ...slotAt(log, sequence), ...change } };
}

/** A log without what a stable checkpoint has made needless (4.3). */
export function above(log: Log, sequence: number): Log {
  return Object.fromEntries(
    Object.entries(log).filter(([number]) => Number(number) > sequence),
  ) as Log;
}

/** A log at the beginning of a view (4.4): votes are void, proofs stay, `assigned` is accepted. */
export function inNewView(log: Log, assigned: readonly Assigned[], phase: Phase): Log {
  const next: Record<number, Slot> = {};
  for (const [sequence, { proof }] of Object.entries(log)) {
    if (proof !== undefined) next[Number(sequence)] = { ...EMPTY, proof };
  }
  for (const { sequence, digest } of assigned) {
    next[sequence] = { ...(next[sequence] ?? EMPTY), phase, digest };
  }
  return next;
}

/** P of a view change: the last proof of every number, in order. */
export function preparedIn(log: Log): readonly Prepared[] {
  return Object.entries(log).flatMap(([sequence, { proof }]) =>
    proof === undefined ? [] : [{ sequence: Number(sequence), ...proof }]
  ).sort((a, b) => a.sequence - b.sequence);
}

/**
 * The number that a replica must have executed before it answers a read: the last one that it has
 * proved prepared, and so may have said a commit for.
 *
 * An answer needs f + 1 replies only, so a quorum of readers' replies need not have one of a replica
 * that has executed every answered request. But Q have committed it, and a quorum has a correct one of
 * those. Without this rule reads go back in time (Berger, Reiser, Bessani 2021, "Making Reads in BFT
 * State Machine Replication Fast, Linearizable, and Live").
 */
export function readableFrom(log: Log): number {
  const proved = Object.entries(log).filter(([, { proof }]) => proof !== undefined);
  return Math.max(0, ...proved.map(([sequence]) => Number(sequence)));
}

/** Whether a batch is prepared here: the pre-prepare, and Q - 1 matching prepares of backups (4.2). */
export function isPrepared({ digest, prepares }: Slot, group: Group): boolean {
  return digest !== undefined && votesFor(prepares, digest) >= quorum(group) - 1;
}

/** The paper's committed-local: prepared here, and Q matching commits, the own one among them (4.2). */
export function isCommitted({ phase, digest, commits }: Slot, group: Group): boolean {
  return phase === "prepared" && digest !== undefined && votesFor(commits, digest) >= quorum(group);
}

/** What a replica knows from its journal. */
export type Recovered = {
  readonly view: number;
  /** Whether it has entered it; otherwise it has left the one before. */
  readonly active: boolean;
  readonly stable: Assigned;
  readonly log: Log;
  /** What it has said, or was about to say, when it left. */
  readonly viewChange?: Extract<ReplicaRecord, { kind: "viewChange" }>["viewChange"];
  readonly newView?: Extract<ReplicaRecord, { kind: "newView" }>["newView"];
};

/**
 * Recovers a replica from its journal.
 *
 * @param index of this replica
 * @param group that it belongs to
 * @param initial the state that all replicas begin with
 */
export function recover(
  records: readonly ReplicaRecord[],
  index: Replica,
  group: Group,
  initial: Assigned,
): Recovered {
  const known = records.reduce<Recovered>(follow, {
    view: 0,
    active: true,
    stable: initial,
    log: {},
  });
  const isBackup = primaryOf(known.view, group) !== index;
  const log = Object.entries(known.log).map(([sequence, slot]) => {
    const own = slot.digest === undefined ? {} : { [index]: slot.digest };
    const commits = slot.phase === "prepared" ? own : {};
    return [sequence, { ...slot, prepares: isBackup ? own : {}, commits }];
  });
  return { ...known, log: Object.fromEntries(log) };
}

function follow(known: Recovered, record: ReplicaRecord): Recovered {
  const { view, log, stable } = known;
  switch (record.kind) {
    case "accepted": {
      const { sequence, digest } = record;
      if (record.view !== view || sequence <= stable.sequence) return known;
      return { ...known, log: withSlot(log, sequence, { phase: "prePrepared", digest }) };
    }
    case "prepared": {
      const { sequence, digest } = record;
      if (sequence <= stable.sequence) return known;
      const proof = { view: record.view, digest };
      const own: Partial<Slot> = record.view === view ? { phase: "prepared", digest } : {};
      return { ...known, log: withSlot(log, sequence, { ...own, proof }) };
    }
    case "viewChange": {
      const { viewChange } = record;
      if (viewChange.view <= view) return known;
      const { newView: _, ...rest } = known;
      const left = inNewView(log, [], "empty");
      return { ...rest, view: viewChange.view, active: false, log: left, viewChange };
    }
    case "newView":
      return entered(known, record.newView);
    case "checkpoint": // The state is there to say it.
      return known;
    case "stable": {
      const { sequence, digest } = record;
      if (sequence <= stable.sequence) return known;
      return { ...known, stable: { sequence, digest }, log: above(log, sequence) };
    }
  }
}

function entered(known: Recovered, newView: Recovered["newView"] & object): Recovered {
  if (newView.view < known.view || newView.view === known.view && known.active) return known;
  const { log, stable } = known;
  const assigned = newView.assigned.filter(({ sequence }) => sequence > stable.sequence);
  const { viewChange: _, ...rest } = known;
  return {
    ...rest,
    view: newView.view,
    active: true,
    log: inNewView(log, assigned, "prePrepared"),
    newView,
  };
}

/** The records that a checkpoint of the journal keeps: they recover to the same. */
export function retained(
  records: readonly ReplicaRecord[],
  initial: Assigned,
): readonly ReplicaRecord[] {
  const { view, stable } = recover(records, 0, { replicas: 1, faulty: 0 }, initial);
  const last = new Map<string, ReplicaRecord>();
  for (const record of records) {
    const key = nameOf(record, view, stable.sequence);
    if (key === undefined) continue;
    last.delete(key); // A later one takes the place that is its own in the order.
    last.set(key, record);
  }
  return [...last.values()];
}

/** Two records of one name: only the later one counts. undefined: it does not count any more. */
function nameOf(record: ReplicaRecord, view: number, stable: number): string | undefined {
  switch (record.kind) {
    case "accepted":
      return record.view === view && isInWindow(record.sequence, stable, Infinity)
        ? `accepted ${record.sequence}`
        : undefined;
    case "prepared":
      return isInWindow(record.sequence, stable, Infinity)
        ? `prepared ${record.sequence}`
        : undefined;
    case "viewChange":
      return record.viewChange.view === view ? "viewChange" : undefined;
    case "newView":
      return record.newView.view === view ? "newView" : undefined;
    case "checkpoint":
      return undefined;
    case "stable":
      return record.sequence === stable ? "stable" : undefined;
  }
}
