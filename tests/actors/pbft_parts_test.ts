/** Messages in parts: how they leave through a mailbox that is full, and arrive in one piece. */
import { assertEquals } from "@std/assert";
import { Assemblies, inParts, type Part, PartQueues } from "../../actors/pbft_parts.ts";

const long = (fill: number) => ({ bytes: new Uint8Array(100_000).fill(fill) });

/** A mailbox with room for so many parts, and timers that are fired by hand. */
function mailbox(room: number) {
  const taken: Part[] = [];
  const due: (() => void)[] = [];
  const left = { room };
  const queues = new PartQueues({
    send: (_, part) => {
      if (taken.length >= left.room) return false;
      taken.push(part);
      return true;
    },
    later: (_, work) => void due.push(work),
  });
  return { taken, due, left, queues };
}

Deno.test("parts: what a full mailbox does not take leaves later, in order and complete", () => {
  const { taken, due, left, queues } = mailbox(1);
  queues.add(0, "a", inParts("it", 1, long(1))!);
  queues.add(0, "b", inParts("it", 2, long(2))!);
  assertEquals([taken.length, due.length], [1, 1]);
  left.room = 4;
  due.shift()!();
  assertEquals([taken.length, due.length], [4, 1]);
  left.room = 100;
  due.shift()!();
  assertEquals(taken.map(({ id, index }) => [id, index]), [
    ...[0, 1, 2].map((index) => [1, index]),
    ...[0, 1, 2].map((index) => [2, index]),
  ]);
  const assemblies = new Assemblies();
  assertEquals(taken.map((part) => assemblies.add("n0", part)), [
    ...[undefined, undefined, long(1)],
    ...[undefined, undefined, long(2)],
  ]);
});

Deno.test("parts: a message that is on its way is not begun again, one that has left is", () => {
  const { taken, due, left, queues } = mailbox(1);
  queues.add(0, "a", inParts("it", 1, long(1))!);
  queues.add(0, "a", inParts("it", 2, long(1))!);
  left.room = 100;
  due.shift()!();
  assertEquals(taken.map(({ id }) => id), [1, 1, 1]);
  queues.add(0, "a", inParts("it", 3, long(1))!);
  assertEquals(taken.map(({ id }) => id), [1, 1, 1, 3, 3, 3]);
});

Deno.test("parts: who lets everything wait is given no more than a few messages", () => {
  const { taken, due, left, queues } = mailbox(0);
  for (let id = 0; id < 20; id++) queues.add(0, `${id}`, inParts("it", id, long(id))!);
  left.room = 100;
  due.shift()!();
  assertEquals(new Set(taken.map(({ id }) => id)).size, 8);
});
