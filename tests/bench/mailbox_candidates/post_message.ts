/** No mailbox of our own: a `MessagePort` a pair. Unbounded, and it never pushes back. */
import type { Reader, Writer } from "./candidate.ts";

/** A sender's end. */
export function portWriter(port: MessagePort): Writer {
  return {
    offer: (bytes) => {
      port.postMessage(bytes);
      return true;
    },
  };
}

/** The receiver's end, over the ports of all senders. */
export class PortReader implements Reader {
  readonly #arrived: Uint8Array[] = [];
  #next = 0;
  #wake: (value?: unknown) => void = () => {};

  constructor(ports: readonly MessagePort[]) {
    for (const port of ports) {
      port.onmessage = ({ data }: MessageEvent<Uint8Array>) => {
        this.#arrived.push(data);
        this.#wake();
      };
    }
  }

  poll(): Uint8Array | undefined {
    const bytes = this.#arrived[this.#next];
    if (bytes === undefined) {
      this.#arrived.length = this.#next = 0;
      return undefined;
    }
    this.#next++;
    return bytes;
  }

  empty(): boolean {
    return this.#next >= this.#arrived.length;
  }

  wait(): Promise<unknown> {
    return new Promise((resolve) => this.#wake = resolve);
  }
}
