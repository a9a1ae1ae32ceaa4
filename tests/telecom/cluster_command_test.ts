/** The command as a user meets it: exit codes, what goes where, signals, kept data. */
import { assert, assertEquals } from "@std/assert";
import { DatabaseSync } from "node:sqlite";
import { RealCluster, ROOT, runCluster } from "./real_cluster.ts";

async function withFolder(test: (path: string) => Promise<void>): Promise<void> {
  const path = await Deno.makeTempDir({ prefix: "trunkline-test-" });
  try {
    await test(path);
  } finally {
    await Deno.remove(path, { recursive: true });
  }
}

/** Every one of them: exit code 2, one line on standard error, nothing on standard output. */
async function refused(words: string, ...args: string[]): Promise<void> {
  const { code, stdout, stderr } = await runCluster(...args);
  assertEquals([code, stdout, stderr.length], [2, "", 1], stderr.join("\n"));
  assert(stderr[0]!.includes(words), stderr[0]);
}

const anyPort = ["--http", "127.0.0.1:0"];

Deno.test("the command refuses what it cannot work with in one line", () =>
  withFolder(async (path) => {
    await Deno.writeTextFile(`${path}/file`, "{}");
    await Deno.writeTextFile(`${path}/unknown.json`, '{"name":"x","bogus":1}');
    await refused("--bogus", "--bogus");
    await refused("--load", "--load", "many");
    await refused("none of carrier, carrier-small, reference", "--profile", `${path}/none`);
    await refused("Cannot load the profile", "--profile", `${path}/unknown.json`);
    await refused("Cannot use the data folder", "--data", `${path}/file`);
    await refused("Cannot use the data folder", "--data", `${path}/file/below`);
    await refused("Cannot write the tokens", ...anyPort, "--token-file", `${path}/no/file`);
    await refused("Cannot write the history", ...anyPort, "--history", `${path}/no/file`);
    await refused("Cannot serve on 203.0.113.1:1", "--http", "203.0.113.1:1");
    const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    await refused("the port is in use", "--http", `127.0.0.1:${listener.addr.port}`);
    listener.close();
  }));

Deno.test("an unknown command is refused, help is complete", async () => {
  const cli = async (...args: string[]) => {
    const { code, stdout, stderr } = await new Deno.Command("deno", {
      args: ["run", "--no-prompt", "cli.ts", ...args],
      cwd: ROOT,
    }).output();
    const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
    return { code, stdout: text(stdout), stderr: text(stderr) };
  };
  const unknown = await cli("frobnicate");
  assertEquals([unknown.code, unknown.stderr.trim().split("\n").length], [2, 1]);
  for (const args of [["help"], ["--help"], []]) {
    const { code, stdout } = await cli(...args);
    assertEquals(code, 0);
    for (const name of ["cluster", "bench", "help"]) assert(stdout.includes(name));
  }
  const { code, stdout } = await cli("cluster", "--help");
  assertEquals(code, 0);
  const options = "profile for load subscribers data http token-file seed fast report history help";
  for (const name of options.split(" ")) assert(stdout.includes(`  --${name}`), name);
});

Deno.test("a short run with traffic reports and leaves nothing behind", () =>
  withFolder(async (path) => {
    const history = `${path}/history.jsonl`;
    const { code, stdout, stderr } = await runCluster(
      ...anyPort,
      ...["--for", "1500ms", "--load", "100", "--fast", "--profile", "carrier-small"],
      ...["--report", "json", "--seed", "7", "--history", history],
    );
    assertEquals(code, 0, stderr.join("\n"));
    assert(stderr[0]!.startsWith("ready http://127.0.0.1:"), stderr[0]);
    const report = JSON.parse(stdout.trimEnd().split("\n").at(-1)!);
    assertEquals([report.profile, report.nodes, report.workers], ["carrier-small", 7, 29]);
    assert(report.requests.sent > 50 && report.requests.ok > 50);
    assertEquals(report.requests.sent, report.requests.ok + report.requests.failed);
    assertEquals(report.money, { expected: 1_000_000_000, actual: 1_000_000_000 });
    assertEquals(report.clean_shutdown, true);
    const lines = (await Deno.readTextFile(history)).trimEnd().split("\n")
      .map((line) => JSON.parse(line));
    assertEquals(lines.length, 2 * report.requests.sent);
    assertEquals(new Set(lines.map(({ id }) => id)).size, report.requests.sent);
  }));

Deno.test("two clusters share neither a port nor a data folder", () =>
  withFolder(async (path) => {
    const args = ["--load", "0", "--fast", "--profile", "reference", "--subscribers", "10"];
    const cluster = await RealCluster.start(`${path}/data`, args);
    const { host } = new URL(cluster.url);
    await refused("the port is in use", "--http", host);
    await refused("is using it", ...anyPort, "--data", `${path}/data`, ...args);
    await cluster.kill();
    // A killed one leaves no lock behind, and its data is for its own profile.
    await refused("--profile reference", ...anyPort, "--data", `${path}/data`);
    await refused(
      "--subscribers 10",
      ...anyPort,
      "--data",
      `${path}/data`,
      ...args.slice(0, -1),
      "11",
    );
    const again = await RealCluster.start(`${path}/data`, args);
    const { code, stderr } = await again.stop("SIGTERM");
    assertEquals(code, 0, stderr.join("\n"));
  }));

Deno.test("a store that is damaged is named, and nothing is started on it", () =>
  withFolder(async (path) => {
    const args = ["--load", "0", "--fast", "--profile", "reference", "--subscribers", "10"];
    const data = `${path}/data`;
    await (await RealCluster.start(data, args)).stop();
    const store = `${data}/core-1.coordinator.sqlite`;
    await Deno.writeTextFile(store, "this is no database, whatever its name says".repeat(100));
    await refused("core-1.coordinator.sqlite", ...anyPort, "--data", data, ...args);
    await Deno.remove(store);
    await refused("core-1.coordinator.sqlite is missing", ...anyPort, "--data", data, ...args);
  }));

Deno.test("a journal with a changed record is refused by its number, and can be salvaged", () =>
  withFolder(async (path) => {
    const args = ["--load", "0", "--fast", "--profile", "reference", "--subscribers", "10"];
    const data = `${path}/data`;
    const cluster = await RealCluster.start(data, args);
    const posting = { subscriber: "254700000000", amount: 5, idempotencyKey: "once" };
    assertEquals((await cluster.rpc("account.credit", posting)).result.balance, 100_005);
    // Acknowledged is durable at the coordinator; who reads waits until it is at the participant.
    await cluster.rpc("account.balance", { subscriber: "254700000000" });
    await cluster.kill(); // An orderly stop would leave nothing but a checkpoint.
    for (const { name } of Deno.readDirSync(data)) {
      if (!name.endsWith(".participant.sqlite")) continue;
      const db = new DatabaseSync(`${data}/${name}`);
      const changed = db.prepare(
        "UPDATE journal SET body = zeroblob(length(body)) WHERE first = 1",
      ).run();
      db.close();
      assertEquals(changed.changes, 1);
    }
    await refused("journal record 1 was changed", ...anyPort, "--data", data, ...args);
    const again = await RealCluster.start(data, [...args, "--salvage"]);
    assert(
      again.stderr.some((line) => /^salvage: .*participant.sqlite: journal record 1/.test(line)),
    );
    const { result } = await again.rpc("account.balance", { subscriber: "254700000000" });
    assertEquals(result.balance, 100_005, "rows are sound: they have sums of their own");
    assertEquals((await again.stop()).code, 0);
  }));
