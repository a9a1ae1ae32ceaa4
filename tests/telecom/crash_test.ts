/**
 * A real cluster, loaded over HTTP from this process, is killed in mid-load and opened again on the
 * same data, twenty times. What it acknowledged must be there, once; money must be conserved.
 */
import { assert, assertEquals } from "@std/assert";
import { runChaos } from "../chaos/run.ts";

const KILLS = 20;

Deno.test("killed in mid-load twenty times, it keeps all it acknowledged", async () => {
  const parent = await Deno.makeTempDir({ prefix: "trunkline-test-" });
  const told: string[] = [];
  try {
    const { book, deeds, lost, duplicated, settled, unfinished } = await runChaos({
      kills: KILLS,
      seed: 7,
      profile: "carrier",
      minutes: undefined,
      faults: new Set(["process"]),
      clients: 12,
      fast: true,
      data: `${parent}/data`,
      progress: (text) => told.push(text),
      stop: new Promise(() => {}),
    });
    assertEquals(unfinished, undefined, told.join("\n"));
    assertEquals(book.violations, []);
    assertEquals([lost, duplicated, deeds.kills.process], [0, 0, KILLS]);
    // How many there are is the machine's speed.
    assert(book.acknowledged.size > 2 * KILLS, `${book.acknowledged.size} were acknowledged`);
    const { no_answer: cutOff = 0 } = book.outcomes;
    assert(cutOff > 0 && settled > 0, `${cutOff} were cut off, ${settled} settled`);
  } finally {
    await Deno.remove(parent, { recursive: true });
  }
});
