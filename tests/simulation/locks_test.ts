/**
 * The lock table of a participant under many waiters.
 */
import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { Locks } from "../../actors/locks.ts";
import { deadlocks } from "../../protocols/deadlock/cycles.ts";

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

Deno.test("the line of some keys is the longest of theirs, without who has gone or holds", () => {
  const locks = new Locks();
  const take = (owner: string, ...keys: string[]) => locks.acquire(owner, keys, () => {});
  const lines = () => [["a"], ["b"], ["a", "b"], ["c"], []].map((keys) => locks.line(keys));
  take("one", "a", "b");
  assertEquals(lines(), [0, 0, 0, 0, 0]);
  take("two", "a");
  take("three", "b");
  take("four", "b", "c");
  locks.whenFree(["b"], () => {});
  assertEquals(lines(), [1, 3, 3, 0, 0]);
  locks.release("three");
  assertEquals(lines(), [1, 2, 2, 0, 0]);
  locks.release("one"); // Four holds b now and is not in line for anything.
  assertEquals(lines(), [0, 1, 1, 0, 0]);
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

Deno.test("readers share, and nobody overtakes a writer that waits", () => {
  const locks = new Locks();
  const log: string[] = [];
  const take = (owner: string, shared: boolean) =>
    locks.acquire(owner, ["a"], () => void log.push(owner), { shared: shared ? ["a"] : [] });
  take("read 1", true);
  take("read 2", true);
  take("write", false);
  take("read 3", true); // Would fit beside the two that hold it.
  take("read 4", true);
  locks.whenFree(["a"], () => void log.push("look"));
  assertEquals(log, ["read 1", "read 2"]);
  locks.release("read 1");
  assertEquals(log, ["read 1", "read 2"]);
  locks.release("read 2");
  assertEquals(log, ["read 1", "read 2", "write"]);
  locks.release("write");
  assertEquals(log, ["read 1", "read 2", "write", "read 3", "read 4", "look"]);
  locks.release("read 3");
  locks.release("read 4");
  assertEquals(locks.size, 0);
});

Deno.test("a writer that gives up lets the readers behind it join those before it", () => {
  const locks = new Locks();
  const log: string[] = [];
  locks.acquire("read 1", ["a"], () => {}, { shared: ["a"] });
  locks.acquire("write", ["a"], () => {});
  locks.acquire("read 2", ["a"], () => void log.push("read 2"), { shared: ["a"] });
  locks.release("write");
  assertEquals(log, ["read 2"]);
});

Deno.test("who waits for whom: the nearest in the way, readers followed to what they wait for", () => {
  const locks = new Locks();
  const nothing = () => {};
  const found = () =>
    locks.waits().map(({ waiter, holder, key }) => `${waiter}>${holder} ${key}`).sort();
  locks.acquire("T1", ["b"], nothing);
  locks.whenFree(["a", "b"], nothing); // Holds a, waits for b.
  locks.acquire("T2", ["a"], nothing);
  assertEquals(found(), ["T2>T1 a"]);
  locks.acquire("T3", ["b"], nothing, { shared: ["b"] });
  locks.acquire("T4", ["b"], nothing, { shared: ["b"] });
  locks.acquire("T5", ["b"], nothing);
  assertEquals(found(), ["T2>T1 a", "T3>T1 b", "T4>T1 b", "T5>T1 b", "T5>T3 b", "T5>T4 b"]);
  locks.release("T1");
  assertEquals(found(), ["T5>T3 b", "T5>T4 b"]);
  assertEquals([locks.held("T3"), locks.held("T5"), locks.held("nobody")], [1, 0, 0]);
});

Deno.test("those who give up behind a holder that stays leave nothing behind", () => {
  const locks = new Locks();
  locks.acquire("stays", ["a"], () => {});
  const started = performance.now();
  for (let i = 0; i < 200_000; i++) locks.whenFree(["a"], () => {})();
  assertEquals([locks.size, locks.waiting, locks.waits()], [1, 0, []]);
  assert(performance.now() - started < 10_000); // Or each looks at all before it.
});

/** Owners that take a few of three keys, some of them shared, or give everything back. */
const acts = fc.array(
  fc.tuple(fc.nat(5), fc.nat(7), fc.nat(7), fc.boolean()),
  { maxLength: 60 },
);
const KEYS = ["a", "b", "c"];

Deno.test("no writer beside anyone, nobody before its turn, and everybody in the end", () => {
  fc.assert(fc.property(acts, (all) => {
    const locks = new Locks();
    const granted = new Set<string>();
    const asked = new Map<string, { keys: string[]; shared: string[]; turn: number }>();
    let turn = 0;
    const check = () => {
      for (const [one, { keys, shared, turn }] of asked) {
        if (!granted.has(one)) continue;
        for (const [other, theirs] of asked) {
          if (one === other) continue;
          const clash = keys.some((key) =>
            theirs.keys.includes(key) && !(shared.includes(key) && theirs.shared.includes(key))
          );
          // It came later and would have to wait for the other: then the other has been let in.
          const later = clash && turn > theirs.turn && keys.length === 1 &&
            theirs.keys[0] === keys[0];
          assert(!(clash && granted.has(other)), `${one} beside ${other}`);
          assert(!later, `${one} before ${other}`);
        }
      }
    };
    for (const [who, which, modes, gives] of all) {
      const owner = `T${who}`;
      if (gives || asked.has(owner)) {
        asked.delete(owner);
        granted.delete(owner);
        locks.release(owner);
      } else {
        const keys = KEYS.filter((_, i) => which >> i & 1);
        const shared = keys.filter((_, i) => modes >> i & 1);
        asked.set(owner, { keys, shared, turn: turn++ });
        locks.acquire(owner, keys, () => void granted.add(owner), { shared });
      }
      check();
      const waiters = new Set(locks.waits().map(({ waiter }) => waiter));
      assertEquals([...waiters].sort(), [...asked.keys()].filter((it) => !granted.has(it)).sort());
      const edges = new Map([...asked.keys()].map((it) => [it, [] as string[]]));
      for (const { waiter, holder } of locks.waits()) edges.get(waiter)!.push(holder);
      assertEquals(deadlocks(edges), []);
    }
    for (const owner of asked.keys()) locks.release(owner);
    assertEquals([locks.size, locks.waiting], [0, 0]);
  }));
});

Deno.test("who began earlier goes first, whenever it comes", () => {
  const locks = new Locks();
  const log: string[] = [];
  const ask = (owner: string, since: number) =>
    locks.acquire(owner, ["a"], () => void log.push(owner), { since });
  ask("holder", 50);
  ask("young", 40);
  locks.whenFree(["a"], () => void log.push("look"), 30);
  ask("old", 20);
  ask("as old", 20);
  locks.release("holder");
  locks.release("old");
  locks.release("as old");
  assertEquals(log, ["holder", "old", "as old", "look", "young"]);
});

Deno.test("owners of one lane follow one another; others and readers wait for all of them", () => {
  const locks = new Locks();
  const log: string[] = [];
  const ask = (owner: string, lane?: string, shared: string[] = []) =>
    locks.acquire(owner, ["a"], () => void log.push(owner), lane ? { shared, lane } : { shared });
  ask("A1", "A");
  ask("A2", "A");
  assertEquals(log, ["A1"], "what A1 writes is not known yet");
  locks.letFollow("A1");
  locks.letFollow("A2");
  ask("A3 reads", "A", ["a"]);
  ask("A4 reads", "A", ["a"]);
  assertEquals(log.splice(0), ["A1", "A2", "A3 reads"], "A3 has not said what it does either");
  locks.letFollow("A3 reads");
  locks.letFollow("A4 reads");
  ask("A5", "A");
  assertEquals(log.splice(0), ["A4 reads", "A5"]);
  assertEquals(locks.dependencies("A2"), ["A1"]);
  assertEquals(locks.dependencies("A4 reads"), ["A2"]);
  assertEquals(locks.dependencies("A5"), ["A3 reads", "A4 reads"]);
  locks.letFollow("A5");
  ask("B", "B");
  locks.whenFree(["a"], () => void log.push("look"));
  ask("A6", "A");
  locks.release("A2"); // Aborted: those behind it depend on whom it depended on.
  assertEquals(locks.dependencies("A4 reads"), ["A1"]);
  for (const owner of ["A1", "A3 reads", "A4 reads"]) locks.release(owner);
  assertEquals([log, locks.dependencies("A5")], [[], []]);
  locks.release("A5");
  assertEquals(log, ["B"]);
  locks.release("B");
  assertEquals(log, ["B", "look", "A6"]);
});

Deno.test("who follows somebody can wait until it is alone", () => {
  const locks = new Locks();
  const log: string[] = [];
  const nothing = () => {};
  for (const owner of ["one", "two", "three"]) {
    locks.acquire(owner, ["a"], nothing, { lane: "A" });
    if (owner !== "three") locks.letFollow(owner);
  }
  locks.whenAlone("three", () => void log.push("alone"));
  locks.release("two");
  assertEquals(log, []);
  locks.release("one");
  assertEquals(log, ["alone"]);
});

Deno.test("whoever clashes is of one lane, and depends on all that came before it", () => {
  const act = fc.record({
    who: fc.nat(7),
    keys: fc.nat(7),
    shared: fc.nat(7),
    lane: fc.constantFrom("A", "B", undefined),
    since: fc.nat(3),
  });
  fc.assert(fc.property(fc.array(act, { maxLength: 60 }), (all) => {
    const locks = new Locks();
    const granted: string[] = [];
    const asked = new Map<string, { keys: string[]; shared: string[]; lane: string | undefined }>();
    const clash = (one: string, other: string) => {
      const [a, b] = [asked.get(one)!, asked.get(other)!];
      return a.keys.some((key) =>
        b.keys.includes(key) && !(a.shared.includes(key) && b.shared.includes(key))
      );
    };
    for (const { who, keys: which, shared: modes, lane, since } of all) {
      const owner = `T${who}`;
      if (asked.has(owner)) {
        asked.delete(owner);
        if (granted.includes(owner)) granted.splice(granted.indexOf(owner), 1);
        locks.release(owner);
      } else {
        const keys = KEYS.filter((_, i) => which >> i & 1);
        const shared = keys.filter((_, i) => modes >> i & 1);
        asked.set(owner, { keys, shared, lane });
        const options = { shared, since, ...(lane === undefined ? {} : { lane }) };
        locks.acquire(owner, keys, () => {
          granted.push(owner);
          locks.letFollow(owner);
        }, options);
      }
      for (const [place, one] of granted.entries()) {
        const ahead = new Set(locks.dependencies(one));
        for (const each of ahead) for (const more of locks.dependencies(each)) ahead.add(more);
        const before = granted.slice(0, place);
        for (const other of before.filter((each) => clash(one, each))) {
          assertEquals(asked.get(one)!.lane, asked.get(other)!.lane);
          assert(asked.get(one)!.lane !== undefined && ahead.has(other), `${one} after ${other}`);
        }
        for (const each of ahead) assert(before.includes(each), `${one} follows ${each}`);
      }
    }
    for (const owner of asked.keys()) locks.release(owner);
    assertEquals([locks.size, locks.waiting], [0, 0]);
  }));
});
