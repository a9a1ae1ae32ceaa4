/**
 * Gathers evidence: the two signed messages behind what a machine finds contradictory.
 *
 * @module
 */
import type { Assigned, Prepared, Replica } from "../protocols/pbft/messages.ts";
import type { ReplicaEffects } from "../protocols/pbft/replica_types.ts";
import { primaryOf } from "../protocols/pbft/rules.ts";
import { type Authority, viewChangeOf } from "./pbft_authority.ts";
import type { Contradiction, Evidence, SignedStatement } from "./pbft_evidence.ts";
import type { Proofs } from "./pbft_proofs.ts";
import type {
  CheckpointWire,
  NewViewWire,
  PrepareWire,
  PrePrepareWire,
  Proof,
  ViewChangeWire,
} from "./pbft_wire.ts";

/** The signed message whose event is being handled, and the one before it about the same. */
export type Heard =
  | { readonly type: "prePrepare"; readonly wire: PrePrepareWire }
  | { readonly type: "prepare"; readonly wire: PrepareWire; readonly first: PrepareWire }
  | {
    readonly type: "checkpoint";
    readonly wire: CheckpointWire;
    readonly first: CheckpointWire | undefined;
  }
  | {
    readonly type: "viewChange";
    readonly wire: ViewChangeWire;
    readonly first: ViewChangeWire | undefined;
  }
  | { readonly type: "newView"; readonly wire: NewViewWire };

/** What a replica hears, and what that proves. */
export class Witness {
  heard: Heard | undefined;

  /** @param found takes evidence */
  constructor(
    private readonly authority: Authority,
    private readonly proofs: Proofs,
    private readonly found: (evidence: Evidence) => void,
  ) {}

  /** Does something with a message that was heard. */
  hearing(heard: Heard, work: () => void): void {
    this.heard = heard;
    try {
      work();
    } finally {
      this.heard = undefined;
    }
  }

  /** The machine has found out by the message that is heard. */
  accuse({ replica, offence, sequence, digest }: ReplicaEffects["accuse"]): void {
    // What convicts may have been heard long before.
    if (offence === "wrongCheckpoint") {
      return this.#accuseWrong(replica, { sequence, digest: digest! });
    }
    const { heard } = this;
    // The signature of a pre-prepare has convicted already: see `convictPrimary`.
    if (heard === undefined || heard.type === "prePrepare") return;
    if (heard.type === "newView") {
      return this.found({ offence: "forgedNewView", replica, newView: heard.wire });
    }
    const statements = this.#statements(heard);
    if (statements === undefined) return;
    this.found({
      offence: offence as Contradiction,
      replica,
      statements,
    });
  }

  #accuseWrong(replica: Replica, stable: Assigned): void {
    const { proofs } = this;
    const wire = proofs.checkpointOf(replica, stable.sequence);
    if (wire === undefined) return;
    const proof = proofs.stableProof(stable);
    const statement = checkpointed(wire);
    this.found({ offence: "wrongCheckpoint", replica, statement, stable, proof });
  }

  #statements(
    heard: Exclude<Heard, { readonly type: "newView" | "prePrepare" }>,
  ): readonly [SignedStatement, SignedStatement] | undefined {
    if (heard.first === undefined) return undefined;
    if (heard.type === "viewChange") {
      return [stated(heard.first), stated(heard.wire)];
    }
    if (heard.type === "prepare") return [prepared(heard.first), prepared(heard.wire)];
    return [checkpointed(heard.first), checkpointed(heard.wire)];
  }

  /**
   * A second pre-prepare convicts, in whatever the primary's signature of it comes: itself, a prepare
   * (see `PrepareWire`), the proof that it was prepared.
   */
  convictPrimary(second: Prepared, signature: Proof): void {
    const { proofs, authority } = this;
    const first = proofs.acceptedIn(second.view, second.sequence);
    if (first === undefined || first.digest === second.digest) return;
    if (!authority.isPrePrepared(second, signature)) return;
    const replica = primaryOf(second.view, authority.group);
    const statements = [prePrepared(first), prePrepared({ ...second, signature })] as const;
    this.found({ offence: "equivocation", replica, statements });
  }
}

function prePrepared(
  { view, sequence, digest, signature }: Assigned & {
    readonly view: number;
    readonly signature: Proof;
  },
): SignedStatement {
  return { message: { type: "prePrepare", view, sequence, digest }, signature };
}

function stated(wire: ViewChangeWire): SignedStatement {
  const { from: _, ...message } = viewChangeOf(wire);
  return { message, signature: wire.signature };
}

function prepared({ view, sequence, digest, signature }: PrepareWire): SignedStatement {
  return { message: { type: "prepare", view, sequence, digest }, signature };
}

function checkpointed({ sequence, digest, signature }: CheckpointWire): SignedStatement {
  return { message: { type: "checkpoint", sequence, digest }, signature };
}
