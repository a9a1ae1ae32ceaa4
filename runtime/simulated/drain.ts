/**
 * Runs microtasks until none is left, without a trip through the event loop where the platform
 * lets us: such a trip takes longer than most events of a simulation.
 *
 * @module
 */

/** Must be called from a macrotask: within a microtask the platform does nothing. */
type Drain = () => void;

/** How to run all microtasks at once; undefined where only the event loop can. */
export const drainMicrotasks: Drain | undefined = find();

function find(): Drain | undefined {
  // No public interface runs microtasks. Without this one a simulation goes the same way, slower.
  const symbol = (Deno as unknown as { readonly internal?: symbol }).internal;
  if (symbol === undefined) return undefined;
  const inner = (Deno as unknown as Record<symbol, { core?: { runMicrotasks?: unknown } }>)[symbol];
  const run = inner?.core?.runMicrotasks;
  return typeof run === "function" ? run as Drain : undefined;
}
