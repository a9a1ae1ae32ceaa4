/** The command `transactions`, as an operator meets it. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { describe } from "../../examples/telecom/transactions_command.ts";
import { RealCluster, ROOT } from "./real_cluster.ts";

async function transactions(...args: string[]) {
  const { code, stdout, stderr } = await new Deno.Command("deno", {
    args: ["run", "--no-prompt", "--allow-read", "--allow-net", "cli.ts", "transactions", ...args],
    cwd: ROOT,
    env: { NO_COLOR: "1" },
  }).output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return { code, stdout: text(stdout), stderr: text(stderr) };
}

const ID = "00000000-0000-4000-8000-000000000000:7";

Deno.test("transactions: what it cannot work with is one line and exit code 2", async () => {
  const rows: readonly (readonly [args: string[], says: RegExp])[] = [
    [[], /list, or resolve ID commit\|abort; got nothing/],
    [["forget"], /got "forget"/],
    [["list", "--bogus"], /Unknown option "--bogus"/],
    [["list"], /without an operator's token/],
    [["list", "--token", "t", "--report", "xml"], /--report: it must be json/],
    [["list", "--token", "t", "--url", "here"], /Cannot read --url/],
    [["list", "--token-file", "/no/such/file"], /Cannot read the token file/],
    [["resolve", ID, "maybe", "--token", "t"], /an id and commit or abort/],
    [["resolve", ID, "abort", "--token", "t"], /without --reason/],
  ];
  for (const [args, says] of rows) {
    const { code, stdout, stderr } = await transactions(...args);
    assertEquals([code, stdout], [2, ""], stderr);
    assertMatch(stderr.trimEnd(), says);
    assertEquals(stderr.trimEnd().includes("\n"), false);
  }
  const help = await transactions("--help");
  assertEquals(help.code, 0);
  for (const word of ["list", "resolve", "--reason", "heuristic"]) {
    assert(help.stdout.includes(word));
  }
  const nobody = await transactions("list", "--token", "t", "--url", "http://127.0.0.1:1");
  assertEquals(nobody.code, 1);
  assertMatch(nobody.stderr, /Cannot reach the cluster/);
});

Deno.test("transactions: a running cluster answers its operator, and nobody else", async () => {
  const folder = await Deno.makeTempDir({ prefix: "trunkline-test-" });
  try {
    const args = ["--load", "0", "--fast", "--profile", "reference", "--subscribers", "10"];
    const cluster = await RealCluster.start(`${folder}/data`, args);
    const to = (token: string) => ["--url", cluster.url, "--token", token];
    const list = await transactions("list", ...to(cluster.operator), "--report", "json");
    assertEquals([list.code, JSON.parse(list.stdout)], [0, {
      transactions: [],
      heuristics: [],
      silent: [],
    }]);
    const plain = await transactions("list", ...to(cluster.operator));
    assertEquals([plain.code, plain.stdout], [0, "Nothing is open.\n"]);
    const subscriber = await transactions("list", ...to(cluster.subscriber));
    assertEquals(subscriber.code, 1);
    assertMatch(subscriber.stderr, /Refused: transactions.list is for the operator/);
    const resolve = ["resolve", ID, "abort", "--reason", "test", ...to(cluster.operator)];
    const stray = await transactions(...resolve);
    assertEquals(stray.code, 1);
    assertMatch(stray.stderr, /Refused: .* is not in doubt: nobody who answers has it open/);
    const bad = await transactions("resolve", "7", ...resolve.slice(2));
    assertEquals(bad.code, 2, bad.stderr);
    await cluster.stop();
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("transactions: the list tells who, where, since when and what is locked", () => {
  const text = describe({
    transactions: [{
      id: ID,
      at: "cloud-1/participant",
      state: "inDoubt",
      since: Date.now() - 61_000,
      coordinator: "core-1/coordinator",
      participants: ["cloud-1/participant", "cloud-2/participant"],
      locks: ["07/account/254700000001"],
    }],
    heuristics: [{
      id: ID,
      at: "cloud-2/participant",
      decision: "commit",
      operator: "ops",
      reason: "core-1 burnt\ndown",
      decidedAt: 0,
      verdict: "mixed",
      settledAt: 5,
    }],
    silent: ["core-1/coordinator"],
  });
  assertMatch(text, /:7 {2}inDoubt at cloud-1\/participant for 61\.\d s/);
  assertMatch(text, /coordinator core-1\/coordinator; participants cloud-1\/participant, cloud-2/);
  assertMatch(text, /locks 07\/account\/254700000001/);
  assertMatch(text, /commit at cloud-2\/participant by ops, 1970.*, mixed: core-1 burnt down/);
  assertMatch(text, /No answer from core-1\/coordinator/);
});
