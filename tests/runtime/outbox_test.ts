/** The outbox: batching, bounds, order. */
import { assert, assertEquals } from "@std/assert";
import { decode, decodeFrame, encode, MAX_FRAME_BYTES } from "../../runtime/codec.ts";
import { LOCAL_LINK } from "../../runtime/link_model.ts";
import { Outbox, type OutboxLimits, type Traffic } from "../../runtime/outbox.ts";
import type { Frame, LinkParameters, Ports, SendResult, Transport } from "../../runtime/ports.ts";
import { SimulatedRandom } from "../../runtime/simulated/random.ts";
import { Scheduler } from "../../runtime/simulated/scheduler.ts";

/** An outbox over a transport that answers what it is told to. */
function scene(options: { limits?: OutboxLimits; link?: Partial<LinkParameters> } = {}) {
  const sent: { to: string; frame: Frame }[] = [];
  const dead: [string, string][] = [];
  const traffic: Traffic = { sent: 0, delivered: 0, dropped: 0, duplicated: 0 };
  const answers = { next: "accepted" as SendResult, urgent: undefined as SendResult | undefined };
  const transport: Transport = {
    slot: 1,
    incarnation: 1,
    transmit(to, frame) {
      const answer = frame.urgent ? answers.urgent ?? answers.next : answers.next;
      if (answer === "accepted") sent.push({ to, frame: { ...frame, bytes: frame.bytes.slice() } });
      return answer;
    },
    receive: () => undefined,
    current: () => true,
    knows: (to) => to !== "b/nobody",
    depth: () => ({ messages: 0, bytes: 0 }),
  };
  const link = { ...LOCAL_LINK, ...options.link };
  let busyUntil = 0;
  const ports: Ports = {
    clock: new Scheduler(),
    random: new SimulatedRandom(1),
    transport,
    links: {
      get: (_, to) => to === "far" ? undefined : link,
      set: () => {},
      busyUntil: () => busyUntil,
      setBusyUntil: (_, __, until) => void (busyUntil = until),
    },
    nodeClock: { tick: () => [1], merge: () => {} },
    openStore: () => {
      throw new Error("no store");
    },
  };
  const outbox = new Outbox("a/role", ports, () => 0, traffic, (reason, { type }) => {
    dead.push([reason, type]);
  }, options.limits);
  const add = (to: string, type: string, body: unknown = null, urgent = false) =>
    outbox.add({ to, type, bytes: encode(body) }, urgent);
  const types = () => sent.map(({ frame }) => decodeFrame(frame.bytes).map(({ type }) => type));
  return { sent, dead, traffic, answers, outbox, add, types };
}

Deno.test("outbox: one frame for each destination and turn", () => {
  const s = scene();
  for (let i = 0; i < 10; i++) s.add(`b/role/${i}`, `m${i}`);
  s.add("c/role", "other");
  assertEquals(s.outbox.flush(), false);
  assertEquals(s.sent.map(({ to, frame }) => [to, frame.count]), [["b/role", 10], ["c/role", 1]]);
  assertEquals([s.outbox.flush(), s.sent.length, s.traffic.sent], [false, 2, 11]);
});

Deno.test("outbox: urgent envelopes leave in a frame of their own, first", () => {
  const s = scene();
  s.add("b/role", "note");
  s.add("b/role", "vote", null, true);
  s.outbox.flush();
  assertEquals(s.types(), [["vote"], ["note"]]);
});

Deno.test("outbox: many envelopes are split into frames a receiver takes", () => {
  const s = scene();
  const body = "x".repeat(5000);
  for (let i = 0; i < 50; i++) s.add("b/role", `m${i}`, body);
  s.outbox.flush();
  assert(s.sent.length > 5);
  assert(s.sent.every(({ frame }) => frame.bytes.length <= MAX_FRAME_BYTES));
  assertEquals(s.types().flat(), Array.from({ length: 50 }, (_, i) => `m${i}`));
});

Deno.test("outbox: what can never fit in a frame is refused; the largest that may, fits", () => {
  const s = scene();
  assertEquals(s.add("b/role", "huge", "x".repeat(MAX_FRAME_BYTES)), "unreachable");
  assertEquals(s.dead, [["oversized", "huge"]]);
  let size = MAX_FRAME_BYTES;
  while (s.add("b/role", "large", "x".repeat(size)) !== "accepted") size -= 64;
  s.outbox.flush();
  assertEquals(decodeFrame(s.sent[0]!.frame.bytes).length, 1);
});

