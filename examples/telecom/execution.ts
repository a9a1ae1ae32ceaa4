/**
 * What each operation does to the rows of its shard.
 *
 * @module
 */
import type { Execution, Read, Refusal, Value, Writes } from "../../actors/ledger.ts";
import type { Bounds } from "./methods.ts";
import type { Operation } from "./operations.ts";
import {
  type Account,
  accountKey,
  claimKey,
  contraKey,
  imsiKey,
  type ImsiRow,
  isExpired,
  type KeyRow,
  MAX_CENTS,
  sessionKey,
  sessionsEntry,
  shardName,
  shardOf,
} from "./rows.ts";
import { refuse, staleRead, unknownSubscriber } from "./refusals.ts";

/** The rows an operation reads or writes, apart from counters. */
export function keysOf(operation: Operation): readonly string[] {
  switch (operation.op) {
    case "claim-key":
      return [claimKeyOf(operation)];
    case "assign-imsi":
    case "release-imsi":
      return [imsiKey(operation.imsi)];
    case "open-session": {
      const session = sessionKey(operation.session);
      const account = accountKey(operation.msisdn);
      return session === undefined ? [account] : [account, session];
    }
    default:
      return [accountKey(operation.msisdn)];
  }
}

/** The rows that operations only look at: accounts that no other operation of the shard changes. */
export function sharedKeysOf(operations: readonly Operation[]): readonly string[] {
  const looks = operations.filter((operation) =>
    operation.op === "adjust" && operation.change === 0
  );
  if (looks.length === 0) return [];
  const changed = new Set(
    operations.filter((operation) => !looks.includes(operation)).flatMap(keysOf),
  );
  return [...new Set(looks.flatMap(keysOf))].filter((key) => !changed.has(key));
}

function claimKeyOf(claim: Extract<Operation, { op: "claim-key" }>): string {
  return claimKey(shardOf(claim.msisdn), claim.principal, claim.key);
}

/** Work out what operations change, under their locks; see `Ledger.execute`. */
export function execute(operations: readonly Operation[], read: Read, nowMs: number): Execution {
  const draft = new Draft(read, nowMs);
  let answer: Value | undefined;
  // Claims first: a repeated request must find its first answer before it meets its own traces.
  const claims = operations.filter(({ op }) => op === "claim-key");
  const others = operations.filter(({ op }) => op !== "claim-key");
  for (const operation of [...claims, ...others]) {
    const step = perform(operation, draft);
    if (step.refusal !== undefined) return { ok: false, reason: step.refusal };
    answer ??= step.answer; // The first account's operation comes first, and answers for all.
  }
  // A claim names no answer of its own: it keeps what the rest of its shard came to.
  for (const operation of operations) {
    if (operation.op !== "claim-key") continue;
    draft.put(claimKeyOf(operation), { hash: operation.hash, answer: answer ?? null, at: nowMs });
  }
  return { ok: true, writes: draft.writes(), answer: answer ?? null, entries: [...draft.entries] };
}

/** The rows as the operations so far have left them. */
class Draft {
  readonly entries = new Set<string>();
  readonly #puts = new Map<string, Value | null>();
  readonly #adds = new Map<string, number>();
  readonly #read: Read;

  constructor(read: Read, readonly nowMs: number) {
    this.#read = read;
  }

  get(key: string): Value | undefined {
    const written = this.#puts.get(key);
    if (written === undefined) return this.#read(key);
    return written ?? undefined;
  }

  account(msisdn: string): Account | undefined {
    return this.get(accountKey(msisdn)) as Account | undefined;
  }

  put(key: string, value: Value | null): void {
    this.#puts.set(key, value);
  }

  /** Write an account back as its next version. */
  update(account: Account, change: Partial<Account>): Account {
    const next = { ...account, ...change, version: account.version + 1 };
    this.put(accountKey(account.msisdn), next);
    this.entries.add(account.msisdn);
    return next;
  }

