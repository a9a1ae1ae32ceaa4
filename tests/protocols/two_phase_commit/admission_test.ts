import { assert, assertEquals } from "@std/assert";
import * as fc from "fast-check";
import { admits, HIGHEST_PRIORITY } from "../../../protocols/two_phase_commit/admission.ts";

/** How many of one class are taken when nothing else is there. */
function room(limit: number, priority: number | undefined): number {
  let open = 0;
  while (admits({ open, limit, priority })) open++;
  return open;
}

Deno.test("admission: each class leaves a twentieth of the limit to those above it", () => {
  assertEquals([0, 1, 2, undefined].map((priority) => room(1000, priority)), [
    900,
    950,
    1000,
    1000,
  ]);
});

Deno.test("admission: nobody passes the limit, and who matters more is never worse off", () => {
  const facts = fc.record({
    open: fc.nat(300),
    limit: fc.integer({ min: 1, max: 300 }),
    priority: fc.nat(HIGHEST_PRIORITY + 3),
  });
  fc.assert(fc.property(facts, ({ open, limit, priority }) => {
    const admitted = admits({ open, limit, priority });
    if (open >= limit) assert(!admitted);
    if (admitted) assert(admits({ open, limit, priority: priority + 1 }));
    assert(admits({ open: 0, limit, priority }), "an idle coordinator takes anything");
  }));
});
