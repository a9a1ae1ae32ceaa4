/** The command line of `simulate`, in a process of its own. */
import { assert, assertEquals, assertMatch } from "@std/assert";

const ROOT = new URL("../../", import.meta.url);

async function run(...args: readonly string[]) {
  const command = new Deno.Command("deno", {
    cwd: ROOT,
    args: [
      "run",
      "--no-check",
      "--no-prompt",
      "--allow-read",
      "--allow-write",
      "cli.ts",
      "simulate",
      ...args,
    ],
    env: { NO_COLOR: "1" },
  });
  const { code, stdout, stderr } = await command.output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return { code, out: text(stdout), err: text(stderr) };
}

async function scratch(): Promise<{ readonly path: string } & AsyncDisposable> {
  const path = await Deno.makeTempDir();
  return { path, [Symbol.asyncDispose]: () => Deno.remove(path, { recursive: true }) };
}

const BAD: readonly (readonly [string, readonly string[], RegExp])[] = [
  ["an unknown scenario", ["--scenario", "x"], /there is no scenario x: there are all, transfers/],
  ["a seed that is no number", ["--seed", "one"], /--seed must be a whole number/],
  ["a negative seed", ["--seed=-1"], /--seed must be a whole number/],
  ["no seeds", ["--seeds", "0"], /--seeds must be a whole number from 1/],
  ["no minutes", ["--minutes", "0"], /--minutes must be a number above 0/],
  ["two lengths", ["--seeds", "1", "--minutes", "1"], /exclude each other/],
  ["an unknown option", ["--fast"], /unknown option --fast/],
  ["a stray word", ["transfers"], /unexpected "transfers"/],
  ["an option twice", ["--seed", "1", "--seed", "2"], /--seed is given twice/],
  ["an option without its value", ["--trace"], /--trace needs a value/],
  ["an unknown report", ["--report", "xml"], /--report must be json/],
  ["a trace that is not there", ["--replay", "no/such.ndjson"], /no such|No such|os error 2/],
  ["a replay of something else", ["--replay", "a", "--seed", "1"], /--replay goes with/],
];

Deno.test("bad command lines are refused in one line", async (t) => {
  for (const [what, args, line] of BAD) {
    await t.step(what, async () => {
      const { code, err } = await run(...args);
      assertEquals(code, 2);
      assertMatch(err, line);
      assertEquals(err.trimEnd().split("\n").length, 1);
    });
  }
});

Deno.test("a report, a trace that another process repeats, and a diagram", async () => {
  await using folder = await scratch();
  const trace = `${folder.path}/trace.ndjson`, diagram = `${folder.path}/diagram.md`;
  const seed = ["--scenario", "transfers", "--seed", "3"];
  const { code, out } = await run(...seed, "--report=json", "--trace", trace, "--diagram", diagram);
  assertEquals(code, 0);
  const report = JSON.parse(out.trimEnd().split("\n").at(-1)!);
  assertEquals([report.scenario, report.seeds, report.violations], ["transfers", 1, []]);
  assert(report.events > 0 && report.events_per_s > 0 && report.virtual_s > 0);
  assertMatch(report.trace_hash, /^[0-9a-f]{16}$/);
  const again = await run(...seed, "--report", "json");
  const { trace_hash } = JSON.parse(again.out.trimEnd().split("\n").at(-1)!);
  assertEquals(trace_hash, report.trace_hash);
  assertMatch(await Deno.readTextFile(diagram), /```mermaid\nsequenceDiagram\n {2}participant p0/);
  const replayed = await run("--replay", trace);
  assertEquals(replayed.code, 0);
  assertMatch(replayed.out, /events, all as recorded/);
  await refused(trace);
});

/** Traces of another build, another stage, another format. */
async function refused(trace: string): Promise<void> {
  const text = await Deno.readTextFile(trace);
  for (
    const [was, is, why] of [
      [/"build":"\w+"/, '"build":"0"', /of build 0, this is build/],
      [/"stage":"\w+"/, '"stage":"0"', /of scenarios 0/],
      ['"kind":"simulate"', '"kind":"dream"', /unknown kind "dream"/],
      ['"format":"trunkline-trace"', '"format":"x"', /line 1 is no header/],
    ] as const
  ) {
    await Deno.writeTextFile(trace, text.replace(was, is));
    const { code, err } = await run("--replay", trace);
    assertEquals(code, 2);
    assertMatch(err, why);
    assertEquals(err.trimEnd().split("\n").length, 1);
  }
  await Deno.writeTextFile(trace, text.replace('"type":"start"', '"type":"begin"'));
  const { code, out } = await run("--replay", trace);
  assertEquals(code, 1);
  assertMatch(out, /^event 1 was/);
}

Deno.test("scenarios and invariants are listed, and help helps", async () => {
  const { code, out } = await run("--list");
  assertEquals(code, 0);
  assertMatch(out, /two_phase_commit .*hot keys/);
  assertMatch(out, /atomic_agreement .*AC1/);
  assertMatch((await run("--help")).out, /--scenario NAME\|all/);
});
