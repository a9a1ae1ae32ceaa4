/**
 * What a replica can prove: the signatures behind what its machine counts, and the batches behind the
 * digests. The machine sees the same messages, so what it counts is here.
 *
 * @module
 */
import type {
  Assigned,
  Prepared,
  Replica,
  ReplicaRecord,
  ViewChange,
} from "../protocols/pbft/messages.ts";
import type { Authority } from "./pbft_authority.ts";
import type {
  CheckpointWire,
  NewViewWire,
  PreparedWire,
  PrepareWire,
  Proof,
  SignedRequest,
  ViewChangeWire,
  Votes,
} from "./pbft_wire.ts";

/** A pre-prepare that was accepted, with its primary's signature. */
export type Accepted = Prepared & { readonly signature: Proof };

/** Checkpoints of one replica that are remembered. */
const MOST_CHECKPOINTS = 16;

/** A journal record with what proves it. */
export type ProvedRecord =
  & ReplicaRecord
  & {
    readonly proof?:
      | { readonly signature: Proof; readonly batch: readonly SignedRequest[] }
      | PreparedWire
      | ViewChangeWire
      | NewViewWire
      | Votes;
  };

/** Proofs by what they prove. */
export class Proofs {
  /** The pre-prepares accepted in the present view. */
  readonly accepted = new Map<number, Accepted>();
  /** Those of the view before: what contradicts them may be heard late. */
  #before = new Map<number, Accepted>();
  /** The first prepare of each backup in the present view. */
  readonly #prepares = new Map<number, Map<Replica, PrepareWire>>();
  /** By number and view: the last one may be on its way to the disk while a view change is made. */
  readonly #prepared = new Map<number, Map<number, PreparedWire>>();
  readonly #checkpoints = new Map<Replica, Map<number, CheckpointWire>>();
  readonly #stable = new Map<string, Votes>();
  /** The last view change of each replica. */
  readonly viewChanges = new Map<Replica, ViewChangeWire>();
  /** What the present view began with. */
  newView: NewViewWire | undefined;
  readonly batches = new Map<string, readonly SignedRequest[]>();

  /** @param index of this replica */
  constructor(private readonly authority: Authority, private readonly index: Replica) {}

  /** The first prepare of a replica at a number; the new one if there was none. */
  notePrepare(wire: PrepareWire): PrepareWire {
    const { sequence, from } = wire;
    const votes = this.#prepares.get(sequence) ?? new Map<Replica, PrepareWire>();
    this.#prepares.set(sequence, votes);
    const first = votes.get(from);
    if (first === undefined) votes.set(from, wire);
    return first ?? wire;
  }

