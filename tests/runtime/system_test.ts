/** A system of workers: what its client is told when roles do not come up, or all is over. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { AskFailed, defineRole } from "../../runtime/role.ts";
import { WorkerSystem } from "../../runtime/worker/system.ts";

const module = import.meta.url;
const anything = () => true;

export const fails = defineRole<"create" | "recover" | "serve">({
  name: "fails",
  create: (_, when) => {
    const fail = (hook: string) => {
      if (when === hook) throw new Error(`cannot ${hook}`);
    };
    fail("create");
    return { messages: {}, recover: () => fail("recover"), serve: () => fail("serve") };
  },
});

export const slow = defineRole<null>({
  name: "slow",
  create: (services) => ({
    messages: {
      never: { accepts: anything, handle: () => {} },
      large: {
        accepts: anything,
        handle: (_: unknown, envelope) => services.reply(envelope, "x".repeat(100_000)),
      },
      later: {
        accepts: anything,
        handle: (_: unknown, envelope) => {
          // Some promises later: long after the turn, and without a word to the host.
          Promise.resolve().then(() => {}).then(() => {}).then(() => {}).then(() => {}).then(() =>
            services.reply(envelope, "at last")
          );
        },
      },
    },
  }),
});

for (const when of ["create", "recover", "serve"] as const) {
  Deno.test(`system: a role that fails to ${when} says so at once`, async () => {
    await using system = WorkerSystem.create({ nodes: ["n"] });
    const since = performance.now();
    const spawn = system.spawn({ address: "n/role", module, name: "fails", config: when });
    await assertRejects(() => spawn, Error, `cannot ${when}`);
    assert(performance.now() - since < 3000);
  });
}

Deno.test("system: an ask that is open at its end fails, and so does a later one", async () => {
  const system = WorkerSystem.create({ nodes: ["n"] });
  await system.spawn({ address: "n/role", module, name: "slow", config: null });
  const open = assertRejects(() => system.ask("n/role", "never", null, 60_000), AskFailed);
  await system[Symbol.asyncDispose]();
  assertEquals((await open as AskFailed).reason, "timeout");
  const late = await assertRejects(() => system.ask("n/role", "never"), AskFailed);
  assertEquals((late as AskFailed).reason, "notServing");
});

Deno.test("system: it can end while a role starts", async () => {
  const system = WorkerSystem.create({ nodes: ["n"] });
  const spawn = system.spawn({ address: "n/role", module, name: "slow", config: null });
  const refused = assertRejects(() => spawn, Error);
  const since = performance.now();
  await system[Symbol.asyncDispose]();
  await refused;
  assert(performance.now() - since < 900);
});

Deno.test("system: an answer that no frame can hold fails its ask", async () => {
  await using system = WorkerSystem.create({ nodes: ["n"] });
  await system.spawn({ address: "n/role", module, name: "slow", config: null });
  const failed = await assertRejects(() => system.ask("n/role", "large"), AskFailed);
  assertEquals((failed as AskFailed).reason, "oversized");
});

Deno.test("system: what is sent outside of a turn leaves soon all the same", async () => {
  await using system = WorkerSystem.create({ nodes: ["n"] });
  await system.spawn({ address: "n/role", module, name: "slow", config: null });
  const since = performance.now();
  assertEquals(await system.ask("n/role", "later"), "at last");
  assert(performance.now() - since < 500);
});

Deno.test("system: restarts of an address take no more slots than it needs", async () => {
  await using system = WorkerSystem.create({ nodes: ["n"] });
  const { spawner } = system;
  const spec = { address: "n/role", module, name: "slow", config: null };
  const slots = new Set<number>();
  for (let i = 0; i < 6; i++) {
    const { exited } = await system.spawn(spec);
    slots.add(spawner.directory.find(spec.address)!.slot);
    spawner.fence(spec.address);
    if (i % 2 === 0) await exited; // Or it still ends while the next one starts.
  }
  assert(slots.size <= 2, `${slots.size} slots`);
});

Deno.test("system: a process whose only role has ended lives on to see its ask fail", async () => {
  const system = new URL("../../runtime/worker/system.ts", import.meta.url).href;
  const program = `
    import { WorkerSystem } from "${system}";
    const system = WorkerSystem.create({ nodes: ["n"] });
    const spec = { address: "n/role", module: "${module}", name: "slow", config: null };
    const spawned = await system.spawn(spec);
    const answer = system.ask("n/role", "never", null, 700).catch((error) => error.reason);
    spawned.terminate();
    console.log(await answer);
    await system[Symbol.asyncDispose]();`;
  const file = await Deno.makeTempFile({ suffix: ".ts" });
  try {
    await Deno.writeTextFile(file, program);
    const config = new URL("../../deno.json", import.meta.url).pathname;
    const args = ["run", "--no-check", "--config", config, "--allow-read", file];
    const { code, stdout } = await new Deno.Command("deno", { args }).output();
    assertEquals([code, new TextDecoder().decode(stdout)], [0, "timeout\n"]);
  } finally {
    await Deno.remove(file);
  }
});
