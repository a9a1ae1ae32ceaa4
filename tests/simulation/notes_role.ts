/**
 * A participant that keeps notes: rows that are no money, so that both protocols may write them.
 *
 * @module
 */
import type { Ledger } from "../../actors/ledger.ts";
import { participantRole } from "../../actors/participant.ts";

/** Sets a row. */
export interface Note {
  readonly key: string;
  readonly text: string;
}

const ledger: Ledger<Note> = {
  parse: (value) => Array.isArray(value) && value.length > 0 ? value : "must be notes",
  keys: (notes) => [...new Set(notes.map(({ key }) => key))].sort(),
  execute: (notes) => ({
    ok: true,
    writes: { puts: notes.map(({ key, text }) => [key, text] as const), adds: [] },
    answer: notes.length,
    entries: [],
  }),
  readKeys: () => [],
  entryOf: () => undefined,
  shardOfKey: () => 0,
  expiring: () => [],
  isExpired: () => false,
};

/** The role. */
export const notes = participantRole(ledger);
