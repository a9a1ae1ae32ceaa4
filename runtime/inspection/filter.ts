/**
 * What an onlooker wants to be told.
 *
 * @module
 */
import type { Address } from "../ports.ts";

/** The kinds of records, in the order of their numbers on the way to the hub. */
export const KINDS = [
  "roleStarted",
  "roleEnded",
  "began",
  "step",
  "ended",
  "sent",
  "received",
  "lost",
  "dead",
  "journaled",
  "durable",
] as const;

/** A kind of record. */
export type Kind = typeof KINDS[number];

/** What is wanted; everything that is left out is not narrowed down. */
export interface Filter {
  /** These kinds only. */
  readonly kinds?: readonly Kind[];
  /** These roles only. */
  readonly roles?: readonly Address[];
  /** What is about this alone: the key of an instance, such as a transaction. */
  readonly about?: string;
  /** Events and contexts of steps as JSON, with secrets masked. Costs several times as much. */
  readonly payloads?: boolean;
}

/** A filter as bits: what is tested for every record. */
export function maskOf(kinds: readonly Kind[] = KINDS): number {
  return kinds.reduce((mask, kind) => mask | 1 << KINDS.indexOf(kind), 0);
}

/**
 * The narrowest filter that lets everything through that one of these wants of a role; undefined
 * if none wants anything of it.
 */
export function union(filters: Iterable<Filter>, role: Address): Filter | undefined {
  let wanted: Filter | undefined;
  for (const filter of filters) {
    if (filter.roles !== undefined && !filter.roles.includes(role)) continue;
    const { kinds = KINDS, about, payloads = false } = filter;
    if (wanted === undefined) {
      wanted = { kinds, payloads, ...(about === undefined ? {} : { about }) };
      continue;
    }
    const both = new Set([...wanted.kinds!, ...kinds]);
    const same = about !== undefined && wanted.about === about;
    wanted = {
      kinds: KINDS.filter((kind) => both.has(kind)),
      payloads: payloads || wanted.payloads!,
      ...(same ? { about } : {}),
    };
  }
  return wanted;
}
