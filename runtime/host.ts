/**
 * The host turns a role's effects into I/O. It works in turns: read a batch of messages, let the
 * role handle them, fire timers, send what may be sent at once, commit the journal once for the
 * whole batch, then send what waited for that. Group commit and batching fall out of this; the
 * machines do not see them. Who calls {@link Host.turn} is the spawner's business: a worker's
 * event loop or the simulator's queue.
 *
 * @module
 */
import { Arrivals } from "./arrivals.ts";
import { Asks, REPLY, type Reply } from "./asks.ts";
import { encode, type Envelope, type Outgoing } from "./codec.ts";
import { DeadLetters } from "./dead_letters.ts";
import { type Engine, engineFor, type EngineKind } from "./engine.ts";
import { GroupCommit } from "./group_commit.ts";
import type { HostHooks, TurnResult } from "./host_hooks.ts";
import type { Observer } from "./instances.ts";
import { Onlookers } from "./onlookers.ts";
import { isOversized, Outbox, type Traffic } from "./outbox.ts";
import { LOG, LOST_TAIL, PeerLogs } from "./peer_logs.ts";
import type { Address, DeadLetterReason, Ports, SendResult, Store } from "./ports.ts";
import {
  type LogKind,
  MAIN_NODE,
  nodeOf,
  type Role,
  type RoleDefinition,
  type SendOptions,
  type Services,
} from "./role.ts";
import { RoleLife } from "./role_life.ts";
import { Timers } from "./timers.ts";
import type { AnyStateMachine } from "./xstate_types.ts";

export type * from "./host_hooks.ts";

/** After some turns in a row with a full mailbox ahead, the next try waits this long. */
const BLOCKED_RETRY_MS = 0.5, EAGER_RETRIES = 4;
const OPEN_STATES: ReadonlySet<string> = new Set(["serving", "draining", "drained"]);
/** Messages about a role's life are taken from its own node and from its process only. */
const LIFE: ReadonlySet<string> = new Set(["$start", "$drain", "$stop", "$flush", "$persist"]);

const NO_TURN: TurnResult = { again: false, next: undefined, deaf: false };

/** Runs one role. */
export class Host implements Services {
  readonly node: string;
  /** Fired in turns. */
  readonly timers: Timers = new Timers();
  /** Attached and detached while it runs. */
  readonly onlookers: Onlookers;
  readonly #outbox: Outbox;
  readonly #role: Role;
  readonly #life: RoleLife;
  readonly #arrivals: Arrivals;
  readonly #asks: Asks;
  readonly #dead: DeadLetters;
  readonly #journal: GroupCommit;
  readonly #peerLogs: PeerLogs = new PeerLogs(this, () => this.#journal.store);
  readonly #traffic: Traffic = { sent: 0, delivered: 0, dropped: 0, duplicated: 0 };
  #blockedTurns = 0;
  #turning = false;

