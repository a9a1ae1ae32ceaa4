/**
 * Lies as a fault: who may lie does so in one way or two of its own choice, for a while, and then as it
 * was cast again. Nobody else ever lies: who did once is counted among the f for good.
 *
 * @module
 */
import type { Address } from "../../runtime/ports.ts";
import type { SimulatedSystem } from "../../runtime/simulated/mod.ts";

/** Ways to lie; plain data, so that threads can hand it on. */
export interface Lies {
  readonly kinds: readonly string[];
  /** The message that makes a role lie; its body is `{ behaviours }`. */
  readonly message: string;
  /** How each of those who may lie was cast. */
  readonly cast: Readonly<Record<Address, readonly string[]>>;
}

/** How long a lie lasts, on average, in ms. */
export const MEAN_LIE_MS = 800;
const ORDER_MS = 1000;
/** Share of the lies that are two at once. */
const TWO_WAYS = 0.3;

function draw({ kinds }: Lies, random: () => number): readonly string[] {
  const one = () => kinds[Math.floor(random() * kinds.length)]!;
  return random() < TWO_WAYS ? [one(), one()] : [one()];
}

/**
 * Makes a liar lie in ways that are drawn; gives what makes it lie as it was cast.
 *
 * @param random uniform in [0, 1)
 */
export function lie(
  lies: Lies,
  system: SimulatedSystem,
  liar: Address,
  random: () => number,
): () => void {
  const { message, cast } = lies;
  const order = (behaviours: readonly string[]) => {
    system.ask(liar, message, { behaviours }, ORDER_MS).catch(() => {}); // It is down.
  };
  order(draw(lies, random));
  return () => order(cast[liar]!);
}
