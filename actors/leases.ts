/**
 * The leases a participant has granted on cache entries (Gray and Cheriton 1989).
 *
 * They are kept in memory only. A participant that restarts does not know what it granted before,
 * so until the longest such lease must have run out it names every edge as a holder of every
 * entry; an edge that holds nothing answers at once.
 *
 * @module
 */
import type { LeaseHolder } from "../protocols/two_phase_commit/messages.ts";

/** Granted leases by entry. */
export class Leases {
  readonly #byEntry = new Map<string, Map<string, { incarnation: number; until: number }>>();
  readonly #unknownUntil: number;

  /**
   * @param leaseMs how long a lease lasts, with the owner's margin for drift
   * @param edges every address that may hold a lease
   * @param bornMs when this table was made, in cluster ms
   * @param fresh whether the store was created just now, so that no older lease can exist
   */
  constructor(
    private readonly leaseMs: number,
    private readonly edges: readonly string[],
    bornMs: number,
    fresh: boolean,
  ) {
    this.#unknownUntil = fresh ? bornMs : bornMs + leaseMs;
  }

  /** Grants or renews; false for an address that may hold none. */
  grant(entry: string, address: string, incarnation: number, now: number): boolean {
    // After a restart only `edges` are asked to let go: nobody else may have a lease.
    if (!this.edges.includes(address)) return false;
    let holders = this.#byEntry.get(entry);
    if (holders === undefined) this.#byEntry.set(entry, holders = new Map());
    holders.set(address, { incarnation, until: now + this.leaseMs });
    return true;
  }

  /** Whose copies of these entries may still be trusted. */
  holders(entries: readonly string[], now: number): LeaseHolder[] {
    if (entries.length === 0) return [];
    if (now < this.#unknownUntil) {
      const leftMs = this.#unknownUntil - now;
      return this.edges.map((address) => ({ address, incarnation: 0, leftMs }));
    }
    const found = new Map<string, LeaseHolder>();
    for (const entry of entries) {
      for (const [address, { incarnation, until }] of this.#byEntry.get(entry) ?? []) {
        if (until <= now) continue;
        const leftMs = Math.max(until - now, found.get(address)?.leftMs ?? 0);
        found.set(address, { address, incarnation, leftMs });
      }
    }
    return [...found.values()];
  }

  /** Forgets what has run out. */
  sweep(now: number): void {
    for (const [entry, holders] of this.#byEntry) {
      for (const [address, { until }] of holders) if (until <= now) holders.delete(address);
      if (holders.size === 0) this.#byEntry.delete(entry);
    }
  }

  get size(): number {
    return this.#byEntry.size;
  }
}
