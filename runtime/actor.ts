/**
 * From an ordinary XState v5 machine to a role: {@link defineActor} makes a definition that runs in
 * a worker or in the simulator, and that can be told and asked by its address.
 *
 * Each message becomes the event `{ type, ...body }`. Actions that the machine only names are
 * performed by the actor:
 *
 * | action | parameters | what it does |
 * | --- | --- | --- |
 * | `reply` | the answer | answers the ask that caused the event |
 * | `send` | `{ to, type, body?, urgent? }` | sends a message to another role |
 * | `reject` | - | counts the message as a dead letter and fails its ask |
 * | any other | any | whatever `perform` says |
 *
 * The message `snapshot` is answered with `{ value, context, status, output }`, unless the machine
 * has an event of that name. The actor is volatile: a new incarnation begins in the initial state.
 * A role that must remember journals what it does; see `role.ts`.
 *
 * @module
 */
import { MachineActor } from "./actor_role.ts";
import type { Envelope } from "./codec.ts";
import type { RoleDefinition, Services } from "./role.ts";
import type {
  ActionOf,
  AnyStateMachine,
  ContextFrom,
  EventFrom,
  InputFrom,
} from "./xstate_types.ts";

/** The actor an effect is performed for. */
export interface ActorSelf<M extends AnyStateMachine = AnyStateMachine> {
  /** The machine's context at that moment. */
  readonly context: ContextFrom<M>;
  /** The message whose event caused the effect; undefined after a timer or a promise. */
  readonly cause: Envelope | undefined;
  /** Gives the machine an event, now or, from within an effect, after the present one. */
  send(event: EventFrom<M>): void;
}

/** Performs one named action. */
export type PerformAction<P, M extends AnyStateMachine = AnyStateMachine> = {
  perform(params: P, services: Services, self: ActorSelf<M>): void;
}["perform"];

/** What an actor is made of. */
export interface ActorDefinition<
  M extends AnyStateMachine,
  C = InputFrom<M>,
> {
  /** The machine; it may use everything XState has: `after`, `invoke`, children, and so on. */
  readonly machine: M;
  /** What is done when the machine names an action that it does not implement. */
  readonly perform?: {
    readonly [A in ActionOf<M> as A["type"]]?: PerformAction<A["params"], M>;
  };
  /** The machine's input, made of the role's configuration. Default: the configuration itself. */
  readonly input?: (config: C, services: Services) => InputFrom<M>;
  /**
   * Checks of bodies by message type: a machine trusts its events, and their senders may be
   * anyone. A type that is named here is taken although the machine handles it by `"*"` only.
   */
  readonly accepts?: Readonly<Record<string, (body: unknown) => boolean>>;
}

/**
 * Makes a role of a machine.
 *
 * The role cannot be started, and says why, when the machine names an action, guard, delay or
 * actor that nobody implements. An error in the machine ends the role with that error as its reason.
 * A message that the machine does not handle in its present state is a dead letter, and its ask
 * fails with `unhandled: TYPE in state STATE`.
 *
 * @param definition the machine, and how its effects are performed
 */
export function defineActor<
  M extends AnyStateMachine,
  C = InputFrom<M>,
>(
  definition: ActorDefinition<M, C>,
): RoleDefinition<C> {
  return {
    name: definition.machine.id,
    create: (services, config) => new MachineActor(services, definition, config),
  };
}
