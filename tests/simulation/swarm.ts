/**
 * Which faults a seed gets, and how strong (swarm testing; Groce et al. 2012, "Swarm Testing"): a
 * run with all faults at once finds less than many runs with a few each.
 *
 * @module
 */

/** Every kind of fault. */
export const FAULTS = [
  "loss",
  "duplicate",
  "delay",
  "reorder",
  "partition",
  "crash",
  "exit",
  "node",
  "power",
  "torn",
  "disk",
  "slow",
  "pause",
  "drift",
  "mailbox",
  "lie",
] as const;

/** A kind of fault. */
export type Fault = typeof FAULTS[number];

/** How nodes are kept apart. */
export const SHAPES = ["symmetric", "one-way", "isolated", "tiers", "bridge", "halves"] as const;

/** A shape of a partition. */
export type Shape = typeof SHAPES[number];

/** Kinds that are drawn for any scenario. Lies are for those that have liars, who ask for them. */
export const DRAWN: readonly Fault[] = FAULTS.filter((fault) => fault !== "lie");

/** What one seed is given. A kind that is not in `on` has no effect, whatever its strength. */
export interface Swarm {
  readonly on: ReadonlySet<Fault>;
  /** Probabilities. */
  readonly loss: number;
  readonly duplicate: number;
  readonly reorder: number;
  /** Mean one-way delay in ms, and how heavy its tail is: above 1, the lower the heavier. */
  readonly delayMs: number;
  readonly tailShape: number;
  /** Mean pause in ms between two faults of a kind that come and go. */
  readonly everyMs: Readonly<
    Record<
      "partition" | "crash" | "exit" | "node" | "power" | "pause" | "mailbox" | "lie",
      number
    >
  >;
  /** Shapes of partitions. */
  readonly shapes: readonly Shape[];
  /** How likely a crash tears the write that is under way. */
  readonly torn: number;
  /** Longest wait of a turn on a slow node, in ms, and which share of the nodes is slow. */
  readonly slowMs: number;
  readonly slowShare: number;
  /** Longest pause of a role, in ms. */
  readonly pauseMs: number;
  /** Share of the votes against that come long after they were given, their voter crashed since. */
  readonly lateVotes: number;
  /** Share of the drift that the profile allows. */
  readonly drift: number;
}

/** What differs from what was drawn. */
export type Strength = Partial<Omit<Swarm, "on" | "everyMs">> & {
  readonly everyMs?: Partial<Swarm["everyMs"]>;
};

/** What a scenario asks for. */
export interface Wanted {
  /** Kinds that every seed gets. */
  readonly always?: readonly Fault[];
  /** Kinds that a seed may get; each comes up half of the time. Default: all but lies. */
  readonly maybe?: readonly Fault[];
  /** Kinds that are stronger: they come so many times as often. */
  readonly often?: Partial<Record<keyof Swarm["everyMs"], number>>;
}

const HALF = 0.5;
const MEAN_LIE_PAUSE_MS = 500;
/** One seed in this many has no faults at all: what fails then needs none. */
const CALM_ONE_IN = 16;
/** Faults that hit everything at once are rarer. */
const RARE: ReadonlySet<Fault> = new Set(["power", "disk", "node"]);

/** Draws the faults of a seed. */
export function drawSwarm(random: () => number, wanted: Wanted): Swarm {
  const { always = [], maybe = DRAWN, often = {} } = wanted;
  const calm = random() < 1 / CALM_ONE_IN && always.length === 0;
  const drawn = maybe.filter((fault) => random() < (RARE.has(fault) ? HALF / 2 : HALF));
  const between = (from: number, to: number) => from + random() * (to - from);
  const every = (kind: keyof Swarm["everyMs"], from: number, to: number) =>
    between(from, to) / (often[kind] ?? 1);
  return {
    on: new Set(calm ? [] : [...always, ...drawn]),
    loss: between(0, 0.3),
    duplicate: between(0, 0.5),
    reorder: between(0, 0.3),
    delayMs: 10 ** between(0, 2), // 1 to 100, small ones as likely as large ones.
    tailShape: between(1.2, 3),
    everyMs: {
      partition: every("partition", 500, 4000),
      crash: every("crash", 300, 3000),
      exit: every("exit", 500, 4000),
      node: every("node", 2000, 6000),
      power: every("power", 3000, 10_000),
      pause: every("pause", 500, 4000),
      mailbox: every("mailbox", 300, 3000),
      lie: MEAN_LIE_PAUSE_MS / (often.lie ?? 1),
    },
    shapes: SHAPES.filter(() => random() < HALF),
    torn: between(0.2, 1),
    slowMs: 10 ** between(0, 2),
    slowShare: between(0.1, 0.5),
    pauseMs: 10 ** between(1.5, 4),
    drift: between(0.5, 1),
    lateVotes: 0,
  };
}

/** In a line. */
export function describeSwarm(swarm: Swarm): string {
  if (swarm.on.size === 0) return "no faults";
  const percent = (share: number) => `${Math.round(share * 100)} %`;
  const strength: Partial<Record<Fault, string>> = {
    loss: percent(swarm.loss),
    duplicate: percent(swarm.duplicate),
    reorder: percent(swarm.reorder),
    delay: `${swarm.delayMs.toFixed(1)} ms`,
    partition: `every ${(swarm.everyMs.partition / 1000).toFixed(1)} s`,
    crash: `every ${(swarm.everyMs.crash / 1000).toFixed(1)} s`,
    slow: `${swarm.slowMs.toFixed(1)} ms`,
    pause: `to ${Math.round(swarm.pauseMs)} ms`,
  };
  return FAULTS.filter((fault) => swarm.on.has(fault))
    .map((fault) => strength[fault] === undefined ? fault : `${fault} ${strength[fault]}`)
    .join(", ");
}
