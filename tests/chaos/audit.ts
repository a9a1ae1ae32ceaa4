/**
 * Holds what a cluster has against what its clients were told: by asking it, and in its files.
 *
 * @module
 */
import type { Value } from "../../runtime/ports.ts";
import { storedRows } from "../../runtime/worker/sqlite_rows.ts";
import {
  type Account as AccountRow,
  accountKey,
  type KeyRow,
} from "../../examples/telecom/rows.ts";
import { type Book, keyOf, sameResult } from "./book.ts";
import { type Clients, inParallel } from "./clients.ts";
import { indexProblem } from "../telecom/support.ts";

const AT_ONCE = 24;
/** Acknowledged operations that are asked again; all of them are looked up in the files. */
const REPEATED = 300;
/** Sessions that are validated, of those that must be open and of those that must have ended. */
const VALIDATED = 300;

/** What moves with its shard; each store has rows of its own besides. */
const OF_SHARD = /^\d\d\//;

/** Asks the cluster. */
export async function auditAnswers(book: Book, clients: Clients): Promise<void> {
  const before = { account: undefined };
  await inParallel([...book.acknowledged.values()].slice(-REPEATED), AT_ONCE, async (done) => {
    book.told(done.request, before, await clients.insist(done.request), true);
  });
  await inParallel([...book.accounts], AT_ONCE, async ([msisdn, { imsi }]) => {
    const byNumber = await clients.insist({ method: "subscriber.get", params: { msisdn } });
    const bySim = await clients.insist({ method: "subscriber.get", params: { imsi } });
    if (byNumber?.result?.imsi === imsi && bySim?.result?.msisdn === msisdn) return;
    const told = JSON.stringify([byNumber, bySim]);
    book.violate("number_owner", `${msisdn} must be on ${imsi}, and it alone: ${told}`);
  });
  await auditSessions(book, clients);
}

async function auditSessions(book: Book, clients: Clients): Promise<void> {
  const sessions = [...book.sessions.values()];
  const current = ({ msisdn, ports }: typeof sessions[number]) =>
    book.accounts.get(msisdn)?.ports === ports;
  const open = sessions.filter(current).slice(-VALIDATED);
  const over = sessions.filter((session) => !current(session)).slice(-VALIDATED);
  await inParallel([...open, ...over], AT_ONCE, async ({ session, msisdn }, i) => {
    const answer = await clients.insist({ method: "session.validate", params: { session } });
    const valid = answer?.result?.valid === true;
    if (valid === i < open.length) return;
    const invariant = valid ? "sessions_end" : "acknowledged_durable";
    const what = valid ? "is valid after a port" : "is gone";
    book.violate(invariant, `session ${session} of ${msisdn} ${what}: ${JSON.stringify(answer)}`);
  });
}

/** What the files say. */
export interface Found {
  /** Acknowledged operations that are not there. */
  readonly lost: number;
  /** Operations that are there more than once. */
  readonly duplicated: number;
}

/** Reads the stores of a cluster that has stopped; every acknowledged operation is looked up. */
export function auditFiles(book: Book, folder: string): Found {
  const rows = readStores(book, folder);
  const keys = keysIn(rows);
  const problem = indexProblem(rows);
  if (problem !== undefined) book.violate("number_owner", problem);
  const found = lookUp(book, keys);
  for (const [key, how] of book.refused) {
    const [done] = keys.get(key) ?? [];
    if (done === undefined) continue;
    const at = new Date(done.at).toISOString().slice(11, 23);
    book.violate("answers", `refused, but done at ${at}: ${how}`);
  }
  return { ...found, duplicated: found.duplicated + compare(book, rows) };
}

function readStores(book: Book, folder: string): ReadonlyMap<string, Value> {
  const rows = new Map<string, Value>();
  for (const { name } of Deno.readDirSync(folder)) {
    if (!name.endsWith(".participant.sqlite")) continue;
    for (const [key, value] of storedRows(`${folder}/${name}`)) {
      if (!OF_SHARD.test(key)) continue;
      if (rows.has(key)) book.violate("exactly_once", `${key} is in two stores`);
      rows.set(key, value);
    }
  }
  return rows;
}

/** Rows of idempotency keys, by the key. */
function keysIn(rows: ReadonlyMap<string, Value>): ReadonlyMap<string, readonly KeyRow[]> {
  const keys = new Map<string, KeyRow[]>();
  for (const [name, value] of rows) {
    if (!name.startsWith("/key/", 2)) continue;
    const key = decodeURIComponent(name.split("/")[3]!);
    keys.set(key, [...keys.get(key) ?? [], value as KeyRow]);
  }
  return keys;
}

function lookUp(book: Book, keys: ReadonlyMap<string, readonly KeyRow[]>): Found {
  let lost = 0, duplicated = 0;
  for (const { request, result } of book.acknowledged.values()) {
    const key = keyOf(request)!;
    const [found, ...more] = keys.get(key) ?? [];
    duplicated += more.length;
    if (found !== undefined && sameResult(found.answer as object, result)) continue;
    lost++;
    const [told, there] = [result, found?.answer ?? "nothing"].map((value) =>
      JSON.stringify(value)
    );
    book.violate("acknowledged_durable", `${key}: answered ${told}, in the files is ${there}`);
  }
  return { lost, duplicated };
}

/** Balances and versions; answers how many changes there are too many. */
function compare(book: Book, rows: ReadonlyMap<string, Value>): number {
  let extra = 0;
  for (const [msisdn, { balance, version }] of book.accounts) {
    const account = rows.get(accountKey(msisdn)) as AccountRow | undefined;
    if (account?.balance === balance && account.version === version) continue;
    extra += Math.max(0, (account?.version ?? 0) - version);
    const there = account === undefined ? "nothing" : `${account.balance} v${account.version}`;
    book.violate("exactly_once", `${msisdn}: must be ${balance} v${version}, is ${there}`);
  }
  return extra;
}
