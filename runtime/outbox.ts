/**
 * What a role is about to say. Sends of one turn to one destination travel in one frame; frames
 * that a full mailbox refused are parked here, in order, within a bound, and the bound is what
 * pushes back on the role.
 *
 * @module
 */
import { encodeFrame, type LogLength, MAX_FRAME_BYTES, type Outgoing } from "./codec.ts";
import { InFlight } from "./in_flight.ts";
import { LOCAL_LINK, transit } from "./link_model.ts";
import type {
  Address,
  DeadLetterReason,
  Frame,
  LinkParameters,
  Ports,
  SendResult,
} from "./ports.ts";
import { nodeOf, roleAddress } from "./role.ts";
import type { Witness } from "./witness.ts";

/** Bounds in bytes of what may wait for one destination. */
export interface OutboxLimits {
  readonly normal: number;
  /** Votes, decisions, acks and heartbeats may use this on top. */
  readonly reserved: number;
}

const LIMITS: OutboxLimits = { normal: 1024 * 1024, reserved: 512 * 1024 };
const ENVELOPE_OVERHEAD = 48;
const METADATA_OVERHEAD = 32;
/** What a frame's header and an envelope's metadata may take besides bodies and addresses. */
const FRAME_OVERHEAD = 1024;

/** What an envelope takes of a frame, at most. */
function sizeOf({ to, type, bytes, metadata }: Outgoing): number {
  // A character may take three bytes.
  const text = to.length + type.length + (metadata?.trace?.length ?? 0);
  return bytes.length + 3 * text + ENVELOPE_OVERHEAD +
    (metadata === undefined ? 0 : METADATA_OVERHEAD);
}

/** Whether no frame can hold an envelope. */
export function isOversized(envelope: Outgoing): boolean {
  return sizeOf(envelope) + FRAME_OVERHEAD > MAX_FRAME_BYTES;
}

/** Most bytes on their way to one destination: 10 MB/s at 50 ms. */
const WINDOW = 512 * 1024;
/** How far ahead a link of limited bandwidth is filled; urgent envelopes pass what waits for it. */
const MOST_QUEUE_MS = 200;

interface Lane {
  readonly urgent: boolean;
  readonly inFlight: InFlight;
  waiting: Outgoing[];
  bytes: number;
  readonly parked: { readonly frame: Frame; readonly envelopes: readonly Outgoing[] }[];
}

interface Destination {
  readonly role: Address;
  readonly node: string;
  readonly lanes: readonly [normal: Lane, urgent: Lane];
  /** Messages that left for it. */
  sent: number;
  /** It is among those that have something to send. */
  dirty: boolean;
}

/** Counters of a host. */
export interface Traffic {
  sent: number;
  delivered: number;
  /** Lost on a link, as the link model has it. */
  dropped: number;
  /** Delivered a second time by a link. */
  duplicated: number;
}

/** The outbox of one role. */
export class Outbox {
  readonly #destinations = new Map<Address, Destination>();
  /** Those that have something to send, in the order in which they got it. */
  readonly #dirty: Destination[] = [];

  constructor(
    private readonly self: Address,
    private readonly ports: Ports,
    private readonly epoch: () => number,
    private readonly traffic: Traffic,
    private readonly dead: (reason: DeadLetterReason, envelope: Outgoing) => void,
    private readonly limits: OutboxLimits = LIMITS,
    private readonly witness: () => Witness | undefined = () => undefined,
    private readonly log: () => LogLength | undefined = () => undefined,
  ) {}

  /** Takes an envelope for the end of the turn. */
  add(envelope: Outgoing, urgent: boolean): SendResult {
    const role = roleAddress(envelope.to);
    if (isOversized(envelope)) {
      this.dead("oversized", envelope);
      return "unreachable";
    }
    const destination = this.ports.transport.knows(role) ? this.#destination(role) : undefined;
    if (destination === undefined) {
      this.dead("unreachable", envelope);
      return "unreachable";
    }
    const lane = destination.lanes[urgent ? 1 : 0];
    const size = envelope.bytes.length + ENVELOPE_OVERHEAD;
    if (lane.bytes + size > (urgent ? this.limits.reserved : this.limits.normal)) return "full";
    lane.waiting.push(envelope);
    lane.bytes += size;
    if (!destination.dirty) this.#dirty.push(destination);
    destination.dirty = true;
    return "accepted";
  }