  /** Creates the role; nothing of it runs before the first turn. */
  constructor(
    readonly address: Address,
    definition: RoleDefinition<never>,
    config: unknown,
    private readonly ports: Ports,
    private readonly hooks: HostHooks,
  ) {
    this.node = nodeOf(address);
    const parts = { life: () => this.#life.lives, role: () => this.#role };
    const onlookers = this.onlookers = new Onlookers(hooks.witness, parts);
    this.#dead = new DeadLetters(() => this.state, onlookers.seen);
    this.#asks = new Asks(ports.transport.incarnation, this.timers);
    this.#journal = new GroupCommit(ports.openStore, this.timers, ports.clock, onlookers.seen);
    this.#outbox = new Outbox(
      address,
      ports,
      hooks.epoch,
      this.#traffic,
      (reason, envelope) => {
        this.#dead.add(reason, { ...envelope, from: this.address });
      },
      undefined,
      onlookers.seen,
      () => this.#peerLogs.own,
    );
    this.#arrivals = new Arrivals(address, ports, this.timers, this.#dead, (envelope, body) => {
      onlookers.witness?.delivered(envelope, body);
      this.#dispatch(envelope, body);
      onlookers.witness?.handled();
    });
    this.#role = definition.create(this, config as never);
    this.#life = new RoleLife({
      address,
      observe: onlookers.looking,
      role: this.#role,
      journal: this.#journal,
      timers: this.timers,
      now: () => ports.clock.now(),
      wake: hooks.wake,
      unsent: () => this.#outbox.bytes,
      flush: () => void this.#outbox.flush(),
      reply: (to, value) => this.reply(to, value),
      fail: (to, reason) => this.fail(to, reason),
      unexpected: (state) => this.log("warning", `${address}: unexpected step in state ${state}`),
      ended: hooks.ended,
    });
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
    const { store } = this.#journal;
    if (store === undefined) throw new Error(`${this.address} has no open store`);
    return store;
  }
  /** State of the role's life. */
  get state(): string {
    return this.#life.state;
  }
  epoch(): number {
    return this.hooks.epoch();
  }
  /** What is done within a turn is seen to at its end. */
  wake(): void {
    if (!this.#turning) this.hooks.wake();
  }
  outside<T>(work: Promise<T>): Promise<T> {
    const ended = this.hooks.outside?.(work) ?? work;
    return ended.finally(() => this.wake());
  }
  log(kind: LogKind, text: string): void {
    this.hooks.log(kind, text);
  }
  engine(machine: AnyStateMachine, kind: EngineKind = "table"): Engine<unknown> {
    return this.onlookers.sees(this.hooks.engine?.(machine, kind) ?? engineFor(machine, kind));
  }
  observe(): Observer | undefined {
    return this.onlookers.observer;
  }
  send(to: Address, type: string, body: unknown, options: SendOptions = {}): SendResult {
    const about = this.onlookers.witness?.about?.(body), { metadata } = options;
    const outgoing: Outgoing = { to, type, bytes: encode(body), metadata, about };
    this.wake();
    return this.#outbox.add(outgoing, options.urgent ?? false);
  }

  ask(to: Address, type: string, body: unknown, timeoutMs: number): Promise<unknown> {
    const deadline = this.clock.now() + timeoutMs;
    const answer = this.#asks.ask(
      to,
      type,
      deadline,
      (call) => this.send(to, type, body, { metadata: { call, deadline } }),
    );
    this.wake();
    return answer;
  }

  reply(to: Envelope, value: unknown): void {
    this.#answer(to, { ok: true, value });
  }

  fail(to: Envelope, reason: string): void {
    this.#answer(to, { ok: false, reason });
  }

  #answer(to: Envelope, body: Reply): void {
    const { call } = to.metadata;
    if (call === undefined) return;
    const answer: Outgoing = { to: to.from, type: REPLY, bytes: encode(body), metadata: { call } };
    this.wake();
    const result = this.#outbox.add(answer, true);
    if (result === "full") this.#dead.add("full", { ...answer, from: this.address });
    if (body.ok && isOversized(answer)) this.#answer(to, { ok: false, reason: "oversized" });
  }

  journal(record: unknown, forced: boolean, durable?: () => void): void {
    this.#journal.append(record, forced, durable);
  }

  deadLetter(reason: DeadLetterReason, envelope: Envelope): void {
    this.#dead.add(reason, envelope);
  }

  // Turns ------------------------------------------------------------------------------------

  /** Mail that waited for an incarnation that is gone is not for this one. */
  discardOldMail(): void {
    this.#arrivals.discard();
  }

  /** One turn. An error thrown by the role ends it: {@link HostHooks.ended} is told. */
  turn(): TurnResult {
    if (this.#life.over) return NO_TURN;
    this.#turning = true;
    try {
      const more = this.#arrivals.receive();
      this.timers.fire(this.clock.now());
      if (this.#life.over) return NO_TURN; // A hook of the role's life threw.
      this.#journal.deliver();
      this.#outbox.flush();
      this.#journal.commit();
      // A frame that found a full or busy mailbox is tried again in the next turn.
      return this.#result(more, this.#outbox.flush());
    } catch (error) {
      this.#life.crash(error);
      return NO_TURN;
    } finally {
      this.#turning = false;
    }
  }

  #result(more: boolean, blocked: boolean): TurnResult {
    this.#blockedTurns = blocked ? this.#blockedTurns + 1 : 0;
    // Busy is over in a moment, full may last: do not spin on it.
    const retry = blocked && this.#blockedTurns <= EAGER_RETRIES;
    const soon = blocked ? this.clock.now() + BLOCKED_RETRY_MS : Infinity;
    const next = Math.min(this.timers.next() ?? Infinity, soon);
    return {
      again: more || retry || this.#journal.forced,
      next: next === Infinity ? undefined : next,
      deaf: this.#arrivals.deaf,
    };
  }

  #dispatch(envelope: Envelope, body: unknown): void {
    this.#traffic.delivered++;
    if (!this.#peerLogs.admits(envelope)) return this.#refuse("lostTail", envelope);
    if (envelope.type.startsWith("$")) return this.#system(envelope, body);
    if (!OPEN_STATES.has(this.state)) return this.#refuse("notServing", envelope);
    const { messages } = this.#role; // A role may not know them before it has recovered.
    // The type is a stranger's word: "constructor" must not be found.
    const handler = Object.hasOwn(messages, envelope.type) ? messages[envelope.type] : undefined;
    if (handler === undefined) return this.#refuse("unknownType", envelope);
    if (!handler.accepts(body)) return this.#refuse("invalidBody", envelope);
    handler.handle(body as never, envelope);
  }

  #refuse(reason: DeadLetterReason, envelope: Envelope): void {
    this.#dead.add(reason, envelope);
    this.fail(envelope, reason);
  }

  /** Messages every role understands. */
  #system(envelope: Envelope, body: unknown): void {
    const { type, from, metadata } = envelope;
    if (type === REPLY) return this.#asks.answered(from, metadata.call, body);
    const teller = nodeOf(from);
    if (LIFE.has(type) && teller !== this.node && teller !== MAIN_NODE) {
      return this.#refuse("forbidden", envelope);
    }
    switch (type) {
      case "$start":
        return this.#life.start(envelope);
      case "$drain":
        return this.#life.drain(envelope);
      case "$stop":
        return this.#life.stop(envelope);
      case "$flush":
        return this.#life.flush(envelope);
      case "$persist":
        return this.#life.persist(envelope);
      case "$stats":
        return this.reply(envelope, this.stats());
      case LOG: // It has said all in the head of its frame.
      case LOST_TAIL:
        return this.#peerLogs.told(body, from);
      case "$ping":
        return this.reply(envelope, { state: this.state });
      default:
        this.#refuse("unknownType", envelope);
    }
  }

  /** Recovers and serves. */
  start(): void {
    this.#life.start();
  }

  /** Its process is gone: nothing of it may go on, not even what waits for a promise. */
  halt(): void {
    this.#life.halt();
  }

  /** It takes no turns any more: who waits for answers must not wait for ever. */
  close(): void {
    this.#asks.close();
  }

  /** Opens the store; called by roles that keep one, in `recover`. */
  openStore(): Store {
    return this.#peerLogs.opened(this.#journal.open());
  }

  /** Envelopes it has: on the wire towards it, and in frames that full mailboxes refused. */
  get inHand(): { readonly held: number; readonly parked: number } {
    return { held: this.#arrivals.held, parked: this.#outbox.parked };
  }

  /** Figures of host and role. */
  stats(): Record<string, unknown> {
    return {
      ...(this.#life.recovered ? this.#role.stats?.() : {}),
      state: this.state,
      mailbox: this.ports.transport.depth(),
      outboxBytes: this.#outbox.bytes,
      messages: { ...this.#traffic, to: this.#outbox.sentTo },
      ...this.hooks.usage?.(),
      ...this.#dead.figures(10),
      timers: this.timers.size,
      storeCommits: this.#journal.commits,
    };
  }
}
