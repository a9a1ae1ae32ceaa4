/**
 * The detector among forged, late and lost messages: it aborts nobody on old or strange word.
 */
import { assertEquals } from "@std/assert";
import type { DetectorConfig } from "../../actors/deadlock_detector.ts";
import { LOCAL_LINK } from "../../runtime/link_model.ts";
import { CLIENT, defineRole } from "../../runtime/role.ts";
import { SimulatedSystem } from "../../runtime/simulated/system.ts";

const DETECTOR = "core-1/detector";
const ROGUE = "edge-1/rogue";
const RESEND_MS = 100;

interface Heard {
  readonly type: string;
  readonly body: { readonly round?: { incarnation: number; number: number }; readonly id?: string };
}

/** A detector; a client that is its only participant and coordinator; a rogue. */
class Scene implements AsyncDisposable {
  readonly heard: Heard[] = [];
  readonly logged: string[] = [];
  readonly system: SimulatedSystem;
  #number = 0;

  private constructor() {
    const note = (type: string) => ({
      accepts: () => true,
      handle: (body: Heard["body"]) => void this.heard.push({ type, body }),
    });
    const client = defineRole<never>({
      name: "client",
      create: () => ({ messages: { refresh: note("refresh"), victim: note("victim") } }),
    });
    const nodes = ["edge-1", "core-1"];
    const links = nodes.flatMap((from) =>
      nodes.filter((to) => to !== from).map((to) => ({ ...LOCAL_LINK, from, to }))
    );
    this.system = SimulatedSystem.create({
      nodes,
      links,
      client,
      seed: 5,
      log: (_, __, text) => void this.logged.push(text),
    });
  }

  static async start(config: Partial<DetectorConfig> = {}): Promise<Scene> {
    const scene = new Scene();
    const module = new URL("../../actors/deadlock_detector.ts", import.meta.url).href;
    await scene.system.spawn({
      address: DETECTOR,
      module,
      name: "detectorRole",
      config: {
        participants: [CLIENT],
        coordinators: [CLIENT],
        policy: "least-work",
        resendMs: RESEND_MS,
        ...config,
      } satisfies DetectorConfig,
    });
    const rogue = new URL("../simulation/rogue.ts", import.meta.url).href;
    await scene.system.spawn({ address: ROGUE, module: rogue, name: "rogue", config: undefined });
    return scene;
  }

