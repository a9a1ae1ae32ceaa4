/**
 * Does to a running system what its swarm of faults says, and takes all of it back.
 *
 * @module
 */
import type { Address } from "../../runtime/ports.ts";
import { CLIENT, MAIN_NODE, type SimulatedSystem } from "../../runtime/simulated/mod.ts";
import { lie, type Lies, MEAN_LIE_MS } from "./lies.ts";
import { drawPartition } from "./partitions.ts";
import type { Strikes } from "./strikes.ts";
import type { Fault, Swarm } from "./swarm.ts";

/** What a nemesis works on. */
export interface Victim {
  readonly system: SimulatedSystem;
  readonly nodes: readonly { readonly name: string; readonly tier: string }[];
  /** Roles that may be hit. */
  readonly targets: readonly Address[];
  /** Keys of stores, and who keeps each. */
  readonly stores: ReadonlyMap<string, Address>;
  /** Takes a node down for good, and up again. */
  readonly nodeDown: (name: string) => void;
  readonly nodeUp: (name: string) => void;
  readonly lies: Lies | undefined;
  readonly strikes: Strikes;
  /** A fault begins or ends; of those that only happen, `end` follows a little later. */
  readonly begin: (fault: Fault, target: string, note: string) => void;
  readonly end: (fault: Fault, target: string, note: string) => void;
}

/** How long a crash waits for a moment at which its role has something to lose, and looks for it. */
const AMBUSH_MS = 200;
const LOOK_EVERY_MS = 0.5;
/** A fault that only happens counts as at work for so long, in ms. */
const AFTERMATH_MS = 300;
const LONGEST_CUT_MS = 8000;
const LONGEST_TAIL_MS = 5000;

/** The faults of one run. */
export class Nemesis {
  readonly #cuts = new Map<string, number>();
  readonly #undo = new Set<() => void>();
  /** Roles that are paused, mailboxes that are full, nodes that are down: not struck twice. */
  readonly #struck = new Set<string>();
  readonly #links: readonly (readonly [string, string, number, number])[];
  readonly #keepers: ReadonlySet<Address>;
  #until = 0;

  /** @param random uniform in [0, 1) */
  constructor(
    private readonly victim: Victim,
    private readonly swarm: Swarm,
    private readonly random: () => number,
  ) {
    this.#keepers = new Set(victim.stores.values());
    this.#links = [...victim.system.switchboard.links()]
      .filter(([from, to]) => from !== MAIN_NODE && to !== MAIN_NODE)
      .map(([from, to, { delayMs, jitterMs }]) => [from, to, delayMs, jitterMs]);
  }

