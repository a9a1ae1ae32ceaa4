/** Rows kept of a table: within the bound, those in use first. */
import { assert, assertEquals } from "@std/assert";
import { RowCache } from "../../runtime/worker/row_cache.ts";

const key = (i: number) => `row/${String(i).padStart(3, "0")}`;
const LENGTH = 10;
/** What one of these rows counts for. */
const SIZE = key(0).length + LENGTH + 64;

Deno.test("keeps what was written last, and forgets what is deleted", () => {
  const cache = new RowCache();
  cache.keep("a", 1, LENGTH);
  cache.keep("a", { b: 2 }, LENGTH);
  cache.keep("c", false, LENGTH);
  assertEquals(cache.get("a"), { b: 2 });
  assertEquals(cache.get("c"), false);
  cache.forget("a");
  cache.forget("a");
  assertEquals(cache.get("a"), undefined);
  assertEquals(cache.size, 1);
});

Deno.test("keeps no more than its bound, whatever is written again and deleted", () => {
  const cache = new RowCache(10 * SIZE);
  for (let i = 0; i < 1000; i++) {
    cache.keep(key(i % 37), i, LENGTH);
    if (i % 5 === 0) cache.forget(key((i + 11) % 37));
    assert(cache.size <= 10);
  }
  // Its count is not off: the bound holds as many as at first.
  for (let i = 100; i < 120; i++) cache.keep(key(i), i, LENGTH);
  assertEquals(cache.size, 10);
});

Deno.test("what is used stays, what is not goes first", () => {
  const cache = new RowCache(10 * SIZE);
  for (let i = 0; i < 100; i++) {
    cache.keep(key(i), i, LENGTH);
    assertEquals(cache.get(key(0)), 0);
  }
  assertEquals(cache.get(key(50)), undefined);
  assertEquals(cache.get(key(99)), 99);
});

Deno.test("a row larger than the bound is not kept", () => {
  const cache = new RowCache(10 * SIZE);
  cache.keep(key(0), "long", 20 * SIZE);
  assertEquals(cache.size, 0);
});
