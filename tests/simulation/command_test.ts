/** The command line of `simulate`, in a process of its own. */
import { assert, assertEquals, assertMatch } from "@std/assert";

const ROOT = new URL("../../", import.meta.url);

function run(...args: readonly string[]) {
  return command("simulate", ...args);
}

async function command(name: "simulate" | "check", ...args: readonly string[]) {
  const command = new Deno.Command("deno", {
    cwd: ROOT,
    args: [
      "run",
      "--no-check",
      "--no-prompt",
      "--allow-read",
      "--allow-write",
      "cli.ts",
      name,
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
  ["the same by --trace", ["--trace", "no/such.ndjson"], /no such|No such|os error 2/],
  ["a trace that is none", ["--trace", "deno.json"], /line 1 is no/],
  ["a replay of something else", ["--replay", "a", "--seed", "1"], /a replay goes with/],
  ["an unknown profile", ["--profile", "x"], /there is no profile x: there are carrier, /],
  ["no events", ["--events", "0"], /--events must be a whole number from 1/],
  ["no workers", ["--workers", "0"], /--workers must be a whole number from 1/],
  ["memory that is no number", ["--memory", "much"], /--memory must be a whole number/],
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

Deno.test("what the checker finds is replayed, and drawn", async () => {
  await using folder = await scratch();
  const trace = `${folder.path}/found.ndjson`, diagram = `${folder.path}/found.md`;
  const mutant = "twoPhaseCommit.coordinator deciding.on.journaled not waited for";
  const found = await command(
    "check",
    ...["--model", "two_phase_commit", "--mutant", mutant, "--trace", trace],
  );
  assertEquals(found.code, 1);
  for (const option of ["--trace", "--replay"]) {
    const { code, out } = await run(option, trace, "--report", "json", "--diagram", diagram);
    assertEquals(code, 1, "it is a violation still");
    const report = JSON.parse(out.trimEnd().split("\n").at(-1)!);
    assertEquals([report.kind, report.model, report.mutant], ["check", "two_phase_commit", mutant]);
    assertEquals([report.same, report.violations.length], [true, 1]);
    assert(report.events > 8, `${report.events} events`);
    assertMatch(await Deno.readTextFile(diagram), /voteYes/);
  }
  // Without the bug the shipped machine leaves the path where the bug is.
  const text = await Deno.readTextFile(trace);
  await Deno.writeTextFile(trace, text.replace(`"mutant":"${mutant}",`, ""));
  const shipped = await run("--trace", trace);
  assertEquals(shipped.code, 1);
  assertMatch(shipped.out, /coordinator went from .* to committing.*, goes from .* to deciding/);
  await Deno.writeTextFile(trace, text.replace("not waited for", "of dreams"));
  assertEquals((await run("--trace", trace)).code, 2);
});

Deno.test("a bound that is reached: exit 3, how far it got, and no word of success", async () => {
  for (const [bound, why] of [["--events", /more than 500 events/], ["--memory", /MB of memory/]]) {
    const value = bound === "--events" ? "500" : "1";
    const args = ["--scenario", "transfers", "--seeds", "3", bound as string, value];
    const { code, out, err } = await run(...args, "--report", "json");
    assertEquals(code, 3);
    assertMatch(err, why as RegExp);
    assertMatch(err, /Gave up after 1 runs, \d+ events: .* nothing is said about the rest/);
    const report = JSON.parse(out.trimEnd().split("\n").at(-1)!);
    assertEquals([report.seeds, typeof report.gave_up], [1, "string"]);
  }
});

/** What a report says of one machine and moment. */
const TIMES: ReadonlySet<string> = new Set(
  ["wall_s", "events_per_s", "events_per_s_median", "elapsed_s", "workers"],
);

/** All but times and progress. */
async function timeless(...args: readonly string[]) {
  const { code, out, err } = await run("--report", "json", ...args);
  const line = out.trimEnd().split("\n").at(-1)!;
  const report = JSON.parse(line, (key, value) => TIMES.has(key) ? undefined : value);
  const said = err.split("\n").filter((line) => !line.startsWith("simulate: "));
  return { code, said, report, workers: JSON.parse(line).workers };
}

Deno.test("the report is the same for any number of workers", async () => {
  const seeds = ["--seed", "5", "--seeds", "2", "--workers"];
  const [one, two] = [await timeless(...seeds, "1"), await timeless(...seeds, "2")];
  assertEquals([one.code, one.workers, two.workers], [0, 1, 2]);
  assertEquals(two, { ...one, workers: 2 });
  // Given up at the same seed; what others have played beyond it does not count.
  const bound = ["--scenario", "transfers", "--seed", "2", "--seeds", "48", "--events", "10000"];
  const [alone, four] = [
    await timeless(...bound, "--workers", "1"),
    await timeless(...bound, "--workers", "4"),
  ];
  assertEquals([alone.code, four.workers], [3, 4]);
  assert(alone.report.seeds > 1 && alone.report.seeds < 48);
  assertEquals(four, { ...alone, workers: 4 });
});

Deno.test("a worker that has no memory ends the whole: exit 3, and no word of success", async () => {
  const args = ["--scenario", "transfers", "--seeds", "24", "--workers", "2", "--memory", "40"];
  const { code, out, err } = await run(...args, "--report", "json");
  assertEquals(code, 3);
  assertMatch(err, /^Gave up after \d+ runs, .*: .*MB of memory.*nothing is said about the rest/m);
  assertEquals(typeof JSON.parse(out.trimEnd().split("\n").at(-1)!).gave_up, "string");
});

Deno.test("a profile of one's own is played, reported and in the trace", async () => {
  await using folder = await scratch();
  const trace = `${folder.path}/t.ndjson`;
  for (const profile of ["carrier-small", "reference"]) {
    const args = ["--scenario", "transfers", "--seed", "1", "--profile", profile];
    const { code, out } = await run(...args, "--report", "json", "--trace", trace);
    assertEquals(code, 0);
    assertMatch(out, new RegExp(`transfers seed 1 on ${profile}`));
    assertEquals(JSON.parse(out.trimEnd().split("\n").at(-1)!).profile, profile);
    assertEquals((await run("--trace", trace)).code, 0, "it is replayed on the same profile");
  }
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
