/** What links do to packets: bounds for all parameters, frequencies for some. */
import { assert, assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { checkLinkChange, LOCAL_LINK, transit } from "../../runtime/link_model.ts";
import type { LinkParameters } from "../../runtime/ports.ts";
import { SimulatedRandom } from "../../runtime/simulated/random.ts";

const probability = fc.double({ min: 0, max: 1, noNaN: true });
const link: fc.Arbitrary<LinkParameters> = fc.record({
  up: fc.boolean(),
  delayMs: fc.double({ min: 0, max: 500, noNaN: true }),
  jitterMs: fc.double({ min: 0, max: 100, noNaN: true }),
  bandwidthMbps: fc.oneof(fc.constant(0), fc.double({ min: 0.1, max: 1000, noNaN: true })),
  loss: probability,
  duplicate: probability,
  reorder: probability,
});

Deno.test("link model: no packet is early, and none comes more than twice", () => {
  fc.assert(
    fc.property(link, fc.nat(65536), fc.nat(1e6), fc.integer(), (link, bytes, now, seed) => {
      const busyUntil = now + (seed % 2 === 0 ? 5 : -5);
      const fate = transit(link, bytes, now, busyUntil, new SimulatedRandom(seed));
      assert(fate.due.length <= 2);
      assert(fate.busyUntil >= busyUntil);
      if (!link.up || link.loss === 1) assertEquals(fate.due, []);
      const start = Math.max(now, busyUntil);
      const wire = link.bandwidthMbps > 0 ? bytes / (125 * link.bandwidthMbps) : 0;
      const least = start + wire + Math.max(0, link.delayMs - link.jitterMs);
      const most = start + wire + link.delayMs + link.jitterMs +
        1.5 * Math.max(1, 2 * link.delayMs);
      for (const due of fate.due) {
        assert(due === 0 ? least <= now : due >= least - 1e-6 && due <= most + 1e-6);
      }
    }),
  );
});

Deno.test("link model: the same seed gives the same fates", () => {
  fc.assert(fc.property(link, fc.integer(), (link, seed) => {
    const fates = () => {
      const random = new SimulatedRandom(seed);
      return Array.from({ length: 20 }, (_, i) => transit(link, 100, i, 0, random));
    };
    assertEquals(fates(), fates());
  }));
});

Deno.test("link model: a link without properties hands over at once", () => {
  assertEquals(transit(LOCAL_LINK, 1000, 5, 0, new SimulatedRandom(1)), { due: [0], busyUntil: 0 });
});

Deno.test("link model: bandwidth queues packets one behind the other", () => {
  // 8 Mbit/s is 1000 bytes a millisecond.
  const link = { ...LOCAL_LINK, bandwidthMbps: 8, delayMs: 10 };
  const random = new SimulatedRandom(1);
  const first = transit(link, 2000, 0, 0, random);
  const second = transit(link, 3000, 1, first.busyUntil, random);
  assertEquals([first, second], [{ due: [12], busyUntil: 2 }, { due: [15], busyUntil: 5 }]);
});

Deno.test("link model: frequencies are the parameters", () => {
  const random = new SimulatedRandom(42);
  const packets = 20_000;
  const link = { ...LOCAL_LINK, loss: 0.2, duplicate: 0.3, delayMs: 50, jitterMs: 10 };
  let lost = 0, twice = 0, sum = 0, copies = 0;
  for (let i = 0; i < packets; i++) {
    const { due } = transit(link, 100, 0, 0, random);
    if (due.length === 0) lost++;
    if (due.length === 2) twice++;
    copies += due.length;
    sum += due.reduce((a, b) => a + b, 0);
  }
  assertAlmostEquals(lost / packets, 0.2, 0.01);
  assertAlmostEquals(twice / (packets - lost), 0.3, 0.015);
  assertAlmostEquals(sum / copies, 50, 0.3);
});

Deno.test("link model: a reordered packet is overtaken by the next one", () => {
  const random = new SimulatedRandom(9);
  const held = transit({ ...LOCAL_LINK, delayMs: 10, reorder: 1 }, 1, 0, 0, random).due[0]!;
  const next = transit({ ...LOCAL_LINK, delayMs: 10 }, 1, 0, 0, random).due[0]!;
  assert(held > next);
});

Deno.test("link model: a bad change names the field and what it accepts", () => {
  const refused: readonly [object, string][] = [
    [{ loss: 1.5 }, "at least 0 and at most 1"],
    [{ delayMs: -1 }, "Cannot set link delayMs to -1"],
    [{ jitterMs: NaN }, "jitterMs"],
    [{ delayMs: Infinity }, "finite"],
    [{ up: 1 }, "not a boolean"],
    [{ speed: 1 }, "no such parameter"],
    [{ toString: 1 }, "no such parameter"],
  ];
  for (const [change, text] of refused) {
    assertThrows(() => checkLinkChange(change), RangeError, text);
  }
});
