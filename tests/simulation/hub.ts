/**
 * Where everything that happens in a run comes together: it is recorded, counted, and shown to the
 * invariants.
 *
 * @module
 */
import type { Envelope } from "../../runtime/codec.ts";
import type { Address } from "../../runtime/ports.ts";
import { CLIENT, type LogKind } from "../../runtime/role.ts";
import { roleMachine } from "../../runtime/role_machine.ts";
import type { Onlooker } from "../../runtime/simulated/spawner.ts";
import type { Witness } from "../../runtime/witness.ts";
import type { AnyStateMachine } from "../../runtime/xstate_types.ts";
import type { Coverage } from "./coverage.ts";
import { type InvariantDefinition, Invariants, type Watched } from "./invariant.ts";
import type { LedgerModel } from "./ledger_model.ts";
import type { Recorder } from "./recorder.ts";
import type { Strikes } from "./strikes.ts";
import { type Fault, FAULTS } from "./swarm.ts";

/** Why a role ends whose disk is full. */
export const DISK_FAILED = /no space is left on the device/;

const COORDINATORS: ReadonlySet<string> = new Set([
  "twoPhaseCommit.coordinator",
  "threePhaseCommit.coordinator",
]);
const ENDED: ReadonlySet<string> = new Set(["ended", "aborted"]);

/** A broken invariant. */
export interface Violation {
  readonly invariant: string;
  readonly message: string;
  /** Number of the event it came up at. */
  readonly event: number;
}

/** What a hub connects. */
export interface HubParts {
  readonly recorder: Recorder;
  readonly coverage: Coverage;
  readonly model: LedgerModel;
  readonly definitions: readonly InvariantDefinition[];
  /** Machines that stand in for those that ship, by id. */
  readonly replaced: ReadonlyMap<string, AnyStateMachine>;
  readonly watched: Omit<Watched, "fail" | "faults" | "model">;
  readonly strikes: Strikes;
  /** Whether the link between the nodes of two roles is up, or there is none. */
  readonly linked: (from: Address, to: Address) => boolean;
}

/** The hub of one run. */
export class Hub {
  readonly violations: Violation[] = [];
  /** Told of each message that a link takes, just before it goes. */
  leaving: (from: Address, type: string) => void = () => {};
  /** Faults at work, with how many of each. */
  readonly faults: Map<Fault, number> = new Map();
  /** Transactions that have not ended, with who coordinates them. */
  readonly running: Map<string, Address> = new Map();
  readonly #active = new Set<string>();
  readonly invariants: Invariants;
  #cause: Envelope | undefined;
  #stepped = false;
  #over = false;
  /** Of the present incarnation of each address: an older one that is fenced has nothing to say. */
  readonly #lives = new Map<Address, { over: boolean }>();

  constructor(private readonly parts: HubParts) {
    const { definitions, model, watched } = parts;
    this.invariants = new Invariants(definitions, (name) => ({
      now: watched.now,
      faultless: watched.faultless,
      keepers: watched.keepers,
      settings: watched.settings,
      rows: watched.rows,
      storeId: watched.storeId,
      faults: this.#active,
      model,
      fail: (message) => this.fail(name, message),
    }));
    parts.coverage.begin();
  }