  /** The pre-prepare accepted for a number in a view. */
  acceptedIn(view: number, sequence: number): Accepted | undefined {
    const known = [this.accepted.get(sequence), this.#before.get(sequence)];
    return known.find((it) => it?.view === view);
  }

  /** The prepares heard for a number. */
  preparesOf(sequence: number): readonly PrepareWire[] {
    return [...this.#prepares.get(sequence)?.values() ?? []];
  }

  /** Notes who has signed a checkpoint; gives another one it has signed for that number before. */
  noteCheckpoint(wire: CheckpointWire): CheckpointWire | undefined {
    const { sequence, from } = wire;
    const signed = this.#checkpoints.get(from) ?? new Map<number, CheckpointWire>();
    this.#checkpoints.set(from, signed);
    const first = signed.get(sequence);
    if (first === undefined) signed.set(sequence, wire);
    if (signed.size > MOST_CHECKPOINTS) signed.delete(Math.min(...signed.keys()));
    return first === undefined || first.digest === wire.digest ? undefined : first;
  }

  /** What a replica has signed of a state, at first. */
  checkpointOf(replica: Replica, sequence: number): CheckpointWire | undefined {
    return this.#checkpoints.get(replica)?.get(sequence);
  }

  /** The signatures of a checkpoint. */
  stableProof({ sequence, digest }: Assigned): Votes {
    if (sequence === 0) return [];
    const known = this.#stable.get(keyOf({ sequence, digest }));
    if (known !== undefined) return known;
    return [...this.#checkpoints].flatMap(([from, signed]): Votes => {
      const wire = signed.get(sequence);
      return wire?.digest === digest ? [[from, wire.signature]] : [];
    });
  }

  /** Notes a view change as the machine does: the first one of the latest view. */
  noteViewChange(wire: ViewChangeWire): void {
    const known = this.viewChanges.get(wire.from);
    if (known === undefined || known.view < wire.view) this.viewChanges.set(wire.from, wire);
    this.learn(wire);
  }

  /** What a verified view change proves besides; one that a new view shows the machine has not noted. */
  learn(wire: ViewChangeWire): void {
    if (wire.stable.sequence > 0) this.#stable.set(keyOf(wire.stable), wire.stableProof);
  }

  /** A view begins: its pre-prepares are those of the new view, votes are void. */
  begin(wire: NewViewWire): void {
    this.newView = wire;
    this.#prepares.clear();
    this.#before = new Map(this.accepted);
    this.accepted.clear();
    for (const it of wire.assigned) {
      this.accepted.set(it.sequence, { ...it, view: wire.view });
    }
  }

  /** Completes a record with its proof. */
  prove(record: ReplicaRecord): ProvedRecord {
    switch (record.kind) {
      case "accepted": {
        const signature = this.accepted.get(record.sequence)?.signature ?? new Uint8Array();
        return { ...record, proof: { signature, batch: this.batches.get(record.digest) ?? [] } };
      }
      case "prepared":
        return { ...record, proof: this.#preparedProof(record) };
      case "viewChange":
        return { ...record, proof: this.viewChanges.get(this.index)! };
      case "newView":
        return { ...record, proof: this.newView! };
      case "checkpoint":
        return record;
      case "stable":
        return { ...record, proof: this.stableProof(record) };
    }
  }

  #preparedProof({ sequence, view, digest }: Prepared): PreparedWire {
    const { authority, index } = this;
    const votes = [...this.#prepares.get(sequence)?.values() ?? []]
      .filter((it) => it.digest === digest && it.view === view)
      .map(({ from, signature }): Votes[number] => [from, signature]);
    const isBackup = view % authority.group.replicas !== index;
    const message = { type: "prepare", view, sequence, digest } as const;
    const own: Votes = isBackup ? [[index, authority.sign(index, message)]] : [];
    const prepares = [...own, ...votes.filter(([from]) => from !== index)];
    const signature = this.accepted.get(sequence)!.signature;
    const wire = { sequence, view, digest, signature, prepares };
    this.#notePrepared(wire);
    return wire;
  }

  #notePrepared(wire: PreparedWire): void {
    const views = this.#prepared.get(wire.sequence) ?? new Map<number, PreparedWire>();
    this.#prepared.set(wire.sequence, views.set(wire.view, wire));
  }

  /** The own view change, with the proofs of all it says. */
  makeViewChange({ view, stable, prepared }: ViewChange): ViewChangeWire {
    const { authority, index } = this;
    const wire: ViewChangeWire = {
      view,
      stable,
      stableProof: this.stableProof(stable),
      prepared: prepared.map((it) => this.#shown(it)),
      from: index,
      signature: authority.sign(index, { type: "viewChange", view, stable, prepared }),
    };
    this.viewChanges.set(index, wire);
    return wire;
  }

  /** What proves this and nothing else: the signature is of what the machine says. */
  #shown({ sequence, view }: Prepared): PreparedWire {
    const views = this.#prepared.get(sequence)!;
    for (const earlier of views.keys()) if (earlier < view) views.delete(earlier);
    return views.get(view)!;
  }

  /** Takes up what was durable. */
  recover(record: ProvedRecord): void {
    const { proof } = record;
    switch (record.kind) {
      case "accepted": {
        const { signature, batch } = proof as {
          readonly signature: Proof;
          readonly batch: readonly SignedRequest[];
        };
        const { view, sequence, digest } = record;
        this.accepted.set(sequence, { view, sequence, digest, signature });
        return void this.batches.set(digest, batch);
      }
      case "prepared":
        return this.#notePrepared(proof as PreparedWire);
      case "viewChange":
        return void this.viewChanges.set(this.index, proof as ViewChangeWire);
      case "newView":
        return this.begin(proof as NewViewWire);
      case "checkpoint":
        return;
      case "stable":
        return void this.#stable.set(keyOf(record), proof as Votes);
    }
  }

  /** Lets go of what is at or below a stable checkpoint; the proof of that one stays. */
  forget(stable: Assigned, inUse: ReadonlySet<string>): void {
    this.#stable.set(keyOf(stable), this.stableProof(stable));
    for (const map of [this.accepted, this.#before, this.#prepares, this.#prepared]) {
      for (const sequence of map.keys()) if (sequence <= stable.sequence) map.delete(sequence);
    }
    for (const key of this.#stable.keys()) {
      if (Number(key.split(" ")[0]) < stable.sequence) this.#stable.delete(key);
    }
    for (const digest of this.batches.keys()) if (!inUse.has(digest)) this.batches.delete(digest);
  }
}

function keyOf({ sequence, digest }: Assigned): string {
  return `${sequence} ${digest}`;
}
