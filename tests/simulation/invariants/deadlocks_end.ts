/** Nobody waits in a circle for long. */
import { Locks } from "../../../actors/locks.ts";
import { telecomLedger } from "../../../examples/telecom/ledger.ts";
import { deadlocks } from "../../../protocols/deadlock/cycles.ts";
import {
  formatTransactionId,
  parseTransactionId,
  type ParticipantRecord,
  type Prepare,
} from "../../../protocols/two_phase_commit/messages.ts";
import { decode } from "../../../runtime/codec.ts";
import type { InvariantDefinition, Step } from "../invariant.ts";

/** Restarts, a full report, questions and an abort over links that are whole again, in ms. */
const PATIENCE_MS = 2000;
const LOOK_MS = 50;

/** The rows one participant locks for a transaction. */
interface Rows {
  readonly keys: readonly string[];
  readonly shared: readonly string[];
  readonly alone: boolean;
  /** When the transaction began; 0 of one found after a restart. */
  readonly since: number;
}

/**
 * A second table of locks for each participant, kept by what its machines name, says who waits for
 * whom whatever is reported to the detector. A transaction counts while its coordinator has it
 * undecided: who waits for a lost coordinator is not deadlocked but blocked.
 */
class Shadow {
  readonly #tables = new Map<string, Locks>();
  readonly #rows = new Map<string, Rows>();
  /** By coordinator. */
  readonly #undecided = new Map<string, Set<string>>();

  rows(address: string, id: string, rows: Rows): void {
    this.#rows.set(`${address} ${id}`, rows);
  }

  step({ machine, address, key, after, effects }: Step): void {
    if (machine === "twoPhaseCommit.coordinator") {
      let open = this.#undecided.get(address);
      if (open === undefined) this.#undecided.set(address, open = new Set());
      if (/^(preparing|holding|depending)/.test(after)) open.add(key);
      else open.delete(key);
    }
    if (machine !== "twoPhaseCommit.participant") return;
    let table = this.#tables.get(address);
    if (table === undefined) this.#tables.set(address, table = new Locks());
    for (const { type } of effects) {
      const rows = this.#rows.get(`${address} ${key}`);
      if (type === "acquire" && rows !== undefined) {
        const { shared, since, alone } = rows;
        const lane = alone ? {} : { lane: parseTransactionId(key).log };
        table.acquire(key, rows.keys, () => {}, { shared, ...lane, since });
      }
      if (type === "release" || type === "withdraw") table.release(key);
    }
    if (after === "preparing" || after === "inDoubt") table.letFollow(key);
  }

  gone(address: string): void {
    this.#tables.delete(address);
    this.#undecided.delete(address);
  }

  cycles(): string[] {
    const open = new Set([...this.#undecided.values()].flatMap((ids) => [...ids]));
    const edges = new Map<string, string[]>();
    for (const table of this.#tables.values()) {
      for (const { waiter, holder } of table.waits()) {
        if (!open.has(waiter) || !open.has(holder)) continue;
        edges.set(waiter, [...edges.get(waiter) ?? [], holder]);
      }
    }
    return deadlocks(edges).map((members) => members.join(", "));
  }
}

/** Once faults are over, no deadlock lasts. */
export const invariant: InvariantDefinition = {
  name: "deadlocks_end",
  says: "after healing, transactions that wait for one another in a circle do not do so for long",
  create(watched) {
    const shadow = new Shadow();
    let since: Map<string, number> | undefined;
    let lookAt = 0;
    const look = () => {
      const now = watched.now();
      if (since === undefined || now < lookAt) return;
      lookAt = now + LOOK_MS;
      const before = since;
      since = new Map(shadow.cycles().map((it) => [it, before.get(it) ?? now]));
      for (const [members, at] of since) {
        if (now - at <= PATIENCE_MS) continue;
        watched.fail(`${members} have waited for one another since ${at.toFixed(0)} ms`);
      }
    };
    return {
      delivered(to, { type, bytes }) {
        if (type !== "prepare") return;
        const { id, operations, standing, alone = false } = decode(bytes) as Prepare;
        const work = operations as { readonly shard: number; readonly operations: unknown[] }[];
        const parsed = work.flatMap(({ shard, operations }) => {
          const found = telecomLedger.parse(operations, shard);
          return typeof found === "string" ? [] : found; // Another ledger's: seen once prepared.
        });
        const keys = telecomLedger.keys(parsed);
        const shared = telecomLedger.sharedKeys?.(parsed) ?? [];
        const begunAt = standing?.begunAt ?? 0;
        shadow.rows(to, formatTransactionId(id), { keys, shared, alone, since: begunAt });
      },
      written(store, { records }) {
        const keeper = watched.keepers.get(store);
        if (keeper === undefined) return;
        for (const record of records as readonly ParticipantRecord[]) {
          if (record.kind !== "prepared" || !("id" in record)) continue;
          const { keys, shared = [] } = record.effect as Partial<Rows> & Pick<Rows, "keys">;
          shadow.rows(keeper, formatTransactionId(record.id), {
            keys,
            shared,
            alone: false,
            since: 0,
          });
        }
      },
      step(step) {
        shadow.step(step);
        look();
      },
      gone({ address }) {
        shadow.gone(address);
      },
      healed() {
        since = new Map();
      },
      finish: look,
    };
  },
};
