/** What the heartbeat monitor promises. */
import type { InvariantDefinition } from "../invariant.ts";

/**
 * Nobody is suspected or given up before its time (Chandra and Toueg 1996, section 3: accuracy as
 * far as timing allows), and when faults are over, all who live are known to.
 */
export const invariant: InvariantDefinition = {
  name: "failure_detector",
  says: "a peer heard in time is not suspected, and after healing nobody who lives is",
  create(watched) {
    const { heartbeatIntervalMs, missedLimit, driftPpm } = watched.settings;
    const least = (intervals: number) =>
      intervals * heartbeatIntervalMs * (1 - 2 * driftPpm / 1_000_000) - 1;
    const heard = new Map<string, number>();
    /** By observer: opinions of its present incarnation that are not good. */
    const doubts = new Map<string, Map<string, string>>();
    return {
      step({ machine, address, key, event, before, after, effects }) {
        if (machine !== "heartbeat.monitor") return;
        const told = effects.find(({ type }) => type === "notify")?.params;
        const { status = before, because = "" } = (told ?? {}) as Partial<Record<string, string>>;
        if (status !== after) watched.fail(`${address} tells nobody that ${key} is ${after}`);
        const { newer } = event as unknown as { newer?: boolean };
        if (
          before !== "failed" && before !== "waiting" &&
          (because === "restarted") !== (newer === true)
        ) {
          watched.fail(
            `${address} says ${because || "nothing"} of ${key}, which has restarted or not`,
          );
        }
        if (
          after === "suspected" && before !== after && !effects.some(({ type }) => type === "probe")
        ) {
          watched.fail(`${address} suspects ${key} and does not probe it`);
        }
        const pair = `${address} ${key}`;
        let own = doubts.get(address);
        if (own === undefined) doubts.set(address, own = new Map());
        // Where one late heartbeat makes a suspect, suspects come and go in good times too.
        const fine = after === "alive" || (after === "suspected" && missedLimit < 3);
        if (fine) own.delete(key);
        else own.set(key, after);
        if (event.type === "heartbeat") {
          if (!(event as unknown as { older: boolean }).older) heard.set(pair, watched.now());
          return;
        }
        const silentMs = watched.now() - (heard.get(pair) ?? -Infinity);
        const patience = after === "suspected" ? missedLimit - 1 : missedLimit;
        if (silentMs >= least(patience) || before === after) return;
        watched.fail(`${address} takes ${key} for ${after} after ${silentMs.toFixed(1)} ms`);
      },
      gone({ address }) {
        doubts.delete(address);
        for (const pair of [...heard.keys()]) {
          if (pair.startsWith(`${address} `)) heard.delete(pair);
        }
      },
      undecided() {
        let count = 0;
        for (const own of doubts.values()) count += own.size;
        return count;
      },
      finish() {
        for (const [address, own] of doubts) {
          for (const [key, state] of own) {
            watched.fail(`${address} has ${key} as ${state} for good`);
          }
        }
      },
    };
  },
};
