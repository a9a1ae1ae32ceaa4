/** Replies agree, and a client believes only what a correct replica has computed. */
import type { ReplyWire } from "../../../actors/pbft_wire.ts";
import { decode } from "../../../runtime/codec.ts";
import type { InvariantDefinition } from "../invariant.ts";

/** What is answered, and in which order it may be seen. */
export const invariant: InvariantDefinition = {
  name: "pbft_replies",
  says: "correct replicas answer a request alike, and answers are those of one counter",
  create(watched) {
    const results = new Map<string, string>();
    /** By key: what was acknowledged, when, and whether it was an addition. */
    const seen = new Map<string, { readonly value: number; readonly at: number }[]>();
    const added = new Set<string>();
    return {
      sent(from, _to, envelopes) {
        if (!from.endsWith("/replica") || watched.liars.has(from)) return;
        for (const { type, bytes } of envelopes) {
          if (type !== "pbft.reply") continue;
          const { client, timestamp, readOnly, result } = decode(bytes) as ReplyWire;
          if (readOnly) continue; // Replicas may have come to different points.
          const key = `${client} ${timestamp}`;
          const text = JSON.stringify(decode(result));
          const other = results.get(key) ?? text;
          results.set(key, other);
          if (other !== text) watched.fail(`${from} answers ${key} with ${text}, another ${other}`);
        }
      },
      acknowledged({ method, params, sentAt }, { value }) {
        if (method !== "pbft.add" && method !== "pbft.get") return;
        const key = String(params["key"]);
        const count = Number(value ?? 0);
        const isAddition = method === "pbft.add";
        const before = (seen.get(key) ?? []).filter(({ at }) => at < sentAt);
        const least = Math.max(0, ...before.map((it) => it.value)) + (isAddition ? 1 : 0);
        if (count < least) {
          watched.fail(`${method} of ${key} sees ${count}, and ${least} was due before it began`);
        }
        if (isAddition && added.has(`${key} ${count}`)) {
          watched.fail(`two additions to ${key} have both made ${count} of it`);
        }
        if (isAddition) added.add(`${key} ${count}`);
        seen.set(key, [...(seen.get(key) ?? []), { value: count, at: watched.now() }]);
      },
    };
  },
};
