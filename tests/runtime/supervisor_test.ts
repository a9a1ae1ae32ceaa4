/**
 * Real workers that throw, exit without a word and hang, and the supervisor that outlives them.
 */
import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { Supervisor, type SupervisorOptions } from "../../runtime/supervisor.ts";
import { WorkerSystem } from "../../runtime/worker/system.ts";

const MODULE = new URL("./misbehaving_roles.ts", import.meta.url).href;
const ADDRESS = "node/misbehaving";

interface Scene extends AsyncDisposable {
  readonly system: WorkerSystem;
  readonly supervisor: Supervisor;
  /** Resolves at the next restart that serves. */
  restarted(): Promise<void>;
  readonly ended: string[];
  readonly gaveUp: Promise<void>;
}

async function scene(options: Partial<SupervisorOptions> = {}): Promise<Scene> {
  const system = WorkerSystem.create({ nodes: ["node"] });
  const folder = await Deno.makeTempDir();
  const ended: string[] = [];
  const gaveUp = Promise.withResolvers<void>();
  let next = Promise.withResolvers<void>();
  const { host, spawner } = system;
  const supervisor = new Supervisor({
    spawner,
    timers: host.timers,
    now: () => host.clock.now(),
    wake: () => host.wake(),
    log: () => {},
    policy: { backoffMs: 10, maxBackoffMs: 50 },
    hangMs: 3000,
    ended: (_, reason) => ended.push(reason),
    gaveUp: () => gaveUp.resolve(),
    spawned: (address, _, first) => {
      if (first) return;
      const { resolve } = next;
      next = Promise.withResolvers<void>();
      system.ask(address, "$start").then(() => resolve(), () => {});
    },
    ...options,
  });
  await system.spawn({ address: "node/witness", module: MODULE, name: "witness", config: null });
  const config = { witness: "node/witness" };
  const store = `${folder}/role.sqlite`;
  await supervisor.supervise({
    address: ADDRESS,
    module: MODULE,
    name: "misbehaving",
    config,
    store,
  });
  await system.ask(ADDRESS, "$start");
  return {
    system,
    supervisor,
    ended,
    gaveUp: gaveUp.promise,
    restarted: () => next.promise,
    async [Symbol.asyncDispose]() {
      await system[Symbol.asyncDispose]();
      await Deno.remove(folder, { recursive: true });
    },
  };
}

for (const way of ["throw", "exit"] as const) {
  Deno.test(`a worker that ends by ${way} is replaced by a new incarnation`, async () => {
    await using it = await scene();
    const before = await it.system.ask(ADDRESS, "hello");
    const restarted = it.restarted();
    it.system.tell(ADDRESS, way);
    await restarted;
    assertNotEquals(await it.system.ask(ADDRESS, "hello"), before);
    assertEquals(it.ended.length, 1);
    assertEquals(it.ended[0]!.includes("told to throw"), way === "throw");
  });
}

Deno.test("a worker that hangs is fenced: what it says and writes later is refused", async () => {
  await using it = await scene();
  const { system } = it;
  const first = await system.ask(ADDRESS, "write") as number;
  const restarted = it.restarted();
  system.tell(ADDRESS, "hang", 8000);
  await restarted;
  assertEquals(system.spawner.lostThreads, 1);
  const second = await system.ask(ADDRESS, "write") as number;
  assert(second !== first, "the successor is another incarnation");
  // The lost thread goes on after its eight seconds, finds itself fenced, and ends.
  while (system.spawner.lostThreads > 0) await new Promise((resolve) => setTimeout(resolve, 50));
  assertEquals(await system.ask("node/witness", "heard"), []);
  const written = await system.ask(ADDRESS, "written") as { by: number }[];
  assertEquals(written.map(({ by }) => by), [first, second]);
});

Deno.test("a role that never stays up is given up", async () => {
  await using it = await scene({
    policy: { backoffMs: 1, maxBackoffMs: 1, maxRestarts: 3, provenMs: 60_000 },
  });
  for (let i = 0; i < 4; i++) {
    const restarted = it.restarted();
    it.system.tell(ADDRESS, "throw");
    await Promise.race([restarted, it.gaveUp]);
  }
  await it.gaveUp;
  assertEquals(it.ended.length, 4);
});

Deno.test("a role that is held stays down until it is resumed", async () => {
  await using it = await scene();
  it.supervisor.hold(ADDRESS);
  while (it.ended.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
  assertEquals(it.system.tell(ADDRESS, "hello"), "unreachable");
  const restarted = it.restarted();
  it.supervisor.resume(ADDRESS);
  await restarted;
  assert(await it.system.ask(ADDRESS, "hello"));
});
