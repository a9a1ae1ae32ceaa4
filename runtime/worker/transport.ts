/**
 * Transport between the workers of one process: the sender writes into the receiver's inbox, one
 * hop, and rings only when the receiver sleeps.
 *
 * @module
 */
import { Inbox } from "../inbox.ts";
import type { Address, Frame, SendResult, Transport } from "../ports.ts";
import type { Switchboard } from "../switchboard.ts";

/** An entry of the directory, as it is told to every worker. */
export interface DirectoryEntry {
  /** Of a role. */
  readonly address: Address;
  /** Its place in the switchboard. */
  readonly slot: number;
  /** Its inbox. */
  readonly memory: SharedArrayBuffer;
}

/** From address to inbox. One per thread; the spawner keeps all of them up to date. */
export class Directory {
  readonly #byAddress = new Map<Address, { slot: number; inbox: Inbox }>();

  /** Adds or replaces an address. */
  add({ address, slot, memory }: DirectoryEntry): void {
    this.#byAddress.set(address, { slot, inbox: new Inbox(memory) });
  }

  /** Where an address is served. */
  find(address: Address): { readonly slot: number; readonly inbox: Inbox } | undefined {
    return this.#byAddress.get(address);
  }
}

/** The transport of one role. */
export class WorkerTransport implements Transport {
  readonly #stillSpeaks = (): boolean => this.current(this.slot, this.incarnation);

  /** The transport of the role in a slot, as one incarnation of it. */
  constructor(
    readonly slot: number,
    readonly incarnation: number,
    readonly inbox: Inbox,
    private readonly directory: Directory,
    private readonly switchboard: Switchboard,
  ) {}

  transmit(to: Address, frame: Frame): SendResult {
    const found = this.directory.find(to);
    if (found === undefined || !this.switchboard.runs(found.slot)) return "unreachable";
    const offer = found.inbox.offer(frame, this.#stillSpeaks);
    if (offer === "busy") return "full"; // Held by another writer: try again in the next turn.
    return offer === "fenced" ? "unreachable" : offer;
  }

  receive(): Frame | undefined {
    // A fenced incarnation must not take mail that is meant for its successor.
    return this.#stillSpeaks() ? this.inbox.poll() : undefined;
  }

  current(sender: number, incarnation: number): boolean {
    return this.switchboard.incarnation(sender) === incarnation;
  }

  knows(to: Address): boolean {
    const found = this.directory.find(to);
    return found !== undefined && this.switchboard.runs(found.slot);
  }

  depth(): { messages: number; bytes: number } {
    return this.inbox.depth();
  }
}
