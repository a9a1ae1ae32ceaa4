/**
 * Messages that are held up on their way, most of them until their time has long passed.
 *
 * @module
 */
import type { Stage } from "./stage.ts";

/** What is held up, and how. */
export interface HoldUp {
  /** Types of messages. */
  readonly types: ReadonlySet<string>;
  /** Which share of them. */
  readonly share: number;
  /** Longest delay, in ms; half of them are shorter than its square root. */
  readonly mostMs: number;
}

/** Holds messages up until an instant. */
export function holdUp(stage: Stage, until: number, { types, share, mostMs }: HoldUp): void {
  const random = stage.random("holding up");
  const { system, hub } = stage;
  const before = hub.leaving;
  hub.leaving = (from, type) => {
    before(from, type);
    if (!types.has(type) || system.now >= until || random() >= share) return;
    system.conditions.snag = mostMs ** random();
  };
}
