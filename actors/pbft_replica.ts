/**
 * A replica as a role: the chart in `protocols/pbft/replica.ts` decides; this file keeps what it must not
 * hold (operations, states, signatures), and performs what it names.
 *
 * An application gives its state machine to {@link replicaRole}, and exports what it gets.
 *
 * @module
 */
import { recover, retained } from "../protocols/pbft/log.ts";
import { INITIAL_DIGEST } from "../protocols/pbft/messages.ts";
import {
  replica,
  type ReplicaContext,
  type ReplicaEvent,
  type ReplicaInput,
} from "../protocols/pbft/replica.ts";
import { groupFault } from "../protocols/pbft/rules.ts";
import type { Envelope } from "../runtime/codec.ts";
import type { Engine } from "../runtime/engine.ts";
import { type Instance, Instances } from "../runtime/instances.ts";
import type { Address } from "../runtime/ports.ts";
import {
  defineRole,
  MAIN_NODE,
  type MessageHandler,
  nodeOf,
  type Role,
  type RoleDefinition,
  type Services,
} from "../runtime/role.ts";
import { type Behaviour, isBehaviours, Liar } from "./byzantine.ts";
import { CHECKPOINT_BYTES, Checkpoints } from "./checkpoints.ts";
import { isRecord } from "./guards.ts";
import { Authority } from "./pbft_authority.ts";
import { Dossier, type Evidence, isConvicting } from "./pbft_evidence.ts";
import { Intake } from "./pbft_intake.ts";
import { type Keyring, Keys } from "./pbft_keys.ts";
import { Performer } from "./pbft_performer.ts";
import { Proofs, type ProvedRecord } from "./pbft_proofs.ts";
import { Requests } from "./pbft_requests.ts";
import { Service, type StateMachine } from "./pbft_service.ts";
import { Speaker } from "./pbft_speaker.ts";
import { Transfer } from "./pbft_transfer.ts";
import { Witness } from "./pbft_witness.ts";

/** Times and limits of a group; see `ReplicaInput`. */
export type ReplicaSettings = Omit<ReplicaInput, "replicas" | "faulty" | "index">;

/** The paper's example, and times for links within a building. */
export const REPLICA_SETTINGS: ReplicaSettings = {
  checkpointInterval: 128,
  window: 256,
  maxBatch: 64,
  maxInFlight: 8,
  viewTimeoutMs: 1000,
  maxBackoff: 5,
  statusMs: 200,
  fetchTimeoutMs: 500,
};

const INITIAL = { sequence: 0, digest: INITIAL_DIGEST };

/** Configuration of a replica. */
export interface ReplicaConfig {
  /** Name of the group: what is signed for one group means nothing in another. */
  readonly group: string;
  /** Where all replicas are, by number. */
  readonly replicas: readonly Address[];
  /** How many may be faulty. */
  readonly faulty: number;
  /** Number of this one. */
  readonly index: number;
  /** Its keys. */
  readonly keyring: Keyring;
  /** Where clients are answered, by member name. */
  readonly clients: Readonly<Record<string, Address>>;
  /** What differs from {@link REPLICA_SETTINGS}. */
  readonly settings?: Partial<ReplicaSettings>;
  /** Whether its process may order it to lie. Default false. */
  readonly faults?: boolean;
  /** How it lies from the start. */
  readonly behaviours?: readonly Behaviour[];
  /** Its journal is cut when it is longer, in bytes. */
  readonly checkpointBytes?: number;
}

/** What a role that is more than a replica hears of it. */
export interface ReplicaHooks {
  /** Every new state of the machine, also a recovered or fetched one. */
  readonly changed?: (state: unknown) => void;
  /** Evidence that is the first of its kind, and after a restart what was found before. */
  readonly accused?: (evidence: Evidence) => void;
}

/** Makes a role of a state machine: one replica of it. */
export function replicaRole<S, O, R>(
  machine: StateMachine<S, O, R>,
): RoleDefinition<ReplicaConfig> {
  return defineRole({
    name: "replica",
    create: (services, config) => new ReplicaActor(services, config, machine as StateMachine),
  });
}

