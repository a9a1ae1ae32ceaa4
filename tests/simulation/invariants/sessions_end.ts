/** A session ends when its number moves to another SIM. */
import { accountKey, sessionKey } from "../../../examples/telecom/rows.ts";
import type { InvariantDefinition } from "../invariant.ts";

/**
 * Once a port is acknowledged, no edge says of an older session that it is valid. One limit of the
 * application is left out: a session names its SIM, so it is valid again once its number has come
 * back to that SIM.
 */
export const invariant: InvariantDefinition = {
  name: "sessions_end",
  says: "after a port was acknowledged, no edge calls a session of before valid",
  create(watched) {
    /** When sessions were known to be open, and of whom they are. */
    const opened = new Map<string, { readonly at: number; readonly of: string }>();
    /** Ports, with when they were asked for first and acknowledged. */
    const ports = new Map<string, { readonly sentAt: number; readonly at: number }[]>();
    const find = (key: string) => {
      for (const rows of watched.model.rows.values()) {
        const value = rows.get(key);
        if (value !== undefined) return value as { readonly imsi?: string };
      }
    };
    const isBack = (session: string, msisdn: string) =>
      find(sessionKey(session) ?? "")?.imsi === find(accountKey(msisdn))?.imsi;
    return {
      acknowledged({ method, params, sentAt, edge }, result) {
        const at = watched.now();
        if (method === "session.open") {
          opened.set(String(result["session"]), { at, of: String(params["subscriber"]) });
        }
        if (method === "number.port") {
          const of = String(params["msisdn"]);
          ports.set(of, [...ports.get(of) ?? [], { sentAt, at }]);
        }
        if (method !== "session.validate" || result["valid"] !== true) return;
        const session = opened.get(String(params["session"]));
        // A port repeated under its key may have been done long before its last attempt.
        const stale = ports.get(session?.of ?? "")?.find((port) =>
          session!.at < port.sentAt && port.at < sentAt
        );
        if (stale === undefined || isBack(String(params["session"]), session!.of)) return;
        watched.fail(
          `${edge} calls a session of ${session!.of} valid, asked at ${sentAt} ms; ` +
            `it was opened by ${session!.at} ms and the port was acknowledged at ${stale.at} ms`,
        );
      },
    };
  },
};
