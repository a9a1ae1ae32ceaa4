/** The shared table: links, slots, vector clocks. */
import { assertEquals, assertThrows } from "@std/assert";
import { LOCAL_LINK } from "../../runtime/link_model.ts";
import { MAX_NODES, MAX_SLOTS, Switchboard } from "../../runtime/switchboard.ts";

Deno.test("switchboard: vector clocks merge as in Mattern 1989", () => {
  const board = new Switchboard(["A", "B", "C"]);
  const b = board.nodeClock("B");
  b.tick();
  assertEquals(b.tick(), [0, 2, 0]);
  b.merge([1]); // B receives [A:1]: the maximum, then it counts the receipt.
  const read = board.nodeClock("B");
  assertEquals(read.tick(), [1, 4, 0]); // [A:1, B:3, C:0], and this tick.
});

Deno.test("switchboard: a clock takes the maximum of each entry", () => {
  const board = new Switchboard(["A", "B", "C"]);
  const a = board.nodeClock("A");
  a.merge([0, 7, 2]);
  a.merge([0, 3, 9]);
  assertEquals(a.tick(), [3, 7, 9]);
  assertEquals(board.nodeClock("C").tick(), [0, 0, 1]);
});

Deno.test("switchboard: all views of one memory see a change of a link at once", () => {
  const board = new Switchboard(["a", "b"]);
  const view = new Switchboard(["a", "b"], board.memory);
  assertEquals(view.get("a", "b"), undefined);
  board.connect("a", "b", { ...LOCAL_LINK, delayMs: 5 });
  view.set("a", "b", { loss: 0.5, up: false });
  assertEquals(board.get("a", "b"), { ...LOCAL_LINK, delayMs: 5, loss: 0.5, up: false });
  assertEquals(board.get("b", "a"), undefined);
  assertEquals([...view.links()].map(([from, to]) => `${from}>${to}`), ["a>b"]);
});

Deno.test("switchboard: what does not exist cannot be changed", () => {
  const board = new Switchboard(["a", "b"]);
  assertThrows(() => board.set("a", "b", { up: false }), RangeError, "no such link");
  assertThrows(() => board.connect("a", "x", LOCAL_LINK), RangeError, "no such node");
  assertThrows(() => board.connect("a", "b", { ...LOCAL_LINK, loss: 2 }), RangeError, "loss");
  assertEquals(board.get("a", "b"), undefined, "a refused link was laid");
  assertThrows(() => board.nodeClock("x"), RangeError, "No node x");
  assertThrows(() => board.incarnation(MAX_SLOTS), RangeError);
  assertThrows(() => new Switchboard(["a", "a"]), RangeError, "twice");
  const many = Array.from({ length: MAX_NODES + 1 }, (_, i) => `n${i}`);
  assertThrows(() => new Switchboard(many), RangeError, `at most ${MAX_NODES}`);
});

Deno.test("switchboard: incarnations only grow, in a later slot too", () => {
  const board = new Switchboard(["a"]);
  assertEquals([board.incarnate(0), board.incarnate(0), board.incarnation(0)], [1, 2, 2]);
  assertEquals(board.incarnate(1, board.incarnation(0)), 3);
  assertEquals(board.incarnate(1, 0), 4);
});

Deno.test("switchboard: slots, beats and epochs are counted", () => {
  const board = new Switchboard(["a"]);
  const view = new Switchboard(["a"], board.memory);
  board.setRuns(7, true);
  board.beat(7);
  board.beat(7);
  assertEquals([view.runs(7), view.runs(8), view.beats(7)], [true, false, 2]);
  assertEquals([view.epoch, board.nextEpoch(), view.epoch], [0, 1, 1]);
});
