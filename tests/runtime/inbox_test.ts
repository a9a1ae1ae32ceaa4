/** The ring against a model: two arrays. */
import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { allocateInbox, Inbox } from "../../runtime/inbox.ts";
import { checkedFrame, numberOf } from "./inbox_frames.ts";

const SIZE = { normal: 4096, urgent: 1024 };

interface Model {
  readonly normal: number[];
  readonly urgent: number[];
}

const step = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({ offer: fc.integer({ min: 8, max: 700 }), urgent: fc.boolean() }),
  },
  { weight: 2, arbitrary: fc.constant("poll" as const) },
);

Deno.test("inbox: agrees with two arrays, around the end of the ring and when full", () => {
  let wraps = 0, fulls = 0;
  fc.assert(
    fc.property(fc.array(step, { minLength: 50, maxLength: 400 }), (steps) => {
      const inbox = new Inbox(allocateInbox(SIZE));
      const model: Model = { normal: [], urgent: [] };
      let number = 0, bytes = 0;
      for (const s of steps) {
        if (s === "poll") {
          const frame = inbox.poll();
          const expected = model.urgent.shift() ?? model.normal.shift();
          assertEquals(frame === undefined ? undefined : numberOf(frame), expected);
          continue;
        }
        const offered = inbox.offer(checkedFrame(3, 1, number, s.offer, s.urgent));
        const lane = s.urgent ? model.urgent : model.normal;
        if (offered === "accepted") {
          lane.push(number);
          bytes += s.offer;
        } else {
          fulls++;
          assertEquals(offered, "full");
          // Refused for a reason: it is too large for the ring, or something lies in there.
          const size = s.urgent ? SIZE.urgent : SIZE.normal;
          assert(lane.length > 0 || s.offer + 32 > size / 2, "an empty ring refused a frame");
        }
        number++;
        assertEquals(inbox.depth().messages, model.normal.length + model.urgent.length);
      }
      if (bytes > 2 * SIZE.normal) wraps++;
      for (const n of [...model.urgent, ...model.normal]) assertEquals(numberOf(inbox.poll()!), n);
      assertEquals([inbox.poll(), inbox.empty], [undefined, true]);
      assertEquals(inbox.depth(), { messages: 0, bytes: 0 });
    }),
    { numRuns: 300 },
  );
  assert(wraps > 50 && fulls > 50, `${wraps} runs went around, ${fulls} offers found it full`);
});

Deno.test("inbox: who holds the lock keeps others out until it is sealed", () => {
  const inbox = new Inbox(allocateInbox(SIZE));
  const inner: string[] = [];
  // Asked under the lock whether it may still speak, slot 1 sees another writer try.
  const outer = inbox.offer(checkedFrame(1, 1, 0, 64), () => {
    inner.push(inbox.offer(checkedFrame(2, 1, 1, 64)));
    assertEquals(inbox.seal(2), false); // It does not hold it.
    assertEquals(inbox.seal(1), true);
    inner.push(inbox.offer(checkedFrame(2, 1, 2, 64)));
    return false;
  });
  assertEquals([inner, outer], [["busy", "accepted"], "fenced"]);
  assertEquals(numberOf(inbox.poll()!), 2);
});

Deno.test("inbox: a write that throws gives the lock back", () => {
  const inbox = new Inbox(allocateInbox(SIZE));
  assertThrows(() =>
    inbox.offer(checkedFrame(1, 1, 0, 64), () => {
      throw new Error("no");
    })
  );
  assertEquals(inbox.offer(checkedFrame(2, 1, 1, 64)), "accepted");
});

Deno.test("inbox: sizes must be powers of two", () => {
  assertThrows(() => allocateInbox({ normal: 3000, urgent: 1024 }), RangeError, "power of two");
  assertThrows(() => allocateInbox({ normal: 1024, urgent: 512 }), RangeError, "power of two");
});
