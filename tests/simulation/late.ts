/**
 * A mood in which what was said before a crash is heard long after it: nodes restart often, disks
 * are slow, and a few packets take a hundred times as long as the others.
 *
 * @module
 */
import type { Casting } from "./scenario.ts";

/** What a casting gets in that mood. */
export const LATE: Pick<Casting, "surely" | "strength"> = {
  surely: ["delay", "crash", "slow"],
  strength: {
    delayMs: 40,
    tailShape: 1.1,
    slowMs: 120,
    slowShare: 0.2,
    everyMs: { crash: 150 },
  },
};
