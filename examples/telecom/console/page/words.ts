/**
 * Numbers and times as people read them.
 *
 * @module
 */

// Made once: making one takes longer than all else that is done with it.
const NUMBERS = [0, 1, 2].map((digits) =>
  new Intl.NumberFormat("en", { maximumFractionDigits: digits })
);
const TIME = new Intl.DateTimeFormat("en-GB", { timeStyle: "medium" });

/** A number with its unit; a dash where there is none. */
export function amountOf(value: number | undefined, unit = ""): string {
  if (value === undefined) return "–";
  const digits = value >= 100 ? 0 : value >= 10 ? 1 : 2;
  const text = NUMBERS[digits]!.format(value);
  return unit === "" ? text : `${text}\u00a0${unit}`;
}

/** The time of day, to the second. */
export function timeOf(wall: number): string {
  return TIME.format(wall);
}

/** `3 nodes`, `1 node`. */
export function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}

/** A tier as a heading. */
export function tierName(tier: string): string {
  return tier === "" ? "" : tier[0]!.toUpperCase() + tier.slice(1);
}

/** The node part of an address. */
export function nodeName(address: string): string {
  const slash = address.indexOf("/");
  return slash < 0 ? address : address.slice(0, slash);
}
