/**
 * One run: a cluster under load is broken, healed and held against what its clients were told.
 *
 * @module
 */
import { readProfile } from "../../examples/telecom/cluster_command.ts";
import { CommandError } from "../../examples/telecom/command_error.ts";
import { namesOf } from "../../examples/telecom/start.ts";
import type { Profile } from "../../examples/telecom/profiles.ts";
import { deriveSeed, seeded } from "../../runtime/random.ts";
import { auditAnswers, auditFiles, type Found } from "./audit.ts";
import { Book } from "./book.ts";
import { Clients } from "./clients.ts";
import { type Deeds, Nemesis } from "./nemesis.ts";
import type { Options } from "./options.ts";
import { within, World } from "./world.ts";

/** What a run is given besides its options. */
export interface RunOptions extends
  Pick<
    Options,
    "kills" | "seed" | "profile" | "minutes" | "faults" | "clients" | "fast"
  > {
  /** Data folder. */
  readonly data: string;
  /** Root of the sources to run. Default: those of this repository. */
  readonly root?: string;
  /** For people. */
  readonly progress: (text: string) => void;
  /** Resolves when the run is to be given up. */
  readonly stop: Promise<string>;
}

/** What came of it. */
export interface RunResult extends Found {
  readonly book: Book;
  readonly deeds: Deeds;
  readonly recoveriesMs: readonly number[];
  readonly inDoubtMaxMs: number;
  /** From healing until nothing was in doubt or locked any more. */
  readonly settleMs: number;
  /** Outcomes that had to be asked for at the end. */
  readonly settled: number;
  readonly restartsAsked: number;
  /** Why it was not finished. */
  readonly unfinished: string | undefined;
}

/** Accounts: few enough to meet on. */
const SUBSCRIBERS = 100;
const SAMPLE_MS = 200;
/** Nothing may be stuck any longer once all is healed. */
const SETTLE_MS = 30_000;
/** Requests under way when the load ends. */
const LAST_ANSWERS_MS = 20_000;
/** Numbers given out grow with the time, and so never come again on kept data. */
const SERIALS_SINCE = Date.UTC(2024, 0, 1);

/** Runs it. @throws {import("../../examples/telecom/command_error.ts").CommandError} */
export async function runChaos(options: RunOptions): Promise<RunResult> {
  return await new ChaosRun(options, await readProfile(options.profile)).run();
}

class ChaosRun {
  readonly #book = new Book();
  readonly #world: World;
  readonly #clients: Clients;
  readonly #nemesis: Nemesis;
  readonly #profile: Profile;
  #inDoubtMaxMs = 0;
  #settleMs = 0;
  #settled = 0;
  #found: Found = { lost: 0, duplicated: 0 };

