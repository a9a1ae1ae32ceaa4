/**
 * How a replica performs what its machine names: journaling, saying, executing, fetching, accusing.
 *
 * @module
 */
import {
  type Assigned,
  type Digest,
  NULL_DIGEST,
  type ReplicaMessage,
} from "../protocols/pbft/messages.ts";
import type {
  ReplicaContext,
  ReplicaEffects,
  ReplicaEvent,
  ReplicaInput,
} from "../protocols/pbft/replica_types.ts";
import { isCheckpoint, primaryOf } from "../protocols/pbft/rules.ts";
import type { Perform } from "../runtime/instances.ts";
import type { Address } from "../runtime/ports.ts";
import type { MessageHandler, Services } from "../runtime/role.ts";
import type { Timer } from "../runtime/timers.ts";
import type { Liar } from "./byzantine.ts";
import { isRecord } from "./guards.ts";
import { type Authority, batchDigest } from "./pbft_authority.ts";
import type { Proofs, ProvedRecord } from "./pbft_proofs.ts";
import type { Requests } from "./pbft_requests.ts";
import type { Service } from "./pbft_service.ts";
import type { Speaker } from "./pbft_speaker.ts";
import type { Transfer } from "./pbft_transfer.ts";
import { isBatch, isDigest, type NewViewWire, type SignedRequest } from "./pbft_wire.ts";
import type { Witness } from "./pbft_witness.ts";

/** What effects work on. */
export interface PerformerParts {
  readonly services: Services;
  readonly config: { readonly replicas: readonly Address[]; readonly index: number };
  readonly input: ReplicaInput;
  readonly authority: Authority;
  readonly proofs: Proofs;
  readonly requests: Requests;
  readonly service: Service;
  readonly transfer: Transfer;
  readonly speaker: Speaker;
  readonly witness: Witness;
  readonly liar: () => Liar;
  readonly context: () => ReplicaContext;
  readonly step: (event: ReplicaEvent) => void;
  readonly record: (record: ProvedRecord) => void;
  readonly forget: () => void;
  readonly entered: () => void;
  readonly count: (reason: string) => void;
}

/** The effects of one replica. */
export class Performer {
  readonly effects: Readonly<Record<keyof ReplicaEffects, Perform<undefined>>>;
  readonly messages: Readonly<Record<string, MessageHandler>>;
  /** Committed, and its requests are not at hand. */
  #missing: Assigned | undefined;
  #retry: Timer | undefined;

  constructor(private readonly parts: PerformerParts) {
    const { requests, count, speaker, witness } = parts;
    this.effects = {
      journal: (_, params: ReplicaEffects["journal"]) => this.#journal(params),
      send: (_, { to, messages }: ReplicaEffects["send"]) => {
        for (const message of messages) for (const one of to) speaker.say(message, one);
      },
      propose: (_, params: ReplicaEffects["propose"]) => this.#propose(params),
      relay: (_, { to, requests: ids }: ReplicaEffects["relay"]) => requests.relay(to, ids),
      execute: (_, params: ReplicaEffects["execute"]) => this.#execute(params),
      fetchState: (_, params: ReplicaEffects["fetchState"]) => void this.#fetchState(params),
      forget: (_, params: ReplicaEffects["forget"]) => this.#forget(params),
      enter: () => this.#enter(),
      accuse: (_, params: ReplicaEffects["accuse"]) => witness.accuse(params),
      refuse: (_, { reason }: ReplicaEffects["refuse"]) => count(reason),
      reject: () => count("stray"),
    };
    this.messages = {
      "pbft.fetchBatch": {
        accepts: (body) => isRecord(body) && isDigest(body["digest"]),
        handle: ({ digest }: { readonly digest: Digest }, envelope) => {
          const to = parts.config.replicas.indexOf(envelope.from);
          const batch = parts.proofs.batches.get(digest);
          if (to >= 0 && batch !== undefined) speaker.post(to, { type: "pbft.batch", body: batch });
        },
      },
      "pbft.batch": {
        accepts: isBatch,
        handle: (batch: readonly SignedRequest[]) => this.#got(batch),
      },
    };
  }

  // The journal ------------------------------------------------------------------------------

