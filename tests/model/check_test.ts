/**
 * The checker is checked: by counts others have published, by mutants, by what it says when it
 * cannot finish.
 */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { assign } from "xstate";
import { replica } from "../../protocols/pbft/mod.ts";
import { explore } from "../../runtime/checker/explore.ts";
import { controlOf, mutantsOf } from "../../runtime/checker/mutants.ts";
import { walkTo } from "../../runtime/checker/walk.ts";
import { parseTrace } from "../simulation/trace.ts";
import { EQUIVALENT } from "./equivalents.ts";
import { SHIPPED, withMachine } from "./machines.ts";
import { MODELS, type Scope } from "./models.ts";
import { allMutants, RULES_OF, TRIALS, tryModels } from "./mutants.ts";
import { AGREEMENT, pbftModel } from "./pbft/model.ts";
import { recovered, retained } from "./two_phase_commit/participant_disk.ts";
import { Disk, FACTS, LOG, PARTICIPANTS, type Rules } from "./two_phase_commit/world.ts";
import { diagram, trace, words } from "./tell.ts";

const LIMITS = { states: 2_000_000, bytes: 2 ** 30 };

function search(name: string, scope: Scope = {}, limits = LIMITS) {
  const model = MODELS.get(name)!.build(SHIPPED, scope);
  return { model, ...explore(model, limits) };
}

/** Runs the command; its exit code and what it wrote. */
async function run(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  const command = new Deno.Command("deno", {
    args: ["run", "--no-prompt", "--no-check", "--allow-read", "--allow-write", "cli.ts", "check"]
      .concat(args),
    cwd: new URL("../../", import.meta.url),
    env: { NO_COLOR: "1" },
  });
  const { code, stdout, stderr } = await command.output();
  const text = new TextDecoder();
  return { code, out: text.decode(stdout), err: text.decode(stderr) };
}

const last = (text: string) => JSON.parse(text.trimEnd().split("\n").at(-1)!);

Deno.test("check: the textbook models have the states that TLC counts", () => {
  const rows = [
    ["textbook/commit_3", 34, 94, 7],
    ["textbook/two_phase_3", 288, 1146, 11],
    ["textbook/two_phase_5", 8832, 58146, 17],
  ] as const;
  for (const [name, states, generated, depth] of rows) {
    const found = search(name);
    const counts = [found.states, found.transitions + 1, found.depth];
    assertEquals([name, ...counts], [name, states, generated, depth]);
    assertEquals(found.violation, undefined);
  }
});

Deno.test("check: two-phase commit of two, with a crash of any one role, breaks no rule", () => {
  const { states, violation, exceeded, goalStates } = search("two_phase_commit", { crashes: 1 });
  assertEquals([violation, exceeded], [undefined, undefined]);
  // Fewer would mean that something no longer happens.
  assertEquals([states, goalStates], [123894, 58348]);
});

Deno.test("check: one loss and one duplicate per channel that keeps its order break no rule", () => {
  const scope = { participants: 1, crashes: 1, network: "fifo" } as const;
  const { states, violation, exceeded } = search("two_phase_commit", scope);
  assertEquals([violation, exceeded], [undefined, undefined]);
  assert(states > 50_000, `${states} states`);
});

Deno.test("check: any loss and any duplicate break no rule where what is received is gone", () => {
  const one = search("two_phase_commit", { participants: 1, crashes: 1, network: "bag" });
  assertEquals([one.violation, one.exceeded], [undefined, undefined]);
  assert(one.states > 700 && one.goalStates > 1000, `${one.states} ${one.goalStates} states`);
  // Of two, its goals take a minute: `deno task check --model two_phase_commit --network bag`.
  const scope = { participants: 2, crashes: 1, network: "bag" } as const;
  const model = MODELS.get("two_phase_commit")!.build(SHIPPED, scope);
  const two = explore({ ...model, possibilities: [] }, LIMITS);
  assertEquals([two.violation, two.exceeded], [undefined, undefined]);
  assert(two.states > 40_000, `${two.states} states`);
});

