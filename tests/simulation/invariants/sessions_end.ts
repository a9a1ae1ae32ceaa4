/** A session ends when its number moves to another SIM. */
import type { InvariantDefinition } from "../invariant.ts";

/** Once a port is acknowledged, no edge says of an older session that it is valid. */
export const invariant: InvariantDefinition = {
  name: "sessions_end",
  says: "after a port was acknowledged, no edge calls a session of before valid",
  create(watched) {
    /** When sessions were known to be open, and of whom they are. */
    const opened = new Map<string, { readonly at: number; readonly of: string }>();
    /** Ports, with when they were asked for first and acknowledged. */
    const ports = new Map<string, { readonly begunAt: number; readonly at: number }[]>();
    return {
      acknowledged({ method, params, begunAt, sentAt, edge }, result) {
        const at = watched.now();
        if (method === "session.open") {
          opened.set(String(result["session"]), { at, of: String(params["subscriber"]) });
        }
        if (method === "number.port") {
          const of = String(params["msisdn"]);
          ports.set(of, [...ports.get(of) ?? [], { begunAt, at }]);
        }
        if (method !== "session.validate" || result["valid"] !== true) return;
        const session = opened.get(String(params["session"]));
        // A port repeated under its key may have been done long before its last attempt.
        const stale = ports.get(session?.of ?? "")?.find((port) =>
          session!.at < port.begunAt && port.at < sentAt
        );
        if (stale === undefined) return;
        watched.fail(
          `${edge} calls a session of ${session!.of} valid, asked at ${sentAt} ms; ` +
            `it was opened by ${session!.at} ms and the port was acknowledged at ${stale.at} ms`,
        );
      },
    };
  },
};