  #journal({ record }: ReplicaEffects["journal"]): void {
    const { services, proofs, step } = this.parts;
    if (record.kind === "accepted") this.#accept(record);
    if (record.kind === "viewChange") proofs.makeViewChange(record.viewChange);
    if (record.kind === "newView") this.#begin(record.newView);
    const proved = proofs.prove(record);
    services.journal(proved, true, () => step({ type: "journaled", record }));
    this.parts.record(proved);
  }

  /** What is accepted was heard just now, or is the own proposal. */
  #accept({ view, sequence, digest }: Assigned & { readonly view: number }): void {
    const { proofs, authority, config } = this.parts;
    const message = { type: "prePrepare", view, sequence, digest } as const;
    const { heard: last } = this.parts.witness;
    const isHeard = last?.type === "prePrepare" && last.wire.sequence === sequence &&
      last.wire.view === view;
    const heard = isHeard ? last.wire : undefined;
    const signature = heard?.signature ?? authority.sign(config.index, message);
    if (heard !== undefined) proofs.batches.set(digest, heard.batch);
    proofs.accepted.set(sequence, { view, sequence, digest, signature });
  }

  /** The view changes that it begins the view with are at hand: it has counted them. */
  #made(newView: Extract<ReplicaMessage, { readonly type: "newView" }>): NewViewWire {
    const { proofs, speaker } = this.parts;
    const viewChanges = newView.viewChanges.map(({ from }) => proofs.viewChanges.get(from)!);
    return speaker.newViewWire(newView, viewChanges);
  }

  #begin(newView: Extract<ReplicaMessage, { readonly type: "newView" }>): void {
    const { proofs, witness: { heard } } = this.parts;
    proofs.begin(heard?.type === "newView" ? heard.wire : this.#made(newView));
  }

  #enter(): void {
    const { services, authority, config, context, entered } = this.parts;
    const { view } = context();
    if (view > 0 && primaryOf(view, authority.group) === config.index) {
      services.log("info", `${services.address} leads view ${view}`);
    }
    entered();
  }

  // Ordering and execution -------------------------------------------------------------------

  #propose({ view, sequence, requests: ids }: ReplicaEffects["propose"]): void {
    const { requests, proofs, step, liar } = this.parts;
    const taken = requests.fitting(ids);
    const batch = requests.batch(liar().orders(ids.slice(0, taken)));
    const digest = batchDigest(batch);
    proofs.batches.set(digest, batch);
    step({ type: "proposed", view, sequence, digest, taken });
  }

  #execute(assigned: Assigned): void {
    const { proofs, service, requests, services, step, input } = this.parts;
    const { sequence, digest } = assigned;
    const batch = digest === NULL_DIGEST ? [] : proofs.batches.get(digest);
    this.#missing = batch === undefined ? assigned : undefined;
    if (batch === undefined) return this.#fetchBatch();
    const executed = batch.flatMap((signed) => {
      const request = this.parts.authority.parse(signed);
      // What a primary orders twice, or again after a view change, is executed once.
      if (request === undefined || service.admit(request) !== "execute") return [];
      requests.reply(request, service.execute(request));
      return [{ client: request.client, timestamp: request.timestamp }];
    });
    requests.done(executed);
    const state = isCheckpoint(sequence, input.checkpointInterval)
      ? { state: service.checkpoint(sequence, services.store) }
      : {};
    if (state.state !== undefined) this.#noteOwn(sequence, state.state);
    requests.executed(sequence);
    step({ type: "executed", sequence, requests: executed, ...state });
  }

  #noteOwn(sequence: number, digest: Digest): void {
    const { proofs, authority, config } = this.parts;
    const { index: from } = config;
    const signature = authority.sign(from, { type: "checkpoint", sequence, digest });
    proofs.noteCheckpoint({ sequence, digest, from, signature });
  }

  /** Others have prepared it, so f + 1 correct ones have it. */
  #fetchBatch(): void {
    const { services, config, input, speaker } = this.parts;
    const missing = this.#missing;
    if (missing === undefined) return;
    config.replicas.forEach((_, to) => {
      if (to === config.index) return;
      speaker.post(to, { type: "pbft.fetchBatch", body: { digest: missing.digest } });
    });
    if (this.#retry !== undefined) services.timers.cancel(this.#retry);
    const due = services.clock.now() + input.fetchTimeoutMs;
    this.#retry = services.timers.set(due, () => this.#fetchBatch());
  }

  #got(batch: readonly SignedRequest[]): void {
    const missing = this.#missing;
    if (missing === undefined || batchDigest(batch) !== missing.digest) return;
    this.parts.proofs.batches.set(missing.digest, batch);
    this.#execute(missing);
  }

  // States -----------------------------------------------------------------------------------

  async #fetchState({ checkpoint, from }: ReplicaEffects["fetchState"]): Promise<void> {
    const { transfer, service, services, requests, step, context } = this.parts;
    const fetched = await transfer.fetch(checkpoint, from);
    // Meanwhile it may have asked for another, or got it from another.
    const { fetching } = context();
    if (fetching.checkpoint.digest !== checkpoint.digest || fetching.from !== from) return;
    if ("failed" in fetched) {
      if (fetched.failed === "wrong") step({ type: "transferFailed" });
      return services.wake();
    }
    service.install(checkpoint, fetched.chunks, services.store);
    this.#noteOwn(checkpoint.sequence, checkpoint.digest);
    this.#missing = undefined;
    requests.done(service.clients);
    requests.executed(checkpoint.sequence);
    step({ type: "installed", ...checkpoint, requests: service.clients });
    services.wake();
  }

  #forget(stable: Assigned): void {
    const { proofs, service, services, context, forget } = this.parts;
    const { log } = context();
    const inUse = Object.values(log).flatMap(({ digest, proof }) => [digest, proof?.digest]);
    const kept = [...inUse, this.#missing?.digest].filter((it) => it !== undefined);
    proofs.forget(stable, new Set(kept));
    service.forget(stable.sequence, services.store);
    forget();
  }
}
