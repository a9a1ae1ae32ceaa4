import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import {
  formatTransactionId,
  parseTransactionId,
} from "../../../protocols/two_phase_commit/messages.ts";
import {
  admitFill,
  admitPrepare,
  answerUnknown,
  answerUnknownInquiry,
  coordinatorLease,
  edgeLease,
  mayAckUnknownCommit,
  nextReservation,
  raiseLowest,
} from "../../../protocols/two_phase_commit/rules.ts";

Deno.test("a transaction id survives being written as text", () => {
  fc.assert(fc.property(fc.string({ minLength: 1 }), fc.nat(), (log, sequence) => {
    assertEquals(parseTransactionId(formatTransactionId({ log, sequence })), { log, sequence });
  }));
});

Deno.test("text that is no transaction id is refused", () => {
  for (const text of ["", "log", ":1", "log:", "log:-1", "log:1.5", "log:01", "log:1e3"]) {
    assertThrows(() => parseTransactionId(text), SyntaxError, "Cannot parse transaction id");
  }
});

Deno.test("the coordinator's wait outlasts the edge's trust on any clocks within the drift", () => {
  const rate = fc.double({ min: -1, max: 1, noNaN: true });
  fc.assert(fc.property(
    fc.nat({ max: 1_000_000 }),
    fc.nat({ max: 900_000 }),
    rate,
    rate,
    (leaseMs, driftPpm, edgeClock, coordinatorClock) => {
      const drift = driftPpm / 1_000_000;
      const edge = edgeLease(leaseMs, driftPpm) / (1 + edgeClock * drift);
      const wait = coordinatorLease(leaseMs, driftPpm) / (1 + coordinatorClock * drift);
      assert(edge <= wait + 1e-6, `edge ${edge} ms, coordinator ${wait} ms`);
    },
  ));
});

Deno.test("without drift both sides of a lease count the same", () => {
  assertEquals([edgeLease(5000, 0), coordinatorLease(5000, 0)], [5000, 5000]);
  assertEquals([edgeLease(5000, 200), coordinatorLease(5000, 200)], [4999, 5001]);
});

Deno.test("a lease of no meaning is refused", () => {
  assertThrows(() => edgeLease(-1, 0), RangeError, "must be finite and >= 0");
  assertThrows(() => coordinatorLease(1, 1_000_000), RangeError, "must be in [0, 1000000)");
});

Deno.test("a fill asked for before the last hold of its entry is dropped, and any during one", () => {
  const row = (asked: number, lastHold: number | undefined, held: boolean) =>
    admitFill({ asked, lastHold, held });
  assertEquals(row(7, undefined, false), true);
  assertEquals(row(7, 8, false), false);
  assertEquals(row(8, 8, false), true);
  assertEquals(row(8, 8, true), false);
  assertEquals(row(9, 8, true), false);
});

Deno.test("only the owner of the complete log under its epoch presumes an abort", () => {
  const owner = {
    ownsLog: true,
    logComplete: true,
    epochCurrent: true,
    sequence: 4,
    reservedUpTo: 5,
  };
  assertEquals(answerUnknown(owner), "abort");
  assertEquals(answerUnknown({ ...owner, ownsLog: false }), "unknown");
  assertEquals(answerUnknown({ ...owner, logComplete: false }), "unknown");
  assertEquals(answerUnknown({ ...owner, epochCurrent: false }), "unknown");
});

Deno.test("a sequence the log never reserved shows that it lost its tail", () => {
  const owner = { ownsLog: true, logComplete: true, epochCurrent: true, reservedUpTo: 5 };
  assertEquals(answerUnknown({ ...owner, sequence: 5 }), "unknown");
});

Deno.test("only a store that cannot have voted refuses a peer's unknown transaction", () => {
  const facts = { sequence: 4, lowest: 4, storeComplete: true, storeSince: 2, epoch: 2 };
  assertEquals(answerUnknownInquiry(facts), "refuse");
  assertEquals(answerUnknownInquiry({ ...facts, lowest: 5 }), "uncertain");
  assertEquals(answerUnknownInquiry({ ...facts, storeComplete: false }), "uncertain");
  assertEquals(answerUnknownInquiry({ ...facts, storeSince: 3 }), "uncertain");
});

Deno.test("a finished id is never begun again", () => {
  assertEquals(admitPrepare({ sequence: 4, lowest: 4, known: false }), "begin");
  assertEquals(admitPrepare({ sequence: 4, lowest: 0, known: true }), "known");
  assertEquals(admitPrepare({ sequence: 3, lowest: 4, known: false }), "stale");
});

Deno.test("a doubt below the watermark is still known", () => {
  assertEquals(admitPrepare({ sequence: 3, lowest: 4, known: true }), "known");
});

Deno.test("the watermark never falls", () => {
  assertEquals([raiseLowest(4, 7), raiseLowest(7, 4)], [7, 7]);
});

Deno.test("only the store that voted, and has forgotten, acknowledges an unknown commit", () => {
  const facts = { store: "a", ours: "a", sequence: 3, lowest: 4 };
  assertEquals(mayAckUnknownCommit(facts), true);
  assertEquals(mayAckUnknownCommit({ ...facts, ours: "b" }), false);
  assertEquals(mayAckUnknownCommit({ ...facts, store: undefined }), false);
});

Deno.test("a store without a record above the watermark has lost its tail and acknowledges nothing", () => {
  assertEquals(mayAckUnknownCommit({ store: "a", ours: "a", sequence: 4, lowest: 4 }), false);
});

Deno.test("sequences are reserved before they are handed out, a block at a time", () => {
  assertEquals(nextReservation(0, 0, 100), 100);
  assertEquals(nextReservation(100, 99, 100), undefined);
  assertEquals(nextReservation(100, 100, 100), 200);
  assertThrows(() => nextReservation(0, 0, 0), RangeError, "must be an integer >= 1");
});
