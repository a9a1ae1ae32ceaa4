/** Rows that reach their table late: whatever happens, a store has what was committed. */
import { assert, assertEquals, assertThrows } from "@std/assert";
import { DatabaseSync } from "node:sqlite";
import * as fc from "fast-check";
import type { Value } from "../../runtime/ports.ts";
import { storedRows } from "../../runtime/worker/sqlite_rows.ts";
import { SqliteStore } from "../../runtime/worker/sqlite_store.ts";

const step = fc.oneof(
  { weight: 6, arbitrary: fc.record({ op: fc.constant("put"), key: fc.nat(9), value: fc.nat() }) },
  { weight: 2, arbitrary: fc.record({ op: fc.constant("delete"), key: fc.nat(9) }) },
  { weight: 3, arbitrary: fc.record({ op: fc.constant("append") }) },
  { weight: 4, arbitrary: fc.record({ op: fc.constant("commit") }) },
  { weight: 1, arbitrary: fc.record({ op: fc.constantFrom("checkpoint", "close", "crash") }) },
);
type Step = { readonly op: string; readonly key?: number; readonly value?: number };

/** So few changed rows that the table follows again and again. */
const open = (path: string) => new SqliteStore(path, "FULL", "refuse", 3);

/** Plays the steps to a store and to a map. */
function play(path: string, steps: readonly Step[]): void {
  let store = open(path);
  const abandoned: SqliteStore[] = [];
  const records: number[] = [];
  let batch: number[] = [];
  const rows = new Map<string, Value>();
  const changes = new Map<string, Value | null>();
  const forget = () => {
    changes.clear();
    batch = [];
  };
  for (const { op, key = 0, value = 0 } of steps) {
    const name = `row/${key}`;
    if (op === "put" || op === "delete") {
      store.put(name, op === "put" ? value : null);
      changes.set(name, op === "put" ? value : null);
    } else if (op === "append") {
      store.append(records.length + batch.length);
      batch.push(records.length + batch.length);
    } else if (op === "commit" || op === "checkpoint") {
      if (op === "checkpoint") store.checkpoint([...records]);
      store.commit();
      for (const [name, value] of changes) {
        value === null ? rows.delete(name) : rows.set(name, value);
      }
      records.push(...batch);
      forget();
    } else {
      // A thread that is terminated closes nothing; its successor opens the same file.
      if (op === "close") store.close();
      else abandoned.push(store);
      forget();
      assertEquals(new Map(storedRows(path)), new Map([...rows].sort()));
      store = open(path);
    }
    for (let i = 0; i < 10; i++) {
      const change = changes.get(`row/${i}`);
      const expected = change === undefined ? rows.get(`row/${i}`) : change ?? undefined;
      assertEquals(store.get(`row/${i}`), expected);
    }
  }
  const seen = new Map(store.scan("row/"));
  for (const [name, value] of changes) value === null ? rows.delete(name) : rows.set(name, value);
  assertEquals([...seen], [...rows].sort(([a], [b]) => a < b ? -1 : 1));
  assertEquals([...store.records()], records);
  // Those that lost the file must leave it alone when they end at last.
  const [before] = [new Map(storedRows(path))];
  for (const late of abandoned) late.close();
  assertEquals(new Map(storedRows(path)), before);
  store.close();
}

Deno.test("sqlite rows: what was committed is there after any closing or crash", () => {
  const folder = Deno.makeTempDirSync();
  let files = 0;
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => play(`${folder}/${++files}`, steps)),
    { numRuns: 80, seed: 11 },
  );
  Deno.removeSync(folder, { recursive: true });
});

/** Rows of the table itself. */
function inTable(path: string): number {
  using db = new DatabaseSync(path, { readOnly: true });
  return db.prepare("SELECT count(*) AS n FROM rows").get()!["n"] as number;
}

const name = (i: number) => `row/${String(i).padStart(5, "0")}`;

