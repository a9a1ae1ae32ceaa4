import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { Network } from "./network.ts";

const schedule = fc.record({
  participants: fc.integer({ min: 1, max: 3 }),
  crashes: fc.integer({ min: 0, max: 3 }),
  steps: fc.array(fc.nat({ max: 9999 }), { minLength: 20, maxLength: 150, size: "max" }),
});

function play({ participants, crashes, steps }: {
  participants: number;
  crashes: number;
  steps: readonly number[];
}): Network {
  const network = new Network(participants, crashes);
  for (const step of steps) {
    const choices = network.choices("any");
    choices[step % choices.length]?.();
  }
  return network;
}

Deno.test("two-phase commit: no schedule of losses, duplicates and crashes splits a decision", () => {
  fc.assert(
    fc.property(schedule, (given) => {
      assertEquals(play(given).violations, []);
    }),
    { numRuns: 1500 },
  );
});

Deno.test("two-phase commit: no schedule meets a message that its chart calls a contradiction", () => {
  fc.assert(
    fc.property(schedule, (given) => {
      assertEquals(play(given).rejected, []);
    }),
    { numRuns: 1500 },
  );
});

Deno.test("two-phase commit: once the network is kind, everyone settles on one outcome", () => {
  fc.assert(
    fc.property(schedule, (given) => {
      const network = play(given);
      const settled = () =>
        !network.coordinating && network.bag.length === 0 &&
        network.states().every((state) =>
          !["acquiring", "preparing", "inDoubt", "committing", "refusing"].includes(state)
        );
      for (let turn = 0; turn < 500 && !settled(); turn++) {
        const choices = network.choices("kind");
        choices[turn % choices.length]?.();
      }
      assert(settled(), `not settled: ${network.states()}`);
      assertEquals(network.violations, []);
    }),
    { numRuns: 500 },
  );
});

Deno.test("two-phase commit: schedules reach commits, aborts, doubts and refusals", () => {
  const reached = new Set<string>();
  fc.assert(
    fc.property(schedule, (given) => {
      const network = play(given);
      network.states().forEach((state) => reached.add(state));
      reached.add(`reply ${network.reply}`);
      network.outcomes.forEach((outcome) => reached.add(outcome));
    }),
    { numRuns: 1500, seed: 1 },
  );
  for (const state of ["committed", "aborted", "inDoubt", "refusing", "commit", "reply aborted"]) {
    assert(reached.has(state), `no schedule reached ${state}`);
  }
});
