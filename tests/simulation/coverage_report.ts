/**
 * Coverage for people and for the report.
 *
 * @module
 */
import { detector } from "../../protocols/deadlock/detector.ts";
import { emitter } from "../../protocols/heartbeat/emitter.ts";
import { monitor } from "../../protocols/heartbeat/monitor.ts";
import { node } from "../../protocols/lifecycle/node.ts";
import { call } from "../../protocols/rpc/call.ts";
import { coordinator as threePhaseCoordinator } from "../../protocols/three_phase_commit/coordinator.ts";
import { participant as threePhaseParticipant } from "../../protocols/three_phase_commit/participant.ts";
import { coordinator } from "../../protocols/two_phase_commit/coordinator.ts";
import { heuristic } from "../../protocols/two_phase_commit/heuristic.ts";
import { holder } from "../../protocols/two_phase_commit/holder.ts";
import { participant } from "../../protocols/two_phase_commit/participant.ts";
import { roleMachine } from "../../runtime/role_machine.ts";
import { supervisionMachine } from "../../runtime/supervisor_machine.ts";
import type { AnyStateMachine } from "../../runtime/xstate_types.ts";
import type { CoverageSum, MachineCoverage } from "./coverage.ts";
import { DRAWN } from "./swarm.ts";
import { UNREACHABLE } from "./unreachable.ts";

/** Every machine that ships. */
export const MACHINES: readonly AnyStateMachine[] = [
  coordinator,
  participant,
  holder,
  heuristic,
  threePhaseCoordinator,
  threePhaseParticipant,
  monitor,
  emitter,
  call,
  detector,
  node,
  roleMachine,
  supervisionMachine,
];

/** What was never taken, though it can be. */
export interface Unreached {
  readonly states: readonly string[];
  readonly transitions: readonly string[];
  /** Taken, though it is said that they cannot be. */
  readonly wrong: readonly string[];
}

/** Of every machine. */
export function covered(coverage: CoverageSum): readonly MachineCoverage[] {
  return coverage.report(MACHINES);
}

/** What the runs have not taken of some machines. */
export function unreached(machines: readonly MachineCoverage[]): Unreached {
  const named = (of: "states" | "transitions") =>
    machines.flatMap((it) =>
      Object.entries(it[of]).map(([name, count]) => [`${it.machine} ${name}`, count] as const)
    );
  const never = (of: "states" | "transitions") =>
    named(of).filter(([name, count]) => count === 0 && !Object.hasOwn(UNREACHABLE, name))
      .map(([name]) => name);
  const wrong = [...named("states"), ...named("transitions")]
    .filter(([name, count]) => count > 0 && Object.hasOwn(UNREACHABLE, name))
    .map(([name]) => name);
  return { states: never("states"), transitions: never("transitions"), wrong };
}

/** What is taken in fewer runs than this may be missed by the next ones. */
const RARE_RUNS = 5;

/** Transitions that hang by a thread, with the number of runs that took them. */
export function rare(machines: readonly MachineCoverage[]): readonly string[] {
  return machines.flatMap(({ machine, runs }) =>
    Object.entries(runs).filter(([, count]) => count > 0 && count < RARE_RUNS)
      .map(([name, count]) => `${machine} ${name} (${count})`)
  );
}

/**
 * States that can be reached and were never left or entered under some fault. Lies are not among
 * them: only replicas lie, whose steps are not counted, as their context never comes again.
 */
export function missedPairs(machines: readonly MachineCoverage[]): readonly string[] {
  return machines.flatMap(({ machine, states, faults }) =>
    Object.keys(states).filter((state) => !Object.hasOwn(UNREACHABLE, `${machine} ${state}`))
      .flatMap((state) => {
        const missed = DRAWN.filter((fault) => faults[state]?.includes(fault) !== true);
        return missed.length === 0 ? [] : [`${machine} ${state}: ${missed.join(" ")}`];
      })
  );
}

/** What was not taken, and why some of it cannot be. */
export function coverageNotes(machines: readonly MachineCoverage[]): string {
  const { states, transitions, wrong } = unreached(machines);
  const seldom = rare(machines), missed = missedPairs(machines);
  const list = (names: readonly string[]) => names.map((name) => `  ${name}`);
  return [
    `${states.length} states and ${transitions.length} transitions were never taken`,
    ...list([...states, ...transitions]),
    `${seldom.length} transitions were taken in fewer than ${RARE_RUNS} runs`,
    ...list(seldom),
    `${missed.length} states were not seen under every fault; those missed:`,
    ...list(missed),
    `${Object.keys(UNREACHABLE).length} cannot be taken:`,
    ...list(Object.entries(UNREACHABLE).map(([name, why]) => `${name}: ${why}`)),
    ...wrong.map((name) => `  ${name} was taken all the same`),
  ].join("\n");
}

/** In figures, for the report. */
export function coverageFigures(machines: readonly MachineCoverage[]): Record<string, unknown> {
  return Object.fromEntries(machines.map((it) => [it.machine, {
    states: share(it.states),
    transitions: share(it.transitions),
    faults: `${pairs(it)}/${Object.keys(it.states).length * DRAWN.length}`,
  }]));
}

function share(counts: Readonly<Record<string, number>>): string {
  const all = Object.values(counts);
  return `${all.filter((count) => count > 0).length}/${all.length}`;
}

function pairs({ faults }: MachineCoverage): number {
  return Object.values(faults).reduce((sum, under) => sum + under.length, 0);
}

/** As text: machines, then states by faults. */
export function coverageTable(machines: readonly MachineCoverage[]): string {
  const stepped = machines.filter(({ states }) => Object.values(states).some((n) => n > 0));
  const lines = ["machine                        states  transitions  state x fault"];
  for (const it of stepped) {
    lines.push(
      it.machine.padEnd(30) + share(it.states).padStart(7) + share(it.transitions).padStart(13) +
        `${pairs(it)}/${Object.keys(it.states).length * DRAWN.length}`.padStart(15),
    );
  }
  lines.push("", "state under each fault (x: left or entered)", heading());
  for (const { machine, states, faults } of stepped) {
    for (const state of Object.keys(states)) {
      const under = new Set(faults[state] ?? []);
      const marks = DRAWN.map((fault) => (under.has(fault) ? "x" : ".").padEnd(WIDTH)).join("");
      lines.push(`${`${machine} ${state}`.slice(0, NAME - 1).padEnd(NAME)}${marks}`);
    }
  }
  return lines.join("\n");
}

const NAME = 48;
const WIDTH = 6;

function heading(): string {
  return "".padEnd(NAME) + DRAWN.map((fault) => fault.slice(0, WIDTH - 1).padEnd(WIDTH)).join("");
}
