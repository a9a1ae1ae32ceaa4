/**
 * Kills roles and processes and cuts links of a real cluster. What it does and in which order comes
 * from a seed; what the cluster is doing at that moment does not.
 *
 * @module
 */
import type { DirectedLink } from "../../actors/faults.ts";
import { profileLinks } from "../../examples/telecom/profile_links.ts";
import type { Profile } from "../../examples/telecom/profiles.ts";
import { CLIENT } from "../../runtime/role.ts";
import { deriveSeed, seeded } from "../../runtime/random.ts";
import { drawPartition } from "../simulation/partitions.ts";
import { SHAPES } from "../simulation/swarm.ts";
import type { Kind, Options } from "./options.ts";
import type { World } from "./world.ts";

/** What a nemesis is given. */
export interface NemesisOptions extends Pick<Options, "kills" | "seed" | "faults"> {
  readonly profile: Profile;
  readonly world: World;
  /** No fault begins later; of `performance.now()`. */
  readonly until: number;
  readonly progress: (text: string) => void;
}

const GAP_MS = 1200;
const LONGEST_GAP_MS = 4000;
const PROCESS_SHARE = 0.3;
/** Of the kills of the process, how many hit one that has just been started. */
const EARLY_SHARE = 0.25;
const LONGEST_START_MS = 2500;
const CUT_GAP_MS = 2500;
const CUT_MS = 1500;
const LONGEST_CUT_MS = 8000;
/** A role that is killed over and over is given up by its supervisor: that is another test. */
const SPARE_MS = 20_000;
const SPARE_AFTER = 4;

/** What happened. */
export interface Deeds {
  readonly kills: { exit: number; process: number };
  /** Directed links cut, and partitions they belonged to. */
  links: number;
  partitions: number;
}

/** The faults of one run. */
export class Nemesis {
  readonly deeds: Deeds = { kills: { exit: 0, process: 0 }, links: 0, partitions: 0 };
  readonly #random: () => number;
  readonly #cutRandom: () => number;
  #roles: readonly string[] = [];
  readonly #links: ReadonlySet<string>;
  readonly #killedAt = new Map<string, number[]>();
  /** How many partitions cut a link; of the process of that number. */
  readonly #cuts = new Map<string, number>();
  #cutLife = 0;
  #over = false;

  constructor(private readonly options: NemesisOptions) {
    const { seed, profile } = options;
    this.#random = seeded(deriveSeed(seed, "kills"));
    this.#cutRandom = seeded(deriveSeed(seed, "cuts"));
    this.#links = new Set(profileLinks(profile).map(({ from, to }) => `${from}>${to}`));
  }

  /** How many were killed. */
  get kills(): number {
    const { exit, process } = this.deeds.kills;
    return exit + process;
  }

  /** Does all of it, then mends all links; false if the time was over first. */
  async run(): Promise<boolean> {
    const { kills, faults, world } = this.options;
    this.#roles = await rolesOf(world);
    const cuts = faults.has("partition") ? this.#cutAndMend() : Promise.resolve();
    try {
      while (kills === undefined || this.kills < kills) {
        if (!await this.#pause(exponential(this.#random, GAP_MS, LONGEST_GAP_MS))) break;
        await this.#kill();
      }
    } finally {
      this.#over = true;
      await cuts;
    }
    await this.#mend([...this.#cuts.keys()].map(linkOf), true);
    return kills === undefined || this.kills >= kills;
  }

  /** Waits; false: the time is over. */
  async #pause(ms: number): Promise<boolean> {
    const left = this.options.until - performance.now();
    await sleep(Math.max(0, Math.min(ms, left)));
    return performance.now() < this.options.until;
  }

  async #kill(): Promise<void> {
    const { faults } = this.options;
    // Always as many numbers, whatever comes of them: the next kill does not depend on this one.
    const [kind, victim, early, startMs] = [0, 0, 0, 0].map(() => this.#random());
    const process = !faults.has("exit") ||
      (faults.has("process") && kind! < PROCESS_SHARE);
    if (process) await this.#killProcess(early! < EARLY_SHARE ? startMs! : undefined);
    else await this.#killRole(Math.floor(victim! * this.#roles.length));
  }

