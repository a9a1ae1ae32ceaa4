/** A map for what comes and goes: it must be a map, and let go of what has gone. */
import { assert, assertEquals } from "@std/assert";
import * as fc from "fast-check";
import { ChurnMap } from "../../runtime/churn_map.ts";

const step = fc.record({
  op: fc.constantFrom("set", "set", "add", "delete", "take", "clear"),
  key: fc.nat(40),
});

function play<K extends string | number>(
  steps: readonly { readonly op: string; readonly key: number }[],
  keyOf: (key: number) => K,
): void {
  const ours = new ChurnMap<K, number>();
  const theirs = new Map<K, number>();
  steps.forEach(({ op, key: number }, at) => {
    const key = keyOf(number);
    if (op === "set") {
      ours.set(key, at);
      theirs.set(key, at);
    } else if (op === "add") {
      assertEquals(ours.add(key, at), !theirs.has(key));
      if (!theirs.has(key)) theirs.set(key, at);
    } else if (op === "take") {
      assertEquals(ours.take(key), theirs.get(key));
      theirs.delete(key);
    } else if (op === "delete") assertEquals(ours.delete(key), theirs.delete(key));
    else if (at % 5 === 0) {
      ours.clear();
      theirs.clear();
    }
    assertEquals(ours.size, theirs.size);
    assertEquals(ours.get(key), theirs.get(key));
    assertEquals(ours.has(key), theirs.has(key));
    assertEquals(ours.oldestKey, theirs.keys().next().value);
  });
  assertEquals([...ours], [...theirs]);
  assertEquals(ours.entries(), [...theirs.entries()]);
  assertEquals(ours.keys(), [...theirs.keys()]);
  assertEquals(ours.values(), [...theirs.values()]);
}

Deno.test("does what a Map does, in the same order", () => {
  const steps = fc.array(step, { maxLength: 200 });
  fc.assert(fc.property(steps, (steps) => {
    play(steps, (key) => key);
    play(steps, (key) => `key ${key}`);
    // They differ where no character goes into the hash.
    play(steps, (key) => `${"x".repeat(key)}y${"x".repeat(60 - key)}`);
    // All in few buckets: they differ above the bits that choose one.
    play(steps, (key) => key * 2 ** 20);
    play(steps, (key) => key * 2 ** 33);
  }));
});

Deno.test("finds all of very many, in the order in which they came", () => {
  const map = new ChurnMap<string, number>();
  for (let i = 0; i < 100_000; i++) map.set(`tx/${i}`, i);
  for (let i = 0; i < 100_000; i += 2) assert(map.delete(`tx/${i}`));
  assertEquals(map.size, 50_000);
  for (let i = 0; i < 100_000; i++) assertEquals(map.get(`tx/${i}`), i % 2 === 0 ? undefined : i);
  assertEquals(map.values().slice(0, 3), [1, 3, 5]);
});

/**
 * Runs a loop in which few entries live at a time, in a process of its own whose collections are
 * counted, and returns the megabytes left after each of the minor ones.
 */
async function leftByScavenges(map: string): Promise<number[]> {
  const module = new URL("../../runtime/churn_map.ts", import.meta.url).href;
  const program = `
    import { ChurnMap } from "${module}";
    const map = new ${map}();
    for (let i = -256; i < 0; i++) map.set(i, { i });
    gc(); // The table is old now, as that of a role that has lived for a while.
    for (let i = 0; i < 400_000; i++) {
      map.set(i, { i, body: [i, i, i, i, i, i, i, i] });
      map.delete(i - 256);
    }`;
  const { stdout, success, stderr } = await new Deno.Command("deno", {
    args: ["eval", "--no-config", "--v8-flags=--expose-gc,--trace-gc", program],
  }).output();
  const text = new TextDecoder().decode(stdout);
  assert(success, new TextDecoder().decode(stderr));
  return [...text.matchAll(/Scavenge [\d.]+ \([\d.]+\) -> ([\d.]+)/g)].map(([, mb]) => Number(mb));
}

Deno.test("lets go of what was deleted, where a Map holds it until a full collection", async () => {
  const [ours, theirs] = await Promise.all(["ChurnMap", "Map"].map(leftByScavenges));
  assert(ours!.length >= 3, `${ours!.length} collections prove nothing`);
  const grown = (mb: readonly number[]) => Math.max(...mb) - Math.min(...mb);
  assert(grown(ours!) < 2, `${grown(ours!)} MB were kept`);
  // If this fails V8 has mended its maps, and ours can go.
  assert(grown(theirs!) > 4, `a Map kept ${grown(theirs!)} MB only`);
});
