/**
 * The role that {@link defineActor} makes of a machine: a live XState actor with the host's timers
 * as its clock.
 *
 * @module
 */
import {
  type AnyActor,
  type AnyMachineSnapshot,
  type AnyStateMachine,
  createActor,
  type EventObject,
  type InspectionEvent,
  type Subscription,
} from "xstate";
import type { ActorDefinition, PerformAction } from "./actor.ts";
import { effectsOf, eventTypesOf } from "./actor_effects.ts";
import { encode, type Envelope } from "./codec.ts";
import { describeValue, type Effect } from "./engine.ts";
import type { DeadLetterReason } from "./ports.ts";
import type { Lives } from "./instances.ts";
import type { MessageHandler, Role, Services } from "./role.ts";
import { SingleLife } from "./single_life.ts";
import type { Timer } from "./timers.ts";

const SNAPSHOT = "snapshot";
/** A failed actor lives on this long, so that the ask that failed it is answered. */
const LAST_WORDS_MS = 1;

/** A machine at work as a role. */
export class MachineActor<M extends AnyStateMachine, C> implements Role {
  readonly messages: Readonly<Record<string, MessageHandler>>;
  readonly lives: Lives;
  readonly #machine: AnyStateMachine;
  #actor: AnyActor | undefined;
  #cause: Envelope | undefined;
  #failure: Error | undefined;
  /** What the present event has led to, while someone looks on. */
  #effects: Effect[] = [];
  /** While someone looks on. */
  #following: Subscription | undefined;
  /** The state they saw last. */
  #seen = "";
  /** Within a turn of the host: it need not be woken. */
  #inTurn = false;

  constructor(
    private readonly services: Services,
    private readonly definition: ActorDefinition<M, C>,
    private readonly config: C,
  ) {
    const { machine, perform = {}, accepts = {} } = definition;
    const own = perform as Readonly<Record<string, PerformAction<unknown>>>;
    const actions = effectsOf(machine, Object.keys(own)).map((name) => {
      const perform = own[name] ?? this.#builtIn(name);
      return [
        name,
        ({ context }: { context: unknown }, params: unknown) =>
          this.#perform({ type: name, params }, context, perform),
      ] as const;
    });
    this.#machine = machine.provide({ actions: Object.fromEntries(actions) } as never);
    const look = () => this.#actor?.getSnapshot() as AnyMachineSnapshot | undefined;
    this.lives = new SingleLife(machine, services.address, look);
    const types = [...new Set([...eventTypesOf(machine), ...Object.keys(accepts)])];
    const reserved = types.filter((type) => type.startsWith("$"));
    if (reserved.length > 0) {
      throw new TypeError(
        `Cannot run the machine "${machine.id}": "${reserved[0]}" is a name of the host's`,
      );
    }
    const handlers = types.map((type): [string, MessageHandler] => [type, {
      accepts: (body) => isEventBody(body) && (accepts[type]?.(body) ?? true),
      handle: (body: object | null, envelope) => this.#handle({ ...body, type }, envelope),
    }]);
    this.messages = {
      [SNAPSHOT]: { accepts: () => true, handle: (_, envelope) => this.#answerSnapshot(envelope) },
      ...Object.fromEntries(handlers),
    };
  }

  serve(): void {
    const { services, definition, config } = this;
    const input = definition.input === undefined ? config : definition.input(config, services);
    const actor = createActor(this.#machine, {
      input,
      clock: {
        setTimeout: (fire: () => void, delayMs: number) => this.#setTimer(fire, delayMs),
        clearTimeout: (timer: Timer) => services.timers.cancel(timer),
      },
      logger: (...words: unknown[]) => services.log("info", words.map(String).join(" ")),
    } as never) as AnyActor;
    this.#actor = actor;
    // Without an error observer XState rethrows in a macrotask and takes the process along.
    actor.subscribe({ error: (error: unknown) => this.#fail(error) });
    actor.start();
  }

  stop(): void {
    this.#actor?.stop();
  }

  stats(): Record<string, unknown> {
    return { machine: this.#machine.id, machineState: this.#describe() };
  }

  #describe(): string {
    const snapshot = this.#actor?.getSnapshot() as AnyMachineSnapshot | undefined;
    return snapshot === undefined ? "" : describeValue(snapshot.value);
  }

  #setTimer(fire: () => void, delayMs: number): Timer {
    const { timers, clock } = this.services;
    const timer = timers.set(clock.now() + delayMs, () => this.#within(fire));
    this.#wake();
    return timer;
  }

  #within(work: () => void): void {
    this.#inTurn = true;
    this.#follow();
    try {
      work();
    } finally {
      this.#inTurn = false;
    }
  }

  #wake(): void {
    if (!this.#inTurn) this.services.wake();
  }

  /** Lets the role end with the error, after the answers of this turn have left. */
  #fail(error: unknown): void {
    const failure = error instanceof Error ? error : new Error(String(error));
    this.#failure = failure;
    const { timers, clock } = this.services;
    timers.set(clock.now() + LAST_WORDS_MS, () => {
      throw failure;
    });
    this.#wake();
  }