  #link(node: string): LinkParameters | undefined {
    const own = nodeOf(this.self);
    return node === own ? LOCAL_LINK : this.ports.links.get(own, node);
  }

  /** Undefined where there is no link. One that was laid stays: it is looked for once. */
  #destination(role: Address): Destination | undefined {
    let destination = this.#destinations.get(role);
    if (destination === undefined) {
      if (this.#link(nodeOf(role)) === undefined) return undefined;
      const lane = (urgent: boolean): Lane => {
        return { urgent, inFlight: new InFlight(WINDOW), waiting: [], bytes: 0, parked: [] };
      };
      const lanes = [lane(false), lane(true)] as const;
      destination = { role, node: nodeOf(role), lanes, sent: 0, dirty: false };
      this.#destinations.set(role, destination);
    }
    return destination;
  }

  /** Bytes that wait, for metrics. */
  get bytes(): number {
    let bytes = 0;
    for (const d of this.#dirty) bytes += d.lanes[0].bytes + d.lanes[1].bytes;
    return bytes;
  }

  /** Envelopes in frames that a full mailbox has not taken yet. */
  get parked(): number {
    let parked = 0;
    for (const { lanes } of this.#dirty) {
      for (const lane of lanes) for (const { frame } of lane.parked) parked += frame.count;
    }
    return parked;
  }

  /** Messages that left, by the node they went to. */
  get sentTo(): Readonly<Record<string, number>> {
    const sent: Record<string, number> = {};
    for (const { node, sent: more } of this.#destinations.values()) {
      sent[node] = (sent[node] ?? 0) + more;
    }
    return sent;
  }

  /** Sends what can be sent; true if something had to stay. */
  flush(): boolean {
    let stay = 0;
    for (const destination of this.#dirty) {
      const [normal, urgent] = destination.lanes;
      // Both must be tried: the urgent lane has room of its own.
      const urgentStays = this.#flushLane(destination, urgent);
      destination.dirty = this.#flushLane(destination, normal) || urgentStays;
      if (destination.dirty) this.#dirty[stay++] = destination;
    }
    this.#dirty.length = stay;
    return stay > 0;
  }

  #flushLane(destination: Destination, lane: Lane): boolean {
    while (lane.parked.length > 0) {
      const next = lane.parked[0]!;
      if (!this.#transmit(destination, lane, next.frame, next.envelopes)) return true;
      lane.parked.shift();
    }
    while (lane.waiting.length > 0) {
      const { clock, links, random, transport } = this.ports;
      const link = this.#link(destination.node);
      const now = clock.now(), own = nodeOf(this.self);
      const limited = link !== undefined && link.bandwidthMbps > 0;
      const busyUntil = limited ? links.busyUntil(own, destination.node) : 0;
      if (lane.inFlight.full(now)) return true;
      if (!lane.urgent && busyUntil - now > MOST_QUEUE_MS) return true;
      const { envelopes, bytes } = this.#frame(lane);
      if (link === undefined) {
        for (const envelope of envelopes) this.dead("unreachable", envelope);
        this.#free(lane, envelopes);
        continue;
      }
      const fate = transit(link, bytes.length, now, busyUntil, random);
      if (limited) links.setBusyUntil(own, destination.node, fate.busyUntil);
      this.traffic.sent += envelopes.length;
      destination.sent += envelopes.length;
      this.witness()?.sent(destination.role, envelopes, fate.due.length);
      if (fate.due.length === 0) this.traffic.dropped += envelopes.length;
      if (fate.due.length > 1) this.traffic.duplicated += envelopes.length;
      if (fate.due.length === 0) this.#free(lane, envelopes);
      fate.due.forEach((due, copy) => {
        lane.inFlight.add(due, bytes.length, now);
        const frame: Frame = {
          due,
          urgent: lane.urgent,
          sender: transport.slot,
          incarnation: transport.incarnation,
          count: envelopes.length,
          bytes,
        };
        const charged = copy === 0 ? envelopes : [];
        if (lane.parked.length > 0 || !this.#transmit(destination, lane, frame, charged)) {
          // The coder reuses its buffer: what is kept must be a copy.
          lane.parked.push({
            frame: { ...frame, bytes: new Uint8Array(bytes) },
            envelopes: charged,
          });
        }
      });
      if (lane.parked.length > 0) return true;
    }
    return false;
  }

  /** Takes as many envelopes as one frame holds. */
  #frame(lane: Lane): { envelopes: Outgoing[]; bytes: Uint8Array } {
    let size = FRAME_OVERHEAD, count = 0;
    for (const envelope of lane.waiting) {
      const next = size + sizeOf(envelope);
      if (count > 0 && next > MAX_FRAME_BYTES / 2) break;
      size = next;
      count++;
    }
    const envelopes = count === lane.waiting.length ? lane.waiting : lane.waiting.slice(0, count);
    lane.waiting = count === lane.waiting.length ? [] : lane.waiting.slice(count);
    const bytes = encodeFrame({
      from: this.self,
      incarnation: this.ports.transport.incarnation,
      epoch: this.epoch(),
      clock: this.ports.nodeClock.tick(),
      log: this.log(),
    }, envelopes);
    return { envelopes, bytes };
  }

  /** Hands a frame over; false if it must wait. */
  #transmit(
    destination: Destination,
    lane: Lane,
    frame: Frame,
    envelopes: readonly Outgoing[],
  ): boolean {
    const result = this.ports.transport.transmit(destination.role, frame);
    if (result === "full") return false;
    if (result === "unreachable") {
      for (const envelope of envelopes) this.dead("unreachable", envelope);
    }
    this.#free(lane, envelopes);
    return true;
  }

  #free(lane: Lane, envelopes: readonly Outgoing[]): void {
    for (const envelope of envelopes) lane.bytes -= envelope.bytes.length + ENVELOPE_OVERHEAD;
  }
}
