/**
 * The host turns a role's effects into I/O. It works in turns: read a batch of messages, let the
 * role handle them, fire timers, send what may be sent at once, commit the journal once for the
 * whole batch, then send what waited for that. Group commit and batching fall out of this; the
 * machines do not see them. Who calls {@link Host.turn} is the spawner's business: a worker's
 * event loop or the simulator's queue.
 *
 * @module
 */
import { type AnyActorRef, createActor } from "xstate";
import {
  decode,
  decodeFrame,
  encode,
  type Envelope,
  MalformedFrame,
  type Outgoing,
} from "./codec.ts";
import type { Observer } from "./instances.ts";
import { Outbox, type Traffic } from "./outbox.ts";
import type {
  Address,
  DeadLetter,
  DeadLetterReason,
  Frame,
  Ports,
  SendResult,
  Store,
} from "./ports.ts";
import {
  AskFailed,
  type LogKind,
  nodeOf,
  type Role,
  roleAddress,
  type RoleDefinition,
  type SendOptions,
  type Services,
} from "./role.ts";
import { type RoleEvent, roleMachine } from "./role_machine.ts";
import { type Timer, Timers } from "./timers.ts";

/** Frames read in one turn at most, so that timers and commits are never starved. */
const FRAMES_PER_TURN = 64;
/** Lazy records wait this long for a forced one to travel with. */
const LAZY_COMMIT_MS = 50;
/** How often draining asks whether all is done. */
const DRAIN_POLL_MS = 5;
const KEPT_DEAD_LETTERS = 100;
/** Frames taken in before they are due; beyond this the mailbox fills and pushes back. */
const MOST_HELD_BYTES = 4 * 1024 * 1024;
/** After some turns in a row with a full mailbox ahead, the next try waits this long. */
const BLOCKED_RETRY_MS = 0.5;
const EAGER_RETRIES = 4;
/** Calls of one incarnation: no answer to an earlier one can be taken for one to this. */
const CALLS = 2 ** 32;

const REPLY = "$reply";
const STARTABLE: ReadonlySet<string> = new Set(["starting", "recovering", "serving"]);

/** Hooks of the process the host runs in. */
export interface HostHooks {
  /** Something arrived outside of a turn: take one soon. */
  readonly wake: () => void;
  readonly log: (kind: LogKind, text: string) => void;
  /** The role is gone: `undefined` after an orderly stop. */
  readonly ended: (error: Error | undefined) => void;
  readonly epoch: () => number;
  /** See {@link Services.outside}. */
  readonly outside?: <T>(work: Promise<T>) => Promise<T>;
}

/** What {@link Host.turn} says about the next one. */
export interface TurnResult {
  /** Take another turn as soon as the event loop has had its own. */
  readonly again: boolean;
  /** Otherwise at this instant at the latest; undefined: only when something arrives. */
  readonly next: number | undefined;
  /** It holds so much mail that is not due yet that it reads no more before `next`. */
  readonly deaf: boolean;
}

const NO_TURN: TurnResult = { again: false, next: undefined, deaf: false };

/** Runs one role. */
export class Host implements Services {
  readonly node: string;
  readonly timers: Timers = new Timers();
  readonly #outbox: Outbox;
  readonly #role: Role;
  readonly #lifecycle: AnyActorRef;
  readonly #effects: (() => unknown)[] = [];
  readonly #waits: { readonly number: number; readonly durable: () => void }[] = [];
  readonly #asks = new Map<number, { done: (body: ReplyBody) => void; timer: Timer }>();
  readonly #traffic: Traffic = { sent: 0, delivered: 0, dropped: 0, duplicated: 0 };
  readonly #dead: DeadLetter[] = [];
  readonly #deadCounts: Partial<Record<DeadLetterReason, number>> = {};
  readonly #starters: Envelope[] = [];
  readonly #drainers: Envelope[] = [];
  readonly #stoppers: Envelope[] = [];
  #store: Store | undefined;
  #forced = false;
  #storeCommits = 0;
  #lazyTimer: Timer | undefined;
  #calls: number;
  #heldBytes = 0;
  #blockedTurns = 0;
  #observer: Observer | undefined;
  #ended = false;