  /** A report of edges such as `["a", "b"]`: a waits for b. `held` rows are the waiter's. */
  async waits(edges: readonly (readonly [string, string])[], more: object = {}): Promise<void> {
    const standing = (id: string) => {
      const held = id.charCodeAt(0) - "a".charCodeAt(0);
      return { id, coordinator: CLIENT, held, priority: 0, begunAt: 0, chosen: 0 };
    };
    const added = edges.map(([waiter, holder]) => ({
      waiter: standing(waiter),
      holder: standing(holder),
      resource: "row",
    }));
    const report = { number: this.#number++, full: true, added, removed: [], ...more };
    this.system.tell(DETECTOR, "waits", report);
    await this.system.advance(20);
  }

  async finished(id: string): Promise<void> {
    this.system.tell(DETECTOR, "finished", { id });
    await this.system.advance(20);
  }

  async forge(type: string, body: unknown): Promise<void> {
    this.system.tell(ROGUE, "say", { to: DETECTOR, type, body });
    await this.system.advance(20);
  }

  get round() {
    return this.heard.findLast(({ type }) => type === "refresh")!.body.round!;
  }

  victims(): (string | undefined)[] {
    return this.heard.filter(({ type }) => type === "victim").map(({ body }) => body.id);
  }

  async stats(): Promise<Record<string, unknown>> {
    const stats = await this.system.until(this.system.ask(DETECTOR, "$stats"));
    return stats as Record<string, unknown>;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.system[Symbol.asyncDispose]();
  }
}

const CYCLE = [["a", "b"], ["b", "a"], ["g", "a"]] as const;

Deno.test("a cycle is asked about, then the one that has done the least gives way", async () => {
  await using scene = await Scene.start();
  await scene.waits(CYCLE);
  assertEquals(scene.victims(), []);
  await scene.waits(CYCLE, { heard: scene.round });
  assertEquals(scene.victims(), ["a"]);
  await scene.finished("a");
  const { deadlocks, victims, phantoms, suspected, waits } = await scene.stats();
  assertEquals([deadlocks, victims, phantoms, suspected, waits], [1, 1, 0, 0, 0]);
});

Deno.test("four in a circle and two: two deadlocks, one victim each", async () => {
  await using scene = await Scene.start();
  const both = [["a", "b"], ["b", "c"], ["c", "d"], ["d", "a"], ["e", "f"], ["f", "e"]] as const;
  await scene.waits(both);
  await scene.waits(both, { heard: scene.round });
  assertEquals(scene.victims().sort(), ["a", "e"]);
});

Deno.test("a cycle that is gone when it is asked about costs nobody anything", async () => {
  await using scene = await Scene.start();
  await scene.waits(CYCLE);
  await scene.waits([["a", "b"], ["g", "a"]], { heard: scene.round });
  await scene.system.advance(1000);
  const { phantoms, suspected } = await scene.stats();
  assertEquals([scene.victims(), phantoms, suspected], [[], 1, 0]);
});

Deno.test("an answer to an earlier question, or to an earlier life's, is none", async () => {
  await using scene = await Scene.start();
  await scene.waits(CYCLE);
  const { incarnation, number } = scene.round;
  await scene.waits(CYCLE, { heard: { incarnation, number: number - 1 } });
  await scene.waits(CYCLE, { heard: { incarnation: incarnation - 1, number: number + 9 } });
  await scene.waits(CYCLE);
  assertEquals(scene.victims(), []);
  await scene.waits(CYCLE, { heard: { incarnation, number } });
  assertEquals(scene.victims(), ["a"]);
});

Deno.test("a question and a victim that are lost are said again, a few times", async () => {
  await using scene = await Scene.start();
  await scene.waits(CYCLE);
  await scene.system.advance(2 * RESEND_MS);
  const asked = scene.heard.length;
  assertEquals(asked > 1, true);
  await scene.waits(CYCLE, { heard: scene.round });
  await scene.system.advance(2 * RESEND_MS);
  assertEquals(scene.victims().length > 1, true);
  assertEquals(new Set(scene.victims()), new Set(["a"]));
  const { deadlocks, victims } = await scene.stats();
  assertEquals([deadlocks, victims], [1, 1]);
});

Deno.test("the policy is the configured one; an unknown one is refused", async () => {
  await using scene = await Scene.start({ policy: "oldest" });
  await scene.waits([["b", "c"], ["c", "b"]]); // All the same but for their work: by id.
  await scene.waits([["b", "c"], ["c", "b"]], { heard: scene.round });
  assertEquals(scene.victims(), ["b"]);
  const problem = await Scene.start({ policy: "youngest" as never }).catch((error) => error);
  assertEquals(problem instanceof Error, true);
});

Deno.test("after a gap everything is asked for anew", async () => {
  await using scene = await Scene.start();
  await scene.waits([], { full: true });
  await scene.waits([["a", "b"]], { full: false, number: 5 });
  assertEquals(scene.heard.map(({ type }) => type), ["refresh"]);
  assertEquals((await scene.stats())["waits"], 0);
});

Deno.test("strangers are not heard, and what is malformed is a dead letter", async () => {
  await using scene = await Scene.start();
  await scene.forge("waits", { number: 0, full: true, added: [], removed: [] });
  await scene.forge("finished", { id: "a" });
  for (const added of [1, [1], [{ waiter: { id: 1 }, holder: {}, resource: "r" }]]) {
    await scene.waits([], { added });
  }
  await scene.waits([], { removed: [["a"]] });
  await scene.waits([], { heard: 1 });
  await scene.waits([], { number: -1 });
  const { deadLetters, waits } = await scene.stats();
  assertEquals(deadLetters, { forbidden: 2, invalidBody: 6 });
  assertEquals(waits, 0);
});

Deno.test("the log names a few of many in a deadlock, and says how many there are", async () => {
  await using scene = await Scene.start();
  const ids = [..."abcdefghijklmnopqrstuvwx"];
  const circle = ids.map((id, i) => [id, ids[(i + 1) % ids.length]!] as const);
  await scene.waits(circle);
  const { round } = scene.heard.find(({ type }) => type === "refresh")!.body;
  await scene.waits(circle, { heard: round });
  assertEquals(scene.logged, ["Deadlock of a, b, c, d and 20 more; begun again: a"]);
});
