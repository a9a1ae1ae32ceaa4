/**
 * A role's life in its host: performs what the chart in `role_machine.ts` names, and answers those
 * who asked for it.
 *
 * @module
 */
import { type AnyActorRef, createActor } from "xstate";
import type { Envelope } from "./codec.ts";
import type { Effect } from "./engine.ts";
import type { GroupCommit } from "./group_commit.ts";
import type { Lives, Observer } from "./instances.ts";
import type { Address } from "./ports.ts";
import type { Role } from "./role.ts";
import { type RoleEvent, roleMachine } from "./role_machine.ts";
import { SingleLife } from "./single_life.ts";
import type { Timers } from "./timers.ts";

/** How often draining and flushing ask whether all is done. */
const POLL_MS = 5;
/** How long a full or busy mailbox is waited for with the last answers. */
const LAST_WORDS_MS = 500;
/** What it knows is complete from the end of recovery until it is told to stop. */
const PERSISTS: ReadonlySet<string> = new Set(["serving", "draining", "drained"]);
const STARTABLE: ReadonlySet<string> = new Set(["starting", "recovering", "serving"]);

/** What a life needs of its host. */
export interface LifeParts {
  readonly address: Address;
  /** Who looks on, if anyone. */
  readonly observe: () => Observer | undefined;
  readonly role: Role;
  readonly journal: GroupCommit;
  readonly timers: Timers;
  readonly now: () => number;
  readonly wake: () => void;
  /** Bytes that wait to be sent. */
  readonly unsent: () => number;
  /** Sends what can be sent now. */
  readonly flush: () => void;
  readonly reply: (to: Envelope, value: unknown) => void;
  readonly fail: (to: Envelope, reason: string) => void;
  readonly unexpected: (state: string) => void;
  /** It is over; `undefined` after an orderly stop. */
  readonly ended: (error: Error | undefined) => void;
}

/** The life of one role. */
export class RoleLife {
  readonly #parts: LifeParts;
  readonly #actor: AnyActorRef;
  /** For those who look on. */
  readonly lives: Lives;
  readonly #effects: (Effect & { readonly perform: () => unknown })[] = [];
  readonly #starters: Envelope[] = [];
  readonly #drainers: Envelope[] = [];
  readonly #stoppers: Envelope[] = [];
  #over = false;
  /** Whether its role has done what it does to serve. */
  #ready = false;

