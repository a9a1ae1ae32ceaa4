/**
 * Reads at a participant. A read waits behind the locks of transactions that are not decided, so
 * it sees everything that was ever acknowledged (the coordinator answers its client when the
 * decision is durable, which may be before the rows are changed here).
 *
 * @module
 */
import type { Envelope } from "../runtime/codec.ts";
import type { MessageHandler, Services } from "../runtime/role.ts";
import type { Timer } from "../runtime/timers.ts";
import { isRecord } from "./guards.ts";
import type { Leases } from "./leases.ts";
import type { Ledger, Value } from "./ledger.ts";
import type { Locks } from "./locks.ts";

/** Asks a participant for rows. */
export interface ReadRequest {
  /** What is asked; the ledger's business. */
  readonly query: unknown;
  /** Rows other participants gave already. */
  readonly rows: readonly (readonly [key: string, value: Value | null])[];
  /** An edge that would keep the answer, if it may. */
  readonly edge?: { readonly address: string; readonly incarnation: number };
}

/** A participant's answer. */
export interface ReadReply {
  /** All rows so far; null where the store has no such row. */
  readonly rows: readonly (readonly [key: string, value: Value | null])[];
  /** Keys of other shards that are needed still. */
  readonly missing: readonly string[];
  /** The entry the edge may keep for the configured lease, counted from when it asked. */
  readonly lease?: string;
}

/** What a reader works on. */
export interface ReaderParts {
  readonly services: Services;
  readonly ledger: Pick<Ledger<never>, "readKeys" | "entryOf" | "shardOfKey">;
  readonly locks: Locks;
  /** Shards that are kept here. */
  readonly shards: readonly number[];
  /** Addresses that may read. */
  readonly coordinators: readonly string[];
  readonly leases: () => Leases;
}

/** Answers reads. */
export class Reader {
  /** Takes the message `read`. */
  readonly handler: MessageHandler = {
    accepts: isReadRequest,
    handle: (body: ReadRequest, envelope) => {
      const { coordinators, services } = this.parts;
      if (!coordinators.includes(envelope.from)) return services.deadLetter("forbidden", envelope);
      this.#read(body, envelope, new Map(body.rows), new Set());
    },
  };

  /** A reader of the rows of one participant. */
  constructor(private readonly parts: ReaderParts) {}

  /** Reads all of `mine` at one moment at which none is locked; asks again if more is needed. */
  #read(
    request: ReadRequest,
    envelope: Envelope,
    rows: Map<string, Value | null>,
    mine: Set<string>,
    since = this.parts.services.clock.now(),
  ): void {
    const { services, ledger, locks, shards } = this.parts;
    let waiting = true;
    let timer: Timer | undefined;
    const giveUp = locks.whenFree([...mine], () => {
      waiting = false;
      if (timer !== undefined) services.timers.cancel(timer);
      for (const key of mine) rows.set(key, services.store.get(key) ?? null);
      const needed = ledger.readKeys(request.query, rows);
      const local = needed.filter((key) => shards.includes(ledger.shardOfKey(key)));
      const more = local.filter((key) => !mine.has(key));
      if (more.length > 0) {
        for (const key of more) mine.add(key);
        return this.#read(request, envelope, rows, mine, since);
      }
      services.reply(envelope, this.#answer(request, rows, needed));
    }, since);
    // A row may stay in doubt for long, and its readers must not pile up: nobody waits for a read
    // whose deadline has passed.
    const { deadline } = envelope.metadata;
    if (waiting && deadline !== undefined) timer = services.timers.set(deadline, giveUp);
  }

  #answer(
    request: ReadRequest,
    rows: ReadonlyMap<string, Value | null>,
    missing: readonly string[],
  ): ReadReply {
    const { services, ledger, leases } = this.parts;
    const entry = ledger.entryOf(request.query, rows);
    const { edge } = request;
    if (edge === undefined || entry === undefined || missing.length > 0) {
      return { rows: [...rows], missing };
    }
    const granted = leases().grant(entry, edge.address, edge.incarnation, services.clock.now());
    return { rows: [...rows], missing, ...(granted ? { lease: entry } : {}) };
  }
}

function isReadRequest(body: unknown): boolean {
  if (!isRecord(body) || !Array.isArray(body["rows"])) return false;
  const { edge } = body;
  return edge === undefined ||
    (isRecord(edge) && typeof edge["address"] === "string" &&
      Number.isSafeInteger(edge["incarnation"]));
}
