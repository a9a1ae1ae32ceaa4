/**
 * One seed of one scenario: first faults, then healing, then everything must come to its end.
 *
 * @module
 */
import { deriveSeed, seeded } from "../../runtime/random.ts";
import type { AnyStateMachine } from "../../runtime/xstate_types.ts";
import { Clients } from "./clients.ts";
import type { Coverage, RunCoverage } from "./coverage.ts";
import type { Violation } from "./hub.ts";
import type { InvariantDefinition } from "./invariant.ts";
import { Recorder } from "./recorder.ts";
import type { Casting, ProfileName, Scenario } from "./scenario.ts";
import { Stage, type StageParts } from "./stage.ts";
import type { StrikeCounts } from "./strikes.ts";
import { drawSwarm, type Swarm } from "./swarm.ts";
import type { TraceEvent } from "./trace.ts";

/** What all runs of a process share. */
export interface RunParts extends Pick<StageParts, "operator" | "publicKey"> {
  readonly coverage: Coverage;
  readonly definitions: readonly InvariantDefinition[];
  /** Machines that stand in for those that ship, by id. */
  readonly replaced?: ReadonlyMap<string, AnyStateMachine>;
  /** In place of the profile that a seed draws. */
  readonly profile?: ProfileName | undefined;
  /** It is given up when it takes more events of the virtual clock. */
  readonly mostEvents?: number;
  /** It is given up when the heap of this thread is larger. */
  readonly mostBytes?: number;
}

/** What came of a seed. */
export interface SeedResult {
  readonly seed: number;
  readonly swarm: Swarm;
  readonly casting: Casting;
  /** Events of the virtual clock. */
  readonly events: number;
  /** Lines of the trace. */
  readonly recorded: number;
  readonly virtualMs: number;
  readonly traceHash: string;
  readonly violations: readonly Violation[];
  /** Requests: made, acknowledged, refused, repeated. */
  readonly requests: Readonly<Record<string, number>>;
  /** How often each fault was injected, and what it did. */
  readonly strikes: StrikeCounts;
  readonly coverage: RunCoverage;
  /** Why it was given up before its end; undefined: it was not. */
  readonly unfinished: string | undefined;
}

/** After healing, everything has to be decided and answered within this much virtual time. */
export const LIVENESS_MS = 60_000;
/** A start says within this much virtual time whether it has failed. */
const START_MS = 130_000;
/** Time for late copies to arrive before the stores are looked at. */
const SETTLE_MS = 300;
/** A supervisor waits no longer until it starts a role again. */
const RESTART_MS = 10_000;
/** Events between two looks at how much memory is in use. */
const MEMORY_LOOKS = 20_000;

/** What a seed draws; with a profile of one's own, everything else is as drawn. */
export function draw(
  scenario: Scenario,
  seed: number,
  profile?: ProfileName,
): { casting: Casting; swarm: Swarm } {
  const random = seeded(deriveSeed(seed, scenario.name));
  const cast = scenario.cast(random);
  const casting = profile === undefined ? cast : { ...cast, profile };
  const drawn = drawSwarm(random, scenario.faults);
  const { surely = [], strength = {} } = casting;
  const on = new Set([...drawn.on, ...surely]);
  const everyMs = { ...drawn.everyMs, ...strength.everyMs };
  return { casting, swarm: { ...drawn, ...strength, everyMs, on } };
}

/**
 * Runs a seed.
 *
 * @param lines where the trace goes, if it is wanted
 */
export async function runSeed(
  scenario: Scenario,
  seed: number,
  parts: RunParts,
  lines?: TraceEvent[],
): Promise<SeedResult> {
  const { casting, swarm } = draw(scenario, seed, parts.profile);
  await using stage = Stage.set({
    ...parts,
    scenario,
    seed,
    casting,
    swarm,
    replaced: parts.replaced ?? new Map(),
    recorder: (now) => new Recorder(now, lines),
  });
  const play = new Play(stage, parts);
  const unfinished = await play.run();
  const { scheduler } = stage.system;
  return {
    seed,
    swarm,
    casting,
    events: scheduler.taken,
    recorded: stage.recorder.count,
    virtualMs: scheduler.now(),
    traceHash: stage.recorder.digest,
    violations: await judge(stage),
    requests: play.requests,
    strikes: stage.struck,
    coverage: parts.coverage.end(),
    unfinished,
  };
}

/** What is wrong: of a scenario that must break an invariant, that it has not. */
async function judge(stage: Stage): Promise<readonly Violation[]> {
  const { hub, parts: { scenario } } = stage;
  const { mustBreak } = scenario;
  if (mustBreak === undefined) return hub.violations;
  const others = hub.violations.filter(({ invariant }) => invariant !== mustBreak);
  if (others.length > 0) return others;
  const event = hub.violations[0]?.event ?? 0;
  const wanting = hub.violations.length === 0 ? "it is not broken" : undefined;
  const message = wanting ?? await scenario.confirm?.(stage);
  return message === undefined ? [] : [{ invariant: mustBreak, message, event }];
}

class Play {
  readonly #clients: Clients | undefined;
  readonly #mostEvents: number;
  readonly #mostBytes: number;
  #looks = 0;
  #heapBytes = 0;