  constructor(parts: LifeParts) {
    this.#parts = parts;
    const effect = (type: string, perform: () => unknown) => () =>
      void this.#effects.push({ type, params: undefined, perform });
    this.#actor = createActor(
      roleMachine.provide({
        actions: {
          recover: effect("recover", () => this.#recover()),
          serve: effect("serve", () => this.#serve()),
          drain: effect("drain", () => this.#drain()),
          answerDrain: effect("answerDrain", () => this.#answer(this.#drainers)),
          stop: effect("stop", () => this.#stop()),
          reject: effect("reject", () => parts.unexpected(this.state)),
        },
      }),
    );
    // Without an error observer XState rethrows in a macrotask and takes the process along.
    this.#actor.subscribe({ error: (error: unknown) => this.crash(error) });
    this.#actor.start();
    this.lives = new SingleLife(roleMachine, parts.address, () => this.#actor.getSnapshot());
  }

  /** State of the chart. */
  get state(): string {
    return this.#actor.getSnapshot().value as string;
  }

  /** Whether it has what it keeps: its store is open, and read. */
  get recovered(): boolean {
    return !["starting", "recovering"].includes(this.state);
  }

  /** Whether it has ended, orderly or not. */
  get over(): boolean {
    return this.#over;
  }

  /** Its process is gone: what its promises still bring about is not done. */
  halt(): void {
    this.#over = true;
  }

  /** Gives the chart an event, then performs what it named: never inside of XState. */
  #live(event: RoleEvent): void {
    if (this.#over) return;
    const before = this.state;
    this.#actor.send(event);
    const effects = this.#effects.splice(0);
    const { address, observe } = this.#parts;
    const after = this.#actor.getSnapshot();
    observe()?.(roleMachine.id, address, event, before, this.state, effects, this.lives, after);
    for (const { perform } of effects) perform();
  }

  /** Recovers and serves; who asked is answered when it does. */
  start(asker?: Envelope): void {
    if (asker !== undefined) {
      if (!STARTABLE.has(this.state)) return this.#parts.fail(asker, "notServing");
      this.#starters.push(asker);
      if (this.#ready) return this.#answer(this.#starters);
    }
    this.#live({ type: "start" });
  }

  /** Finishes what was accepted. */
  drain(asker: Envelope): void {
    this.#drainers.push(asker);
    this.#live({ type: "drain" });
  }

  /** Lets go of everything and ends. */
  stop(asker: Envelope): void {
    this.#stoppers.push(asker);
    this.#live({ type: "stop" });
  }

  /** Answers when nothing waits to be sent. */
  flush(asker: Envelope): void {
    this.#whenever(() => this.#parts.unsent() === 0, asker);
  }

  /** Answers when everything the role has to keep is durable. */
  persist(asker: Envelope): void {
    const { journal, role } = this.#parts;
    // A role that stops has let go of what a checkpoint would keep, and would keep nothing.
    if (journal.store !== undefined && PERSISTS.has(this.state)) role.persist?.();
    journal.force();
    this.#whenever(() => !journal.store?.dirty, asker);
  }

  #whenever(holds: () => boolean, asker: Envelope): void {
    if (holds()) return this.#parts.reply(asker, { state: this.state });
    this.#later(POLL_MS, () => this.#whenever(holds, asker));
  }

  #later(ms: number, action: () => void): void {
    this.#parts.timers.set(this.#parts.now() + ms, action);
  }

  #answer(waiting: Envelope[]): void {
    for (const envelope of waiting.splice(0)) this.#parts.reply(envelope, { state: this.state });
  }

  async #recover(): Promise<void> {
    try {
      await this.#parts.role.recover?.();
      if (this.#over) return;
      this.#live({ type: "recovered" });
      this.#parts.wake();
    } catch (error) {
      this.crash(error);
    }
  }

  async #serve(): Promise<void> {
    try {
      await this.#parts.role.serve?.();
      this.#ready = true;
      this.#answer(this.#starters);
      this.#parts.wake();
    } catch (error) {
      this.crash(error);
    }
  }

  #drain(): void {
    const { role, wake } = this.#parts;
    role.drain?.();
    const poll = (): void => {
      if (this.state !== "draining") return; // It was told to stop meanwhile.
      if (role.drained?.() ?? true) return this.#live({ type: "drained" });
      this.#later(POLL_MS, poll);
    };
    this.#later(0, poll);
    wake();
  }

  async #stop(): Promise<void> {
    const { role, journal, fail, now } = this.#parts;
    try {
      await role.stop?.();
      if (this.#over) return; // Killed meanwhile: it lets go of nothing and answers nobody.
      journal.close();
      this.#live({ type: "stopped" });
      for (const starter of this.#starters.splice(0)) fail(starter, "notServing");
      this.#answer(this.#drainers); // Told to drain before it served, or to stop meanwhile.
      this.#answer(this.#stoppers);
      this.#leave(now() + LAST_WORDS_MS);
    } catch (error) {
      this.crash(error);
    }
  }

  /** Goes when its last answers are out, or cannot be got out in time. */
  #leave(deadline: number): void {
    const { unsent, flush, now, ended } = this.#parts;
    flush();
    if (unsent() > 0 && now() < deadline) return this.#later(1, () => this.#leave(deadline));
    this.#over = true;
    ended(undefined);
  }

  /** Ends it at once. */
  crash(error: unknown): void {
    if (this.#over) return;
    if (this.state !== "stopped") this.#live({ type: "failed" });
    this.#over = true;
    this.#parts.ended(error instanceof Error ? error : new Error(String(error)));
  }
}
