/** What one life of a role does must not be taken for the next one's. */
import { assert, assertEquals } from "@std/assert";
import type { Spawned, Spawner } from "../../runtime/ports.ts";
import { Supervisor } from "../../runtime/supervisor.ts";
import { Timers } from "../../runtime/timers.ts";

const SPEC = { address: "n/role", module: "", name: "", config: null };

/** A supervisor over a spawner whose every word is given by hand, in time that stands still. */
class Scene {
  readonly timers = new Timers();
  now = 0;
  readonly spawns: PromiseWithResolvers<Spawned>[] = [];
  readonly exits: PromiseWithResolvers<string>[] = [];
  readonly did: string[] = [];
  beat = 0;
  readonly supervisor: Supervisor;

  constructor() {
    const spawner: Spawner = {
      spawn: () => {
        const spawn = Promise.withResolvers<Spawned>();
        this.spawns.push(spawn);
        this.did.push("spawn");
        return spawn.promise;
      },
      fence: () => void this.did.push("fence"),
      beats: () => this.beat,
      lostThreads: 0,
    };
    this.supervisor = new Supervisor({
      spawner,
      timers: this.timers,
      now: () => this.now,
      wake: () => {},
      log: () => {},
      policy: { backoffMs: 10, maxBackoffMs: 10 },
      hangMs: 5000,
    });
  }

  /** The spawn of this number succeeds. */
  async up(number: number): Promise<void> {
    const exit = this.exits[number] = Promise.withResolvers<string>();
    this.spawns[number]!.resolve({
      address: SPEC.address,
      incarnation: number + 1,
      exited: exit.promise,
      terminate: () => void this.did.push(`terminate ${number}`),
    });
    await this.settle();
  }

  async exit(number: number): Promise<void> {
    this.exits[number]!.resolve("exited");
    await this.settle();
  }

  async settle(): Promise<void> {
    for (let i = 0; i < 20; i++) await Promise.resolve();
  }

  /** Lets time pass as the loop of a thread would. */
  async pass(ms: number, beats = true): Promise<void> {
    for (const until = this.now + ms; this.now < until;) {
      this.now += 10;
      if (beats) this.beat++;
      this.timers.fire(this.now);
      await this.settle();
    }
  }

  get state(): string | undefined {
    return this.supervisor.status()[SPEC.address]?.state;
  }
}

async function running(): Promise<Scene> {
  const scene = new Scene();
  const first = scene.supervisor.supervise(SPEC);
  await scene.up(0);
  await first;
  return scene;
}

Deno.test("supervisor: a fenced thread that ends at last does not end its successor", async () => {
  const scene = await running();
  await scene.pass(6100, false);
  assertEquals(scene.did, ["spawn", "fence", "spawn"]);
  await scene.up(1);
  await scene.exit(0);
  await scene.pass(1000);
  assertEquals([scene.state, scene.spawns.length], ["running.fresh", 2]);
  await scene.exit(1);
  await scene.pass(100);
  assertEquals(scene.spawns.length, 3);
});

Deno.test("supervisor: held and resumed at once, a role is started once", async () => {
  const scene = await running();
  scene.supervisor.hold(SPEC.address);
  scene.supervisor.resume(SPEC.address);
  await scene.exit(0);
  await scene.up(1);
  await scene.pass(1000);
  assertEquals(scene.did, ["spawn", "terminate 0", "spawn"]);
  assertEquals(scene.state, "running.fresh");
});

Deno.test("supervisor: of two starts under way only the later counts", async () => {
  const scene = new Scene();
  const first = scene.supervisor.supervise(SPEC);
  scene.supervisor.hold(SPEC.address);
  scene.supervisor.resume(SPEC.address);
  await scene.up(0);
  assertEquals([scene.did.at(-1), scene.state], ["terminate 0", "starting"]);
  await scene.up(1);
  await first;
  await scene.exit(0);
  assertEquals(scene.state, "running.fresh");
});

Deno.test("supervisor: a role that is retired while it starts ends when it is up", async () => {
  const scene = new Scene();
  scene.supervisor.supervise(SPEC);
  const retired = scene.supervisor.retire(SPEC.address);
  await scene.up(0);
  assertEquals(scene.did, ["spawn", "terminate 0"]);
  await scene.exit(0);
  await retired;
  assertEquals(scene.spawns.length, 1);
});

Deno.test("supervisor: a role that is held and retired while it starts is ended when it is up", async () => {
  const scene = new Scene();
  scene.supervisor.supervise(SPEC);
  scene.supervisor.hold(SPEC.address);
  await scene.supervisor.retire(SPEC.address);
  await scene.up(0);
  assertEquals(scene.did, ["spawn", "terminate 0"]);
  await scene.exit(0);
  assertEquals(scene.spawns.length, 1);
});

Deno.test("supervisor: where it stood still itself, nobody else hangs", async () => {
  const scene = await running();
  await scene.pass(2000);
  // SIGSTOP, or a machine that was suspended: all threads stood still for a minute.
  scene.now += 60_000;
  await scene.pass(2000, false);
  assert(!scene.did.includes("fence"));
  await scene.pass(4000, false);
  assert(scene.did.includes("fence"), "but those that do not go on, do");
});
