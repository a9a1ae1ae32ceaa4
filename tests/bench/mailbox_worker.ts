/** One end of the `mailbox` bench: sends, receives, asks or echoes over the candidate it is given. */
/// <reference lib="deno.worker" />
import { setImmediate } from "node:timers";
import { Histogram } from "../../runtime/histogram.ts";
import type { Reader, Writer } from "./mailbox_candidates/candidate.ts";
import { type CandidateName, CANDIDATES } from "./mailbox_candidates/candidates.ts";
import { type Doorbell, ringer, type Sleeper, sleeper } from "./mailbox_candidates/doorbells.ts";
import { PortReader, portWriter } from "./mailbox_candidates/post_message.ts";

/** One direction: a mailbox and its doorbell, with this end of the channels. */
export interface Box {
  readonly memory: SharedArrayBuffer;
  readonly bell: SharedArrayBuffer;
  readonly ports: readonly MessagePort[];
}

/** What the main thread says. */
export type Order =
  | {
    readonly kind: "init";
    readonly candidate: CandidateName;
    /** What it reads; its ports are the receiving ends. */
    readonly inbox: Box;
    /** What it writes, as sender `index`. */
    readonly outbox: Box;
    readonly index: number;
  }
  | { readonly kind: "send"; readonly count: number; readonly bell: Doorbell }
  | { readonly kind: "receive" | "ask" | "echo"; readonly count: number; readonly bell: Doorbell };

const BURST = 64;
const TURNS_WITHOUT_YIELD = 32;
const MESSAGE = new Uint8Array(150).fill(7);

let init: Extract<Order, { kind: "init" }>;
let writer: Writer, reader: Reader;
let sum = 0;

function begin(order: typeof init): void {
  init = order;
  const candidate = CANDIDATES[order.candidate];
  const { inbox, outbox, index } = order;
  writer = candidate === undefined
    ? portWriter(outbox.ports[0]!)
    : candidate.writer(outbox.memory, index);
  reader = candidate === undefined ? new PortReader(inbox.ports) : candidate.reader(inbox.memory);
}

function bells(kind: Doorbell): { ring: () => void; sleep: Sleeper } {
  if (reader instanceof PortReader) return { ring: () => {}, sleep: reader };
  const { inbox, outbox } = init;
  return {
    ring: ringer(outbox.bell, outbox.ports[0]!, kind),
    sleep: sleeper(inbox.bell, inbox.ports[0]!, kind),
  };
}

function immediate(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

async function send(count: number, bell: Doorbell): Promise<void> {
  const { ring } = bells(bell);
  for (let sent = 0; sent < count;) {
    for (let i = 0; i < BURST && sent < count && writer.offer(MESSAGE); i++) sent++;
    ring();
    await immediate();
  }
}

/** Reads `count` messages in batches, as the host does. */
async function receive(
  count: number,
  sleep: Sleeper,
  each: (bytes: Uint8Array) => void,
): Promise<void> {
  for (let read = 0, turns = 1; read < count; turns++) {
    let batch = 0;
    for (; batch < BURST && read < count; batch++, read++) {
      const bytes = reader.poll();
      if (bytes === undefined) break;
      each(bytes);
    }
    if (read === count) return;
    if (batch === 0) await sleep.wait(() => reader.empty());
    else if (turns % TURNS_WITHOUT_YIELD === 0) await immediate();
  }
}

async function ask(count: number, bell: Doorbell): Promise<unknown> {
  const { ring, sleep } = bells(bell);
  const latency = new Histogram();
  for (let i = 0; i < count; i++) {
    const since = performance.now();
    writer.offer(MESSAGE);
    ring();
    await receive(1, sleep, (bytes) => sum += bytes.length);
    latency.record(performance.now() - since);
  }
  return latency.toJSON();
}

async function work(order: Exclude<Order, { kind: "init" }>): Promise<unknown> {
  const { count, bell } = order;
  if (order.kind === "send") return await send(count, bell);
  if (order.kind === "ask") return await ask(count, bell);
  const { ring, sleep } = bells(bell);
  if (order.kind === "receive") {
    return await receive(count, sleep, (bytes) => sum += bytes[0]! + bytes.length);
  }
  await receive(count, sleep, (bytes) => {
    writer.offer(bytes);
    ring();
  });
}

self.onmessage = async ({ data }: MessageEvent<Order>) => {
  self.postMessage(data.kind === "init" ? begin(data) : await work(data));
};
