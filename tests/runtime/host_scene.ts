/** One host between bare ports: turns are taken by hand, a peer writes and reads frames. */
import { decode, decodeFrame, encode, encodeFrame } from "../../runtime/codec.ts";
import { Host, type TurnResult } from "../../runtime/host.ts";
import { LOCAL_LINK } from "../../runtime/link_model.ts";
import type { Frame, Store } from "../../runtime/ports.ts";
import { defineRole, type MessageHandler, type Role, type Services } from "../../runtime/role.ts";
import { SimulatedRandom } from "../../runtime/simulated/random.ts";
import { Scheduler } from "../../runtime/simulated/scheduler.ts";
import {
  Mailbox,
  SimulatedDirectory,
  SimulatedTransport,
} from "../../runtime/simulated/transport.ts";
import { Switchboard } from "../../runtime/switchboard.ts";

/** A handler that takes any body. */
export function on<T>(handle: (body: T) => void): MessageHandler {
  return { accepts: () => true, handle: handle as MessageHandler["handle"] };
}

/** A store that is durable when it is told so. */
export class ManualStore implements Store {
  readonly id = "manual";
  durable = 0;
  commits = 0;
  /** Called by each commit; unless it is asynchronous, all is durable after it. */
  onCommit: () => void = () => {};
  asynchronous = false;
  closed = false;
  #last = 0;
  #committed = 0;

  *records(): Iterable<unknown> {}
  append(): number {
    return ++this.#last;
  }
  get(): undefined {}
  put(): void {}
  *scan(): Iterable<never> {}
  get dirty(): boolean {
    return this.#last > this.#committed;
  }
  commit(): void {
    this.commits++;
    this.onCommit();
    this.#committed = this.#last;
    if (!this.asynchronous) this.durable = this.#last;
  }
  checkpoint(): void {}
  readonly journalBytes = 0;
  close(): void {
    this.closed = true;
  }
}

/** A message as the peer sees it. */
export interface Received {
  readonly type: string;
  readonly body: unknown;
  readonly call: number | undefined;
}

/** The host of `n/role` and its peer `n/peer`. */
export class HostScene {
  readonly scheduler = new Scheduler();
  readonly store = new ManualStore();
  readonly host: Host;
  readonly peer: SimulatedTransport;
  services!: Services;
  /** What the host said about its end: undefined before it, null for an orderly one. */
  ended: Error | null | undefined;
  woken = 0;
  readonly logged: string[] = [];
  /** Frames the peer got, by envelope count. */
  readonly frames: number[] = [];

  constructor(create: (services: Services) => Role, incarnation = 1) {
    const board = new Switchboard(["n"]);
    const directory = new SimulatedDirectory();
    const add = (slot: number, address: string, incarnation: number) => {
      const mailbox = new Mailbox();
      directory.set(address, { slot, mailbox, arrived: () => {} });
      board.setRuns(slot, true);
      board.incarnate(slot, incarnation - 1);
      const now = () => this.scheduler.now();
      return new SimulatedTransport(slot, incarnation, mailbox, directory, board, now);
    };
    const transport = add(0, "n/role", incarnation);
    this.peer = add(1, "n/peer", 1);
    const definition = defineRole<undefined>({
      name: "role",
      create: (services) => create(this.services = services),
    });
    this.host = new Host("n/role", definition as never, undefined, {
      clock: this.scheduler,
      random: new SimulatedRandom(1),
      transport,
      links: { get: () => LOCAL_LINK, set: () => {}, busyUntil: () => 0, setBusyUntil: () => {} },
      nodeClock: board.nodeClock("n"),
      openStore: () => this.store,
    }, {
      wake: () => this.woken++,
      log: (_, text) => this.logged.push(text),
      epoch: () => 0,
      ended: (error) => this.ended = error ?? null,
    });
  }

  /** Starts the role and lets it serve. */
  async serving(): Promise<this> {
    this.host.start();
    await this.settle();
    return this;
  }

  /** Lets promises run. */
  async settle(): Promise<void> {
    for (let i = 0; i < 10; i++) await Promise.resolve();
  }

  /** Puts envelopes into the host's mailbox, in one frame. */
  tell(
    messages: readonly (readonly [type: string, body?: unknown, call?: number | undefined])[],
    change: Partial<Frame> = {},
  ): void {
    const bytes = encodeFrame(
      { from: "n/peer", incarnation: 1, epoch: 0, clock: [] },
      messages.map(([type, body, call]) => ({
        to: "n/role",
        type,
        bytes: encode(body ?? null),
        metadata: call === undefined ? undefined : { call },
      })),
    );
    this.frame(bytes, { count: messages.length, ...change });
  }

  /** Puts raw bytes into the host's mailbox. */
  frame(bytes: Uint8Array, change: Partial<Frame> = {}): void {
    const frame = { due: 0, urgent: false, sender: 1, incarnation: 1, count: 1, bytes, ...change };
    if (this.peer.transmit("n/role", frame) !== "accepted") throw new Error("mailbox is full");
  }

  turn(): TurnResult {
    return this.host.turn();
  }

  /** Moves time on and takes a turn. */
  turnAt(instant: number): TurnResult {
    this.scheduler.skipTo(instant);
    return this.turn();
  }

  /** What the peer has got since the last call. */
  received(): Received[] {
    const all: Received[] = [];
    for (let f = this.peer.receive(); f !== undefined; f = this.peer.receive()) {
      this.frames.push(f.count);
      for (const { type, bytes, metadata } of decodeFrame(f.bytes)) {
        all.push({ type, body: decode(bytes), call: metadata.call });
      }
    }
    return all;
  }

  /** Dead letters as reason, type and state. */
  dead(): unknown[] {
    const letters = this.host.stats()["lastDeadLetters"] as {
      reason: string;
      type: string;
      state: string;
    }[];
    return letters.map(({ reason, type, state }) => [reason, type, state]);
  }
}
