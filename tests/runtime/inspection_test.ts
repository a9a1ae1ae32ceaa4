/** Looking on at live roles: what is told, when, to whom, and what is not. */
import { assert, assertEquals } from "@std/assert";
import { setup } from "xstate";
import { TableEngine } from "../../runtime/engine.ts";
import type { Batch } from "../../runtime/inspection/batch.ts";
import { definitionOf } from "../../runtime/inspection/definition.ts";
import { type Filter, union } from "../../runtime/inspection/filter.ts";
import { InspectionHub } from "../../runtime/inspection/hub.ts";
import { MASK, Masking } from "../../runtime/inspection/mask.ts";
import { Probe } from "../../runtime/inspection/probe.ts";
import type { InspectionRecord } from "../../runtime/inspection/records.ts";
import { Instances } from "../../runtime/instances.ts";
import { Timers } from "../../runtime/timers.ts";
import { WorkerSystem } from "../../runtime/worker/system.ts";

const machine = setup({
  types: { context: {} as { tries: number; token: string } },
  actions: { ask: () => {}, tell: () => {}, reject: () => {} },
}).createMachine({
  id: "lock",
  context: { tries: 0, token: "open sesame" },
  initial: "idle",
  on: { "*": { actions: "reject" } },
  states: {
    idle: { on: { take: { target: "taken", actions: ["ask", "tell"] } } },
    taken: { on: { release: "over" } },
    over: { type: "final" },
  },
});

/** Instances, a probe on them and a hub, all in one thread; nothing is passed on by itself. */
class Scene {
  now = 1000;
  readonly timers = new Timers();
  readonly hub = new InspectionHub(() => this.now);
  readonly told: InspectionRecord[] = [];
  readonly batches: Batch[] = [];
  dropped = 0;
  /** Whether the hub takes what comes. */
  takes = true;
  probe: Probe | undefined;
  readonly locks = new Instances<null>({
    engine: new TableEngine(machine),
    effects: { ask: () => {}, tell: () => {}, reject: () => {} },
    timers: this.timers,
    now: () => this.now,
    observe: () => this.probe?.observer,
  });

  constructor(incarnation = 1) {
    this.hub.began({
      address: "a/role",
      incarnation,
      watch: (filter) => this.#watch(filter, incarnation),
      taken: (number) => this.probe?.taken(number),
      ask: () => Promise.resolve(undefined),
    });
  }

  #watch(filter: Filter | undefined, incarnation: number): void {
    if (filter === undefined) {
      this.probe?.close();
      this.probe = undefined;
    } else if (this.probe !== undefined) this.probe.filter = filter;
    else {
      this.probe = new Probe({
        address: "a/role",
        incarnation,
        now: () => this.now,
        later: (delayMs, call) => void this.timers.set(this.now + delayMs, call),
        about: (content) => (content as { id?: string } | null)?.id,
        post: (batch) => {
          this.batches.push(batch);
          if (this.takes) this.hub.take(batch);
        },
      }, filter);
    }
  }

  attach(filter: Filter = {}) {
    return this.hub.attach(filter, (records, dropped) => {
      this.told.push(...records);
      this.dropped += dropped;
    });
  }

  /** Lets time pass. */
  pass(ms: number): void {
    this.now += ms;
    this.timers.fire(this.now);
  }

  /** One whole life. */
  live(key: string): void {
    const life = this.locks.create(key, undefined, null);
    this.locks.step(life, { type: "take" });
    this.locks.step(life, { type: "release" });
  }
}

const outline = (records: readonly InspectionRecord[]) =>
  records.map((record) => {
    const about = "about" in record ? ` ${record.about}` : "";
    return `${record.kind}${about}${record.kind === "step" ? ` ${record.after}` : ""}`;
  });

