/**
 * The address a cluster serves on, checked before anything is started.
 *
 * @module
 */
import { CommandError, reasonOf } from "./command_error.ts";

/** An address that was free a moment ago. */
export interface Reserved {
  readonly hostname: string;
  readonly port: number;
  /** What to say to a client. */
  readonly url: string;
  /** Lets go of it, right before the gateways take it. */
  release(): void;
}

/**
 * Takes an address for the gateways. They share one port, which the system allows to several
 * clusters too; listening alone first finds out whether somebody else has it.
 *
 * @param port 0: any free one
 * @throws {CommandError} if it cannot be listened on
 */
export function reserveAddress(hostname: string, port: number): Reserved {
  let listener: Deno.TcpListener;
  try {
    listener = Deno.listen({ hostname, port });
  } catch (error) {
    const why = error instanceof Deno.errors.AddrInUse ? "the port is in use" : reasonOf(error);
    throw new CommandError(`Cannot serve on ${authority(hostname, port)}: ${why}`);
  }
  const taken = listener.addr.port;
  let held = true;
  return {
    hostname,
    port: taken,
    url: `http://${authority(reachable(hostname), taken)}`,
    release: () => {
      if (held) listener.close();
      held = false;
    },
  };
}

function authority(hostname: string, port: number): string {
  return hostname.includes(":") ? `[${hostname}]:${port}` : `${hostname}:${port}`;
}

/** Nobody can connect to "all addresses". */
function reachable(hostname: string): string {
  if (hostname === "0.0.0.0") return "127.0.0.1";
  return hostname === "::" ? "::1" : hostname;
}
