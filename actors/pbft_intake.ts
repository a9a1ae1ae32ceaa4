/**
 * What a replica is told: each message is verified before the machine hears of it, so that the machine
 * may believe who said it and what it proves.
 *
 * @module
 */
import type { Replica, ReplicaMessage } from "../protocols/pbft/messages.ts";
import { isPossibleViewChange } from "../protocols/pbft/new_view.ts";
import type { ReplicaContext, ReplicaEvent } from "../protocols/pbft/replica_types.ts";
import { isInWindow, isSameAssignment, primaryOf } from "../protocols/pbft/rules.ts";
import type { Envelope } from "../runtime/codec.ts";
import type { Address } from "../runtime/ports.ts";
import type { MessageHandler, Services } from "../runtime/role.ts";
import { type Authority, newViewOf, viewChangeOf } from "./pbft_authority.ts";
import { Assemblies, isPart, type Part, pathOf } from "./pbft_parts.ts";
import type { Proofs } from "./pbft_proofs.ts";
import type { Requests } from "./pbft_requests.ts";
import {
  type CheckpointWire,
  type CommitWire,
  isCheckpointWire,
  isCommitWire,
  isNewViewWire,
  isPrepareWire,
  isPrePrepareWire,
  isSignedRequest,
  isStatusWire,
  isViewChangeWire,
  type NewViewWire,
  type PrepareWire,
  type PrePrepareWire,
  type SignedRequest,
  type StatusWire,
  type ViewChangeWire,
} from "./pbft_wire.ts";
import type { Witness } from "./pbft_witness.ts";

/** Messages of one replica that came too early for the view they are of, at most. */
const MOST_EARLY = 64;

/** What an intake works with. */
export interface IntakeParts {
  readonly services: Services;
  readonly config: { readonly replicas: readonly Address[]; readonly index: number };
  readonly authority: Authority;
  readonly proofs: Proofs;
  readonly requests: Requests;
  readonly witness: Witness;
  readonly context: () => ReplicaContext;
  readonly step: (event: ReplicaEvent) => void;
  readonly refuse: (reason: string, envelope: Envelope) => void;
  readonly count: (reason: string) => void;
  /** A liar listens. */
  readonly hears: (type: string, body: unknown) => void;
  /** Other messages between replicas, which may come in parts too. */
  readonly more: Readonly<Record<string, MessageHandler>>;
}

type Handler<W> = (wire: W, envelope: Envelope) => void;

function handler<W>(accepts: (it: unknown) => it is W, handle: Handler<W>): MessageHandler {
  return { accepts, handle: handle as MessageHandler["handle"] };
}

/** The intake of one replica. */
export class Intake {
  readonly messages: Readonly<Record<string, MessageHandler>>;
  readonly #assemblies = new Assemblies();
  /** When something that costs much was last heard, by what it is and its way. */
  readonly #last = new Map<string, number>();
  #early: { readonly from: Replica; readonly tell: () => void }[] = [];