Deno.test("inspection: a life is told from beginning to end, in one batch", () => {
  const scene = new Scene();
  using _ = scene.attach();
  scene.live("one");
  assertEquals(scene.told, []);
  scene.pass(20);
  assertEquals(outline(scene.told), ["began one", "step one taken", "step one over", "ended one"]);
  const step = scene.told[1]!;
  assert(step.kind === "step");
  assertEquals([step.machine, step.event, step.before], ["lock", "take", "idle"]);
  assertEquals(step.effects, ["ask", "tell"]);
  assertEquals(step.at, 1000);
  assertEquals(JSON.parse(step.snapshot!), {
    status: "active",
    value: "taken",
    context: { tries: 0, token: MASK },
  });
  assertEquals(scene.batches.length, 1);
});

Deno.test("inspection: a state's snapshot crosses once, however often it is entered", () => {
  const scene = new Scene();
  using _ = scene.attach();
  for (let i = 0; i < 100; i++) scene.live(`life ${i}`);
  scene.pass(20);
  for (let i = 0; i < 100; i++) scene.live(`later ${i}`);
  scene.pass(20);
  assertEquals(scene.batches.map(({ states }) => states.length), [3, 0]);
  assertEquals(scene.told.length, 800);
  assertEquals(scene.told.at(-1)!.kind, "ended");
});

Deno.test("inspection: detached, nothing is told and no probe is left", () => {
  const scene = new Scene();
  scene.live("before");
  {
    using _ = scene.attach();
    scene.live("meanwhile");
  }
  assertEquals(scene.probe, undefined);
  scene.live("after");
  scene.pass(100);
  // What was seen before it was detached had not left yet: it still came, to nobody.
  assertEquals(scene.batches.map(({ count }) => count), [4]);
  assertEquals(scene.told, []);
});

Deno.test("inspection: a filter by what it is about, by kind and by role", () => {
  const rows: readonly (readonly [Filter, readonly string[]])[] = [
    [{ about: "two" }, ["began two", "step two taken", "step two over", "ended two"]],
    [{ kinds: ["ended"] }, ["ended one", "ended two"]],
    [{ kinds: ["step"], about: "one" }, ["step one taken", "step one over"]],
    [{ roles: ["b/role"] }, []],
    [{ roles: ["a/role"], kinds: ["began"] }, ["began one", "began two"]],
  ];
  for (const [filter, expected] of rows) {
    const scene = new Scene();
    using _ = scene.attach(filter);
    scene.live("one");
    scene.live("two");
    scene.pass(20);
    assertEquals(outline(scene.told), expected);
  }
});

Deno.test("inspection: each of several onlookers is told what it asked for", () => {
  const scene = new Scene();
  using _ = scene.attach({ kinds: ["ended"], about: "one" });
  const all: InspectionRecord[] = [];
  const second = scene.hub.attach({ kinds: ["step"] }, (records) => void all.push(...records));
  scene.live("one");
  scene.live("two");
  scene.pass(20);
  assertEquals(outline(scene.told), ["ended one"]);
  assertEquals(all.length, 4);
  second.filter = { kinds: ["began"] };
  scene.live("three");
  scene.pass(20);
  assertEquals(outline(all.slice(4)), ["began three"]);
  assertEquals(scene.probe?.filter.about, undefined);
  second.detach();
  assertEquals(scene.probe?.filter.about, "one");
});

Deno.test("inspection: the union of filters is no wider than it must be", () => {
  const kinds = ["step"] as const, roles = ["b/role"];
  assertEquals(union([], "a/role"), undefined);
  assertEquals(union([{ roles }], "a/role"), undefined);
  assertEquals(union([{ kinds, about: "x" }, { kinds, about: "x" }], "a/role"), {
    kinds: ["step"],
    payloads: false,
    about: "x",
  });
  assertEquals(union([{ kinds, about: "x" }, { kinds: ["dead"], payloads: true }], "a/role"), {
    kinds: ["step", "dead"],
    payloads: true,
  });
});

