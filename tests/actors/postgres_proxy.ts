/** A TCP proxy before a PostgreSQL server that loses connections at chosen statements. */
import type { PostgresServer } from "../../actors/postgres_participant.ts";

/**
 * What becomes of a statement.
 *
 * - `refuse`: the connection ends before the server has seen it.
 * - `swallow`: the server does it, and the connection ends before the answer.
 * - `hold`: it waits until the trap is let go, then passes.
 * - `mute`: the server does it, the answer never comes, the connection stays.
 */
export type Mishap = "refuse" | "swallow" | "hold" | "mute";

interface Trap {
  readonly words: string;
  readonly mishap: Mishap;
  /** Resolves when a statement has stepped into it, and, for `swallow` and `mute`, was answered. */
  readonly sprung: PromiseWithResolvers<void>;
  readonly released: PromiseWithResolvers<void>;
}

/** A trap that was laid. */
export interface Laid {
  readonly sprung: Promise<void>;
  release(): void;
}

/** The proxy. */
export class Proxy implements Disposable {
  readonly #listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  readonly #connections = new Set<Deno.Conn>();
  readonly #traps: Trap[] = [];
  #open = true;

  constructor(private readonly to: PostgresServer) {
    this.#serve();
  }

  /** The server as it is seen through the proxy. */
  get server(): PostgresServer {
    const { port } = this.#listener.addr as Deno.NetAddr;
    return { ...this.to, host: "127.0.0.1", port };
  }

  /** Sets a trap for the next statement with these words. */
  trap(words: string, mishap: Mishap): Laid {
    const trap = {
      words,
      mishap,
      sprung: Promise.withResolvers<void>(),
      released: Promise.withResolvers<void>(),
    };
    this.#traps.push(trap);
    return { sprung: trap.sprung.promise, release: () => trap.released.resolve() };
  }

  /** Ends all connections; new ones are refused until `mend`. */
  cut(): void {
    this.#open = false;
    this.drop();
  }

  /** Ends all connections. */
  drop(): void {
    for (const connection of this.#connections) close(connection);
    this.#connections.clear();
  }

  mend(): void {
    this.#open = true;
  }

  async #serve(): Promise<void> {
    for await (const client of this.#listener) {
      if (!this.#open) close(client);
      else this.#join(client).catch(() => close(client));
    }
  }

  async #join(client: Deno.Conn): Promise<void> {
    const server = await Deno.connect({ hostname: this.to.host, port: this.to.port });
    for (const side of [client, server]) this.#connections.add(side);
    const line = { client, server, muted: undefined as Trap | undefined };
    const ends = [this.#up(line), this.#down(line)];
    for (const end of ends) {
      end.catch(() => {}).finally(() => {
        for (const side of [client, server]) {
          this.#connections.delete(side);
          close(side);
        }
      });
    }
  }

  /** From the client to the server. */
  async #up(line: Line): Promise<void> {
    for await (const bytes of chunks(line.client)) {
      const text = new TextDecoder("latin1").decode(bytes);
      const at = this.#traps.findIndex(({ words }) => text.includes(words));
      const trap = at < 0 ? undefined : this.#traps.splice(at, 1)[0]!;
      if (trap?.mishap === "refuse") {
        trap.sprung.resolve();
        return;
      }
      if (trap?.mishap === "hold") {
        trap.sprung.resolve();
        await trap.released.promise;
      } else if (trap !== undefined) line.muted = trap;
      await write(line.server, bytes);
    }
  }

  /** From the server to the client. */
  async #down(line: Line): Promise<void> {
    for await (const bytes of chunks(line.server)) {
      if (line.muted === undefined) await write(line.client, bytes);
      else {
        line.muted.sprung.resolve();
        if (line.muted.mishap === "swallow") return;
      }
    }
  }

  [Symbol.dispose](): void {
    for (const { released } of this.#traps) released.resolve();
    this.#listener.close();
    this.drop();
  }
}

interface Line {
  readonly client: Deno.Conn;
  readonly server: Deno.Conn;
  /** Answers are not passed on any more, because of this. */
  muted: Trap | undefined;
}

async function* chunks(from: Deno.Conn): AsyncGenerator<Uint8Array> {
  const buffer = new Uint8Array(65536);
  for (;;) {
    const count = await from.read(buffer);
    if (count === null) return;
    yield buffer.slice(0, count);
  }
}

async function write(to: Deno.Conn, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length;) at += await to.write(bytes.subarray(at));
}

function close(connection: Deno.Conn): void {
  try {
    connection.close();
  } catch {
    // It was closed from the other side.
  }
}