  constructor(private readonly options: RunOptions, profile: Profile) {
    const { seed, clients: count, data, fast, minutes, progress, root } = options;
    const args = ["--faults", "--load", "0", "--report", "json", "--profile", options.profile];
    this.#profile = profile;
    const world = this.#world = new World({
      data,
      root,
      args: [...args, "--subscribers", `${SUBSCRIBERS}`, ...(fast ? ["--fast"] : [])],
      edges: namesOf(profile, "gateway"),
      progress,
      violate: ({ invariant, message }) => this.#book.violate(invariant, message),
    });
    this.#clients = new Clients({
      world,
      book: this.#book,
      count,
      subscribers: SUBSCRIBERS,
      random: seeded(deriveSeed(seed, "clients")),
      prefix: crypto.randomUUID().slice(0, 13),
      firstSerial: Date.now() - SERIALS_SINCE,
    });
    const until = performance.now() + (minutes ?? Infinity) * 60_000;
    this.#nemesis = new Nemesis({ ...options, profile, world, until });
  }

  async run(): Promise<RunResult> {
    let unfinished: string | undefined;
    const stopped = this.options.stop.then((why) => {
      throw new Error(why);
    });
    stopped.catch(() => {});
    try {
      unfinished = await Promise.race([this.#run(), stopped]);
    } catch (error) {
      unfinished = (error as Error).message;
    } finally {
      this.#clients.stop();
      await this.#world.close();
    }
    const { refusal } = this.#world;
    if (refusal !== undefined) throw new CommandError(refusal);
    return {
      ...this.#found,
      book: this.#book,
      deeds: this.#nemesis.deeds,
      recoveriesMs: this.#world.recoveries,
      inDoubtMaxMs: this.#inDoubtMaxMs,
      settleMs: this.#settleMs,
      settled: this.#settled,
      restartsAsked: this.#world.restartsAsked,
      unfinished,
    };
  }

  async #run(): Promise<string | undefined> {
    const { progress } = this.options;
    await this.#world.start();
    await this.#clients.survey();
    progress("serves; load and faults begin");
    const load = this.#clients.run();
    const watch = this.#watch();
    // Whatever fails, fails all of it.
    const all = await Promise.race([this.#nemesis.run(), load.then(() => false), watch.failed]);
    this.#clients.stop();
    await within(LAST_ANSWERS_MS, "Cannot end the load: answers did not come", load);
    progress("healed; waiting for nothing to be in doubt");
    await this.#settle();
    this.#settled = await this.#clients.settle();
    await auditAnswers(this.#book, this.#clients);
    await this.#settle();
    await watch.stop();
    await this.#end();
    return all ? undefined : `only ${this.#nemesis.kills} of ${this.options.kills} were killed`;
  }

  /** Samples how old the oldest transaction in doubt is. */
  #watch(): { readonly failed: Promise<never>; stop(): Promise<void> } {
    let over = false;
    const loop = (async () => {
      while (!over) {
        const ages = await this.#world.metric("trunkline_oldest_in_doubt_ms");
        this.#inDoubtMaxMs = Math.max(this.#inDoubtMaxMs, ...ages?.values() ?? []);
        await sleep(SAMPLE_MS);
      }
    })();
    const failed = loop.then(() => new Promise<never>(() => {}));
    failed.catch(() => {});
    return {
      failed,
      async stop() {
        over = true;
        await loop;
      },
    };
  }

  /** Waits until all nodes serve and nothing is in doubt, locked or down. */
  async #settle(): Promise<void> {
    const since = performance.now();
    for (;;) {
      const left = await this.#unsettled();
      const waited = performance.now() - since;
      if (left === undefined) {
        this.#settleMs = Math.max(this.#settleMs, waited);
        return;
      }
      if (waited > SETTLE_MS) {
        this.#book.violate("atomic_termination", `after ${Math.round(waited)} ms ${left}`);
        return;
      }
      await sleep(SAMPLE_MS);
    }
  }

  async #unsettled(): Promise<string | undefined> {
    const world = this.#world;
    const participants = namesOf(this.#profile, "participant").length;
    const coordinators = namesOf(this.#profile, "coordinator").length;
    const down = await world.nodesDown();
    if (down === undefined || down.length > 0) return `down: ${down?.join(", ") ?? "all"}`;
    if (world.down.length > 0) return `not back: ${world.down.join(", ")}`;
    for (
      const [name, roles] of [
        ["transactions_in_doubt", participants + coordinators],
        ["locked_rows", participants],
      ] as const
    ) {
      const values = await world.metric(`trunkline_${name}`);
      if (values?.size !== roles) return `${values?.size ?? 0} of ${roles} roles tell ${name}`;
      const there = [...values].filter(([, value]) => value > 0).map((pair) => pair.join(" "));
      if (there.length > 0) return there.join(", ");
    }
    return undefined;
  }

  /** Stops in order and reads what is on disk. */
  async #end(): Promise<void> {
    const { code, report, stderr } = await this.#world.stop();
    const { expected, actual } = report?.money ?? {};
    if (expected !== actual) this.#book.violate("money", `there must be ${expected}, is ${actual}`);
    if (code !== 0) {
      this.#book.violate("nodes_serve", `it stopped with ${code}: ${stderr.slice(-3).join(" / ")}`);
    }
    this.#found = auditFiles(this.#book, this.options.data);
  }
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