Deno.test("inspection: a hub that takes nothing costs records, which are counted, and no memory", () => {
  const scene = new Scene();
  using _ = scene.attach();
  scene.takes = false;
  for (let i = 0; i < 40_000; i++) {
    scene.live(`life ${i}`);
    if (i % 100 === 0) scene.pass(20);
  }
  const seen = scene.batches.reduce((sum, { count }) => sum + count, 0);
  assertEquals(scene.batches.length, 8);
  assert(seen <= 8 * 8192);
  scene.takes = true;
  for (const batch of [...scene.batches]) scene.hub.take(batch);
  scene.pass(20);
  scene.live("last");
  scene.pass(20);
  // What was left in the probe, what came meanwhile, and what was dropped make up all there was.
  assertEquals(scene.told.length + scene.dropped, 40_001 * 4);
  assert(scene.dropped > 0);
  assertEquals(scene.hub.figures, { records: scene.told.length, dropped: scene.dropped });
});

Deno.test("inspection: only the records of one thing, and what makes them durable", () => {
  const scene = new Scene();
  using _ = scene.attach({ kinds: ["journaled", "durable"], about: "mine" });
  // Somebody else wants all.
  using _all = scene.hub.attach({}, () => {});
  const probe = scene.probe!;
  probe.journaled({ id: "other", kind: "prepared" }, 1, true);
  probe.durable(1);
  probe.journaled({ id: "mine", kind: "prepared" }, 2, true);
  probe.journaled({ id: "other", kind: "commit" }, 3, false);
  probe.durable(1);
  probe.durable(3);
  probe.journaled({ id: "other", kind: "commit" }, 4, false);
  probe.durable(4);
  scene.pass(20);
  assertEquals(outline(scene.told), ["journaled mine", "durable"]);
  assertEquals(scene.hub.recall({ about: "mine" }).length, 2);
  assertEquals(scene.hub.recall({ kinds: ["durable"] }).length, 3);
});

Deno.test("inspection: payloads are told when they are asked for, without secrets", () => {
  const scene = new Scene();
  using _ = scene.attach({ payloads: true, kinds: ["step"] });
  const life = scene.locks.create("one", undefined, null);
  const event = { type: "take", accessToken: "x", by: { password: 1, name: "Alice" } };
  scene.locks.step(life, event);
  scene.pass(20);
  const [step] = scene.told;
  assert(step?.kind === "step");
  assertEquals(JSON.parse(step.payload!), {
    type: "take",
    accessToken: MASK,
    by: { password: MASK, name: "Alice" },
  });
});

Deno.test("inspection: a subscriber that throws is detached, and the others are told all the same", async () => {
  const scene = new Scene();
  const failed = Promise.withResolvers<Error>();
  const listen = (event: ErrorEvent) => {
    event.preventDefault();
    failed.resolve(event.error);
  };
  globalThis.addEventListener("error", listen, { once: true });
  scene.hub.attach({}, () => {
    throw new Error("on purpose");
  });
  using _ = scene.attach();
  scene.live("one");
  scene.pass(20);
  assertEquals((await failed.promise).message, "on purpose");
  assertEquals(scene.told.length, 4);
  assertEquals(scene.hub.attached, 1);
});

Deno.test("masking: names, marks of a machine, and what JSON cannot hold", () => {
  const marked = setup({}).createMachine({ meta: { secrets: ["balance"] } });
  const all = setup({}).createMachine({ meta: { secrets: "all" } });
  const value = {
    balance: 5,
    set: new Set([1]),
    map: new Map([["a", 1n]]),
    bytes: new Uint8Array(3),
  };
  assertEquals(JSON.parse(new Masking(marked).json(value)), {
    balance: MASK,
    set: [1],
    map: { a: "1" },
    bytes: "3 bytes",
  });
  assertEquals(JSON.parse(new Masking().json({ api_key: 1, "X-Cookie": 2, monkey: 3 })), {
    api_key: MASK,
    "X-Cookie": MASK,
    monkey: 3,
  });
  assertEquals(JSON.parse(new Masking(all).whole({ type: "vote", for: "x" })), {
    type: "vote",
    secrets: MASK,
  });
  const circle: { self?: unknown } = {};
  circle.self = circle;
  assert("unreadable" in JSON.parse(new Masking().json(circle)));
  assert("omitted" in JSON.parse(new Masking().json("x".repeat(20_000))));
});

