/** The candidates by name. */
import type { Candidate } from "./candidate.ts";
import { lockedRing } from "./locked_ring.ts";
import { pairRings } from "./pair_rings.ts";
import { slotRing } from "./slot_ring.ts";

/** All candidates; `postMessage` needs no memory. */
export const CANDIDATES = {
  "locked ring": lockedRing,
  "slot ring": slotRing,
  "ring a pair": pairRings,
  "postMessage": undefined,
} as const satisfies Record<string, Candidate | undefined>;

/** A candidate's name. */
export type CandidateName = keyof typeof CANDIDATES;
