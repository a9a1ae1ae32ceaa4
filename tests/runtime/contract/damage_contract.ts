/** What every store does about a journal that is not as it was written. */
import { assert, assertEquals, assertNotEquals, assertThrows } from "@std/assert";
import * as fc from "fast-check";
import type { SealedBatch } from "../../../runtime/journal_chain.ts";
import { StoreError } from "../../../runtime/store_error.ts";
import type { Implementation } from "./implementation.ts";

/** Ten commits of one to three records each; the records are 1, 2, 3, ... in order. */
async function written(implementation: Implementation, checkpoint = false): Promise<string> {
  const place = implementation.newStore();
  const store = implementation.openStore(place);
  let record = 0;
  for (let commit = 0; commit < 10; commit++) {
    for (let i = 0; i <= commit % 3; i++) store.append(++record);
    if (checkpoint && commit === 4) {
      store.checkpoint(Array.from({ length: record - 2 }, (_, i) => i + 1));
    }
    store.commit();
    await implementation.settled(store);
  }
  implementation.abandon(store);
  return place;
}

function flip(batch: SealedBatch, at: number, field: "body" | "hash" | "crc"): SealedBatch {
  if (field !== "body") return { ...batch, [field]: (batch[field] ^ (1 << (at % 32))) >>> 0 };
  const body = new Uint8Array(batch.body); // A Buffer's slice would share its memory.
  body[(at >> 3) % body.length]! ^= 1 << (at & 7);
  return { ...batch, body };
}

function refused(implementation: Implementation, place: string, words: string): void {
  const error = assertThrows(() => implementation.openStore(place), StoreError, words);
  assert(error.message.startsWith("Cannot open the store "), error.message);
  assert(error.message.includes(place), "the file is named");
}

/** The cases, by what they show. */
export const damageContract: Record<string, (i: Implementation) => Promise<void>> = {
  "one flipped bit anywhere in a journal is found when it is opened": async (implementation) => {
    const place = await written(implementation);
    let batches: readonly SealedBatch[] = [];
    implementation.spoil(place, (all) => batches = all);
    const places = fc.record({
      which: fc.nat(batches.length - 1),
      at: fc.nat(1 << 16),
      field: fc.constantFrom("body", "hash", "crc"),
    });
    fc.assert(
      fc.property(places, ({ which, at, field }) => {
        implementation.spoil(
          place,
          (all) => all.map((batch, i) => i === which ? flip(batch, at, field) : batch),
        );
        refused(implementation, place, "journal record");
        implementation.spoil(place, () => batches);
      }),
      { numRuns: 60, seed: 7 },
    );
    assertEquals([...implementation.openStore(place).records()].length, 19);
  },

  "which records were changed is said": async (implementation) => {
    const place = await written(implementation);
    implementation.spoil(place, (all) => all.map((b, i) => i === 4 ? flip(b, 9, "body") : b));
    refused(implementation, place, "journal records 8 to 9 were changed");
  },

  "a batch that is missing, swapped or repeated in the middle is found": async (implementation) => {
    const place = await written(implementation);
    let batches: readonly SealedBatch[] = [];
    implementation.spoil(place, (all) => batches = all);
    implementation.spoil(place, (all) => all.filter((_, i) => i !== 3));
    refused(implementation, place, "journal record 7 is missing");
    implementation.spoil(place, () => batches.slice(1));
    refused(implementation, place, "journal record 1 is missing");
    const [, second, , fourth] = batches as SealedBatch[];
    implementation.spoil(
      place,
      () =>
        batches.map((batch) =>
          batch === second ? { ...fourth!, first: second!.first, last: second!.last } : batch
        ),
    );
    refused(implementation, place, "journal records 2 to 3 were changed");
  },

  "a tail that is cut off cannot be seen from here: a shorter journal is a sound one": async (
    implementation,
  ) => {
    const place = await written(implementation);
    implementation.spoil(place, (all) => all.slice(0, 6));
    const store = implementation.openStore(place);
    assertEquals([store.durable, [...store.records()].at(-1)], [12, 12]);
  },

  "a checkpoint keeps the chain, and what follows it hangs on it": async (implementation) => {
    const place = await written(implementation, true);
    const store = implementation.openStore(place);
    assertEquals([store.durable, [...store.records()].at(-1)], [19, 19]);
    implementation.abandon(store);
    implementation.spoil(place, (all) => all.slice(1));
    refused(implementation, place, "missing");
  },

  "salvage keeps what is sound, says what is not, and makes it another log": async (
    implementation,
  ) => {
    const place = await written(implementation);
    const store = implementation.openStore(place);
    const { id } = store;
    implementation.abandon(store);
    implementation.spoil(
      place,
      (all) => all.filter((_, i) => i !== 7).map((b, i) => i === 4 ? flip(b, 3, "body") : b),
    );
    const { dropped, kept } = implementation.salvage(place);
    assertEquals(dropped, [
      { first: 8, last: 9, kind: "changed" },
      { first: 14, last: 15, kind: "missing" },
    ]);
    const again = implementation.openStore(place);
    assertNotEquals(again.id, id);
    const records = [...again.records()];
    assertEquals(records, [1, 2, 3, 4, 5, 6, 7, 10, 11, 12, 13, 16, 17, 18, 19]);
    assertEquals([kept, again.append("next")], [15, 20]);
    again.commit();
    await implementation.settled(again);
    implementation.abandon(again);
    assertEquals([...implementation.openStore(place).records()].at(-1), "next");
  },
};
