/**
 * What a link does to a packet: a pure function of its parameters, the time, and a random source.
 *
 * @module
 */
import type { LinkParameters, Random } from "./ports.ts";

/** A link inside one node: nothing happens to a packet. */
export const LOCAL_LINK: LinkParameters = {
  up: true,
  delayMs: 0,
  jitterMs: 0,
  bandwidthMbps: 0,
  loss: 0,
  duplicate: 0,
  reorder: 0,
};

/** A reordered packet is held back by this many base delays, at least one millisecond. */
const REORDER_DELAYS = 2;

/** The fate of a packet. */
export interface Transit {
  /**
   * When each copy is handed over, in the clock of `now`, 0 meaning at once; empty if the packet
   * is lost.
   */
  readonly due: readonly number[];
  /** Until when the sender's side of the link is busy putting the packet on the wire. */
  readonly busyUntil: number;
}

/**
 * Sends one packet over a link.
 *
 * @param link parameters of this direction at this moment
 * @param bytes size of the packet
 * @param now cluster time in ms
 * @param busyUntil when the wire is free again, from the previous call; 0 at first
 */
export function transit(
  link: LinkParameters,
  bytes: number,
  now: number,
  busyUntil: number,
  random: Random,
): Transit {
  if (!link.up) return { due: [], busyUntil };
  if (link.loss > 0 && random.next() < link.loss) return { due: [], busyUntil };
  const start = Math.max(now, busyUntil);
  // 1 Mbit/s is 125 bytes a millisecond.
  const sent = link.bandwidthMbps > 0 ? start + bytes / (125 * link.bandwidthMbps) : start;
  const copies = link.duplicate > 0 && random.next() < link.duplicate ? 2 : 1;
  const due: number[] = [];
  for (let i = 0; i < copies; i++) {
    const handedOver = sent + delay(link, random);
    due.push(handedOver > now ? handedOver : 0);
  }
  return { due, busyUntil: link.bandwidthMbps > 0 ? sent : busyUntil };
}

function delay(link: LinkParameters, random: Random): number {
  let delay = link.delayMs;
  if (link.jitterMs > 0) delay += (2 * random.next() - 1) * link.jitterMs;
  if (link.reorder > 0 && random.next() < link.reorder) {
    delay += Math.max(1, REORDER_DELAYS * link.delayMs) * (0.5 + random.next());
  }
  return Math.max(0, delay);
}

/** Checks a change of parameters. @throws {RangeError} naming the field and what it accepts. */
export function checkLinkChange(change: Partial<LinkParameters>): void {
  for (const [name, value] of Object.entries(change)) {
    if (name === "up") {
      if (typeof value !== "boolean") throw new RangeError("Cannot set link up: not a boolean");
      continue;
    }
    if (!Object.hasOwn(LOCAL_LINK, name)) {
      throw new RangeError(`Cannot set link ${name}: no such parameter`);
    }
    const share = name === "loss" || name === "duplicate" || name === "reorder";
    const highest = share ? 1 : Number.MAX_VALUE; // Forever is no delay: that is loss.
    if (typeof value !== "number" || !(value >= 0 && value <= highest)) {
      throw new RangeError(
        `Cannot set link ${name} to ${String(value)}: it must be at least 0` +
          (share ? " and at most 1" : " and finite"),
      );
    }
  }
}