  /** A violation: the first one of each invariant is kept. */
  fail(invariant: string, message: string): void {
    if (this.#over || this.violations.some((it) => it.invariant === invariant)) return;
    this.violations.push({ invariant, message, event: this.parts.recorder.count });
  }

  /** What happens from now on is of no interest: the run is being torn down. */
  close(): void {
    this.#over = true;
  }

  /** A fault begins or ends. */
  fault(fault: Fault, by: 1 | -1, target: string, note: string): void {
    const count = (this.faults.get(fault) ?? 0) + by;
    this.faults.set(fault, count);
    if (count > 0) this.#active.add(fault);
    else this.#active.delete(fault);
    const bit = 1 << FAULTS.indexOf(fault);
    const { coverage, recorder, strikes } = this.parts;
    if (by > 0) strikes.injected(fault);
    coverage.active = count > 0 ? coverage.active | bit : coverage.active & ~bit;
    const type = by > 0 ? fault : `${fault} over`;
    recorder.add("fault", target, type, "", "", () => note);
  }

  /** What a role or the cluster logs. */
  log(address: Address, kind: LogKind, text: string): void {
    if (this.#over) return;
    this.invariants.logged(address, kind, text);
  }

  /** For the system. */
  get onlooker(): Onlooker {
    const { coverage, replaced, model, recorder, watched, strikes } = this.parts;
    const { invariants } = this;
    return {
      engine: (machine) => coverage.engine(replaced.get(machine.id) ?? machine),
      observe: (address) => {
        const life = this.#lives.get(address)!;
        return (machine, key, event, before, after, effects) => {
          if (this.#over || life.over) return;
          if (machine === roleMachine.id) coverage.live(roleMachine, before, event.type, after);
          if (COORDINATORS.has(machine)) {
            if (ENDED.has(after)) this.running.delete(key);
            else this.running.set(key, address);
          }
          const cause = this.#cause;
          this.#stepped = true;
          const from = cause?.from ?? address;
          const note = () => `${key}: ${effects.map(({ type }) => type).join(" ")}`;
          recorder.add(from, address, event.type, before, after, note, key);
          invariants.step({ address, machine, key, event, before, after, effects, cause });
        };
      },
      witness: (address) => this.#witness(address),
      transmitted: (from, to, count, result) => {
        if (result === "full") strikes.struck("mailbox", 1);
        invariants.transmitted(from, to, count, result);
      },
      turned: (process) => {
        if (this.#active.has("slow") && process.slow) strikes.struck("slow", 1);
        invariants.turned(process);
      },
      gone: (process) => {
        if (this.#over) return;
        const { address, reason = "" } = process;
        this.#lives.get(address)!.over = true;
        if (reason === "fenced") strikes.struck("pause", 1);
        else if (DISK_FAILED.test(reason)) strikes.struck("disk", 1);
        recorder.add(address, address, "gone", "", "", () => reason);
        invariants.gone(process, reason);
      },
      written: (store, batch) => {
        const keeper = watched.keepers.get(store) ?? store;
        const note = () => `${batch.records.length} records, ${batch.rows.size} rows`;
        recorder.add(keeper, keeper, "durable", "", "", note);
        model.written(store, batch);
        invariants.written(store, batch);
      },
    };
  }

  #witness(address: Address): Witness {
    const { invariants } = this;
    const { recorder, strikes, linked } = this.parts;
    const life = { over: false };
    /** Of each sender, the latest frame heard: clocks grow along every sender's frames. */
    const latest = new Map<Address, number>();
    this.#lives.set(address, life);
    return {
      sent: (to, envelopes, copies) => {
        if (life.over) return;
        invariants.sent(address, to, envelopes, copies);
        if (copies > 0) { for (const { type } of envelopes) this.leaving(address, type); }
        if (copies > 1) strikes.struck("duplicate", envelopes.length);
        if (copies > 0) return;
        strikes.struck(linked(address, to) ? "loss" : "partition", envelopes.length);
        for (const { type } of envelopes) {
          recorder.add(address, to, type, "", "", () => "lost on the link", "lost");
        }
      },
      delivered: (envelope) => {
        if (life.over) return;
        this.#cause = envelope;
        this.#stepped = false;
        if (this.#active.has("reorder")) {
          const age = envelope.clock.reduce((sum, ticks) => sum + ticks, 0);
          if (age < (latest.get(envelope.from) ?? 0)) strikes.struck("reorder", 1);
          else latest.set(envelope.from, age);
        }
        invariants.delivered(address, envelope);
      },
      handled: () => {
        if (this.#cause === undefined) return;
        const { from, type } = this.#cause;
        this.#cause = undefined;
        // The driver asks for figures and the like: it is no part of the world.
        if (!this.#stepped && address !== CLIENT) {
          recorder.add(from, address, type, "", "", () => "");
        }
      },
      dead: (letter, count) => {
        if (this.#over || life.over) return;
        const { from, to, type, reason } = letter;
        recorder.add(from, to, type, "", "", () => `dead letter: ${reason}`, reason);
        invariants.dead(address, letter, count);
      },
    };
  }
}
