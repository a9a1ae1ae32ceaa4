/** What every transport promises. */
import { assert, assertEquals } from "@std/assert";
import type { Frame, Transport } from "../../../runtime/ports.ts";
import type { Implementation } from "./implementation.ts";

function frame(from: Transport, value: number, change: Partial<Frame> = {}, size = 8): Frame {
  const bytes = new Uint8Array(size);
  new DataView(bytes.buffer).setFloat64(0, value);
  const { slot: sender, incarnation } = from;
  return { due: 0, urgent: false, sender, incarnation, count: 1, bytes, ...change };
}

function valueOf({ bytes }: Frame): number {
  return new DataView(bytes.buffer, bytes.byteOffset).getFloat64(0);
}

function drain(transport: Transport): number[] {
  const values: number[] = [];
  for (let f = transport.receive(); f !== undefined; f = transport.receive()) {
    values.push(valueOf(f));
  }
  return values;
}

function pair(implementation: Implementation) {
  const network = implementation.createNetwork();
  return { network, a: network.add("n/a"), b: network.add("n/b") };
}

/** The cases, by what they show. */
export const transportContract: Record<string, (i: Implementation) => void> = {
  "a frame arrives as it was sent": (implementation) => {
    const { a, b } = pair(implementation);
    const sent = frame(a, 42, { due: 12.5, urgent: true, count: 3 });
    assertEquals(a.transmit("n/b", sent), "accepted");
    const { bytes, ...rest } = b.receive()!;
    assertEquals(rest, {
      due: 12.5,
      urgent: true,
      count: 3,
      sender: a.slot,
      incarnation: a.incarnation,
    });
    assertEquals([...bytes], [...sent.bytes]);
    assertEquals(b.receive(), undefined);
  },

  "the sender may reuse its buffer at once": (implementation) => {
    const { a, b } = pair(implementation);
    const sent = frame(a, 1);
    a.transmit("n/b", sent);
    sent.bytes.fill(0xff);
    assertEquals(drain(b), [1]);
  },

  "frames of one lane keep their order": (implementation) => {
    const { a, b } = pair(implementation);
    for (let i = 0; i < 100; i++) assertEquals(a.transmit("n/b", frame(a, i)), "accepted");
    assertEquals(drain(b), Array.from({ length: 100 }, (_, i) => i));
  },

  "urgent frames are read first": (implementation) => {
    const { a, b } = pair(implementation);
    for (let i = 0; i < 6; i++) a.transmit("n/b", frame(a, i, { urgent: i % 2 === 1 }));
    assertEquals(drain(b), [1, 3, 5, 0, 2, 4]);
  },

  "a full mailbox pushes back, loses nothing and drains later": (implementation) => {
    const { a, b } = pair(implementation);
    let accepted = 0;
    while (a.transmit("n/b", frame(a, accepted, {}, 8192)) === "accepted") accepted++;
    assert(accepted > 10, `only ${accepted} frames fit`);
    assertEquals(a.transmit("n/b", frame(a, -1, {}, 8192)), "full");
    assertEquals(b.depth().messages, accepted);
    assertEquals(drain(b), Array.from({ length: accepted }, (_, i) => i));
    assertEquals(a.transmit("n/b", frame(a, 7, {}, 8192)), "accepted");
    assertEquals(drain(b), [7]);
    assertEquals(b.depth(), { messages: 0, bytes: 0 });
  },

  "urgent frames have room of their own": (implementation) => {
    const { a, b } = pair(implementation);
    while (a.transmit("n/b", frame(a, 0, {}, 8192)) === "accepted");
    assertEquals(a.transmit("n/b", frame(a, 1, { urgent: true })), "accepted");
    assertEquals(valueOf(b.receive()!), 1);
  },

  "who is not there or does not run is unreachable": (implementation) => {
    const { network, a, b } = pair(implementation);
    assertEquals(a.transmit("n/nobody", frame(a, 0)), "unreachable");
    assertEquals(a.knows("n/nobody"), false);
    assertEquals(a.knows("n/b"), true);
    network.setRuns(b, false);
    assertEquals(a.knows("n/b"), false);
    assertEquals(a.transmit("n/b", frame(a, 0)), "unreachable");
  },

  "a fenced sender is refused and reads nothing more": (implementation) => {
    const { network, a, b } = pair(implementation);
    b.transmit("n/a", frame(b, 1));
    a.transmit("n/b", frame(a, 2));
    network.fence(a);
    assertEquals(a.transmit("n/b", frame(a, 3)), "unreachable");
    assertEquals(a.receive(), undefined);
    assertEquals(b.current(a.slot, a.incarnation), false);
    // What was on its way when its sender was fenced has left it: it is still delivered.
    assertEquals(drain(b), [2]);
  },
};
