/**
 * Judges a machine by the rules: the replica that ships keeps them all, one that was changed must not.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import type { AnyMachineSnapshot, AnyStateMachine } from "xstate";
import type { replica } from "../../../protocols/pbft/mod.ts";
import { run } from "../rows.ts";
import { LIMITS, recovered, type Rule, RULES } from "./replica_rules.ts";

/** What a machine does by a rule, and what it has to do. */
export function played(machine: AnyStateMachine, { events, effects, options }: Rule) {
  const { index = 1, replicas = 4, states = {}, context = {}, from = recovered(), timers } =
    options;
  const input = { ...LIMITS, replicas, faulty: 1, index };
  const [snapshot, found] = run(machine as typeof replica, input, [from, ...events]);
  const { working = {} } = (snapshot as AnyMachineSnapshot).value as { working?: object };
  const named = Object.keys(states).map((region) => {
    return [region, (working as Record<string, unknown>)[region]];
  });
  const known = Object.keys(context).map((name) => [name, snapshot.context[name]]);
  return [
    {
      effects: found.filter((it) => typeof it !== "string"),
      states: Object.fromEntries(named),
      context: Object.fromEntries(known),
      timers: timers === undefined ? [] : found.filter((it) => typeof it === "string"),
    },
    { effects: [...effects], states, context, timers: [...timers ?? []] },
  ] as const;
}

/** The first rule that a machine breaks, or what became of it. */
export function brokenRule(machine: AnyStateMachine): string | undefined {
  // One that runs in circles is found out too.
  (machine as unknown as { options: object }).options = { maxIterations: 1000 };
  for (const rule of RULES) {
    try {
      const [found, due] = played(machine, rule);
      assertEquals<unknown>(found, due);
    } catch {
      return rule.description;
    }
  }
  return undefined;
}
