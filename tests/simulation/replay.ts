/**
 * Runs a trace again: a simulated one by its seed, a checked one by stepping its machines.
 *
 * @module
 */
import { TableEngine } from "../../runtime/engine.ts";
import type { AnyStateMachine } from "../../runtime/xstate_types.ts";
import { allMutants } from "../model/mutants.ts";
import { MACHINES } from "./coverage_report.ts";
import { type RunParts, runSeed, type SeedResult } from "./run.ts";
import { type ProfileName, PROFILES } from "./scenario.ts";
import { SCENARIOS } from "./scenarios/mod.ts";
import { buildHash, stageHash, type Trace, type TraceEvent } from "./trace.ts";

/** A trace file that cannot be replayed: one line says why. */
export class BadTrace extends Error {
  /** Always `BadTrace`. */
  override readonly name = "BadTrace";
}

/** What came of a replay. */
export interface Replayed {
  /** The trace as it went this time. */
  readonly trace: Trace;
  /** The first line that differs; undefined: none does. */
  readonly difference: string | undefined;
  /** Of a simulated one. */
  readonly result?: SeedResult;
}

/** Runs a trace again. @throws {BadTrace} if it is of another build or of nothing known. */
export async function replay(recorded: Trace, parts: RunParts): Promise<Replayed> {
  const { build, kind } = recorded.header;
  const ours = buildHash();
  if (build !== ours) {
    throw new BadTrace(`the trace is of build ${String(build)}, this is build ${ours}`);
  }
  return kind === "check" ? stepAlong(recorded) : await runAgain(recorded, parts);
}

async function runAgain(recorded: Trace, parts: RunParts): Promise<Replayed> {
  const { scenario: name, seed, stage, profile } = recorded.header;
  const scenario = SCENARIOS.get(name ?? "");
  if (scenario === undefined) throw new BadTrace(`there is no scenario ${String(name)}`);
  if (!Number.isSafeInteger(seed)) throw new BadTrace(`${String(seed)} is no seed`);
  if (profile !== undefined && !PROFILES.includes(profile as ProfileName)) {
    throw new BadTrace(`there is no profile ${profile}`);
  }
  const ours = stageHash();
  if (stage !== ours) {
    throw new BadTrace(`the trace is of scenarios ${String(stage)}, these are ${ours}`);
  }
  const events: TraceEvent[] = [];
  const result = await runSeed(
    scenario,
    seed!,
    { ...parts, profile: profile as ProfileName | undefined },
    events,
  );
  const trace = { header: recorded.header, events };
  return { trace, difference: firstDifference(recorded.events, events), result };
}

function firstDifference(
  recorded: readonly TraceEvent[],
  now: readonly TraceEvent[],
): string | undefined {
  const length = Math.max(recorded.length, now.length);
  for (let i = 0; i < length; i++) {
    const [was, is] = [JSON.stringify(recorded[i]), JSON.stringify(now[i])];
    if (was !== is) return `event ${i + 1} was ${was ?? "none"}, is ${is ?? "none"}`;
  }
  return undefined;
}

/** Steps the shipped machines, or the mutant it is of, along a counterexample of the checker. */
function stepAlong(recorded: Trace): Replayed {
  const machines = machinesOf(recorded);
  const lives = new Map<string, { readonly engine: TableEngine; state: number }>();
  const engines = new Map<string, TableEngine>();
  const begin = (name: string, input: unknown) => {
    const actor = recorded.header.actors?.[name];
    const machine = machines.find(({ id }) => id === actor?.machine);
    if (actor === undefined || machine === undefined) {
      throw new BadTrace(`${name} is of no machine that ships: ${String(actor?.machine)}`);
    }
    const engine = engineOf(engines, machine);
    lives.set(name, { engine, state: engine.start(input ?? actor.input).state });
  };
  for (const [i, line] of recorded.events.entries()) {
    if (line.type === "$start") begin(line.to, line.input);
    if (line.type === "$crash") lives.delete(line.to);
    if (line.event === undefined) continue;
    if (!lives.has(line.to)) begin(line.to, undefined);
    const life = lives.get(line.to)!;
    const before = life.engine.describe(life.state);
    life.state = life.engine.step(life.state, line.event).state;
    const after = life.engine.describe(life.state);
    if (before === line.state_before && after === line.state_after) continue;
    const was = `${line.state_before} to ${line.state_after}`;
    const difference = `event ${
      i + 1
    }: ${line.to} went from ${was}, goes from ${before} to ${after}`;
    return { trace: recorded, difference };
  }
  return { trace: recorded, difference: undefined };
}

function machinesOf({ header: { mutant } }: Trace): readonly AnyStateMachine[] {
  if (mutant === undefined) return MACHINES;
  const planted = allMutants().find(({ id }) => id === mutant)?.machine();
  if (planted === undefined) throw new BadTrace(`there is no mutant ${mutant}`);
  return MACHINES.map((machine) => machine.id === planted.id ? planted : machine);
}

function engineOf(engines: Map<string, TableEngine>, machine: AnyStateMachine): TableEngine {
  let engine = engines.get(machine.id);
  if (engine === undefined) engines.set(machine.id, engine = new TableEngine(machine));
  return engine;
}