  async #killRole(index: number): Promise<void> {
    const { world, progress } = this.options;
    const now = performance.now();
    for (let i = 0; i < this.#roles.length; i++) {
      const role = this.#roles[(index + i) % this.#roles.length]!;
      const lately = (this.#killedAt.get(role) ?? []).filter((at) => now - at < SPARE_MS);
      if (lately.length >= SPARE_AFTER) continue;
      this.#killedAt.set(role, [...lately, now]);
      if (!await world.exit(role)) return;
      this.#done("exit");
      return progress(`${this.#count} exit ${role}`);
    }
  }

  async #killProcess(early: number | undefined): Promise<void> {
    const { world, progress } = this.options;
    const { kills = Infinity } = this.options;
    if (early !== undefined && this.kills + 1 < kills) {
      this.#done("process");
      progress(`${this.#count} process, and again while it starts`);
      await world.kill();
      await world.spawn();
      await sleep(early * LONGEST_START_MS);
    }
    this.#done("process");
    progress(`${this.#count} process`);
    await world.killAndStart();
    progress(`serves again after ${Math.round(world.recoveries.at(-1)!)} ms`);
  }

  #done(kind: Exclude<Kind, "partition">): void {
    this.deeds.kills[kind]++;
  }

  get #count(): string {
    return `kill ${this.kills}${this.options.kills === undefined ? "" : `/${this.options.kills}`}`;
  }

  // Links ------------------------------------------------------------------------------------

  async #cutAndMend(): Promise<void> {
    const { profile } = this.options;
    const random = this.#cutRandom;
    const mends: Promise<void>[] = [];
    for (;;) {
      // Not while nothing runs: partitions would pile up until it does.
      await this.options.world.serving();
      await sleep(exponential(random, CUT_GAP_MS, LONGEST_CUT_MS));
      if (this.#over) break;
      const isLink = (from: string, to: string) => this.#links.has(`${from}>${to}`);
      const { cuts } = drawPartition(profile.nodes, SHAPES, random, isLink);
      const links = cuts.map(([from, to]) => ({ from, to }));
      const forMs = exponential(random, CUT_MS, LONGEST_CUT_MS);
      mends.push(this.#partition(links, forMs));
    }
    await Promise.all(mends);
  }

  async #partition(links: readonly DirectedLink[], forMs: number): Promise<void> {
    const { world, progress } = this.options;
    await world.serving();
    this.#sameLife();
    const { life } = world;
    if (!await world.order("fault.partition", { links })) return;
    this.deeds.partitions++;
    this.deeds.links += links.length;
    const names = links.map(nameOf);
    const told = names.length > 4
      ? `${names.slice(0, 3).join(" ")} and ${names.length - 3} more`
      : names.join(" ");
    progress(`partition ${told} for ${Math.round(forMs)} ms`);
    for (const name of names) this.#cuts.set(name, (this.#cuts.get(name) ?? 0) + 1);
    await sleep(forMs);
    if (life === world.life) await this.#mend(links, false);
  }

  /** Links are mended when nobody cuts them any more. A new process has forgotten all cuts. */
  async #mend(links: readonly DirectedLink[], all: boolean): Promise<void> {
    const { world } = this.options;
    const free = links.filter((link) => {
      const count = (this.#cuts.get(nameOf(link)) ?? 1) - 1;
      this.#cuts.set(nameOf(link), count);
      return all || count <= 0;
    });
    while (free.length > 0) {
      await world.serving();
      this.#sameLife();
      if (await world.order("fault.heal", { links: free })) break;
      await sleep(100);
    }
    for (const link of free) this.#cuts.delete(nameOf(link));
  }

  #sameLife(): void {
    if (this.#cutLife !== this.options.world.life) this.#cuts.clear();
    this.#cutLife = this.options.world.life;
  }
}

/** Addresses of all roles that run, in an order that does not depend on who answered first. */
async function rolesOf(world: World): Promise<readonly string[]> {
  const sent = await world.metric("trunkline_messages_sent_total");
  return [...sent?.keys() ?? []].map((labels) => {
    const [, node, role] = /node="([^"]+)",role="([^"]+)"/.exec(labels)!;
    return `${node}/${role}`;
  }).filter((address) => address !== CLIENT).sort();
}

function nameOf({ from, to }: DirectedLink): string {
  return `${from}>${to}`;
}

function linkOf(name: string): DirectedLink {
  const [from = "", to = ""] = name.split(">");
  return { from, to };
}

function exponential(random: () => number, mean: number, most: number): number {
  return Math.min(most, -Math.log(1 - random()) * mean);
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