  constructor(
    readonly address: Address,
    definition: RoleDefinition<never>,
    config: unknown,
    private readonly ports: Ports,
    private readonly hooks: HostHooks,
  ) {
    this.node = nodeOf(address);
    this.#calls = ports.transport.incarnation * CALLS;
    this.#outbox = new Outbox(address, ports, hooks.epoch, this.#traffic, (reason, envelope) => {
      this.#bury(reason, { ...envelope, from: this.address });
    });
    this.#role = definition.create(this, config as never);
    const perform = (effect: () => unknown) => () => void this.#effects.push(effect);
    this.#lifecycle = createActor(
      roleMachine.provide({
        actions: {
          recover: perform(() => this.#recover()),
          serve: perform(() => this.#serve()),
          drain: perform(() => this.#drain()),
          answerDrain: perform(() => this.#answerAll(this.#drainers)),
          stop: perform(() => this.#stop()),
          reject: perform(() =>
            this.log("warning", `${address}: unexpected step in state ${this.state}`)
          ),
        },
      }),
    );
    // Without an error observer XState rethrows in a macrotask and takes the process along.
    this.#lifecycle.subscribe({ error: (error: unknown) => this.#crash(error) });
    this.#lifecycle.start();
  }

  // Services ---------------------------------------------------------------------------------

  get incarnation(): number {
    return this.ports.transport.incarnation;
  }
  get clock(): Ports["clock"] {
    return this.ports.clock;
  }
  get random(): Ports["random"] {
    return this.ports.random;
  }
  get links(): Ports["links"] {
    return this.ports.links;
  }
  get store(): Store {
    if (this.#store === undefined) throw new Error(`${this.address} has no open store`);
    return this.#store;
  }
  /** State of the role's life. */
  get state(): string {
    return this.#lifecycle.getSnapshot().value as string;
  }
  epoch(): number {
    return this.hooks.epoch();
  }
  wake(): void {
    this.hooks.wake();
  }
  outside<T>(work: Promise<T>): Promise<T> {
    const ended = this.hooks.outside?.(work) ?? work;
    return ended.finally(() => this.wake());
  }
  log(kind: LogKind, text: string): void {
    this.hooks.log(kind, text);
  }
  observe(): Observer | undefined {
    return this.#observer;
  }
  /** Attaches or detaches an onlooker. */
  setObserver(observer: Observer | undefined): void {
    this.#observer = observer;
  }

  send(to: Address, type: string, body: unknown, options: SendOptions = {}): SendResult {
    const outgoing: Outgoing = { to, type, bytes: encode(body), metadata: options.metadata };
    return this.#outbox.add(outgoing, options.urgent ?? false);
  }

  ask(to: Address, type: string, body: unknown, timeoutMs: number): Promise<unknown> {
    const call = ++this.#calls;
    const deadline = this.clock.now() + timeoutMs;
    return new Promise((resolve, reject) => {
      const fail = (reason: string) => {
        this.#asks.delete(call);
        reject(new AskFailed(reason, to, type));
      };
      const sent = this.send(to, type, body, { metadata: { call, deadline } });
      if (sent !== "accepted") return fail(sent);
      const timer = this.timers.set(deadline, () => fail("timeout"));
      this.#asks.set(call, {
        timer,
        done: (answer) => answer.ok ? resolve(answer.value) : fail(answer.reason),
      });
      this.wake();
    });
  }

  reply(to: Envelope, value: unknown): void {
    this.#answer(to, { ok: true, value });
  }

  fail(to: Envelope, reason: string): void {
    this.#answer(to, { ok: false, reason });
  }

  #answer(to: Envelope, body: ReplyBody): void {
    const { call } = to.metadata;
    if (call === undefined) return;
    const result = this.send(to.from, REPLY, body, { urgent: true, metadata: { call } });
    if (result === "full") this.#bury("full", { to: to.from, from: this.address, type: REPLY });
  }

  journal(record: unknown, forced: boolean, durable?: () => void): void {
    const number = this.store.append(record);
    if (durable !== undefined) this.#waits.push({ number, durable });
    if (forced) this.#forced = true;
  }

  deadLetter(reason: DeadLetterReason, envelope: Envelope): void {
    this.#bury(reason, envelope);
  }

  #bury(
    reason: DeadLetterReason,
    { to, from, type }: { to: Address; from: Address; type: string },
    count = 1,
  ): void {
    this.#deadCounts[reason] = (this.#deadCounts[reason] ?? 0) + count;
    this.#dead.push({ reason, to, from, type, state: this.state });
    if (this.#dead.length > KEPT_DEAD_LETTERS) this.#dead.shift();
  }

  /** Gives the role's life an event, then performs what it named: never inside of XState. */
  #live(event: RoleEvent): void {
    this.#lifecycle.send(event);
    for (const effect of this.#effects.splice(0)) effect();
  }

  // Turns ------------------------------------------------------------------------------------

  /** Mail that waited for an incarnation that is gone is not for this one. */
  discardOldMail(): void {
    for (
      let f = this.ports.transport.receive();
      f !== undefined;
      f = this.ports.transport.receive()
    ) {
      const from = `slot ${f.sender}`;
      this.#bury("oldIncarnation", { to: this.address, from, type: "frame" }, f.count);
    }
  }

  /** One turn. An error thrown by the role ends it: {@link HostHooks.ended} is told. */
  turn(): TurnResult {
    if (this.#ended) return NO_TURN;
    try {
      const more = this.#receive();
      this.timers.fire(this.clock.now());
      if (this.#ended) return NO_TURN; // A hook of the role's life threw.
      this.#deliverDurable();
      this.#outbox.flush();
      this.#commit();
      // A frame that found a full or busy mailbox is tried again in the next turn.
      return this.#result(more, this.#outbox.flush());
    } catch (error) {
      this.#crash(error);
      return NO_TURN;
    }
  }

  #result(more: boolean, blocked: boolean): TurnResult {
    this.#blockedTurns = blocked ? this.#blockedTurns + 1 : 0;
    // Busy is over in a moment, full may last: do not spin on it.
    const retry = blocked && this.#blockedTurns <= EAGER_RETRIES;
    const soon = blocked ? this.clock.now() + BLOCKED_RETRY_MS : Infinity;
    const next = Math.min(this.timers.next() ?? Infinity, soon);
    return {
      again: more || retry || this.#forced,
      next: next === Infinity ? undefined : next,
      deaf: this.#heldBytes >= MOST_HELD_BYTES,
    };
  }

  #receive(): boolean {
    const { transport } = this.ports;
    let read = 0;
    for (; read < FRAMES_PER_TURN; read++) {
      if (this.#heldBytes >= MOST_HELD_BYTES) break;
      const frame = transport.receive();
      if (frame === undefined) break;
      if (frame.due > 0) this.#hold(frame);
      else this.#open(frame);
    }
    return read === FRAMES_PER_TURN;
  }

  /**
   * Still on the wire: the link hands it over when it is due. One that is due already goes this
   * way too, or it would overtake frames that are held for an earlier instant.
   */
  #hold(frame: Frame): void {
    this.#heldBytes += frame.bytes.length;
    this.timers.set(frame.due, () => {
      this.#heldBytes -= frame.bytes.length;
      this.#open(frame);
    });
  }

  #open(frame: Frame): void {
    let envelopes: Envelope[];
    try {
      envelopes = decodeFrame(frame.bytes);
    } catch (error) {
      if (!(error instanceof MalformedFrame)) throw error;
      const from = `slot ${frame.sender}`;
      this.#bury("malformed", { to: this.address, from, type: error.message }, frame.count);
      return;
    }
    const clock = envelopes[0]?.clock;
    if (clock !== undefined) this.ports.nodeClock.merge(clock);
    for (const envelope of envelopes) this.#dispatch(envelope);
  }

  #dispatch(envelope: Envelope): void {
    if (roleAddress(envelope.to) !== this.address) return this.#bury("unreachable", envelope);
    let body: unknown;
    try {
      body = decode(envelope.bytes);
    } catch (error) {
      if (!(error instanceof MalformedFrame)) throw error;
      return this.#bury("malformed", envelope);
    }
    this.#traffic.delivered++;
    if (envelope.type.startsWith("$")) return this.#system(envelope, body);
    const { messages } = this.#role;
    // The type is a stranger's word: "constructor" must not be found.
    const handler = Object.hasOwn(messages, envelope.type) ? messages[envelope.type] : undefined;
    if (handler === undefined) {
      this.#bury("unknownType", envelope);
      return this.fail(envelope, "unknownType");
    }
    if (!handler.accepts(body)) {
      this.#bury("invalidBody", envelope);
      return this.fail(envelope, "invalidBody");
    }
    const { state } = this;
    if (state !== "serving" && state !== "draining" && state !== "drained") {
      this.#bury("notServing", envelope);
      return this.fail(envelope, "notServing");
    }
    handler.handle(body as never, envelope);
  }

  /** Messages every role understands. */
  #system(envelope: Envelope, body: unknown): void {
    switch (envelope.type) {
      case REPLY: {
        const ask = this.#asks.get(envelope.metadata.call ?? -1);
        if (ask === undefined || !isReply(body)) return; // Too late: the asker has given up.
        this.timers.cancel(ask.timer);
        this.#asks.delete(envelope.metadata.call!);
        return ask.done(body);
      }
      case "$start":
        if (!STARTABLE.has(this.state)) return this.fail(envelope, "notServing");
        this.#starters.push(envelope);
        if (this.state === "serving") return this.#answerAll(this.#starters);
        return this.start();
      case "$drain":
        this.#drainers.push(envelope);
        return this.#live({ type: "drain" });
      case "$stop":
        this.#stoppers.push(envelope);
        return this.#live({ type: "stop" });
      case "$flush":
        return this.#whenFlushed(() => this.reply(envelope, { state: this.state }));
      case "$persist":
        return this.#persist(envelope);
      case "$stats":
        return this.reply(envelope, this.stats());
      case "$ping":
        return this.reply(envelope, { state: this.state });
      default:
        this.#bury("unknownType", envelope);
    }
  }

  /** Calls back when nothing waits to be sent. */
  #whenFlushed(done: () => void): void {
    if (this.#outbox.bytes === 0) return done();
    this.timers.set(this.clock.now() + DRAIN_POLL_MS, () => this.#whenFlushed(done));
  }

  /** Answers when everything the role has to keep is durable. */
  #persist(envelope: Envelope): void {
    const answer = () => this.reply(envelope, { state: this.state });
    if (this.#store === undefined) return answer();
    this.#role.persist?.();
    if (!this.#store.dirty) return answer();
    this.#forced = true;
    const poll = (): void => {
      if (this.#store === undefined || !this.#store.dirty) return answer();
      this.timers.set(this.clock.now() + DRAIN_POLL_MS, poll);
    };
    poll();
  }

  #answerAll(waiting: Envelope[]): void {
    for (const envelope of waiting.splice(0)) this.reply(envelope, { state: this.state });
  }

  #deliverDurable(): void {
    if (this.#store === undefined) return;
    while (this.#waits.length > 0 && this.#waits[0]!.number <= this.#store.durable) {
      this.#waits.shift()!.durable();
    }
  }

  #commit(): void {
    if (this.#store === undefined || !this.#store.dirty) {
      this.#forced = false; // The lazy records it was for went with a forced one.
      return;
    }
    if (!this.#forced) {
      this.#lazyTimer ??= this.timers.set(this.clock.now() + LAZY_COMMIT_MS, () => {
        this.#lazyTimer = undefined;
        this.#forced = true;
      });
      return;
    }
    this.#forced = false;
    if (this.#lazyTimer !== undefined) this.timers.cancel(this.#lazyTimer);
    this.#lazyTimer = undefined;
    this.#store.commit();
    this.#storeCommits++;
    this.#deliverDurable();
  }

  // Life -------------------------------------------------------------------------------------

  /** Recovers and serves. */
  start(): void {
    this.#live({ type: "start" });
  }

  #recover(): void {
    try {
      this.#role.recover?.();
      queueMicrotask(() => {
        this.#live({ type: "recovered" });
        this.wake();
      });
    } catch (error) {
      this.#crash(error);
    }
  }

  /** Opens the store; called by roles that keep one, in `recover`. */
  openStore(): Store {
    return this.#store ??= this.ports.openStore();
  }

  async #serve(): Promise<void> {
    try {
      await this.#role.serve?.();
      this.#answerAll(this.#starters);
      this.wake();
    } catch (error) {
      this.#crash(error);
    }
  }

  #drain(): void {
    this.#role.drain?.();
    const poll = () => {
      if (this.state !== "draining") return; // It was told to stop meanwhile.
      if (this.#role.drained?.() ?? true) return this.#live({ type: "drained" });
      this.timers.set(this.clock.now() + DRAIN_POLL_MS, poll);
    };
    this.timers.set(this.clock.now(), poll);
    this.wake();
  }

  async #stop(): Promise<void> {
    try {
      await this.#role.stop?.();
      if (this.#store?.dirty) this.#store.commit();
      this.#store?.close();
      this.#store = undefined;
      this.#live({ type: "stopped" });
      for (const starter of this.#starters.splice(0)) this.fail(starter, "notServing");
      this.#answerAll(this.#drainers); // Told to drain before it served, or to stop meanwhile.
      this.#answerAll(this.#stoppers);
      this.#outbox.flush();
      this.#ended = true;
      this.hooks.ended(undefined);
    } catch (error) {
      this.#crash(error);
    }
  }

  #crash(error: unknown): void {
    if (this.#ended) return;
    this.#ended = true;
    this.hooks.ended(error instanceof Error ? error : new Error(String(error)));
  }

  /** Figures of host and role. */
  stats(): Record<string, unknown> {
    return {
      ...this.#role.stats?.(),
      state: this.state,
      mailbox: this.ports.transport.depth(),
      outboxBytes: this.#outbox.bytes,
      messages: { ...this.#traffic },
      deadLetters: { ...this.#deadCounts },
      lastDeadLetters: this.#dead.slice(-10),
      timers: this.timers.size,
      storeCommits: this.#storeCommits,
    };
  }
}

type ReplyBody = { readonly ok: true; readonly value: unknown } | {
  readonly ok: false;
  readonly reason: string;
};

function isReply(body: unknown): body is ReplyBody {
  if (typeof body !== "object" || body === null) return false;
  const { ok, reason } = body as Record<string, unknown>;
  return ok === true || (ok === false && typeof reason === "string");
}
