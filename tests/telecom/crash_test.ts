/**
 * A real cluster, loaded over HTTP from this process, is killed in mid-load and opened again on the
 * same data, twenty times. What it acknowledged must be there, once; money must be conserved.
 */
import { assert, assertEquals } from "@std/assert";
import { seedMsisdn } from "../../examples/telecom/rows.ts";
import { type Answer, RealCluster } from "./real_cluster.ts";
import { seeded } from "./support.ts";

const ROUNDS = 20;
const CLIENTS = 12;
const ACCOUNTS = 30;
const SUBSCRIBERS = 100;
const INITIAL = 100_000;
const IN_DOUBT_MS = 5000;
const REPEATED = 40;
const RETRY_MS = 5000;
const EDGES = ["edge-1", "edge-2", "edge-3"];

interface Operation {
  readonly method: string;
  readonly params: Readonly<Record<string, unknown>>;
  /** What it does to whom. */
  readonly changes: readonly (readonly [msisdn: string, cents: number])[];
}

/** What clients were told, and what must follow from it. */
class Expectations {
  readonly balances = new Map<string, number>();
  /** Acknowledged since the last start. */
  acknowledged: [Operation, unknown][] = [];
  /** Sent, and nothing heard. */
  unknown: Operation[] = [];
  operations = 0;
  resolved = 0;

  constructor() {
    for (let i = 0; i < ACCOUNTS; i++) this.balances.set(seedMsisdn(i), INITIAL);
  }

  told(operation: Operation, { result, error }: Answer): void {
    if (error?.data.outcome === "none") return;
    if (result === undefined) return void this.unknown.push(operation);
    this.operations++;
    this.acknowledged.push([operation, result]);
    for (const [msisdn, cents] of operation.changes) {
      this.balances.set(msisdn, (this.balances.get(msisdn) ?? 0) + cents);
    }
  }
}

class Load {
  readonly #random = seeded(20);
  #serial = 0;

