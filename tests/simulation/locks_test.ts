/**
 * The lock table of a participant under many waiters.
 */
import { assertEquals } from "@std/assert";
import { Locks } from "../../actors/locks.ts";

Deno.test("any number of waiting readers is let through without recursion", () => {
  const locks = new Locks();
  const order: number[] = [];
  locks.acquire("writer", ["a", "b"], () => {});
  for (let i = 0; i < 50_000; i++) {
    locks.whenFree(["a", "b"], () => void order.push(i));
  }
  locks.release("writer");
  assertEquals(order.length, 50_000);
  assertEquals(order.every((reader, i) => reader === i), true);
  assertEquals([locks.size, locks.waiting], [0, 0]);
});

Deno.test("first come, first served, across keys and by withdrawals", () => {
  const locks = new Locks();
  const log: string[] = [];
  const take = (owner: string, ...keys: string[]) =>
    locks.acquire(owner, keys, () => void log.push(owner));
  take("one", "a", "b");
  take("two", "b");
  take("three", "a", "c");
  take("four", "c"); // Behind nobody yet: three waits for a and holds nothing.
  locks.release("two"); // Withdraws.
  locks.whenFree(["a"], () => void log.push("reader"));
  assertEquals(log, ["one", "four"]);
  locks.release("one");
  assertEquals(log, ["one", "four"]);
  locks.release("four");
  assertEquals(log, ["one", "four", "three"]);
  locks.release("three");
  assertEquals(log, ["one", "four", "three", "reader"]);
  assertEquals(locks.size, 0);
});

Deno.test("a reader may read again from within, and a writer may release from within", () => {
  const locks = new Locks();
  const log: string[] = [];
  locks.acquire("writer", ["a"], () => {});
  locks.whenFree(["a"], () => {
    log.push("first look");
    locks.whenFree(["a", "b"], () => void log.push("second look"));
  });
  locks.acquire("next", ["a"], () => {
    log.push("next");
    locks.release("next");
  });
  locks.release("writer");
  assertEquals(log, ["first look", "next", "second look"]);
  assertEquals(locks.size, 0);
});
