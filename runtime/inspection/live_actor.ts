/**
 * A live XState actor of a program's own, in a hub beside the roles, or without any.
 *
 * @module
 */
import type { AnyActor, InspectionEvent, Subscription } from "xstate";
import { describeValue, type Effect } from "../engine.ts";
import type { Address } from "../ports.ts";
import { SingleLife } from "../single_life.ts";
import type { AnyMachineSnapshot, AnyStateMachine } from "../xstate_types.ts";
import type { Filter } from "./filter.ts";
import type { InspectionHub, Station } from "./hub.ts";
import { Probe } from "./probe.ts";
import { answer, type Question } from "./questions.ts";

/** An actor as `createActor` of XState makes it from a machine. */
export interface LiveActor {
  /** Its machine. */
  readonly logic: AnyStateMachine;
  /** Its present state. */
  getSnapshot(): AnyMachineSnapshot;
}

/**
 * Lets a hub look at an actor, which may run already. Nothing is paid before somebody attaches.
 *
 * @param address where the inspector shows it, `node/role`
 * @returns what takes it out of the hub again
 */
export function inspectActor(hub: InspectionHub, address: Address, actor: LiveActor): Disposable {
  const incarnation = 1;
  const station = new ActorStation(hub, address, incarnation, actor as unknown as AnyActor);
  hub.began(station);
  return {
    [Symbol.dispose]: () => {
      station.watch(undefined);
      hub.ended(address, incarnation, "no longer inspected");
    },
  };
}

/** One actor, as the hub reaches it. */
class ActorStation implements Station {
  readonly #lives: SingleLife;
  #probe: Probe | undefined;
  #following: Subscription | undefined;
  #state = "";
  #effects: Effect[] = [];

  constructor(
    private readonly hub: InspectionHub,
    readonly address: Address,
    readonly incarnation: number,
    private readonly actor: AnyActor,
  ) {
    const look = () => actor.getSnapshot() as AnyMachineSnapshot;
    this.#lives = new SingleLife(actor.logic as AnyStateMachine, address, look);
  }

  watch(filter: Filter | undefined): void {
    if (filter !== undefined && this.#probe !== undefined) {
      this.#probe.filter = filter;
      return;
    }
    this.#following?.unsubscribe();
    this.#probe?.close();
    this.#probe = this.#following = undefined;
    if (filter === undefined) return;
    const { hub, address, incarnation } = this;
    this.#probe = new Probe({
      address,
      incarnation,
      now: () => hub.time(),
      later: (delayMs, call) => void setTimeout(call, delayMs),
      about: () => undefined,
      post: (batch) => hub.take(batch),
    }, filter);
    this.#state = describeValue((this.actor.getSnapshot() as AnyMachineSnapshot).value);
    this.#effects = [];
    this.#following = this.actor.system.inspect((event) => this.#follow(event));
  }

  #follow(inspected: InspectionEvent): void {
    if (inspected.actorRef !== this.actor) return; // Of another actor of its system.
    if (inspected.type === "@xstate.action") {
      const { type, params } = inspected.action;
      if (!type.startsWith("xstate.")) this.#effects.push({ type, params });
    } else if (inspected.type === "@xstate.snapshot") {
      const { event, snapshot } = inspected;
      const before = this.#state, effects = this.#effects;
      this.#state = describeValue((snapshot as AnyMachineSnapshot).value);
      this.#effects = [];
      const { id } = this.#lives;
      this.#probe!.observer(
        id,
        this.address,
        event,
        before,
        this.#state,
        effects,
        this.#lives,
        snapshot,
      );
    }
  }

  taken(number: number): void {
    this.#probe?.taken(number);
  }

  ask(question: Question): Promise<unknown> {
    return Promise.resolve(answer([this.#lives], question));
  }
}
