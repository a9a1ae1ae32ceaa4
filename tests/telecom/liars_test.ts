/** A replica of the configuration that lies in a cluster of real workers, and schedules that say so. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { dirname, join } from "node:path";
import { type RosterView, viewOf } from "../../actors/cluster_roster.ts";
import { readSchedule } from "../../examples/telecom/fault_schedule.ts";
import { loadProfile } from "../../examples/telecom/profile_loader.ts";
import { describeRoster } from "../../examples/telecom/roster_command.ts";
import { RealCluster } from "./real_cluster.ts";

async function withFile<T>(content: unknown, work: (file: string) => Promise<T>): Promise<T> {
  const folder = await Deno.makeTempDir();
  try {
    const file = join(folder, "schedule.json");
    await Deno.writeTextFile(file, typeof content === "string" ? content : JSON.stringify(content));
    return await work(file);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

const loaded = loadProfile("carrier");
assert(loaded.ok);
const { profile } = loaded;

const bad: readonly (readonly [content: unknown, message: string])[] = [
  ["{", "JSON"],
  [{}, "it must be a list"],
  [[{ behave: { node: "core-1", behaviours: [] } }], "0.at"],
  [[{ at: "soon", limit: 1 }], "0.at"],
  [[{ at: "1s" }], "0: it must do one thing"],
  [[{ at: "1s", limit: 1, cancel: "core-1" }], "0: it must do one thing"],
  [[{ at: "1s", limit: 0 }], "0.limit"],
  [[{ at: "1s", behave: { node: "core-9", behaviours: ["silent"] } }], "there is no node core-9"],
  [[{ at: "1s", behave: { node: "core-1", behaviours: ["lie"] } }], "must be one of silent"],
  [[{ at: "1s", replace: "primary" }], "there is no node primary"],
];
for (const [content, message] of bad) {
  Deno.test(`a schedule is refused: ${message} (${JSON.stringify(content)})`, () =>
    withFile(content, async (file) => {
      await assertRejects(() => readSchedule(file, profile), Error, message);
    }));
}

Deno.test("a schedule says what happens when; whoever leads then is the primary", () =>
  withFile([
    { at: "2s", behave: { node: "primary", behaviours: ["equivocate"] } },
    { at: "1500ms", limit: 7 },
  ], async (file) => {
    assertEquals<unknown>(await readSchedule(file, profile), [
      { atMs: 2000, fault: { kind: "behave", node: "primary", behaviours: ["equivocate"] } },
      { atMs: 1500, change: { kind: "set", settings: { maxConcurrentTransactions: 7 } } },
    ]);
  }));

Deno.test("the roster says who leads, who lies, and what is proved of whom", () => {
  const members = ["a", "b", "c", "d"].map((node) => {
    return { node, publicKey: "", agreementKey: "" };
  });
  const up = { up: true, executed: 3 };
  const text = describeRoster({
    configuration: {
      epoch: 5,
      generation: 1,
      members,
      faulty: 1,
      nodes: {},
      coordinators: ["a"],
      logs: {},
      shards: [],
      settings: { maxConcurrentTransactions: 9 },
      accusers: {},
      convicted: { "1": "equivocation" },
      replaced: [{ node: "a", offence: "doublePrepare" }],
    },
    replicas: [
      // One that says a view nobody else is in does not lead for that.
      { node: "a", ...up, view: 7, behaviours: ["delay"] },
      { node: "b", ...up, view: 1 },
      { node: "c", up: false },
      { node: "d", ...up, view: 1, evidence: [{ replica: 1, offence: "equivocation" }] },
    ],
  });
  assertEquals(text.split("\n").slice(2), [
    "replica a  view 7, executed 3, lies: delay",
    "replica b  view 1, executed 3, leads, CONVICTED: equivocation",
    "replica c  DOWN",
    "replica d  view 1, executed 3",
    "replaced a: doublePrepare",
    "d can prove: b equivocation",
    "",
  ]);
});

/** Whether nobody has caught the liar, and another leads meanwhile: it may be told to stop. */
function isIdle({ configuration: { faulty }, replicas }: RosterView): boolean {
  const leads = viewOf(replicas, faulty) % replicas.length;
  const liar = replicas.findIndex(({ behaviours = [] }) => behaviours.length > 0);
  return liar >= 0 && liar !== leads && replicas.every(({ evidence = [] }) => evidence.length < 1);
}

/** Has the one that leads lie in place of another: two at once would be more than are tolerated. */
async function lieInstead(cluster: RealCluster, { replicas }: RosterView): Promise<void> {
  const { node } = replicas.find(({ behaviours = [] }) => behaviours.length > 0)!;
  await cluster.rpc("fault.behave", { node, behaviours: [] });
  await cluster.rpc("fault.behave", { node: "primary", behaviours: ["equivocate"] });
}

Deno.test("a primary that equivocates: the cluster serves, proves it and replaces it", () =>
  withFile([
    { at: "1s", behave: { node: "primary", behaviours: ["equivocate"] } },
    { at: "1500ms", limit: 901 },
  ], async (file) => {
    const data = join(dirname(file), "data");
    const args = ["--load", "50", "--console", "off", "--fault-schedule", file];
    const scheduled = Promise.withResolvers<void>();
    const line = (text: string) => /schedule orders set /.test(text) && scheduled.resolve();
    const cluster = await RealCluster.spawn(data, [...args, "--report", "json"], { line });
    await cluster.ready;
    await scheduled.promise; // Orders compete: the loop below must not outrun it.
    const roster = async () => (await cluster.rpc("roster.list", {})).result as RosterView;
    let view = await roster();
    let idle = 0;
    for (let most = 902; most < 990 && view.configuration.replaced.length === 0; most++) {
      await cluster.rpc("roster.set", { maxConcurrentTransactions: most });
      view = await roster();
      idle = isIdle(view) ? idle + 1 : 0;
      if (idle % 20 === 19) await lieInstead(cluster, view);
    }
    const { result, error } = await cluster.rpc("roster.set", { maxConcurrentTransactions: 999 });
    assert(result !== undefined, JSON.stringify(error));
    const { code, report } = await cluster.stop();
    const log = cluster.stderr.join("\n");
    assertEquals(code, 0, log);
    const { requests, configuration, money } = report;
    assert(requests.ok > 100 && requests.failed === 0, JSON.stringify(requests));
    assertEquals(money.actual, money.expected);
    const [found] = configuration.evidence;
    assertEquals(found?.offence, "equivocation", log);
    // The primary of the view that it began with, or of a later one: it is named either way.
    assert(log.includes(`the primary is ${found!.node}`), log);
    assert(found!.proved_by.length >= 2, JSON.stringify(found));
    assert(log.includes(`cluster orders replace {"node":"${found!.node}"}: epoch`), log);
    assert(/schedule orders set .*901.*: epoch/.test(log), log);
    assert(/orders set .*999.*: epoch/.test(log), log);
  }));