Deno.test("outbox: a frame that a full mailbox refused keeps its place and its bytes", () => {
  const s = scene();
  s.answers.next = "full";
  s.add("b/role", "first", { n: 1 });
  assertEquals(s.outbox.flush(), true);
  encode("this reuses the coder's buffer");
  s.add("b/role", "second", { n: 2 });
  assertEquals(s.outbox.flush(), true);
  s.add("b/role", "third", { n: 3 });
  assertEquals(s.sent, []);
  s.answers.next = "accepted";
  assertEquals(s.outbox.flush(), false);
  const all = s.sent.flatMap(({ frame }) => decodeFrame(frame.bytes));
  assertEquals(all.map(({ type }) => type), ["first", "second", "third"]);
  assertEquals(all.map(({ bytes }) => decode(bytes)), [{ n: 1 }, { n: 2 }, { n: 3 }]);
  assertEquals(s.outbox.bytes, 0);
});

Deno.test("outbox: urgent envelopes pass a full normal lane", () => {
  const s = scene();
  s.answers.next = "full";
  s.answers.urgent = "accepted";
  s.add("b/role", "note");
  s.outbox.flush();
  s.add("b/role", "vote", null, true);
  assertEquals([s.outbox.flush(), s.types()], [true, [["vote"]]]);
});

Deno.test("outbox: its bounds push back, and the reserved room is apart", () => {
  const s = scene({ limits: { normal: 1000, reserved: 500 } });
  s.answers.next = "full";
  let normal = 0, urgent = 0;
  while (s.add("b/role", "n", "x".repeat(100)) === "accepted") normal++;
  while (s.add("b/role", "u", "x".repeat(100), true) === "accepted") urgent++;
  assertEquals([normal, urgent], [6, 3]);
  s.outbox.flush();
  assertEquals(s.add("b/role", "n", "x".repeat(100)), "full"); // Parked is not gone.
  assertEquals(s.add("c/role", "n"), "accepted"); // Another destination has room of its own.
  s.answers.next = "accepted";
  s.outbox.flush();
  assertEquals(s.add("b/role", "n"), "accepted");
  assertEquals(s.types().flat().filter((type) => type === "n").length, normal + 1);
});

Deno.test("outbox: who cannot be reached is a dead letter", () => {
  const s = scene();
  assertEquals(s.add("b/nobody", "x"), "unreachable");
  assertEquals(s.add("far/role", "y"), "unreachable");
  s.add("b/role", "z");
  s.answers.next = "unreachable"; // It ended between the send and the end of the turn.
  assertEquals(s.outbox.flush(), false);
  assertEquals(s.dead, [["unreachable", "x"], ["unreachable", "y"], ["unreachable", "z"]]);
  assertEquals(s.outbox.bytes, 0);
});

Deno.test("outbox: lost and doubled frames are counted by envelope and free their room", () => {
  const lost = scene({ link: { loss: 1 } });
  lost.add("b/role", "a");
  lost.add("b/role", "b");
  lost.outbox.flush();
  assertEquals([lost.sent.length, lost.traffic.dropped, lost.outbox.bytes], [0, 2, 0]);
  const twice = scene({ link: { duplicate: 1 } });
  twice.add("b/role", "a");
  twice.outbox.flush();
  assertEquals([twice.sent.length, twice.traffic.duplicated, twice.outbox.bytes], [2, 1, 0]);
});

Deno.test("outbox: the second copy of a doubled frame waits too when the mailbox is full", () => {
  const s = scene({ link: { duplicate: 1 } });
  s.answers.next = "full";
  s.add("b/role", "a");
  assertEquals(s.outbox.flush(), true);
  s.answers.next = "accepted";
  assertEquals([s.outbox.flush(), s.types(), s.outbox.bytes], [false, [["a"], ["a"]], 0]);
});

Deno.test("outbox: roles of two destinations on one node share the wire to it", () => {
  const s = scene({ link: { bandwidthMbps: 1 } });
  s.add("b/one", "note", "x".repeat(1000));
  s.add("b/two", "note", "x".repeat(1000));
  s.outbox.flush();
  const [first, second] = s.sent.map(({ frame }) => frame.due);
  // 125 bytes a millisecond: each packet takes the wire for some eight milliseconds.
  assert(first! > 8 && second! > 2 * first! - 1, `${first} ${second}`);
});