Deno.test("definition: what is not data is named, and createMachine takes it", () => {
  const config = JSON.parse(definitionOf(machine));
  const copy = setup({}).createMachine(config);
  assertEquals(Object.keys(copy.states), ["idle", "taken", "over"]);
  assertEquals(config.context, { tries: 0, token: MASK });
});

const COUNTER = {
  address: "here/counter",
  module: new URL("./actor_machines.ts", import.meta.url).href,
  name: "counter",
  config: { start: 1 },
};

Deno.test("inspection: a role in a worker is attached to, asked, and detached from while it runs", async () => {
  await using system = WorkerSystem.create({ nodes: ["here"] });
  await system.spawn(COUNTER);
  const { inspection } = system;
  assertEquals(inspection.roles().map(({ address }) => address), ["main/client", "here/counter"]);
  // Nobody is attached, and yet it can be asked.
  const census = await inspection.census("here/counter");
  assertEquals(census.map(({ machine, states }) => [machine, states]), [
    ["role", { serving: 1 }],
    ["counter", { open: 1 }],
  ]);
  const told: InspectionRecord[] = [];
  const ended = Promise.withResolvers<void>();
  const steps = Promise.withResolvers<void>();
  using _ = inspection.attach({ payloads: true }, (records) => {
    told.push(...records);
    if (records.some((record) => record.kind === "step" && record.machine === "counter")) {
      steps.resolve();
    }
    if (records.some((record) => record.kind === "roleEnded")) ended.resolve();
  });
  system.tell("here/counter", "add", { by: 4 });
  assertEquals(await system.ask("here/counter", "read"), 5);
  await steps.promise;
  const opened = await inspection.open("here/counter", "counter", "here/counter");
  assertEquals(JSON.parse(opened!.snapshot).context.count, 5);
  const definition = await inspection.definition("here/counter", "counter");
  assert(Object.hasOwn(JSON.parse(definition!).states, "pausing"));
  await system.ask("here/counter", "$stop");
  await ended.promise;
  const step = told.find((it) => it.kind === "step" && it.event === "add");
  assert(step?.kind === "step");
  assertEquals(JSON.parse(step.payload!), { by: 4, type: "add" });
  assertEquals(JSON.parse(step.snapshot!).context.count, 5);
  const life = told.filter((it) => it.kind === "step" && it.machine === "role");
  assertEquals(life.map((it) => it.kind === "step" && it.after), ["stopping", "stopped"]);
  assert(told.some((it) => it.kind === "received" && it.type === "add"));
  assert(told.some((it) => it.kind === "sent" && it.role === "main/client" && it.type === "add"));
  assertEquals(inspection.roles().length, 1);
});

Deno.test("inspection: a role that begins later is seen from its first step on; timers too", async () => {
  await using system = WorkerSystem.create({ nodes: ["here"] });
  const told: InspectionRecord[] = [];
  const back = Promise.withResolvers<void>();
  using _ = system.inspection.attach({ kinds: ["roleStarted", "step"] }, (records) => {
    told.push(...records);
    const paused = records.some((it) => it.kind === "step" && it.before === "pausing");
    if (paused) back.resolve();
  });
  await system.spawn(COUNTER);
  system.tell("here/counter", "later", { ms: 1 });
  await back.promise;
  const own = told.filter(({ role }) => role === "here/counter");
  assertEquals(own.map((it) => it.kind === "step" ? `${it.before} ${it.after}` : it.kind), [
    "roleStarted",
    "starting recovering",
    "recovering serving",
    "open pausing",
    "pausing open",
  ]);
});
