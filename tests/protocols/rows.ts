/**
 * Tests of a machine as rows: the events that lead somewhere, one more event, and what follows.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import {
  type AnyMachineSnapshot,
  type AnyStateMachine,
  type EventFromLogic,
  initialTransition,
  type InputFrom,
  type StateValue,
  transition,
} from "xstate";

/** An effect as the machine names it; a delayed transition is `"after <ms>"`, its end `"cancel"`. */
export type Effect = string | { readonly type: string; readonly params?: unknown };

export type Row<Event> = {
  readonly description: string;
  /** Events from the initial state on. */
  readonly from: readonly Event[];
  readonly event: Event;
  readonly state: StateValue;
  readonly effects: readonly Effect[];
};

/** The delayed event of `delay` in the state `path` of `machine`, as XState names it. */
export function timer<Event>(machine: AnyStateMachine, delay: string, path: string): Event {
  return { type: `xstate.after.${delay}.${machine.id}.${path}` } as Event;
}

/** An effect of a row. */
export function effect(type: string, params?: unknown): Effect {
  return params === undefined ? { type } : { type, params };
}

type Action = { readonly type: string; readonly params?: unknown };

/** The effects among `actions`, in the form rows are written in. */
export function effectsOf(actions: readonly Action[]): Effect[] {
  return actions.map(({ type, params }) => {
    if (type === "xstate.cancel") return "cancel";
    if (type === "xstate.raise") return `after ${(params as { delay: number }).delay}`;
    return effect(type, params);
  });
}

/** The snapshot and effects after `events`; the effects are those of the last one. */
export function run<M extends AnyStateMachine>(
  machine: M,
  input: InputFrom<M>,
  events: readonly EventFromLogic<M>[],
): readonly [AnyMachineSnapshot, Effect[]] {
  let [snapshot, actions]: readonly [AnyMachineSnapshot, readonly Action[]] = initialTransition(
    machine,
    input as never,
  );
  for (const event of events) [snapshot, actions] = transition(machine, snapshot as never, event);
  return [snapshot, effectsOf(actions)];
}

/** The first row that a machine breaks: what was changed in it must break one. */
export function firstBroken<M extends AnyStateMachine>(
  machine: M,
  input: InputFrom<M>,
  table: readonly Row<EventFromLogic<M>>[],
): string | undefined {
  const broken = table.find(({ from, event, state, effects }) => {
    try {
      const [snapshot, found] = run(machine, input, [...from, event]);
      assertEquals<unknown>([snapshot.value, found], [state, [...effects]]);
      return false;
    } catch {
      return true;
    }
  });
  return broken?.description;
}

/** One test per row. */
export function rows<M extends AnyStateMachine>(
  machine: M,
  input: InputFrom<M>,
  table: readonly Row<EventFromLogic<M>>[],
): void {
  for (const { description, from, event, state, effects } of table) {
    Deno.test(`${machine.id}: ${description}`, () => {
      const [snapshot, found] = run(machine, input, [...from, event]);
      assertEquals({ state: snapshot.value, effects: found }, { state, effects: [...effects] });
    });
  }
}

/**
 * Every (state, message) pair is either the subject of a row or answered by `reject` and nothing
 * else: no message is dropped in silence. Messages about a record, a step or a recovery are told apart
 * by it. `states` gives a way to each; `messages` one or more of each type.
 */
export function everyPair<M extends AnyStateMachine>(
  machine: M,
  input: InputFrom<M>,
  states: Readonly<Record<string, readonly EventFromLogic<M>[]>>,
  messages: readonly EventFromLogic<M>[],
  table: readonly Row<EventFromLogic<M>>[],
): void {
  const pair = (value: StateValue, event: EventFromLogic<M>) => {
    const { type, record, step, as } = event as Record<string, unknown>;
    return JSON.stringify([value, type, record ?? step ?? as]);
  };
  const covered = new Set(table.map(({ from, event }) => {
    return pair(run(machine, input, from)[0].value, event);
  }));
  Deno.test(`${machine.id}: every state is listed`, () => {
    const { idMap } = machine as unknown as { readonly idMap: ReadonlyMap<string, unknown> };
    const listed = Object.values(states).map((from) => run(machine, input, from)[0]);
    const reached = new Set(listed.flatMap(({ _nodes }) => _nodes.map(({ id }) => id)));
    assertEquals([...idMap.keys()].filter((id) => !reached.has(id)), []);
  });
  for (const [name, from] of Object.entries(states)) {
    Deno.test(`${machine.id}: in ${name} every message has a row or is rejected`, () => {
      const [before] = run(machine, input, from);
      for (const message of messages) {
        if (covered.has(pair(before.value, message))) continue;
        const [after, effects] = run(machine, input, [...from, message]);
        assertEquals(
          { message: message.type, effects, state: after.value, context: after.context },
          {
            message: message.type,
            effects: [effect("reject")],
            state: before.value,
            context: before.context,
          },
        );
      }
    });
  }
}
