/**
 * What a detector has been told, put together: who waits for whom, everywhere.
 *
 * Reports are numbered by their reporter. One that is older than what is known is dropped, whatever
 * it says; one that does not follow the last one shows that something was lost or overtaken, and waits
 * for it, or for a full report that replaces all; the edges stay as they are meanwhile. An edge that names a finished transaction is a
 * phantom and is left out, also when it is reported later.
 *
 * @module
 */
import type { Edge, Standing, Wait, Waits } from "./messages.ts";
import type { Merits } from "./victims.ts";

/**
 * What became of a report: `gap`, something before it is missing, so it waits; `part`, it is kept
 * until the rest has come.
 */
export type Reception = "taken" | "part" | "stale" | "gap";

interface Reporter {
  incarnation: number;
  number: number;
  /** By waiter, then by holder. */
  waits: Map<string, Map<string, Wait>>;
  /** Parts of which the last has not come. */
  parts: Report[];
  /** Those that came before one that they follow, by number. */
  early: Map<number, Report>;
}

/** A report of waits. */
export type Report = Omit<Waits, "type" | "heard">;

/** How many reports are kept that came too early; more than one full report has parts. */
const EARLY_KEPT = 64;

/** How many finished transactions are remembered: late reports of older ones are not to be expected. */
const FINISHED_KEPT = 10_000;

/** A wait-for graph. */
export class WaitForGraph {
  readonly #reporters = new Map<string, Reporter>();
  readonly #finished = new Set<string>();

  /**
   * Takes a report.
   *
   * @param incarnation of the reporter: a restarted one counts anew and has forgotten its waiters
   */
  take(reporter: string, incarnation: number, report: Report): Reception {
    let known = this.#reporters.get(reporter);
    if (known === undefined || incarnation > known.incarnation) {
      known = { incarnation, number: -1, waits: new Map(), parts: [], early: new Map() };
      this.#reporters.set(reporter, known);
    }
    if (incarnation < known.incarnation || report.number <= known.number) return "stale";
    if (!report.full && report.number !== known.number + 1) {
      if (known.early.size < EARLY_KEPT) known.early.set(report.number, report);
      return "gap";
    }
    let taken = false;
    for (let next: Report | undefined = report; next !== undefined;) {
      taken = takeNext(known, next) || taken;
      next = known.early.get(known.number + 1);
    }
    for (const number of known.early.keys()) {
      if (number <= known.number) known.early.delete(number);
    }
    return taken ? "taken" : "part";
  }

  /** A transaction is decided. */
  finish(id: string): void {
    this.#finished.add(id);
    const [oldest] = this.#finished;
    if (this.#finished.size > FINISHED_KEPT) this.#finished.delete(oldest!);
  }

  /** Everything that is known to be true, as one edge each: for each waiter, whom it waits for. */
  edges(): Map<string, Set<string>> {
    const edges = new Map<string, Set<string>>();
    for (const { waiter, holder } of this.#waits()) {
      const targets = edges.get(waiter.id);
      if (targets === undefined) edges.set(waiter.id, new Set([holder.id]));
      else targets.add(holder.id);
    }
    return edges;
  }

  /** Who reported edges between these transactions; sorted. */
  reportersAmong(members: ReadonlySet<string>): readonly string[] {
    const found: string[] = [];
    for (const [reporter, { waits }] of this.#reporters) {
      const concerned = [...waits].some(([waiter, holders]) =>
        members.has(waiter) && [...holders.keys()].some((holder) => members.has(holder))
      );
      if (concerned) found.push(reporter);
    }
    return found.sort();
  }

  /**
   * What is known of each transaction that waits or is waited for. Work adds up over reporters; of
   * the rest the highest figure is true: who does not know says 0.
   */
  merits(): Map<string, Merits & { readonly coordinator: string }> {
    const all = new Map<string, Merits & { readonly coordinator: string }>();
    for (const { waits } of this.#reporters.values()) {
      const here = new Map<string, Standing>();
      for (const holders of waits.values()) {
        for (const { waiter, holder } of holders.values()) {
          for (const standing of [waiter, holder]) {
            if ((here.get(standing.id)?.held ?? -1) < standing.held) {
              here.set(standing.id, standing);
            }
          }
        }
      }
      for (const standing of here.values()) {
        all.set(standing.id, merge(all.get(standing.id), standing));
      }
    }
    return all;
  }

  /** How many edges there are. */
  get size(): number {
    let size = 0;
    for (const _ of this.#waits()) size++;
    return size;
  }

  *#waits(): Generator<Wait> {
    for (const { waits } of this.#reporters.values()) {
      for (const [waiter, holders] of waits) {
        if (this.#finished.has(waiter)) continue;
        for (const [holder, wait] of holders) if (!this.#finished.has(holder)) yield wait;
      }
    }
  }
}

/** Takes the report that comes next, or a full one; whether the edges are new. */
function takeNext(known: Reporter, report: Report): boolean {
  known.number = report.number;
  if (report.full) known.parts = [];
  known.parts.push(report);
  if (report.more === true) return false;
  for (const { full, added, removed } of known.parts.splice(0)) {
    if (full) known.waits = new Map();
    for (const [waiter, holder] of removed) remove(known, waiter, holder);
    for (const wait of added) add(known, wait);
  }
  return true;
}

function add({ waits }: Reporter, wait: Wait): void {
  const holders = waits.get(wait.waiter.id);
  if (holders === undefined) waits.set(wait.waiter.id, new Map([[wait.holder.id, wait]]));
  else holders.set(wait.holder.id, wait);
}

function remove({ waits }: Reporter, ...[waiter, holder]: Edge): void {
  const holders = waits.get(waiter);
  holders?.delete(holder);
  if (holders?.size === 0) waits.delete(waiter);
}

function merge(
  known: (Merits & { readonly coordinator: string }) | undefined,
  { id, coordinator, held, priority, begunAt, chosen }: Standing,
): Merits & { readonly coordinator: string } {
  return {
    id,
    coordinator: known === undefined || known.coordinator === "" ? coordinator : known.coordinator,
    work: (known?.work ?? 0) + held,
    priority: Math.max(known?.priority ?? 0, priority),
    begunAt: Math.max(known?.begunAt ?? 0, begunAt),
    chosen: Math.max(known?.chosen ?? 0, chosen),
  };
}