  /** Lets faults happen until an instant. */
  begin(until: number): void {
    this.#until = until;
    this.#spoilLinks();
    this.#slowDown();
    const { on, everyMs } = this.swarm;
    const kinds = {
      partition: () => this.#partition(),
      crash: () => this.#crash("crash"),
      exit: () => this.#crash("exit"),
      node: () => this.#node(),
      pause: () => this.#pause(),
      mailbox: () => this.#mailbox(),
      lie: () => this.#lie(),
    };
    for (const [kind, act] of Object.entries(kinds) as [keyof typeof kinds, () => void][]) {
      if (on.has(kind)) this.#repeat(everyMs[kind], act);
    }
    if (on.has("torn")) {
      this.#lasting("torn", "disks", () => {
        this.victim.system.conditions.torn = this.swarm.torn;
        return () => this.victim.system.conditions.torn = 0;
      });
    }
    if (on.has("power")) {
      this.#once(() => this.#power());
      this.#repeat(everyMs.power, () => this.#power());
    }
    if (on.has("disk")) this.#once(() => this.#disk());
    if (on.has("drift")) {
      this.victim.strikes.struck("drift", this.victim.system.conditions.rates.size);
      this.#lasting("drift", "clocks", () => () => {});
    }
  }

  /** Takes everything back. */
  heal(): void {
    for (const undo of [...this.#undo]) undo();
  }

  #pick<T>(from: readonly T[]): T {
    return from[Math.floor(this.random() * from.length)]!;
  }

  #exponential(meanMs: number): number {
    return -Math.log(1 - this.random()) * meanMs;
  }

  #repeat(meanMs: number, act: () => void): void {
    const { scheduler } = this.victim.system, at = scheduler.now() + this.#exponential(meanMs);
    if (at >= this.#until) return;
    scheduler.at(at, () => {
      act();
      this.#repeat(meanMs, act);
    });
  }

  #once(act: () => void): void {
    const { scheduler } = this.victim.system;
    const left = this.#until - scheduler.now();
    scheduler.at(scheduler.now() + this.random() * left, act);
  }

  /** Begins a fault that lasts until `forMs` have passed or all is healed. */
  #lasting(fault: Fault, target: string, begin: () => () => void, forMs?: number): void {
    const { scheduler } = this.victim.system;
    this.victim.begin(fault, target, forMs === undefined ? "" : `for ${Math.round(forMs)} ms`);
    const key = `${fault} ${target}`;
    this.#struck.add(key);
    const undo = begin();
    const end = () => {
      if (!this.#undo.delete(end)) return;
      this.#struck.delete(key);
      undo();
      this.victim.end(fault, target, "over");
    };
    this.#undo.add(end);
    if (forMs !== undefined) scheduler.at(scheduler.now() + forMs, end);
  }

  #spoilLinks(): void {
    const { on, loss, duplicate, reorder, delayMs, tailShape } = this.swarm;
    const { system } = this.victim;
    const { switchboard, conditions } = system;
    const set = (name: "loss" | "duplicate" | "reorder", value: number) => {
      for (const [from, to] of this.#links) switchboard.set(from, to, { [name]: value });
    };
    for (const [name, value] of Object.entries({ loss, duplicate, reorder })) {
      const kind = name as "loss" | "duplicate" | "reorder";
      if (!on.has(kind)) continue;
      this.#lasting(kind, "links", () => {
        set(kind, value);
        return () => set(kind, 0);
      });
    }
    if (!on.has("delay")) return;
    this.#lasting("delay", "links", () => {
      for (const [from, to] of this.#links) {
        const base = delayMs * (0.25 + this.random() / 2);
        switchboard.set(from, to, { delayMs: base, jitterMs: base / 2 });
      }
      conditions.tail = { meanMs: delayMs / 2, shape: tailShape, mostMs: LONGEST_TAIL_MS };
      return () => {
        conditions.tail = undefined;
        for (const [from, to, delayMs, jitterMs] of this.#links) {
          switchboard.set(from, to, { delayMs, jitterMs });
        }
      };
    });
  }

  #slowDown(): void {
    const { on, slowMs, slowShare } = this.swarm;
    const { nodes, system } = this.victim;
    if (!on.has("slow")) return;
    for (const { name } of nodes) {
      if (this.random() >= slowShare) continue;
      this.#lasting("slow", name, () => {
        system.conditions.slowness.set(name, slowMs);
        return () => system.conditions.slowness.delete(name);
      });
    }
  }

  #partition(): void {
    const { nodes, system } = this.victim;
    const { switchboard } = system;
    const { shape, cuts } = drawPartition(
      nodes,
      this.swarm.shapes,
      this.random,
      (from, to) => switchboard.get(from, to) !== undefined,
    );
    this.victim.strikes.shapes[shape]++;
    const forMs = Math.min(LONGEST_CUT_MS, this.#exponential(1500));
    const name = cuts.map(([from, to]) => `${from}>${to}`).join(" ");
    this.#lasting("partition", name, () => {
      for (const [from, to] of cuts) this.#cut(from, to, 1);
      return () => {
        for (const [from, to] of cuts) this.#cut(from, to, -1);
      };
    }, forMs);
  }

  /** Cuts overlap: a link is up again when nobody cuts it any more. */
  #cut(from: string, to: string, by: 1 | -1): void {
    const key = `${from}>${to}`;
    const count = (this.#cuts.get(key) ?? 0) + by;
    this.#cuts.set(key, count);
    this.victim.system.switchboard.set(from, to, { up: count === 0 });
  }

  #happens(fault: Fault, target: string, act: () => void): void {
    const { scheduler } = this.victim.system;
    this.victim.begin(fault, target, "");
    this.#ending(fault, act);
    scheduler.at(scheduler.now() + AFTERMATH_MS, () => this.victim.end(fault, target, "over"));
  }

  /** Counts the roles that something ends. */
  #ending(fault: Fault, act: () => void): void {
    const { strikes, system } = this.victim;
    const before = system.spawner.running.length;
    act();
    strikes.struck(fault, before - system.spawner.running.length);
  }

  /** Roles that run and do not suffer from this fault yet. */
  #running(fault: Fault): readonly Address[] {
    const { targets, system } = this.victim;
    return targets.filter((address) =>
      system.spawner.process(address) !== undefined && !this.#struck.has(`${fault} ${address}`)
    );
  }

  #crash(kind: "crash" | "exit"): void {
    // Most of the time nothing is on its way to a disk: half of the crashes wait until something is.
    const ambush = kind === "crash" && this.random() < 0.5;
    const running = this.#running(kind);
    const keepers = ambush ? running.filter((address) => this.#keepers.has(address)) : [];
    const among = keepers.length > 0 ? keepers : running;
    if (among.length === 0) return;
    const until = this.victim.system.scheduler.now() + (keepers.length > 0 ? AMBUSH_MS : 0);
    this.#ambush(kind, this.#pick(among), until);
  }

  #ambush(kind: "crash" | "exit", address: Address, until: number): void {
    const { system } = this.victim;
    const process = system.spawner.process(address);
    if (process === undefined) return;
    const { scheduler } = system;
    const now = scheduler.now();
    if (now < until && process.unsynced === 0) {
      return void scheduler.at(now + LOOK_EVERY_MS, () => this.#ambush(kind, address, until));
    }
    this.#happens(kind, address, () => {
      if (kind === "crash") process.end("crashed");
      else process.terminate();
    });
  }

  /** For those who see a message leave: a vote against is held up, and its voter crashes. */
  sent(from: Address, type: string): void {
    const { system } = this.victim;
    const { scheduler, conditions, spawner } = system;
    if (type !== "voteNo" || scheduler.now() >= this.#until) return;
    if (this.random() >= this.swarm.lateVotes) return;
    // From a moment to longer than any patience.
    conditions.snag = 10 ** (2 + 1.2 * this.random());
    scheduler.at(scheduler.now() + this.random(), () => {
      const process = spawner.process(from);
      if (process !== undefined) this.#happens("crash", from, () => process.end("crashed"));
    });
  }

  #node(): void {
    const { nodeDown, nodeUp } = this.victim;
    const nodes = this.victim.nodes.filter(({ name }) => !this.#struck.has(`node ${name}`));
    if (nodes.length === 0) return;
    const { name } = this.#pick(nodes);
    this.#lasting("node", name, () => {
      this.#ending("node", () => nodeDown(name));
      return () => nodeUp(name);
    }, 200 + this.#exponential(1500));
  }

  #power(): void {
    const { system } = this.victim;
    this.#happens("power", "all", () => {
      for (const address of system.spawner.running) if (address !== CLIENT) system.crash(address);
    });
  }

  #disk(): void {
    const { stores, system } = this.victim;
    if (stores.size === 0) return;
    const store = this.#pick([...stores.keys()]);
    if (system.disks.id(store) === undefined) return;
    this.#lasting("disk", store, () => {
      system.disks.setFailure(store, "no space is left on the device");
      return () => system.disks.setFailure(store, undefined);
    }, 100 + this.#exponential(500));
  }

  #pause(): void {
    const running = this.#running("pause");
    if (running.length === 0) return;
    const address = this.#pick(running);
    const forMs = 1 + this.random() * this.swarm.pauseMs;
    this.#lasting("pause", address, () => this.victim.system.spawner.pause(address), forMs);
  }

  #lie(): void {
    const { lies, system, strikes } = this.victim;
    const still = Object.keys(lies?.cast ?? {}).filter((it) => !this.#struck.has(`lie ${it}`));
    if (lies === undefined || still.length === 0) return;
    const liar = this.#pick(still);
    strikes.struck("lie", 1);
    this.#lasting(
      "lie",
      liar,
      () => lie(lies, system, liar, this.random),
      this.#exponential(MEAN_LIE_MS),
    );
  }

  #mailbox(): void {
    const running = this.#running("mailbox");
    if (running.length === 0) return;
    const address = this.#pick(running);
    const what = this.random() < 0.7 ? "normal" : "all";
    const { spawner } = this.victim.system;
    this.#lasting("mailbox", address, () => spawner.jam(address, what), this.#exponential(500));
  }
}
