/**
 * What the keeper of a coordinator's logs works on.
 *
 * @module
 */
import type { Services } from "../runtime/role.ts";

/** What a keeper works on: all of it the coordinator's. */
export interface LogKeeperParts {
  readonly services: Services;
  /** Whether somebody orders the configuration. */
  readonly roster: boolean;
  /** How long transactions are waited for before those that are not decided are aborted, in ms. */
  readonly drainMs: number;
  /** Until what was not answered is asked again, in ms. */
  readonly retryMs: number;
  /** Goes on with the transactions of a log. */
  readonly goOn: (log: string, records: readonly unknown[]) => void;
  /** The records of a log that are needed still. */
  readonly records: (log: string) => readonly unknown[];
  /** Begins no transactions any more. */
  readonly stopBeginning: () => void;
  /** Whether a transaction is undecided. @param hard those that nobody can abort do not count */
  readonly undecided: (hard: boolean) => boolean;
  /** Aborts what is not decided. */
  readonly abort: () => void;
  /** Forgets all transactions of a log: another tells their decisions. */
  readonly drop: (log: string) => void;
  /** A record was added to the journal. */
  readonly written: () => void;
}
