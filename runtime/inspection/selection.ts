/**
 * The records of batches that a filter lets pass.
 *
 * @module
 */
import type { Address } from "../ports.ts";
import { type Filter, KINDS, maskOf } from "./filter.ts";
import type { ReadableBatch } from "./reader.ts";
import type { InspectionRecord, RecordJournaled, RecordsDurable } from "./records.ts";

const DURABLE = KINDS.indexOf("durable");

/** One filter at work on the batches of all roles, each role's in order. */
export class Selection {
  readonly #mask: number;
  /** With a filter for one thing: the last record about it of each role that is not durable yet. */
  readonly #awaited = new Map<Address, number>();

  /** What a filter lets pass. */
  constructor(readonly filter: Filter) {
    this.#mask = maskOf(filter.kinds);
  }

  /** Whether a role is wanted at all. */
  takes(role: Address): boolean {
    return this.filter.roles === undefined || this.filter.roles.includes(role);
  }

  /** The records of a batch that pass. */
  of(readable: ReadableBatch): InspectionRecord[] {
    const { about } = this.filter;
    const passed: InspectionRecord[] = [];
    for (let row = 0; row < readable.count; row++) {
      const kind = readable.kind(row);
      if ((this.#mask & 1 << kind) === 0) continue;
      if (about === undefined) passed.push(readable.read(row));
      else if (kind === DURABLE) this.#durable(readable.read(row) as RecordsDurable, passed);
      else if (readable.about(row) === about) {
        const record = readable.read(row);
        if (record.kind === "journaled") this.#journaled(record);
        passed.push(record);
      }
    }
    return passed;
  }

  #journaled({ role, number }: RecordJournaled): void {
    this.#awaited.set(role, number);
  }

  /** Of what becomes durable only that is about it which makes its last record so. */
  #durable(record: RecordsDurable, passed: InspectionRecord[]): void {
    const awaited = this.#awaited.get(record.role);
    if (awaited === undefined || record.number < awaited) return;
    this.#awaited.delete(record.role);
    passed.push(record);
  }
}