/** What rules are about, of all states: everything but the network, of one participant. */
function coresOf(scope: Scope, covering: boolean): { cores: string[]; states: number } {
  const { covering: full, ...model } = MODELS.get("two_phase_commit")!.build(SHIPPED, scope);
  const search = { ...model, ...(covering ? { covering: full! } : {}), possibilities: [] };
  const { store, states, exceeded } = explore(search, LIMITS);
  assertEquals(exceeded, undefined);
  const state = new Uint16Array(model.width);
  const cores = new Set<string>();
  for (let at = 0; at < states; at++) {
    store.read(at, state);
    const lives = model.show(state).map((it) => it.state).join();
    cores.add(
      [lives, state[LOG], state[FACTS], state[PARTICIPANTS + 1], state[PARTICIPANTS + 2]].join(),
    );
  }
  return { cores: [...cores].sort(), states };
}

Deno.test("check: states that others stand for hide nothing", () => {
  const bag = { participants: 1, crashes: 2, network: "bag" } as const;
  const fifo = { participants: 1, crashes: 0, network: "fifo" } as const;
  for (const scope of [bag, fifo]) {
    const [all, fewer] = [coresOf(scope, false), coresOf(scope, true)];
    assertEquals(fewer.cores, all.cores);
    assert(fewer.states < all.states, `${fewer.states} of ${all.states}`);
  }
  // Nor does what is received and stays lead anywhere else than what nobody ever takes.
  const set = { ...bag, network: "set" } as const;
  assertEquals(coresOf(bag, true).cores, coresOf(set, false).cores);
});

Deno.test("check: a message that the network doubles comes twice", () => {
  const wanted = "twoPhaseCommit.participant aborted.on.abort deleted";
  const mutant = mutantsOf(SHIPPED.participant).find(({ id }) => id === wanted)!;
  const model = MODELS.get("two_phase_commit")!
    .build(withMachine(mutant.machine()), { participants: 1, crashes: 0, network: "fifo" });
  const way = words(walkTo(model, explore(model, LIMITS))!);
  assertStringIncludes(
    way,
    "abort of coordinator stays on its way and is received by participant 0",
  );
});

for (
  const name of [
    "two_phase_commit/holder",
    "two_phase_commit/heuristic",
    "three_phase_commit/asynchronous",
    "heartbeat",
    "rpc/call",
    "lifecycle/node",
    "lifecycle/role",
    "lifecycle/supervision",
    "deadlock/detector",
  ]
) {
  Deno.test(`check: ${name} breaks no rule`, () => {
    const { violation, exceeded, depth } = search(name);
    assertEquals([violation, exceeded], [undefined, undefined]);
    assert(depth > 5);
  });
}

Deno.test("check: one number of four replicas agrees, whatever its primary says to whom", () => {
  const { states, violation, exceeded } = search("pbft");
  // Fewer would mean that something no longer happens.
  assertEquals([states, violation?.rule, exceeded], [398817, undefined, undefined]);
});

Deno.test("check: what was executed at that number before a view change is what it is after", () => {
  const { states, violation, exceeded } = search("pbft/view_change");
  assertEquals([violation?.rule, exceeded], [undefined, undefined]);
  assert(states > 400_000, `${states} states`);
});

Deno.test("check: replicas that do not say what they have prepared are found out", () => {
  const forgetful = replica.provide({
    actions: {
      noteLeft: assign(({ context: { index, view, stable, viewChanges } }) => ({
        viewChanges: {
          ...viewChanges,
          [index]: { type: "viewChange" as const, view, stable, prepared: [] },
        },
      })),
    },
  });
  const group = {
    replicas: 4,
    faulty: 1,
    accomplices: 0,
    viewChange: true,
    brief: true,
    settled: false,
    crashes: 0,
  };
  const model = pbftModel("forgetful", { ...group, replica: forgetful as never });
  assertEquals(explore(model, LIMITS).violation?.rule, AGREEMENT);
});

Deno.test("check: with f + 1 liars two correct replicas execute different batches", () => {
  const { violation } = search("pbft/accomplice");
  assertEquals(violation?.rule, MODELS.get("pbft/accomplice")!.mustBreak);
});

Deno.test("check: three-phase commit breaks no rule and blocks nobody who lives", () => {
  const rows = [[{ crashes: 0 }, 10_000], [{ participants: 1, crashes: 2 }, 5000], [{
    participants: 3,
    crashes: 1,
  }, 50_000]] as const;
  for (const [scope, least] of rows) {
    const { states, violation, exceeded } = search("three_phase_commit", scope);
    assertEquals([violation?.rule, exceeded], [undefined, undefined], JSON.stringify(scope));
    assert(states > least, `${states} states`); // Fewer would mean that something no longer happens.
  }
});

