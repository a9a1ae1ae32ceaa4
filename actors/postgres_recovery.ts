/**
 * Taking over what a participant keeps in a PostgreSQL database: makes its tables, ends what an
 * earlier life of it left running, and reads what a journal would hold.
 *
 * | table of the schema `trunkline` | holds |
 * | --- | --- |
 * | `participant` | for each role: its store id, and which of its lives owns it |
 * | `vote` | what a prepared transaction's vote says, and whom to ask about it |
 * | `outcome` | `committed`, written inside the prepared transaction itself, or `refused` |
 * | `watermark` | ids of a coordinator's log below it have ended |
 *
 * @module
 */
import {
  formatTransactionId,
  parseTransactionId,
  type ParticipantRecord,
  type PreparedRecord,
  type TransactionId,
} from "../protocols/two_phase_commit/messages.ts";
import type { Value } from "../runtime/ports.ts";
import type { PostgresServer, PostgresSession } from "./postgres_session.ts";

/** What everything of ours at a server begins with. */
export const PREFIX = "trunkline";
/** Identifiers of prepared transactions have at most this many bytes. */
const MAX_GID_BYTES = 200;
/** Taken while the tables are made, so that two roles do not make them at once. */
const SETUP_LOCK = 7_283_462_919;
/** A session that was told to end is asked for again after so many ms. */
const ENDING_MS = 20;

const SETUP = `
  CREATE SCHEMA IF NOT EXISTS trunkline;
  CREATE TABLE IF NOT EXISTS trunkline.participant(
    address text PRIMARY KEY, store uuid NOT NULL DEFAULT gen_random_uuid(), owner text NOT NULL);
  CREATE TABLE IF NOT EXISTS trunkline.vote(
    store uuid, log text, sequence bigint, record json NOT NULL,
    PRIMARY KEY (store, log, sequence));
  CREATE TABLE IF NOT EXISTS trunkline.outcome(
    store uuid, log text, sequence bigint,
    outcome text NOT NULL CHECK (outcome IN ('committed', 'refused')),
    PRIMARY KEY (store, log, sequence));
  CREATE TABLE IF NOT EXISTS trunkline.watermark(
    store uuid, log text, lowest bigint NOT NULL, PRIMARY KEY (store, log))`;

interface Watermark {
  readonly log: string;
  readonly lowest: number;
}

function gidPrefix(store: string): string {
  return `${PREFIX}:${store}:`;
}

/**
 * What the server calls a transaction.
 *
 * @throws {RangeError} if the name would be too long, or would have to be quoted
 */
export function gidOf(store: string, id: TransactionId): string {
  const gid = gidPrefix(store) + formatTransactionId(id);
  if (!/^[\w:.-]+$/.test(gid) || gid.length > MAX_GID_BYTES) {
    throw new RangeError(
      `Cannot prepare ${JSON.stringify(gid)}: it must be at most ${MAX_GID_BYTES} letters, ` +
        `digits, colons, dots and dashes`,
    );
  }
  return gid;
}

/**
 * Makes a life the owner of a role's rows.
 *
 * @param address the role's own
 * @param owner names this life of it
 * @returns the store's id
 * @throws {Error} if the server cannot prepare transactions
 */
export async function takeOver(
  session: PostgresSession,
  server: PostgresServer,
  address: string,
  owner: string,
): Promise<string> {
  await checkServer(session, server);
  await session.query("BEGIN");
  await session.query("SELECT pg_advisory_xact_lock($1)", [SETUP_LOCK]);
  // Who may not make a schema may still use one that is there.
  const { rows: [made] } = await session.query("SELECT to_regclass('trunkline.watermark') AS it");
  if (made?.["it"] === null) await session.query(SETUP);
  const { rows } = await session.query(
    `INSERT INTO trunkline.participant(address, owner) VALUES ($1, $2)
     ON CONFLICT (address) DO UPDATE SET owner = excluded.owner RETURNING store`,
    [address, owner],
  );
  await session.query("COMMIT");
  return rows[0]!["store"] as string;
}

/** Ends other sessions with this database, by a condition on `$1`, and waits until they are gone. */
export async function endSessions(
  session: PostgresSession,
  which: string,
  value: Value,
  pause: (ms: number) => Promise<void>,
): Promise<void> {
  const text = `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE pid <> pg_backend_pid() AND datname = current_database() AND ${which}`;
  while ((await session.query(text, [value])).count > 0) await pause(ENDING_MS);
}

/** What a journal would hold. No earlier life may be at work any more. */
export async function readRecords(
  session: PostgresSession,
  store: string,
): Promise<ParticipantRecord[]> {
  const read = async (text: string) => (await session.query(text, [store])).rows;
  const { rows: prepared } = await session.query(
    `SELECT gid FROM pg_prepared_xacts
     WHERE database = current_database() AND left(gid, length($1)) = $1`,
    [gidPrefix(store)],
  );
  const votes = await read("SELECT record FROM trunkline.vote WHERE store = $1");
  const outcomes = await read(
    "SELECT log, sequence, outcome AS kind FROM trunkline.outcome WHERE store = $1",
  );
  const watermarks = await read("SELECT log, lowest FROM trunkline.watermark WHERE store = $1");
  const voted = new Map(votes.map(({ record }) => {
    const vote = record as PreparedRecord;
    return [gidOf(store, vote.id), vote] as const;
  }));
  const inDoubt: PreparedRecord[] = [];
  for (const gid of prepared.map((row) => row["gid"] as string)) {
    const vote = voted.get(gid); // A vote without its transaction was never cast, or is over.
    if (vote !== undefined) inDoubt.push(vote);
    else await rollBackForgotten(session, store, gid, watermarks as unknown as Watermark[]);
  }
  return [
    ...watermarks.map((row) => ({ kind: "watermark", ...row } as ParticipantRecord)),
    ...outcomes.map(({ kind, log, sequence }) =>
      ({ kind, id: { log, sequence } }) as ParticipantRecord
    ),
    ...inDoubt,
  ];
}

/**
 * A prepared transaction without a vote was refused and forgotten before it could be rolled back.
 * It lies below the watermark, where everything has ended; a commit would have been acknowledged
 * from here, after it was no longer prepared.
 */
async function rollBackForgotten(
  session: PostgresSession,
  store: string,
  gid: string,
  watermarks: readonly Watermark[],
): Promise<void> {
  const id = parseTransactionId(gid.slice(gidPrefix(store).length));
  const lowest = watermarks.find(({ log }) => log === id.log)?.lowest ?? 0;
  if (id.sequence < lowest) {
    await session.query(`ROLLBACK PREPARED '${gidOf(store, id)}'`);
    return;
  }
  throw new Error(
    `Cannot recover: nothing is known of the prepared transaction ${gid}. Its row is gone from ` +
      `trunkline.vote; restore that, or end the transaction by hand`,
  );
}

async function checkServer(session: PostgresSession, server: PostgresServer): Promise<void> {
  const { rows } = await session.query(
    `SELECT current_setting('max_prepared_transactions')::int AS prepared,
       current_setting('server_version_num')::int AS version`,
  );
  const { prepared, version } = rows[0] as { prepared: number; version: number };
  const where = `${server.host}:${server.port}/${server.database}`;
  if (version < 130_000) {
    throw new Error(`Cannot use ${where}: it must be PostgreSQL 13 or later, it is ${version}`);
  }
  if (prepared === 0) {
    throw new Error(
      `Cannot use ${where}: max_prepared_transactions is 0, it must be the number of transactions ` +
        `that may wait for a decision at once`,
    );
  }
}
