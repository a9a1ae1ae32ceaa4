/** Bytes a stranger may send: they are refused, and nobody ends because of them. */
import { assert, assertEquals, assertThrows } from "@std/assert";
import { decode, decodeBody, encode, encodeFrame, MalformedFrame } from "../../runtime/codec.ts";
import { Switchboard } from "../../runtime/switchboard.ts";
import { HostScene, on } from "./host_scene.ts";

/** An array in an array, and so on. */
function nested(levels: number): Uint8Array {
  const bytes = new Uint8Array(levels + 1).fill(0x81);
  bytes[levels] = 0;
  return bytes;
}

Deno.test("codec: a body that would overflow the stack of whoever walks it is malformed", () => {
  assert(Array.isArray(decodeBody(nested(200))));
  for (const levels of [300, 3000, 60_000]) {
    assertThrows(() => decodeBody(nested(levels)), MalformedFrame);
  }
  const maps = Array.from({ length: 300 }, () => [0xa1, 0x61, 0x61]).flat();
  assertThrows(() => decodeBody(new Uint8Array([...maps, 0])), MalformedFrame, "deep");
  // What we kept ourselves must be read whatever it is.
  assert(Array.isArray(decode(nested(300))));
});

Deno.test("codec: a body that contains itself is malformed", () => {
  assertThrows(() => decodeBody(new Uint8Array([0xd8, 28, 0x81, 0xd8, 29, 0])), MalformedFrame);
});

Deno.test("codec: a number of ten thousand digits is malformed, a large one is not", () => {
  const bytes = new Uint8Array(60_004).fill(255);
  bytes.set([0xc2, 0x59, 0xea, 0x60]);
  const since = performance.now();
  assertThrows(() => decodeBody(bytes), MalformedFrame, "too long");
  assert(performance.now() - since < 100);
  for (const value of [2n ** 200n, -(2n ** 200n)]) assertEquals(decode(encode(value)), value);
});

Deno.test("codec: what one frame does to the decoder, the next does not notice", () => {
  const good = encode([{ a: 1, "long enough to be no short key": "x" }, [1, 2, 3]]);
  const before = JSON.stringify(decode(good));
  const record = [0xd9, 0xdf, 0xff, 0x83, 0x19, 0xe0, 0, 0x81, 0x61, 0x61, 1];
  const packed = [0xd8, 51, 0x84, 0x81, 0x61, 0x78, 0x80, 0x80, 0xc6, 0];
  for (const bad of [record, packed, [0xd9, 1, 3, 0x80], [0xd8, 28, 0xa1], [...nested(60_000)]]) {
    try {
      decodeBody(new Uint8Array(bad));
    } catch (error) {
      assert(error instanceof MalformedFrame);
    }
    assertEquals(JSON.stringify(decode(good)), before);
  }
});

Deno.test("host: hostile bodies are dead letters, and it goes on", async () => {
  const heard: unknown[] = [];
  const scene = await new HostScene(() => ({
    messages: {
      echo: on((body) => heard.push(body)),
      forward: on((body) => void scene.services.send("n/peer", "echo", body)),
    },
  })).serving();
  const header = { from: "n/peer", incarnation: 1, epoch: 0, clock: [] };
  for (const bytes of [nested(5000), new Uint8Array([0xd8, 28, 0x81, 0xd8, 29, 0])]) {
    scene.frame(encodeFrame(header, [{ to: "n/role", type: "forward", bytes }]).slice());
  }
  scene.tell([["echo", 1]]);
  scene.turn();
  assertEquals([heard, scene.ended], [[1], undefined]);
  const forward = ["malformed", "forward", "serving"];
  assertEquals(scene.dead(), [forward, forward]);
});

Deno.test("switchboard: a stranger's clock can silence no node", () => {
  const board = new Switchboard(["A", "B"]);
  const clock = board.nodeClock("A");
  clock.merge([0x7fffffff, Number.MAX_SAFE_INTEGER]);
  // Its own events it counts itself: the receipt, then the tick.
  assertEquals(clock.tick(), [2, Number.MAX_SAFE_INTEGER]);
});

Deno.test("switchboard: clocks go on beyond 31 bits", () => {
  const board = new Switchboard(["A", "B"]);
  board.nodeClock("A").merge([0, 2 ** 31 - 1]);
  const b = board.nodeClock("B");
  for (let i = 0; i < 3; i++) b.tick();
  board.nodeClock("A").merge([0, 2 ** 31 + 5]);
  assertEquals(board.nodeClock("A").tick(), [3, 2 ** 31 + 5]);
});

Deno.test("host: nobody but the one who was asked may answer", async () => {
  const answers: unknown[] = [];
  const scene = await new HostScene((services) => ({
    messages: {
      go: on(() => {
        services.ask("n/peer", "question", null, 1000).then((value) => answers.push(value));
      }),
    },
  })).serving();
  scene.tell([["go"]]);
  scene.turn();
  const { call } = scene.received()[0]!;
  const reply = (from: string) => {
    const header = { from, incarnation: 1, epoch: 0, clock: [] };
    const bytes = encode({ ok: true, value: from });
    const envelope = { to: "n/role", type: "$reply", bytes, metadata: { call: call! } };
    scene.frame(encodeFrame(header, [envelope]).slice());
    scene.turn();
  };
  reply("n/liar");
  reply("n/peer");
  await scene.settle();
  assertEquals(answers, ["n/peer"]);
});
