/**
 * Frames on their way into a role: taken from the mailbox, held until the link hands them over,
 * decoded and validated once.
 *
 * @module
 */
import { decodeBody, decodeFrame, type Envelope, MalformedFrame } from "./codec.ts";
import type { DeadLetters } from "./dead_letters.ts";
import type { Address, Frame, Ports } from "./ports.ts";
import { roleAddress } from "./role.ts";
import type { Timers } from "./timers.ts";

/** Frames read in one turn at most, so that timers and commits are never starved. */
const FRAMES_PER_TURN = 64;
/** Frames taken in before they are due; beyond this the mailbox fills and pushes back. */
const MOST_HELD_BYTES = 16 * 1024 * 1024;

/** The way in of one role. */
export class Arrivals {
  #heldBytes = 0;
  /** Envelopes that are on the wire still. */
  held = 0;

  /** @param dispatch takes each envelope with its decoded body */
  constructor(
    private readonly self: Address,
    private readonly ports: Ports,
    private readonly timers: Timers,
    private readonly dead: DeadLetters,
    private readonly dispatch: (envelope: Envelope, body: unknown) => void,
  ) {}

  /** Whether so much is held that nothing more is read before some of it is due. */
  get deaf(): boolean {
    return this.#heldBytes >= MOST_HELD_BYTES;
  }

  /** Reads a batch; true if there may be more. */
  receive(): boolean {
    let read = 0;
    for (; read < FRAMES_PER_TURN && !this.deaf; read++) {
      const frame = this.ports.transport.receive();
      if (frame === undefined) break;
      if (frame.due > 0) this.#hold(frame);
      else this.#open(frame);
    }
    return read === FRAMES_PER_TURN;
  }

  /** Mail that waited for an incarnation that is gone is not for this one. */
  discard(): void {
    const next = () => this.ports.transport.receive();
    for (let frame = next(); frame !== undefined; frame = next()) {
      const from = `slot ${frame.sender}`;
      this.dead.add("oldIncarnation", { to: this.self, from, type: "frame" }, frame.count);
    }
  }

  /**
   * Still on the wire: the link hands it over when it is due. One that is due already goes this
   * way too, or it would overtake frames that are held for an earlier instant.
   */
  #hold(frame: Frame): void {
    this.#heldBytes += frame.bytes.length;
    this.held += frame.count;
    this.timers.set(frame.due, () => {
      this.#heldBytes -= frame.bytes.length;
      this.held -= frame.count;
      this.#open(frame);
    });
  }

  #open(frame: Frame): void {
    const envelopes = this.#decode(frame);
    const clock = envelopes[0]?.clock;
    if (clock !== undefined) this.ports.nodeClock.merge(clock);
    for (const envelope of envelopes) {
      if (roleAddress(envelope.to) === this.self) this.#deliver(envelope);
      else this.dead.add("unreachable", envelope);
    }
  }

  #decode(frame: Frame): readonly Envelope[] {
    try {
      return decodeFrame(frame.bytes);
    } catch (error) {
      const from = `slot ${frame.sender}`;
      this.#malformed(error, { to: this.self, from, type: "frame" }, frame.count);
      return [];
    }
  }

  #deliver(envelope: Envelope): void {
    let body: unknown;
    try {
      body = decodeBody(envelope.bytes);
    } catch (error) {
      return this.#malformed(error, envelope, 1);
    }
    this.dispatch(envelope, body);
  }

  #malformed(error: unknown, about: Parameters<DeadLetters["add"]>[1], count: number): void {
    if (!(error instanceof MalformedFrame)) throw error;
    this.dead.add("malformed", about, count);
  }
}