  next(): Operation {
    const serial = ++this.#serial;
    const idempotencyKey = `crash-${serial}`;
    const pick = () => seedMsisdn(Math.floor(this.#random() * ACCOUNTS));
    const amount = 1 + Math.floor(this.#random() * 500);
    const subscriber = pick();
    const kind = this.#random();
    if (kind < 0.25 || kind >= 0.95) {
      const method = kind < 0.25 ? "account.credit" : "account.debit";
      const change = kind < 0.25 ? amount : -amount;
      const params = { subscriber, amount, idempotencyKey };
      return { method, params, changes: [[subscriber, change]] };
    }
    if (kind < 0.9) {
      let to = pick();
      while (to === subscriber) to = pick();
      const params = { from: subscriber, to, amount, idempotencyKey };
      return {
        method: "account.transfer",
        params,
        changes: [[subscriber, -amount], [to, amount]],
      };
    }
    const msisdn = String(254_800_000_000 + serial);
    const imsi = String(639_030_000_000_000 + serial);
    const params = { msisdn, imsi, balance: amount, idempotencyKey };
    return { method: "sim.provision", params, changes: [[msisdn, amount]] };
  }
}

async function ask(cluster: RealCluster, operation: Operation, turn: number): Promise<Answer> {
  const path = `/edges/${EDGES[turn % EDGES.length]}/rpc`;
  return await cluster.rpc(operation.method, operation.params, { path });
}

/** Asks until it is answered, as a client does that is told to try again. */
async function insist(cluster: RealCluster, operation: Operation, turn: number): Promise<Answer> {
  const until = performance.now() + RETRY_MS;
  for (;; turn++) {
    const answer = await ask(cluster, operation, turn);
    if (answer.error?.data.retryable !== true || performance.now() > until) return answer;
  }
}

/** Drives load until the cluster is killed under it. */
async function loadAndKill(
  cluster: RealCluster,
  load: Load,
  expected: Expectations,
  ms: number,
): Promise<void> {
  let killed = false;
  const client = async (turn: number) => {
    while (!killed) {
      const operation = load.next();
      try {
        expected.told(operation, await ask(cluster, operation, turn++));
      } catch {
        expected.unknown.push(operation);
        return;
      }
    }
  };
  const clients = Array.from({ length: CLIENTS }, (_, turn) => client(turn));
  await new Promise((resolve) => setTimeout(resolve, ms));
  await cluster.kill();
  killed = true;
  await Promise.all(clients);
}

/** Holds what the cluster has against what clients were told. */
async function verify(cluster: RealCluster, expected: Expectations): Promise<void> {
  const since = performance.now();
  // What was acknowledged last is answered again, by any edge, and not done again. (That all of it
  // is there, and once, shows in the balances.)
  const again = expected.acknowledged.slice(-REPEATED);
  expected.acknowledged = [];
  await inParallel(again, async ([operation, result], i) => {
    const answer = await insist(cluster, operation, i);
    assertEquals(answer.result, result, `${JSON.stringify(operation)}: ${JSON.stringify(answer)}`);
  });
  // What nothing was heard of is sent again with its own key: then it is known.
  const unknown = expected.unknown;
  expected.unknown = [];
  await inParallel(unknown, async (operation, i) => {
    expected.told(operation, await insist(cluster, operation, i));
    expected.resolved++;
  });
  assertEquals(expected.unknown, [], "every outcome is known now");
  await inParallel([...expected.balances], async ([subscriber, balance], i) => {
    const answer = await insist(cluster, {
      method: "account.balance",
      params: { subscriber },
      changes: [],
    }, i);
    assertEquals(answer.result?.balance, balance, `${subscriber}: ${JSON.stringify(answer)}`);
  });
  for (;;) {
    const inDoubt = await cluster.metric("trunkline_transactions_in_doubt");
    assertEquals(inDoubt.size, 7, "coordinators and participants tell");
    const sum = [...inDoubt.values()].reduce((a, b) => a + b);
    if (sum === 0) return;
    const waited = performance.now() - since;
    assert(waited < IN_DOUBT_MS, `${sum} in doubt after ${waited} ms`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

async function inParallel<T>(
  items: readonly T[],
  each: (item: T, index: number) => Promise<void>,
): Promise<void> {
  let next = 0;
  const worker = async () => {
    while (next < items.length) {
      const index = next++;
      await each(items[index]!, index);
    }
  };
  await Promise.all(Array.from({ length: 2 * CLIENTS }, worker));
}

Deno.test("killed in mid-load twenty times, it keeps all it acknowledged", async () => {
  const parent = await Deno.makeTempDir({ prefix: "trunkline-test-" });
  const args = ["--load", "0", "--fast", "--report", "json", "--subscribers", `${SUBSCRIBERS}`];
  const open = () => RealCluster.start(`${parent}/data`, args);
  const expected = new Expectations();
  const load = new Load();
  const random = seeded(7);
  try {
    for (let round = 0; round < ROUNDS; round++) {
      const cluster = await open();
      try {
        await verify(cluster, expected);
      } catch (error) {
        await cluster.kill();
        throw error;
      }
      await loadAndKill(cluster, load, expected, 500 + 500 * random());
    }
    const cluster = await open();
    try {
      await verify(cluster, expected);
    } finally {
      const { code, report, stderr } = await cluster.stop();
      assertEquals(code, 0, stderr.join("\n"));
      const total = SUBSCRIBERS * INITIAL;
      assertEquals(report.money, { expected: total, actual: total });
      assertEquals([report.clean_shutdown, report.transactions.in_doubt], [true, 0]);
    }
    assert(expected.operations > 20 * ROUNDS, `only ${expected.operations} were acknowledged`);
    assert(expected.resolved > ROUNDS, `only ${expected.resolved} were cut off`);
  } finally {
    await Deno.remove(parent, { recursive: true });
  }
});
