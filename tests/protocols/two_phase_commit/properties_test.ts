import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { type AnyStateMachine, initialTransition, transition } from "xstate";
import {
  coordinator,
  type CoordinatorEvent,
} from "../../../protocols/two_phase_commit/coordinator.ts";
import {
  participant,
  type ParticipantEvent,
} from "../../../protocols/two_phase_commit/participant.ts";
import { timer } from "../rows.ts";

type Step = {
  readonly state: string;
  readonly event: string;
  readonly record: unknown;
  /** `"send commit"`, `"journal prepared"`, `"apply"`, ... */
  readonly effects: readonly string[];
};

function walk(
  machine: AnyStateMachine,
  input: unknown,
  events: readonly { type: string }[],
): Step[] {
  let [snapshot] = initialTransition(machine, input as never);
  return events.map((event) => {
    const [next, actions] = transition(machine, snapshot as never, event as never);
    snapshot = next;
    const state = typeof next.value === "string" ? next.value : Object.keys(next.value)[0]!;
    const effects = (actions as readonly { type: string; params?: unknown }[]).map((action) => {
      const { message, record } = (action.params ?? {}) as { message?: string; record?: string };
      return [action.type, message ?? record].filter(Boolean).join(" ");
    });
    const { record } = event as { record?: unknown };
    return { state, event: event.type, record, effects };
  });
}

const index = fc.nat({ max: 2 });
const coordinatorEvents = fc.array(
  fc.oneof(
    { weight: 4, arbitrary: index.map((from) => ({ type: "voteYes", from, holders: [] })) },
    { weight: 1, arbitrary: index.map((from) => ({ type: "voteYes", from, holders: [4] })) },
    { weight: 3, arbitrary: index.map((from) => ({ type: "ack", from })) },
    { weight: 2, arbitrary: fc.constant({ type: "journaled", record: "commit" }) },
    fc.constantFrom(
      { type: "begin" },
      { type: "abort" },
      { type: "voteNo", from: 1, retryable: false },
      { type: "held", from: 4 },
      { type: "inquiry", from: 2 },
      { type: "recovered", holders: [] },
      timer<CoordinatorEvent>(coordinator, "voteTimeout", "preparing"),
      timer<CoordinatorEvent>(coordinator, "leaseWait", "holding"),
      timer<CoordinatorEvent>(coordinator, "resend", "committing.telling"),
    ),
  ),
  { maxLength: 30, size: "max" },
);
const participantEvents = fc.array(
  fc.oneof(
    fc.constantFrom<ParticipantEvent>(
      { type: "prepare" },
      { type: "granted" },
      { type: "journaled", record: "prepared" },
      { type: "commit", sameStore: false },
      { type: "journaled", record: "committed" },
    ),
    fc.constantFrom<ParticipantEvent>(
      { type: "commit", sameStore: true },
      { type: "abort" },
      { type: "inquiry", from: 1 },
      { type: "uncertain" },
      { type: "refused", retryable: true },
      { type: "journaled", record: "refused" },
      timer<ParticipantEvent>(participant, "lockTimeout", "acquiring"),
      timer<ParticipantEvent>(participant, "inquire", "inDoubt"),
    ),
  ),
  { maxLength: 30, size: "max" },
);
const coordinatorInput = {
  participants: 2,
  voteTimeoutMs: 9,
  resendMs: 1,
  maxBackoff: 2,
  leaseMs: 5,
};
const participantInput = { lockTimeoutMs: 9, inquireMs: 1, maxBackoff: 2 };
const begun = (events: readonly { type: string }[]) =>
  walk(coordinator, coordinatorInput, [{ type: "begin" }, ...events]);
const asked = (events: readonly { type: string }[]) =>
  walk(participant, participantInput, [{ type: "prepare" }, ...events]);
const runs = { numRuns: 1000 };

Deno.test("2PC: a coordinator that committed never aborts", () => {
  fc.assert(
    fc.property(coordinatorEvents, (events) => {
      const steps = begun(events);
      const decided = steps.findIndex(({ state }) => state === "committing");
      const after = decided < 0 ? [] : steps.slice(decided);
      assert(
        after.every(({ state, effects }) => state !== "aborted" && !effects.includes("send abort")),
      );
    }),
    runs,
  );
});

Deno.test("2PC: no commit is sent before the journal has the decision", () => {
  fc.assert(
    fc.property(coordinatorEvents, (events) => {
      let written = false;
      let durable = false;
      for (const { event, effects } of begun(events)) {
        if (written && event === "journaled") durable = true;
        if (effects.includes("journal commit")) written = true;
        assert(durable || !effects.includes("send commit"), "a commit was sent");
        assert(
          durable || !effects.includes("sendHolders release") || !written,
          "a holder was told",
        );
      }
    }),
    runs,
  );
});

Deno.test("2PC: no commit is decided before every participant's yes", () => {
  fc.assert(
    fc.property(coordinatorEvents, (events) => {
      begun(events).forEach(({ effects }, at) => {
        if (!effects.includes("journal commit")) return;
        const votes = events.slice(0, at).flatMap((event) =>
          event.type === "voteYes" ? [(event as { from: number }).from] : []
        );
        assert([0, 1].every((from) => votes.includes(from)));
      });
    }),
    runs,
  );
});

Deno.test("2PC: the client is answered once", () => {
  fc.assert(
    fc.property(coordinatorEvents, (events) => {
      const replies = begun(events).flatMap(({ effects }) => effects.filter((e) => e === "reply"));
      assert(replies.length <= 1);
    }),
    runs,
  );
});

Deno.test("2PC: no yes before prepared is durable", () => {
  fc.assert(
    fc.property(participantEvents, (events) => {
      let durable = false;
      for (const { event, record, effects } of asked(events)) {
        if (event === "journaled" && record === "prepared") durable = true;
        assert(durable || !effects.includes("sendCoordinator voteYes"));
      }
    }),
    runs,
  );
});

Deno.test("2PC: whoever has acknowledged never says no or abort to anybody", () => {
  fc.assert(
    fc.property(participantEvents, (events) => {
      const effects = asked(events).flatMap(({ effects }) => effects);
      const acked = effects.indexOf("sendCoordinator ack");
      const after = acked < 0 ? [] : effects.slice(acked);
      assert(!after.includes("sendCoordinator voteNo") && !after.includes("sendPeers abort"));
    }),
    runs,
  );
});

Deno.test("2PC: whoever has voted yes neither refuses nor withdraws by itself", () => {
  fc.assert(
    fc.property(participantEvents, (events) => {
      let voted = false;
      let heard = false;
      for (const { event, effects } of asked(events)) {
        if (event === "abort" || event === "commit") heard = true;
        if (voted && !heard) {
          for (const alone of ["release", "sendCoordinator voteNo", "sendPeers abort", "apply"]) {
            assert(!effects.includes(alone), alone);
          }
        }
        if (effects.includes("sendCoordinator voteYes")) voted = true, heard = false;
      }
    }),
    runs,
  );
});

Deno.test("2PC: contexts are JSON, equal ones equal text", () => {
  const after = (...from: number[]) => {
    let [snapshot] = initialTransition(coordinator, { ...coordinatorInput, participants: 3 });
    [snapshot] = transition(coordinator, snapshot, { type: "begin" });
    for (const index of from) {
      const event = { type: "voteYes" as const, from: index, holders: [9 - index] };
      [snapshot] = transition(coordinator, snapshot, event);
    }
    return JSON.stringify(snapshot.context);
  };
  assertEquals(after(2, 0), after(0, 2));
  assertEquals(after(2, 0, 2), after(0, 2));
});
