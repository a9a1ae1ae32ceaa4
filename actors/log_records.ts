/**
 * What a coordinator's journal says of logs that are handed over.
 *
 * | record     | forced | what it says                                                              |
 * | ---------- | ------ | ------------------------------------------------------------------------- |
 * | `sealed`   | yes    | this coordinator never serves the log again; its records, for the next    |
 * | `adopted`  | yes    | the records of a log that was sealed elsewhere; to be served when owned   |
 * | `released` | no     | the next has them: they need not be kept                                  |
 *
 * @module
 */
import { isRecord } from "./guards.ts";

/** A record of a hand-over. */
export type HandOverRecord =
  | {
    readonly handOver: "sealed" | "adopted";
    readonly log: string;
    readonly digest: string;
    readonly records: readonly unknown[];
  }
  | { readonly handOver: "released"; readonly log: string };

/** Whether a record is of a hand-over. */
export function isHandOverRecord(record: unknown): record is HandOverRecord {
  return isRecord(record) && "handOver" in record;
}

function logOf(record: unknown): string | undefined {
  const id = isRecord(record) ? record["id"] : undefined;
  return isRecord(id) ? String(id["log"]) : undefined;
}

/** The records of a coordinator's own log: those of no log that was handed over. */
export function ownRecords(
  records: readonly unknown[],
  others: ReadonlyMap<string, unknown>,
): readonly unknown[] {
  return records.filter((record) => {
    return !isHandOverRecord(record) && !others.has(logOf(record) ?? "");
  });
}

/** What a journal says of a log that is handed over, or was. */
export interface FoundLog {
  readonly state: "sealed" | "adopted" | "released";
  readonly digest: string;
  readonly records: readonly unknown[];
}

/** All of them. Of an adopted log, what came of it since is counted in. */
export function recoverLogs(records: readonly unknown[]): ReadonlyMap<string, FoundLog> {
  const found = new Map<string, FoundLog>();
  records.forEach((record, index) => {
    if (!isHandOverRecord(record)) return;
    const { log } = record;
    if (record.handOver === "released") {
      found.set(log, { state: "released", digest: "", records: [] });
      return;
    }
    const since = record.handOver === "adopted"
      ? records.slice(index + 1).filter((later) => logOf(later) === log)
      : [];
    const { digest } = record;
    found.set(log, { state: record.handOver, digest, records: [...record.records, ...since] });
  });
  return found;
}