Deno.test("check: three-phase commit splits its decision where silence is no failure", async () => {
  const { code, out } = await run("--model", "three_phase_commit/partition", "--report", "json");
  assertEquals(code, 0);
  assertStringIncludes(out, "Broken as it must be");
  const { as_it_must, violations: [violation] } = last(out);
  assertEquals(as_it_must, true);
  assertEquals(violation.invariant, MODELS.get("three_phase_commit/partition")!.mustBreak);
});

Deno.test("check: a machine copied without a change is not found out", () => {
  const control = controlOf(SHIPPED.coordinator);
  const model = MODELS.get("two_phase_commit")!.build(withMachine(control.machine()), {
    crashes: 0,
  });
  assertEquals(explore(model, LIMITS).violation, undefined);
  assertEquals(tryModels(controlOf(SHIPPED.monitor)), undefined);
});

Deno.test("check: mutants have names of their own, and few are said to be equivalent", () => {
  const ids = allMutants().map(({ id }) => id);
  assertEquals(new Set(ids).size, ids.length);
  const listed = Object.keys(EQUIVALENT);
  assertEquals(listed.filter((id) => !ids.includes(id)), []);
  assert(listed.length <= ids.length / 20);
});

/** Every file below a folder that makes a machine, as text. */
function machineSources(folder: URL): string[] {
  return [...Deno.readDirSync(folder)].flatMap(({ name, isDirectory }) => {
    const path = new URL(isDirectory ? `${name}/` : name, folder);
    if (isDirectory) return machineSources(path);
    if (!name.endsWith(".ts") || name === "mod.ts") return [];
    const text = Deno.readTextFileSync(path);
    return /^\}\)\.createMachine\(/m.test(text) ? [text] : [];
  });
}

