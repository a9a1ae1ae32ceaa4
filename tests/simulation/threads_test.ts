/** Threads that share jobs: one order for any number of them, and no end that goes unnoticed. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import type { Told } from "./misbehaving_thread.ts";
import { type Done, inThreads, type ThreadsOptions } from "./threads.ts";

const module = new URL("./misbehaving_thread.ts", import.meta.url);

async function all(
  jobs: Iterable<Told>,
  options: Partial<ThreadsOptions> = {},
): Promise<readonly Done<Told, number>[]> {
  const set = { module, count: 2, data: 2, ...options };
  return await Array.fromAsync(inThreads<Told, number>(jobs, set));
}

Deno.test("answers come in the order of the jobs", async () => {
  const jobs = Array.from({ length: 40 }, (_, i): Told => [i % 7 === 0 ? "slow" : "double", i]);
  for (const count of [1, 2, 5]) {
    const done = await all(jobs, { count });
    assertEquals(done.map(({ job }) => job), jobs);
    assertEquals(done.map(({ answer }) => answer), jobs.map(([, value]) => 2 * value));
  }
  assertEquals(await all([]), []);
});

const ENDS: readonly (readonly [Told[0], RegExp, Partial<ThreadsOptions>])[] = [
  ["throw", /^cannot double 3$/, {}],
  ["exit", /ended without a word, exit code 0/, {}],
  ["fill", /has no memory left of 64 MB/, { megabytes: 64 }],
  ["hang", /no answer within 700 ms/, { limitMs: 700 }],
];

for (const [what, why, options] of ENDS) {
  Deno.test(`a thread that is told to ${what} loses its job, and no other`, async () => {
    const jobs: Told[] = [["double", 1], ["double", 2], [what, 3], ["double", 4], ["double", 5]];
    const done = await all(jobs, options);
    assertEquals(done.map(({ answer }) => answer), [2, 4, undefined, 8, 10]);
    const [lost] = done.filter((it) => it.lost !== undefined);
    assertMatch(lost!.lost!, why);
    assertEquals((lost as { late: boolean }).late, what === "hang");
  });
}

Deno.test("whoever stops listening ends the threads, and draws no more jobs", async () => {
  let drawn = 0;
  const jobs = function* (): Generator<Told> {
    for (;;) yield ["double", ++drawn];
  };
  for await (const { answer } of inThreads<Told, number>(jobs(), { module, count: 2, data: 3 })) {
    if (answer === 30) break;
  }
  const then = drawn;
  assert(then >= 10);
  await new Promise((resolve) => setImmediate(resolve));
  assertEquals(drawn, then);
});