  constructor(private readonly parts: IntakeParts) {
    const { requests, hears, more } = parts;
    const handlers: Readonly<Record<string, MessageHandler>> = {
      "pbft.request": handler(isSignedRequest, (it: SignedRequest, e) => requests.take(it, e)),
      "pbft.prePrepare": handler(isPrePrepareWire, this.#prePrepare),
      "pbft.prepare": handler(isPrepareWire, this.#prepare),
      "pbft.commit": handler(isCommitWire, this.#commit),
      "pbft.checkpoint": handler(isCheckpointWire, this.#checkpoint),
      "pbft.viewChange": handler(isViewChangeWire, this.#viewChange),
      "pbft.newView": handler(isNewViewWire, this.#newView),
      "pbft.status": handler(isStatusWire, this.#status),
      ...more,
    };
    const heard = Object.entries(handlers).map(([type, { accepts, handle }]) => {
      const listen = (body: unknown, envelope: Envelope) => {
        hears(type, body);
        handle(body as never, envelope);
      };
      return [type, { accepts, handle: listen }] as const;
    });
    this.messages = { ...Object.fromEntries(heard), "pbft.part": this.#partOf(new Map(heard)) };
  }

  #partOf(whole: ReadonlyMap<string, MessageHandler>): MessageHandler {
    const { config, refuse } = this.parts;
    return {
      accepts: (body) => isPart(body) && whole.has(body.of),
      handle: (part: Part, envelope) => {
        if (!config.replicas.includes(envelope.from)) return refuse("notMember", envelope);
        const body = this.#assemblies.add(pathOf(envelope), part);
        if (body === undefined) return;
        const { accepts, handle } = whole.get(part.of)!;
        if (accepts(body)) handle(body as never, envelope);
        else refuse("malformed", envelope);
      },
    };
  }

  /** Ordering messages of the next view, or told while none is entered, are told again then. */
  #isEarly(view: number, from: Replica, tell: () => void): boolean {
    const context = this.parts.context();
    if (view < context.view || view === context.view && context.active) return false;
    // A liar fills its own room.
    const kept = this.#early.filter((it) => it.from === from);
    if (kept.length < MOST_EARLY) this.#early.push({ from, tell });
    return true;
  }

  /** A view is entered. */
  entered(): void {
    const early = this.#early;
    this.#early = [];
    const { timers, clock, wake } = this.parts.services;
    // After the step that has entered the view.
    timers.set(clock.now(), () => early.forEach(({ tell }) => tell()));
    wake.call(this.parts.services);
  }

  /** Whether it would be refused anyway, and need not be verified. */
  #isPast(view: number, sequence: number): boolean {
    const context = this.parts.context();
    return view < context.view ||
      view === context.view && !isInWindow(sequence, context.stable.sequence, context.window);
  }

  readonly #prePrepare = (wire: PrePrepareWire, envelope: Envelope): void => {
    const { authority, proofs, witness, step, refuse, count } = this.parts;
    const { view, sequence, digest, signature, batch } = wire;
    if (this.#isPast(view, sequence)) {
      witness.convictPrimary(wire, signature);
      return count("misplaced");
    }
    if (!authority.isPrePrepared(wire, signature)) return refuse("signature", envelope);
    witness.convictPrimary(wire, signature); // Whatever its batch is.
    const isLong = batch.length > this.parts.context().maxBatch;
    if (isLong || !authority.isBatch(digest, batch)) return refuse("batch", envelope);
    const from = primaryOf(view, authority.group);
    if (this.#isEarly(view, from, () => this.#prePrepare(wire, envelope))) return;
    witness.hearing({ type: "prePrepare", wire }, () => {
      step({ type: "prePrepare", from, view, sequence, digest });
    });
    for (const it of proofs.preparesOf(sequence)) witness.convictPrimary(it, it.primary);
  };

  readonly #prepare = (wire: PrepareWire, envelope: Envelope): void => {
    const { authority, proofs, witness, step, refuse, count } = this.parts;
    const { view, sequence, digest, from, signature } = wire;
    const message = { type: "prepare", view, sequence, digest } as const;
    if (this.#isPast(view, sequence)) {
      witness.convictPrimary(wire, wire.primary); // It may have left that view a moment ago.
      return count("misplaced");
    }
    if (!authority.isSigned(from, message, signature)) return refuse("signature", envelope);
    if (this.#isEarly(view, from, () => this.#prepare(wire, envelope))) return;
    if (from === primaryOf(view, authority.group)) return step({ ...message, from });
    witness.convictPrimary(wire, wire.primary);
    const first = proofs.notePrepare(wire);
    witness.hearing({ type: "prepare", wire, first }, () => step({ ...message, from }));
  };

  readonly #commit = (wire: CommitWire, envelope: Envelope): void => {
    const { view, sequence, digest, from, mac } = wire;
    const message = { type: "commit", view, sequence, digest } as const;
    if (!this.#isAuthentic(from, message, mac, envelope)) return;
    if (this.#isEarly(view, from, () => this.#commit(wire, envelope))) return;
    this.parts.step({ ...message, from });
  };

  #isAuthentic(
    from: Replica,
    message: ReplicaMessage,
    mac: Uint8Array,
    envelope: Envelope,
  ): boolean {
    const { authority, config, refuse } = this.parts;
    if (from !== config.index && authority.isAuthentic(from, message, mac)) return true;
    refuse("authenticator", envelope);
    return false;
  }

  /** Who asks for much work all the time is heard now and then: a correct one says it again. */
  #isTooOften(what: string): boolean {
    const { services, context, count } = this.parts;
    const now = services.clock.now();
    if (now - (this.#last.get(what) ?? -Infinity) < context().statusMs / 4) {
      count("tooOften");
      return true;
    }
    this.#last.set(what, now);
    return false;
  }

  readonly #checkpoint = (wire: CheckpointWire, envelope: Envelope): void => {
    const { authority, proofs, witness, context, step, refuse } = this.parts;
    const { sequence, digest, from, signature } = wire;
    const message = { type: "checkpoint", sequence, digest } as const;
    const { stable } = context();
    if (sequence < stable.sequence || isSameAssignment(wire, stable)) return;
    if (!authority.isSigned(from, message, signature)) return refuse("signature", envelope);
    const first = proofs.noteCheckpoint(wire);
    witness.hearing({ type: "checkpoint", wire, first }, () => step({ ...message, from }));
  };

  readonly #viewChange = (wire: ViewChangeWire, envelope: Envelope): void => {
    const { authority, proofs, witness, context, config, step, refuse } = this.parts;
    const sent = viewChangeOf(wire);
    const isOwn = wire.from === config.index;
    if (isOwn || !isPossibleViewChange(sent, authority.group, context().window)) {
      return refuse("impossible", envelope);
    }
    if (this.#isTooOften(`viewChange ${pathOf(envelope)}`)) return;
    if (!authority.isProvedViewChange(wire)) return refuse("proof", envelope);
    for (const it of wire.prepared) witness.convictPrimary(it, it.signature);
    const first = proofs.viewChanges.get(wire.from);
    proofs.noteViewChange(wire);
    witness.hearing({ type: "viewChange", wire, first }, () => step(sent));
  };

  readonly #newView = (wire: NewViewWire, envelope: Envelope): void => {
    const { authority, proofs, witness, step, refuse } = this.parts;
    const { view, active, window } = this.parts.context();
    if (wire.view < view || wire.view === view && active) return;
    if (this.#isTooOften(`newView ${pathOf(envelope)}`)) return;
    if (!authority.isProvedNewView(wire, window)) return refuse("proof", envelope);
    for (const it of wire.viewChanges) proofs.learn(it);
    const from = primaryOf(wire.view, authority.group);
    witness.hearing({ type: "newView", wire }, () => step({ ...newViewOf(wire), from }));
  };

  readonly #status = (wire: StatusWire, envelope: Envelope): void => {
    const { view, active, stable, executed, from, mac } = wire;
    const message = { type: "status", view, active, stable, executed } as const;
    if (!this.#isAuthentic(from, message, mac, envelope)) return;
    // The answer may be long.
    if (this.#isTooOften(`status ${from}`)) return;
    this.parts.step({ ...message, from });
  };
}