  constructor(private readonly stage: Stage, { mostEvents, mostBytes }: RunParts) {
    this.#mostEvents = mostEvents ?? Infinity;
    this.#mostBytes = mostBytes ?? Infinity;
    const { load } = stage.parts.casting;
    if (load !== undefined) this.#clients = new Clients(stage, load);
  }

  get requests(): Readonly<Record<string, number>> {
    return { made: this.#clients?.made ?? 0, ...this.#clients?.counts };
  }

  /** Returns why it was given up, if it was. */
  async run(): Promise<string | undefined> {
    const { stage } = this;
    const { roughStart = false } = stage.parts.casting;
    const length = stage.parts.casting.safetyMs;
    const started = stage.company.start();
    started.catch(() => {});
    let startedWell: boolean | undefined;
    started.then(() => startedWell = true, () => startedWell = false);
    if (!roughStart) await stage.system.until(started, 120_000);
    const until = stage.system.now + length;
    stage.nemesis.begin(until);
    this.#clients?.begin(until);
    stage.parts.scenario.act?.(stage, until);
    if (!await this.#pass(() => stage.system.now >= until, length + 1)) return this.#gaveUp();
    stage.nemesis.heal();
    stage.hub.invariants.healed();
    // A start that met faults may fail, but it must say so.
    if (!await this.#pass(() => startedWell !== undefined, START_MS)) return this.#gaveUp();
    if (startedWell === false) return undefined;
    if (startedWell === undefined) stage.hub.fail("liveness", "the start neither ends nor fails");
    if (!await this.#heal()) return this.#gaveUp();
    if (this.#failed) return undefined;
    if (this.#clients !== undefined) await this.#await(this.#clients.askAgain());
    // What nobody waits for any more may be tried once more after a pause.
    if (!await this.#heal()) return this.#gaveUp();
    if (this.#failed) return undefined;
    stage.hub.invariants.finish();
    if (stage.parts.casting.stop === true) await this.#stop();
    return undefined;
  }

  /** Where nobody stays away: what a role that is down must go on with only its journal knows. */
  get #isWaitingForRoles(): boolean {
    const { parts: { scenario }, addresses, system } = this.stage;
    return scenario.roles !== undefined &&
      addresses.some((address) => system.spawner.process(address) === undefined);
  }

  get #failed(): boolean {
    return this.stage.hub.violations.length > 0;
  }

  #gaveUp(): string {
    const { now, scheduler } = this.stage.system;
    const what = this.#heapBytes > this.#mostBytes
      ? `${Math.round(this.#heapBytes / 2 ** 20)} MB of memory are in use`
      : `more than ${this.#mostEvents} events`;
    return `${what} by ${now.toFixed(0)} ms of virtual time, ${scheduler.size} to come`;
  }

  get #tooMuch(): boolean {
    if (++this.#looks % MEMORY_LOOKS === 0) this.#heapBytes = Deno.memoryUsage().heapUsed;
    return this.stage.system.scheduler.taken > this.#mostEvents ||
      this.#heapBytes > this.#mostBytes;
  }

  /** Lets time pass until a condition holds or something is wrong; false: it takes too much. */
  async #pass(holds: () => boolean, limitMs: number): Promise<boolean> {
    const { system } = this.stage;
    const { scheduler } = system;
    const limit = system.now + limitMs;
    const over = () =>
      holds() || this.#failed || this.#tooMuch || (scheduler.next() ?? Infinity) > limit;
    await system.when(over, limitMs);
    return !this.#tooMuch;
  }

  /** Liveness: what is open ends. */
  async #heal(): Promise<boolean> {
    const { system, hub } = this.stage;
    const healedAt = system.now;
    // Whoever was silent until now may still be given up before its next heartbeat.
    const { heartbeatIntervalMs } = this.stage.plan.settings;
    const monitored = this.stage.addresses.some((address) => address.endsWith("/monitor"));
    let lookAt = healedAt + (monitored ? 2 * heartbeatIntervalMs : 0) + SETTLE_MS;
    const settled = () => {
      if (system.now < lookAt) return false;
      lookAt = system.now + 20;
      if (this.#isWaitingForRoles) {
        lookAt = system.now + SETTLE_MS;
        return false;
      }
      return (this.#clients?.open ?? 0) === 0 && hub.invariants.undecided() === 0;
    };
    let done = false;
    const finished = await this.#pass(() => done ||= settled(), LIVENESS_MS);
    if (!finished || this.#failed || done) return finished;
    hub.invariants.finish(); // Says what is open for good.
    const open = this.#clients?.open ?? 0;
    if (open > 0 || !this.#failed) {
      hub.fail("liveness", `${open} requests are not answered ${LIVENESS_MS} ms after healing`);
    }
    return true;
  }

  async #await(work: Promise<void>): Promise<void> {
    let done = false;
    work.then(() => done = true);
    await this.#pass(() => done, LIVENESS_MS);
  }

  /** An orderly stop finds no problem in a healthy cluster: one whose roles have been started again. */
  async #stop(): Promise<void> {
    const { stage } = this;
    const { spawner } = stage.system;
    const healthy = () => stage.addresses.every((it) => spawner.process(it) !== undefined);
    if (!await this.#pass(healthy, RESTART_MS)) return;
    await stage.system.advance(SETTLE_MS);
    const problems = await stage.system.until(stage.company.stop(), 120_000);
    if (problems.length > 0) stage.hub.fail("orderly_stop", problems.join("; "));
  }
}