Deno.test("check: every machine that ships has mutants, and models or rules that judge them", () => {
  const root = new URL("../../", import.meta.url);
  const ids = ["protocols/", "runtime/", "actors/"]
    .flatMap((folder) => machineSources(new URL(folder, root)))
    .flatMap((text) => [...text.matchAll(/^ {2}id: "([^"]+)"/gm)].map(([, id]) => id));
  assertEquals(ids.toSorted(), Object.values(SHIPPED).map(({ id }) => id).toSorted());
  assertEquals(ids.filter((id) => (TRIALS[id!] ?? RULES_OF[id!]) === undefined), []);
});

Deno.test("check: a checkpoint changes nothing that recovery reads, whatever is on the disk", () => {
  for (let bits = 0; bits <= Disk.RECORDS; bits++) {
    assertEquals(recovered(retained(bits)), recovered(bits), `records ${bits.toString(2)}`);
  }
});

Deno.test("check: mutants of the holder, the monitor, a role and its supervision are all found", () => {
  const mutants = [SHIPPED.holder, SHIPPED.monitor, SHIPPED.role, SHIPPED.supervision]
    .flatMap((machine) => mutantsOf(machine))
    .filter(({ id }) => EQUIVALENT[id] === undefined);
  const escaped = mutants.filter((mutant) => tryModels(mutant) === undefined);
  assertEquals(escaped.map(({ id }) => id), []);
});

Deno.test("check: a vote that waits for no journal is found in two steps, and drawn", () => {
  const mutant = mutantsOf(SHIPPED.participant).find(({ id }) =>
    id.endsWith("preparing.on.journaled not waited for")
  )!;
  const model = MODELS.get("two_phase_commit")!.build(withMachine(mutant.machine()), {});
  const walk = walkTo(model, explore(model, LIMITS))!;
  assertEquals(walk.rule, "no yes is said before it is durable");
  assertEquals(walk.legs.map(({ move }) => move.type), ["prepare", "granted"]);
  assertStringIncludes(words(walk), "1  prepare of coordinator is received by participant");
  assertStringIncludes(diagram(model, walk), "sequenceDiagram");
  assertStringIncludes(diagram(model, walk), "disk: nothing, 1 on the way");
  const { header, events } = parseTrace(trace(model, walk));
  assertEquals([header.kind, header.model], ["check", "two_phase_commit"]);
  assertEquals(events.filter(({ event }) => event !== undefined).map(({ type }) => type), [
    "begin",
    "prepare",
    "granted",
  ]);
});

Deno.test("check: a decision told before it is durable is found by the shortest way", () => {
  const mutant = mutantsOf(SHIPPED.coordinator).find(({ id }) =>
    id.endsWith("deciding.on.journaled not waited for")
  )!;
  const model = MODELS.get("two_phase_commit")!.build(withMachine(mutant.machine()), {});
  const walk = walkTo(model, explore(model, LIMITS))!;
  assertEquals(walk.rule, "no client hears of a commit before it is durable");
  // Each of the two hears of it, gets its locks, writes, and is heard: none can be spared.
  const types = walk.legs.map(({ move }) => move.type).sort();
  assertEquals(types, ["granted", "prepare", "sync", "voteYes"].flatMap((type) => [type, type]));
});

Deno.test("check: a rule that is broken is found as well as a machine that is", () => {
  const rows: readonly [rules: Partial<Rules>, rule: string][] = [
    [
      { admitPrepare: ({ known }) => known ? "known" : "begin" },
      "who aborted tells who asks",
    ],
    [{ answerUnknown: () => "unknown" }, "once faults are over"],
    [{ answerUnknownInquiry: () => "refuse" }, "participant in refusing got uncertain"],
    [{ mayAckUnknownCommit: () => false }, "participant in idle got commit"],
  ];
  for (const [rules, rule] of rows) {
    const { violation } = search("two_phase_commit", { crashes: 1, rules });
    assertStringIncludes(violation?.rule ?? "nothing", rule, Object.keys(rules)[0]);
  }
});

Deno.test("check: a search that does not finish says so and exits 3", async () => {
  const { code, out, err } = await run(
    ...["--model", "two_phase_commit", "--states", "5000", "--report", "json"],
  );
  assertEquals(code, 3);
  assertStringIncludes(err, "Gave up: more than 5000 states");
  const { finished, exceeded, states } = last(out);
  assertEquals([finished, exceeded], [false, "more than 5000 states"]);
  assert(states > 5000);
});

Deno.test("check: a search that needs more memory than it may take says so and exits 3", async () => {
  const { code, out, err } = await run(
    ...["--model", "two_phase_commit", "--memory", "1", "--report", "json"],
  );
  assertEquals(code, 3);
  assertStringIncludes(err, "Gave up: more than 1 MB of states");
  assertStringIncludes(err, "nothing is said about the rest");
  assertEquals(last(out).finished, false);
});

Deno.test("check: bad command lines are one line and exit 2", async () => {
  const rows: readonly (readonly [args: string[], says: string])[] = [
    [["--model", "nope"], "there is no model nope"],
    [["--model", "two_phase_commit", "--participants", "9"], "--participants must be"],
    [["--model", "heartbeat", "--participants", "2"], "says nothing to heartbeat"],
    [["--model", "heartbeat", "--mutant", "nope"], "there is no mutant nope"],
    [[], "--model or --mutants"],
    [["--model", "heartbeat", "--with", "simulator"], "--with simulator needs --mutants"],
    [["--mutants", "--with", "luck"], "--with must be simulator"],
    [["--nonsense"], "unknown option --nonsense"],
  ];
  const results = await Promise.all(rows.map(([args]) => run(...args)));
  results.forEach(({ code, err }, i) => {
    assertEquals([code, err.trimEnd().split("\n").length], [2, 1], err);
    assertStringIncludes(err, rows[i]![1]);
  });
});

Deno.test("check: a planted bug is reported, traced and drawn by the command", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const [file, drawing] = [`${folder}/t.ndjson`, `${folder}/d.md`];
    const { code, out } = await run(
      ...["--model", "heartbeat", "--mutant", "heartbeat.monitor alive.on.heartbeat.0 deleted"],
      ...["--report", "json", "--trace", file, "--diagram", drawing],
    );
    assertEquals(code, 1);
    const { violations: [violation] } = last(out);
    assert(violation.steps.length > 0);
    assertEquals(parseTrace(await Deno.readTextFile(file)).header.kind, "check");
    assertStringIncludes(await Deno.readTextFile(drawing), violation.invariant);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