  // Events -----------------------------------------------------------------------------------

  #handle(event: EventObject, envelope: Envelope): void {
    const actor = this.#actor!;
    const before = actor.getSnapshot() as AnyMachineSnapshot;
    const state = describeValue(before.value);
    if (this.#failure !== undefined || before.status !== "active") {
      return this.#refuse("notServing", envelope, `ended in state ${state}`);
    }
    if (this.#machine.getTransitionData(before as never, event).length === 0) {
      return this.#refuse("unknownType", envelope, `unhandled: ${event.type} in state ${state}`);
    }
    this.#cause = envelope;
    try {
      this.#within(() => actor.send(event));
    } finally {
      this.#cause = undefined;
    }
    if (this.#failure !== undefined) this.services.fail(envelope, `failed in state ${state}`);
  }

  /** Follows the actor while someone looks on: timers and its children move it too. */
  #follow(): void {
    const wanted = this.services.observe() !== undefined;
    if (wanted === (this.#following !== undefined)) return;
    this.#following?.unsubscribe();
    this.#following = undefined;
    if (!wanted) return;
    this.#seen = this.#describe();
    this.#effects = [];
    this.#following = this.#actor!.system.inspect((event) => this.#followed(event));
  }

  #followed(inspected: InspectionEvent): void {
    if (inspected.type !== "@xstate.snapshot" || inspected.actorRef !== this.#actor) return;
    const { event, snapshot } = inspected;
    const before = this.#seen, effects = this.#effects;
    this.#seen = describeValue((snapshot as AnyMachineSnapshot).value);
    this.#effects = [];
    const { address } = this.services;
    const look = this.services.observe();
    look?.(this.#machine.id, address, event, before, this.#seen, effects, this.lives, snapshot);
  }

  #refuse(reason: DeadLetterReason, envelope: Envelope, why: string): void {
    this.services.deadLetter(reason, envelope);
    this.services.fail(envelope, why);
  }

  #answerSnapshot(envelope: Envelope): void {
    const { value, context, status, output } = this.#actor!.getSnapshot() as AnyMachineSnapshot;
    try {
      this.services.reply(envelope, { value, context, status, output });
    } catch (error) {
      this.services.fail(envelope, `the context cannot be coded: ${(error as Error).message}`);
    }
  }

  // Effects ----------------------------------------------------------------------------------

  #perform(effect: Effect, context: unknown, perform: PerformAction<unknown>): void {
    if (this.services.observe() !== undefined) this.#effects.push(effect);
    const cause = this.#cause;
    perform(effect.params, this.services, {
      context,
      cause,
      send: (event) => {
        this.#actor!.send(event);
        this.#wake();
      },
    });
    this.#wake();
  }

  #builtIn(name: string): PerformAction<unknown> {
    switch (name) {
      case "reply":
        return (answer, services, { cause }) => {
          if (cause !== undefined) services.reply(cause, answer);
        };
      case "send":
        return (params) => this.#send(params);
      default:
        return (_, __, { cause }) => {
          if (cause === undefined) return;
          this.#refuse("unknownType", cause, `rejected: ${cause.type}`);
        };
    }
  }

  #send(params: unknown): void {
    const { services } = this;
    const { to, type, body = null, urgent = false } = (params ?? {}) as Partial<Message>;
    if (typeof to !== "string" || typeof type !== "string") {
      throw new TypeError(`Cannot send: the parameters must be { to, type, body? }`);
    }
    if (services.send(to, type, body, { urgent }) !== "full") return;
    const { address: from, incarnation } = services;
    const lost = { to, from, type, incarnation, epoch: services.epoch() };
    services.deadLetter("full", { ...lost, bytes: encode(body), clock: [], metadata: {} });
  }
}

interface Message {
  readonly to: string;
  readonly type: string;
  readonly body: unknown;
  readonly urgent: boolean;
}

/** The type is the message's own: a body must not bring another. */
function isEventBody(body: unknown): boolean {
  if (body === null || body === undefined) return true;
  return typeof body === "object" && !Array.isArray(body) && !Object.hasOwn(body, "type");
}