/** A replica; part of a role of its own, or of one that does more. */
export class ReplicaActor implements Role {
  readonly messages: Readonly<Record<string, MessageHandler>>;
  readonly #authority: Authority;
  readonly #service: Service;
  readonly #proofs: Proofs;
  readonly #requests: Requests;
  readonly #transfer: Transfer;
  readonly #speaker: Speaker;
  readonly #intake: Intake;
  readonly #dossier = new Dossier();
  readonly #engine: Engine<unknown>;
  readonly #instances: Instances<undefined, ReplicaEvent>;
  readonly #checkpoints: Checkpoints;
  readonly #refused: Record<string, number> = {};
  #records: ProvedRecord[] = [];
  #instance: Instance<undefined> | undefined;
  #recovered: Extract<ReplicaEvent, { readonly type: "recovered" }> | undefined;
  #liar: Liar;

  /** A replica of a machine. @throws {RangeError} if there are too few of them */
  constructor(
    private readonly services: Services,
    private readonly config: ReplicaConfig,
    machine: StateMachine,
    private readonly hooks: ReplicaHooks = {},
  ) {
    const fault = groupFault(this.input);
    if (fault !== undefined) throw new RangeError(`Cannot start ${services.address}: ${fault}`);
    this.#authority = new Authority(config.group, this.input, new Keys(config.keyring));
    this.#service = new Service(machine, hooks.changed);
    this.#proofs = new Proofs(this.#authority, config.index);
    this.#liar = this.#liarOf(config.behaviours ?? []);
    const shared = this.#shared();
    const { timers, clock } = services;
    this.#transfer = new Transfer({
      ...shared,
      replicas: config.replicas,
      timeoutMs: this.input.fetchTimeoutMs,
      handOut: (chunk) => this.#liar.handsOut(chunk),
    });
    this.#requests = new Requests({ ...shared, proves: (proof) => this.#liar.proves(proof) });
    const speaker = new Speaker({ ...shared, liar: () => this.#liar });
    const witness = new Witness(this.#authority, this.#proofs, (found) => this.#accuse(found));
    const parts = { ...shared, requests: this.#requests, speaker, witness };
    const performer = new Performer({
      ...parts,
      input: this.input,
      transfer: this.#transfer,
      liar: () => this.#liar,
      record: (record) => this.#record(record),
      forget: () => this.#forget(),
      entered: () => this.#intake.entered(),
    });
    this.#intake = new Intake({
      ...parts,
      hears: (type, body) => this.#liar.hears(type, body),
      more: performer.messages,
    });
    this.#speaker = speaker;
    this.#checkpoints = new Checkpoints(
      services,
      config.checkpointBytes ?? CHECKPOINT_BYTES,
      () => this.#records,
    );
    this.#engine = services.engine(replica, "live");
    this.#instances = new Instances<undefined, ReplicaEvent>({
      engine: this.#engine,
      effects: performer.effects,
      timers,
      now: () => clock.now(),
      observe: () => services.observe(),
    });
    this.messages = {
      ...this.#intake.messages,
      ...this.#transfer.messages,
      ...this.#operator(),
    };
  }

  /** What all its parts work with. */
  #shared() {
    return {
      services: this.services,
      config: this.config,
      authority: this.#authority,
      proofs: this.#proofs,
      service: this.#service,
      context: () => this.context,
      step: (event: ReplicaEvent) => this.step(event),
      refuse: (reason: string, envelope: Envelope) => this.#refuse(reason, envelope),
      count: (reason: string) => this.#count(reason),
    };
  }

  /** What the machine is started with. */
  get input(): ReplicaInput {
    const { replicas, faulty, index, settings } = this.config;
    return { ...REPLICA_SETTINGS, ...settings, replicas: replicas.length, faulty, index };
  }

  /** What the machine knows. */
  get context(): ReplicaContext {
    return this.#engine.snapshot(this.#instance!.state).context as ReplicaContext;
  }

  /** The last number that is executed, and the last whose state a quorum has. */
  get progress(): { readonly executed: number; readonly stable: number } {
    const { executed = 0, stable } = this.#instance === undefined ? {} : this.context;
    return { executed, stable: stable?.sequence ?? 0 };
  }

  /** Gives the machine an event. */
  step(event: ReplicaEvent): void {
    this.#instances.step(this.#instance!, event);
  }

  // Life -------------------------------------------------------------------------------------

  /** Reads its journal. */
  recover(): void {
    const store = this.services.openStore();
    const records = [...store.records()] as ProvedRecord[];
    this.#records = records;
    const as = recover(records, this.config.index, this.#authority.group, INITIAL);
    records.forEach((record) => this.#proofs.recover(record));
    this.#dossier.recover(store);
    const executed = this.#service.recover(store, as.stable.sequence);
    this.#recovered = { type: "recovered", as, executed };
  }

  /** Begins. */
  serve(): void {
    this.#instance = this.#instances.create(String(this.config.index), this.input, undefined);
    this.step(this.#recovered!);
    for (const it of this.#dossier.evidence) this.hooks.accused?.(it);
  }

  /** Ends. */
  stop(): void {
    this.#instances.clear();
  }

  /** Where it is, what it refused, whom it convicted. */
  stats(): Record<string, unknown> {
    const isUp = this.#instance !== undefined;
    const { waiting: pending } = this.#requests;
    const { view, active, executed, stable } = isUp ? this.context : { view: 0 } as ReplicaContext;
    return {
      replica: { view, active, executed, stable: stable?.sequence, pending },
      requestsExecuted: this.#service.executed,
      refused: { ...this.#refused },
      evidence: this.#dossier.evidence.map(({ replica, offence }) => ({ replica, offence })),
      behaviours: [...this.#liar.behaviours],
      wrongStates: this.#transfer.wrong,
    };
  }

  #record(record: ProvedRecord): void {
    this.#records.push(record);
    this.#checkpoints.written();
  }

  /** Below the stable checkpoint nothing is needed, and what is above in the journal is little. */
  #forget(): void {
    this.#records = [...retained(this.#records, INITIAL)] as ProvedRecord[];
  }

  #count(reason: string): void {
    this.#refused[reason] = (this.#refused[reason] ?? 0) + 1;
  }

  #refuse(reason: string, envelope: Envelope): void {
    this.#count(reason);
    this.services.deadLetter("forbidden", envelope);
  }

  // Operators --------------------------------------------------------------------------------

  #accuse(evidence: Evidence): void {
    if (!this.#dossier.add(evidence, this.services.store)) return;
    const { replica, offence } = evidence;
    const name = `${this.config.replicas[replica]} (replica ${replica})`;
    this.services.log("failure", `${name} is faulty: ${offence}, by its own signature`);
    this.hooks.accused?.(evidence);
  }

  /** Another has gathered evidence: it counts if it convicts. */
  hearEvidence(evidence: Evidence): boolean {
    if (this.#dossier.has(evidence)) return true; // It need not be verified again.
    if (!isConvicting(evidence, this.#authority, this.input.window)) return false;
    this.#accuse(evidence);
    return true;
  }

  #liarOf(behaviours: readonly Behaviour[]): Liar {
    return new Liar(behaviours, {
      index: this.config.index,
      otherBatch: (digest) => this.#speaker.otherBatch(digest),
      viewTimeoutMs: () => this.input.viewTimeoutMs,
    });
  }

  #operator(): Record<string, MessageHandler> {
    return {
      "pbft.evidence": {
        accepts: () => true,
        handle: (_, envelope) => this.services.reply(envelope, this.#dossier.evidence),
      },
      "pbft.behave": {
        accepts: (body) => isRecord(body) && isBehaviours(body["behaviours"]),
        handle: ({ behaviours }: { readonly behaviours: readonly Behaviour[] }, envelope) => {
          if (this.config.faults !== true || nodeOf(envelope.from) !== MAIN_NODE) {
            this.#refuse("operator", envelope);
            return this.services.fail(envelope, "forbidden");
          }
          this.#liar = this.#liarOf(behaviours);
          this.services.reply(envelope, null);
        },
      },
    };
  }
}
