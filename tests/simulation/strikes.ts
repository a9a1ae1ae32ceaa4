/**
 * How often each fault was injected, and what it did: a fault that never strikes proves nothing.
 *
 * @module
 */
import { Conditions } from "../../runtime/simulated/mod.ts";
import { type Fault, FAULTS, type Shape, SHAPES } from "./swarm.ts";

/** What `struck` counts, by fault. */
export const STRUCK: Readonly<Record<Fault, string>> = {
  loss: "messages lost on links that were up",
  duplicate: "messages a link delivered twice",
  delay: "packets held up by the tail",
  reorder: "messages overtaken by a later one of the same sender",
  partition: "messages lost on links that were cut",
  crash: "roles ended",
  exit: "roles ended",
  node: "roles ended",
  power: "roles ended",
  torn: "torn writes found when a store was opened",
  disk: "roles ended by a commit that failed",
  slow: "turns of slow nodes",
  pause: "roles fenced because they hung",
  drift: "nodes whose clocks were off",
  mailbox: "sends refused because a mailbox was full",
  lie: "times that a liar began to lie in another way",
};

/** Of one fault: in how many runs, how many times, and what it did. */
export interface Strike {
  runs: number;
  injected: number;
  struck: number;
}

/** The counts alone: what another thread hands on. */
export type StrikeCounts = Pick<Strikes, "faults" | "shapes" | "lostTail">;

/** Counts of one run, or of many. */
export class Strikes {
  readonly faults: Record<Fault, Strike> = Object.fromEntries(
    FAULTS.map((fault) => [fault, { runs: 0, injected: 0, struck: 0 }]),
  ) as Record<Fault, Strike>;
  /** Partitions by shape. */
  readonly shapes: Record<Shape, number> = Object.fromEntries(
    SHAPES.map((shape) => [shape, 0]),
  ) as Record<Shape, number>;
  /** Journal records and rows that crashes took: they had been written, and were not durable yet. */
  lostTail = 0;

  /** A fault begins. */
  injected(fault: Fault): void {
    const strike = this.faults[fault];
    strike.runs = 1;
    strike.injected++;
  }

  /** It did something. */
  struck(fault: Fault, times: number): void {
    this.faults[fault].struck += times;
  }

  /** Adds those of another run. */
  add(other: StrikeCounts): void {
    for (const fault of FAULTS) {
      const [sum, more] = [this.faults[fault], other.faults[fault]];
      sum.runs += more.runs;
      sum.injected += more.injected;
      sum.struck += more.struck;
    }
    for (const shape of SHAPES) this.shapes[shape] += other.shapes[shape];
    this.lostTail += other.lostTail;
  }

  /** For the report. */
  toJSON(): Record<string, unknown> {
    return { ...this.faults, partition_shapes: this.shapes, lost_unforced: this.lostTail };
  }

  /** For people. */
  get table(): string {
    const rows = FAULTS.map((fault) => {
      const { runs, injected, struck } = this.faults[fault];
      return fault.padEnd(12) + `${runs}`.padStart(7) + `${injected}`.padStart(10) +
        `${struck}`.padStart(11) + `  ${STRUCK[fault]}`;
    });
    const shapes = SHAPES.map((shape) => `${this.shapes[shape]} ${shape}`).join(", ");
    return [
      "fault          runs  injected     struck",
      ...rows,
      `Partitions: ${shapes}. Crashes took ${this.lostTail} records and rows not durable yet.`,
    ].join("\n");
  }
}

/** Conditions that count the packets they hold up. */
export class CountedConditions extends Conditions {
  constructor(private readonly strikes: Strikes) {
    super();
  }

  override heldUp(chance: number): number {
    const ms = super.heldUp(chance);
    if (ms > 0) this.strikes.struck("delay", 1);
    return ms;
  }
}