  /** Post cents to the shard's contra account, or refuse where it cannot count that far. */
  post(shard: number, cents: number): Refusal | undefined {
    const key = contraKey(shard);
    const delta = (this.#adds.get(key) ?? 0) + cents;
    const sum = ((this.#read(key) ?? 0) as number) + delta;
    if (!Number.isSafeInteger(delta) || !Number.isSafeInteger(sum)) {
      return refuse("balance_limit", `Cannot post ${cents} cents: the contra account is full`);
    }
    this.#adds.set(key, delta);
    return undefined;
  }

  writes(): Writes {
    return { puts: [...this.#puts], adds: [...this.#adds].filter(([, delta]) => delta !== 0) };
  }
}

/** What one operation comes to; neither of both where it has nothing to tell. */
interface Step {
  readonly answer?: Value;
  readonly refusal?: Refusal;
}

function perform(operation: Operation, draft: Draft): Step {
  switch (operation.op) {
    case "claim-key": {
      const refusal = usedBefore(operation, (key) => draft.get(key), draft.nowMs);
      return refusal === undefined ? {} : { refusal };
    }
    case "debit":
    case "credit":
      return postAgainstContra(operation, draft);
    case "adjust":
      return adjust(operation, draft);
    case "transfer-out":
    case "transfer-in":
      return transferHalf(operation, draft);
    case "provision-account":
      return provisionAccount(operation, draft);
    case "port-account":
      return portAccount(operation, draft);
    case "assign-imsi":
      return assignImsi(operation, draft);
    case "release-imsi":
      return releaseImsi(operation, draft);
    case "open-session":
      return openSession(operation, draft);
  }
}

type Of<K extends Operation["op"]> = Extract<Operation, { op: K }>;

/** Requests whose idempotency key is in use already: nothing can change that any more. */
export function settled(
  operations: readonly Operation[],
  read: Read,
  nowMs: number,
): Refusal | undefined {
  for (const operation of operations) {
    const refusal = operation.op === "claim-key" ? usedBefore(operation, read, nowMs) : undefined;
    if (refusal !== undefined) return refusal;
  }
  return undefined;
}

function usedBefore(claim: Of<"claim-key">, read: Read, nowMs: number): Refusal | undefined {
  const key = claimKeyOf(claim);
  const first = read(key) as KeyRow | undefined;
  if (first === undefined || isExpired(key, first, nowMs)) return undefined;
  const name = `idempotency key ${JSON.stringify(claim.key)}`;
  if (first.hash !== claim.hash) {
    return refuse("key_reused", `Cannot use ${name} again with other arguments`);
  }
  const message = `The ${name} was answered before`;
  return { code: "duplicate", message, answer: first.answer };
}

/** Add to an account's balance, within its limits; `change` is in cents, of either sign. */
function move(msisdn: string, change: number, draft: Draft): Account | Refusal {
  const account = draft.account(msisdn);
  if (account === undefined) return unknownSubscriber(msisdn);
  if (change < 0 && account.balance < -change) {
    return refuse(
      "insufficient_funds",
      `Cannot take ${-change} cents from ${msisdn}: its balance is ${account.balance}`,
    );
  }
  if (change > 0 && account.balance > MAX_CENTS - change) {
    return refuse(
      "balance_limit",
      `Cannot add ${change} cents to ${msisdn}: a balance is at most ${MAX_CENTS}`,
    );
  }
  return draft.update(account, { balance: account.balance + change });
}

function postAgainstContra(operation: Of<"debit"> | Of<"credit">, draft: Draft): Step {
  const { msisdn, amount } = operation;
  const change = operation.op === "credit" ? amount : -amount;
  const account = move(msisdn, change, draft);
  if ("code" in account) return { refusal: account };
  const refusal = draft.post(shardOf(msisdn), -change);
  if (refusal !== undefined) return { refusal };
  return { answer: { subscriber: msisdn, balance: account.balance, version: account.version } };
}

/** Conditions are looked at under the lock: nothing changes between a look and what depends on it. */
function adjust(operation: Of<"adjust">, draft: Draft): Step {
  const { msisdn, change, before, after } = operation;
  const account = draft.account(msisdn);
  if (account === undefined) return { refusal: unknownSubscriber(msisdn) };
  const broken = outside(account.balance, before, "before") ??
    outside(account.balance + change, after, "after");
  if (broken !== undefined) {
    return { refusal: refuse("condition_failed", `Cannot go on: ${msisdn} ${broken}`) };
  }
  if (change !== 0) {
    const op = change > 0 ? "credit" : "debit";
    return postAgainstContra({ op, msisdn, amount: Math.abs(change) }, draft);
  }
  return { answer: { subscriber: msisdn, balance: account.balance, version: account.version } };
}

/** What is wrong with a balance, if anything. */
function outside(balance: number, { min, max }: Bounds = {}, when: string): string | undefined {
  if (min !== undefined && balance < min) {
    return `has ${balance} cents ${when}, must have ${min} at least`;
  }
  if (max !== undefined && balance > max) {
    return `has ${balance} cents ${when}, must have ${max} at most`;
  }
  return undefined;
}

function transferHalf(
  operation: Of<"transfer-out"> | Of<"transfer-in">,
  draft: Draft,
): Step {
  const { msisdn, amount } = operation;
  const out = operation.op === "transfer-out";
  const [from, to] = out ? [msisdn, operation.to] : [operation.from, msisdn];
  if (from === to) {
    return { refusal: refuse("same_account", `Cannot transfer from ${from} to itself`) };
  }
  const account = move(msisdn, out ? -amount : amount, draft);
  if ("code" in account) return { refusal: account };
  if (!out) return {};
  const { balance, version } = account;
  return { answer: { from, to, amount, balance, version } };
}

function provisionAccount(operation: Of<"provision-account">, draft: Draft): Step {
  const { msisdn, imsi, homeEdge, balance } = operation;
  if (draft.account(msisdn) !== undefined) {
    const message = `Cannot provision ${msisdn}: the number is in use`;
    return { refusal: refuse("duplicate_msisdn", message) };
  }
  const refusal = balance === 0 ? undefined : draft.post(shardOf(msisdn), -balance);
  if (refusal !== undefined) return { refusal };
  const account: Account = { msisdn, imsi, homeEdge, balance, version: 1, state: "active" };
  draft.put(accountKey(msisdn), account);
  draft.entries.add(msisdn);
  return { answer: { msisdn, imsi, balance, version: 1 } };
}

function portAccount(operation: Of<"port-account">, draft: Draft): Step {
  const { msisdn, fromImsi, toImsi } = operation;
  const account = draft.account(msisdn);
  if (account === undefined) return { refusal: unknownSubscriber(msisdn) };
  if (account.imsi !== fromImsi) {
    return { refusal: staleRead(`${msisdn} is no longer on SIM ${fromImsi}`) };
  }
  if (account.imsi === toImsi) {
    const message = `Cannot port ${msisdn}: it is on SIM ${toImsi} already`;
    return { refusal: refuse("duplicate_imsi", message) };
  }
  const { version } = draft.update(account, {
    imsi: toImsi,
    binding: (account.binding ?? 0) + 1,
  });
  draft.entries.add(sessionsEntry(msisdn));
  return { answer: { msisdn, imsi: toImsi, version } };
}

function assignImsi(operation: Of<"assign-imsi">, draft: Draft): Step {
  const key = imsiKey(operation.imsi);
  if (draft.get(key) !== undefined) {
    const message = `Cannot give SIM ${operation.imsi} to ${operation.msisdn}: it is in use`;
    return { refusal: refuse("duplicate_imsi", message) };
  }
  draft.put(key, { msisdn: operation.msisdn });
  return {};
}

function releaseImsi(operation: Of<"release-imsi">, draft: Draft): Step {
  const key = imsiKey(operation.imsi);
  const row = draft.get(key) as ImsiRow | undefined;
  if (row?.msisdn !== operation.msisdn) {
    return { refusal: staleRead(`SIM ${operation.imsi} is no longer ${operation.msisdn}'s`) };
  }
  draft.put(key, null);
  return {};
}

function openSession(operation: Of<"open-session">, draft: Draft): Step {
  const { msisdn, session, expiresAt } = operation;
  const account = draft.account(msisdn);
  if (account === undefined) return { refusal: unknownSubscriber(msisdn) };
  const key = sessionKey(session);
  if (key === undefined || !key.startsWith(shardName(shardOf(msisdn)))) {
    return { refusal: refuse("unknown_session", `Cannot open ${session} for ${msisdn}`) };
  }
  // A repeat whose first attempt was done: it must not bring back what has ended since.
  if (draft.get(key) !== undefined) return { answer: { session } };
  const { imsi, binding = 0 } = account;
  draft.put(key, { msisdn, imsi, expiresAt, ...(binding === 0 ? {} : { binding }) });
  return { answer: { session } };
}