Deno.test("sqlite rows: the table follows by slices when many have changed, and at the end", () => {
  const path = Deno.makeTempFileSync();
  const store = new SqliteStore(path, "FULL", "refuse", 1000);
  const write = (from: number, to: number, value = 0) => {
    for (let i = from; i < to; i++) store.put(name(i), i + value);
    store.append("written");
    store.commit();
  };
  write(0, 1000);
  assertEquals([inTable(path), [...storedRows(path)].length], [0, 1000]);
  const seen: number[] = [];
  // What changes meanwhile lies behind the hand or before it, and is read right at any time.
  for (let round = 1; seen.at(-1) !== 1000; round++) {
    write(300, 310, round);
    write(700, 710, round);
    seen.push(inTable(path));
    const rows = new Map(storedRows(path));
    for (const i of [0, 299, 300, 309, 310, 700, 709, 999]) {
      const expected = i + (i % 400 >= 300 && i % 400 < 310 ? round : 0);
      assertEquals([store.get(name(i)), rows.get(name(i))], [expected, expected]);
    }
  }
  assertEquals(seen.length, 2, "two commits a round, a slice each");
  write(1000, 1001);
  assertEquals(inTable(path), 1000);
  store.close();
  assertEquals(inTable(path), 1001);
  Deno.removeSync(path);
});

Deno.test("sqlite rows: what a commit that failed was to write is written by the next life", () => {
  const path = Deno.makeTempFileSync();
  const store = new SqliteStore(path, "FULL", "refuse", 1000);
  for (let i = 0; i < 1000; i++) store.put(name(i), i);
  store.append("written");
  store.commit();
  using other = new DatabaseSync(path);
  other.exec("CREATE TRIGGER full BEFORE INSERT ON journal BEGIN SELECT RAISE(ABORT, 'full'); END");
  store.append("with the first slice");
  assertThrows(() => store.commit(), Error, "full");
  store.close();
  assertEquals(inTable(path), 0);
  other.exec("DROP TRIGGER full");
  const successor = new SqliteStore(path);
  assertEquals([...successor.scan("row/")].length, 1000);
  assertEquals(successor.get(name(0)), 0);
  successor.close();
  Deno.removeSync(path);
});

Deno.test("sqlite rows: a checkpoint logs once more what the table lacks", () => {
  const path = Deno.makeTempFileSync();
  const store = new SqliteStore(path);
  for (let i = 0; i < 100; i++) {
    store.put(name(i), i);
    store.append(i);
    store.commit();
  }
  store.put(name(0), "changed with it");
  store.checkpoint(["all"]);
  store.commit();
  assertEquals([inTable(path), [...store.records()]], [0, ["all"]]);
  const successor = new SqliteStore(path); // The other one crashed.
  assertEquals(successor.get(name(99)), 99);
  assertEquals([...successor.scan("row/")].length, 100);
  successor.checkpoint([]);
  successor.commit(); // No batch is left to log anything with.
  assertEquals([inTable(path), successor.journalBytes], [100, 0]);
  assertEquals(new Map(storedRows(path)).get(name(0)), "changed with it");
  for (const each of [successor, store]) each.close();
  Deno.removeSync(path);
});

Deno.test("sqlite rows: salvage keeps the rows of the batches it keeps, and later ones win", () => {
  const path = Deno.makeTempFileSync();
  const store = new SqliteStore(path);
  for (let i = 1; i <= 5; i++) {
    store.put("last", i);
    store.put(`only/${i}`, i);
    store.append(i);
    store.commit();
  }
  using damage = new DatabaseSync(path);
  damage.exec("UPDATE journal SET body = x'00' WHERE first = 3");
  const salvaged = new SqliteStore(path, "FULL", "salvage");
  assertEquals([salvaged.get("last"), salvaged.get("only/3"), salvaged.get("only/4")], [
    5,
    undefined,
    4,
  ]);
  // What comes now has numbers that the old life had used.
  salvaged.put("last", 6);
  salvaged.append("next");
  salvaged.commit();
  assert(new SqliteStore(path).get("last") === 6);
  for (const each of [salvaged, store]) each.close();
  Deno.removeSync(path);
});

Deno.test("sqlite rows: what follows a tail that was cut off is repeated after a crash", () => {
  const path = Deno.makeTempFileSync();
  const store = new SqliteStore(path);
  for (let i = 1; i <= 5; i++) {
    store.put("row", i);
    store.append(i);
    store.commit();
  }
  store.close(); // The table is up to record 5.
  using damage = new DatabaseSync(path);
  damage.exec("DELETE FROM journal WHERE first > 2");
  const again = new SqliteStore(path);
  again.put("row", 33);
  again.append(3);
  again.commit();
  const successor = new SqliteStore(path);
  assertEquals(successor.get("row"), 33);
  for (const each of [again, successor]) each.close();
  Deno.removeSync(path);
});
