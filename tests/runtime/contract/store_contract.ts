/** What every store promises. */
import { assert, assertEquals, assertNotEquals, assertThrows } from "@std/assert";
import type { Store } from "../../../runtime/ports.ts";
import { StoreError } from "../../../runtime/store_error.ts";
import { damageContract } from "./damage_contract.ts";
import type { Implementation } from "./implementation.ts";

async function commit(implementation: Implementation, store: Store): Promise<void> {
  store.commit();
  await implementation.settled(store);
}

/** The cases, by what they show. */
export const storeContract: Record<string, (i: Implementation) => Promise<void>> = {
  "records are numbered from 1 without gaps": async (implementation) => {
    const store = implementation.openStore(implementation.newStore());
    assertEquals([store.append("a"), store.append("b")], [1, 2]);
    await commit(implementation, store);
    assertEquals(store.append("c"), 3);
  },

  "numbers go on while earlier batches are on their way": async (implementation) => {
    const store = implementation.openStore(implementation.newStore());
    store.append("a");
    store.commit();
    assertEquals(store.append("b"), 2);
    store.commit();
    await implementation.settled(store);
    assertEquals([store.durable, [...store.records()]], [2, ["a", "b"]]);
  },

  "nothing is durable before a commit": async (implementation) => {
    const store = implementation.openStore(implementation.newStore());
    store.append("a");
    await implementation.settled(store);
    assertEquals([store.durable, store.dirty], [0, true]);
    await commit(implementation, store);
    assertEquals([store.durable, store.dirty], [1, false]);
  },

  "who opens it again finds all that was durable": async (implementation) => {
    const place = implementation.newStore();
    const store = implementation.openStore(place);
    const records = [{ kind: "prepared", bytes: new Uint8Array([1, 2]) }, "b", [1, null, true]];
    for (const record of records) store.append(record);
    store.put("k/1", { balance: 5 });
    await commit(implementation, store);
    implementation.abandon(store);
    const again = implementation.openStore(place);
    assertEquals([...again.records()], records);
    assertEquals(again.get("k/1"), { balance: 5 });
    assertEquals([again.id, again.durable, again.append("next")], [store.id, 3, 4]);
  },

  "what was not committed is gone, rows and records together": async (implementation) => {
    const place = implementation.newStore();
    const store = implementation.openStore(place);
    store.append("a");
    store.put("k", 1);
    await commit(implementation, store);
    store.append("b");
    store.put("k", 2);
    assertEquals(store.get("k"), 2);
    implementation.abandon(store);
    const again = implementation.openStore(place);
    assertEquals([[...again.records()], again.get("k")], [["a"], 1]);
  },

  "after a crash rows say what the surviving records say": (implementation) => {
    // Several commits may be on their way: some prefix of them survives, each as a whole.
    for (let run = 0; run < 20; run++) {
      const place = implementation.newStore();
      const store = implementation.openStore(place);
      for (let i = 1; i <= 5; i++) {
        store.append(i);
        store.put("count", i);
        store.commit();
      }
      implementation.abandon(store);
      const again = implementation.openStore(place);
      const records = [...again.records()];
      assertEquals(records, Array.from({ length: again.durable }, (_, i) => i + 1));
      assertEquals(again.get("count"), again.durable === 0 ? undefined : again.durable);
      implementation.abandon(again);
    }
    return Promise.resolve();
  },

  "a scan shows rows as the batch would leave them, in key order": async (implementation) => {
    const store = implementation.openStore(implementation.newStore());
    for (const key of ["a/2", "a/1", "b/1", "a/3"]) store.put(key, key);
    await commit(implementation, store);
    store.put("a/2", null);
    store.put("a/0", "new");
    store.put("a/3", "changed");
    assertEquals([...store.scan("a/")], [["a/0", "new"], ["a/1", "a/1"], ["a/3", "changed"]]);
    assertEquals([store.get("a/2"), store.get("b/1"), store.get("c")], [
      undefined,
      "b/1",
      undefined,
    ]);
  },

  "a checkpoint drops what it replaces and keeps the numbering": async (implementation) => {
    const place = implementation.newStore();
    const store = implementation.openStore(place);
    for (let i = 1; i <= 10; i++) store.append(i);
    await commit(implementation, store);
    const before = store.journalBytes;
    store.checkpoint([{ sum: 55 }]);
    assertEquals(store.append(11), 11);
    await commit(implementation, store);
    assert(store.journalBytes < before);
    assertEquals([store.durable, [...store.records()]], [11, [{ sum: 55 }, 11]]);
    implementation.abandon(store);
    const again = implementation.openStore(place);
    assertEquals([[...again.records()], again.append(12)], [[{ sum: 55 }, 11], 12]);
  },

  "an empty checkpoint keeps the numbering too": async (implementation) => {
    const place = implementation.newStore();
    const store = implementation.openStore(place);
    store.append("a");
    store.append("b");
    await commit(implementation, store);
    store.checkpoint([]);
    await commit(implementation, store);
    implementation.abandon(store);
    const again = implementation.openStore(place);
    assertEquals([[...again.records()], again.durable, again.append("c")], [[], 2, 3]);
    await commit(implementation, again);
    implementation.abandon(again);
    assertEquals([...implementation.openStore(place).records()], ["c"]);
  },

  "a store that was taken over can write no more": async (implementation) => {
    const place = implementation.newStore();
    const first = implementation.openStore(place);
    first.append("a");
    await commit(implementation, first);
    const second = implementation.openStore(place);
    first.append("stale");
    assertThrows(() => first.commit(), StoreError, "taken over");
    second.append("b");
    await commit(implementation, second);
    assertEquals([...second.records()], ["a", "b"]);
  },

  "every store has an identity of its own": (implementation) => {
    const open = () => implementation.openStore(implementation.newStore());
    assertNotEquals(open().id, open().id);
    return Promise.resolve();
  },
  ...damageContract,
};
