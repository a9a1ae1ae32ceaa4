/** `deno task chaos`: its options, its verdict on a cluster that is well and on ones that are not. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { Book } from "../chaos/book.ts";
import { type Options, parseOptions } from "../chaos/options.ts";
import { chaos } from "../chaos/main.ts";
import { FORGETS_DOUBTS, plant } from "../chaos/planted.ts";
import { runChaos, type RunOptions } from "../chaos/run.ts";
import { seedImsi, seedMsisdn } from "../../examples/telecom/rows.ts";
import { type Answer, RealCluster } from "./real_cluster.ts";

const words = (line: string) => line.split(" ").filter((word) => word !== "");

// Options ------------------------------------------------------------------------------------

const defaults: Omit<Options, "seed"> = {
  kills: 20,
  profile: "carrier",
  data: undefined,
  minutes: undefined,
  faults: new Set(["exit", "process", "partition"]),
  clients: 24,
  fast: false,
  json: false,
  help: false,
};

const good: readonly (readonly [args: string, Partial<Options>])[] = [
  ["", {}],
  ["--kills 100", { kills: 100 }],
  ["--kills=3", { kills: 3 }],
  ["--seed 4294967295", { seed: 4_294_967_295 }],
  ["--minutes 1.5", { minutes: 1.5, kills: undefined }],
  ["--minutes 2 --kills 7", { minutes: 2, kills: 7 }],
  ["--profile reference", { profile: "reference" }],
  ["--faults exit", { faults: new Set(["exit"]) }],
  ["--faults process,partition", { faults: new Set(["process", "partition"]) }],
  ["--clients 1", { clients: 1 }],
  ["--data some/folder", { data: "some/folder" }],
  ["--fast --report json", { fast: true, json: true }],
  ["-h", { help: true }],
];

for (const [args, expected] of good) {
  Deno.test(`chaos ${args || "without options"} is understood`, () => {
    const options = parseOptions(words(args));
    assert(typeof options !== "string", options as string);
    const { seed, ...rest } = { ...options, ...expected };
    assertEquals(options, { ...defaults, seed: options.seed, ...expected });
    assert(Number.isInteger(seed) && rest.clients > 0);
  });
}

const bad: readonly (readonly [args: string, says: RegExp])[] = [
  ["--kills 0", /--kills must be a whole number from 1 to 100000, not 0/],
  ["--kills -3", /--kills must be/],
  ["--kills 1.5", /--kills must be/],
  ["--kills", /--kills needs a value/],
  ["--kills 3 --kills 4", /--kills is given twice/],
  ["--seed 4294967296", /--seed must be/],
  ["--minutes 0", /--minutes must be a number from 0.01/],
  ["--minutes soon", /--minutes must be a number/],
  ["--clients 1001", /--clients must be/],
  ["--faults fire", /--faults must be some of exit, process, partition, not fire/],
  ["--faults partition", /--faults must name exit or process/],
  ["--report xml", /--report must be json, not xml/],
  ["--forever", /unknown option --forever/],
  ["now", /unexpected "now"/],
];

for (const [args, says] of bad) {
  Deno.test(`chaos ${args} is refused`, () => {
    const told = parseOptions(words(args));
    assert(typeof told === "string");
    assertMatch(told, says);
  });
}

// The book -----------------------------------------------------------------------------------

const A = seedMsisdn(0);
const credit = (key: string) =>
  ({
    method: "account.credit",
    params: { subscriber: A, amount: 5, idempotencyKey: key },
  }) as const;
const timeout: Answer = {
  error: { code: -32010, message: "", data: { outcome: "unknown", retryable: true, reason: "" } },
};
const conflict: Answer = {
  error: { code: -32013, message: "", data: { outcome: "none", retryable: true, reason: "" } },
};

function openBook(): Book {
  const book = new Book();
  const account = { balance: 100, version: 1, imsi: seedImsi(0) };
  book.accounts.set(A, { ...account, seen: 1, ports: 0, porting: false });
  return book;
}

Deno.test("chaos: an answer counts once, and another answer to the same key is noticed", () => {
  const book = openBook();
  const before = book.sent(credit("k"))!;
  const result = { subscriber: A, balance: 105, version: 2 };
  assertEquals(book.told(credit("k"), before, timeout, false), "unknown");
  // The first attempt may still be under way: a refusal of the second settles nothing.
  assertEquals(book.told(credit("k"), before, conflict, false), "unknown");
  assertEquals(book.told(credit("k"), before, { result }, false), "acknowledged");
  assertEquals(book.told(credit("k"), before, { result }, false), "acknowledged");
  assertEquals([book.accounts.get(A)!.balance, book.accounts.get(A)!.version], [105, 2]);
  assertEquals([book.unknown.size, book.violations.length], [0, 0]);
  book.told(credit("k"), before, { result: { ...result, balance: 110 } }, false);
  assertEquals(book.violations.map(({ invariant }) => invariant), ["exactly_once"]);
});

Deno.test("chaos: a read behind what was acknowledged before it, and a session after a port", () => {
  const book = openBook();
  const session = { method: "session.open", params: { subscriber: A } } as const;
  book.told(session, book.sent(session)!, { result: { session: "00-s" } }, false);
  const validate = { method: "session.validate", params: { session: "00-s" } } as const;
  const early = book.sent(validate)!;
  const port = {
    method: "number.port",
    params: { msisdn: A, toImsi: seedImsi(9), idempotencyKey: "p" },
  } as const;
  const before = book.sent(port)!;
  assertEquals(book.sent(port), undefined, "one port at a time");
  book.told(port, before, { result: { msisdn: A, imsi: seedImsi(9), version: 2 } }, false);
  const read = { method: "account.balance", params: { subscriber: A } } as const;
  const valid = { result: { session: "00-s", subscriber: A, valid: true, expiresAt: 0 } };
  book.told(validate, early, valid, false);
  assertEquals(book.violations, [], "it was sent before the port was acknowledged");
  book.told(validate, book.sent(validate)!, valid, false);
  book.told(read, book.sent(read)!, { result: { balance: 100, version: 1 } }, false);
  assertEquals(book.violations.map(({ invariant }) => invariant), ["sessions_end", "linear_reads"]);
});

// Real clusters ------------------------------------------------------------------------------

async function inFolder<T>(work: (folder: string) => Promise<T>): Promise<T> {
  const folder = await Deno.makeTempDir({ prefix: "trunkline-test-" });
  try {
    return await work(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

const small: Omit<RunOptions, "data" | "progress"> = {
  kills: 3,
  seed: 5,
  profile: "reference",
  minutes: undefined,
  faults: new Set(["exit", "process", "partition"]),
  clients: 12,
  fast: true,
  stop: new Promise(() => {}),
};

Deno.test("chaos --kills 3: nothing is lost, nothing is done twice, nothing is stuck", async () => {
  await inFolder(async (folder) => {
    const told: string[] = [];
    const progress = (text: string) => told.push(text);
    const result = await runChaos({ ...small, data: `${folder}/data`, progress });
    assertEquals([result.unfinished, result.book.violations], [undefined, []], told.join("\n"));
    assertEquals([result.lost, result.duplicated], [0, 0]);
    const { exit, process } = result.deeds.kills;
    assertEquals([exit + process, exit > 0, process > 0], [3, true, true], told.join("\n"));
    assertEquals(result.recoveriesMs.length >= 1, true);
    assert(result.book.acknowledged.size > 20, `only ${result.book.acknowledged.size}`);
  });
});

Deno.test("chaos finds it when transactions in doubt are forgotten at a restart", async () => {
  await inFolder(async (folder) => {
    const root = await plant(FORGETS_DOUBTS, `${folder}/sources`);
    const { book, unfinished } = await runChaos({
      ...small,
      root,
      kills: 5,
      faults: new Set(["process"]),
      clients: 48,
      fast: false, // On slow links a transaction is in doubt for longer.
      data: `${folder}/data`,
      progress: () => {},
    });
    // Acknowledged operations are gone, or a coordinator waits for their acks for ever.
    const found = new Set(book.violations.map(({ invariant }) => invariant));
    const noticed = found.has("acknowledged_durable") || found.has("nodes_serve");
    assert(noticed, `${unfinished}: ${[...found]}`);
  });
});

Deno.test("chaos: a profile or a data folder that cannot be used ends it with 2", async () => {
  await inFolder(async (folder) => {
    assertEquals(await chaos(["--profile", "nonsense"]), 2);
    await Deno.writeTextFile(`${folder}/cluster.json`, "{}");
    assertEquals(await chaos(["--kills", "1", "--data", folder]), 2);
  });
});

Deno.test("faults: refused unless the cluster was started with --faults, and in the log", async () => {
  await inFolder(async (folder) => {
    const args = ["--profile", "reference", "--load", "0", "--fast"];
    const role = "core-1/monitor";
    const plain = await RealCluster.start(`${folder}/data`, args);
    const refused = await plain.rpc("fault.exit", { role });
    assertEquals([refused.error?.code, refused.error?.data.reason], [-32002, "faults_off"]);
    await plain.stop();
    const open = await RealCluster.start(`${folder}/data`, [...args, "--faults"]);
    const { subscriber: token } = open;
    const denied = await open.rpc("fault.exit", { role }, { token });
    assertEquals(denied.error?.data.reason, "role");
    const unknown = await open.rpc("fault.partition", { links: [{ from: "core-1", to: "main" }] });
    assertEquals(unknown.error?.data.reason, "unknown_target");
    assertEquals((await open.rpc("fault.exit", { role })).result, { done: true });
    const { stderr } = await open.stop();
    const log = [...plain.stderr, ...stderr].filter((line) => line.includes(" orders "));
    assertEquals(log.map((line) => line.replace(/^.*warning /, "")), [
      `operator orders exit ${role}: refused, faults are off`,
      "operator orders partition core-1>main: refused",
      `operator orders exit ${role}`,
    ]);
  });
});
