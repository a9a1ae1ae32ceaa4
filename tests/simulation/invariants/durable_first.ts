/** Durable before said: what a message of three-phase commit promises is on disk when it is sent. */
import {
  formatTransactionId,
  type TransactionId,
} from "../../../protocols/three_phase_commit/messages.ts";
import { isThreePhaseRecord } from "../../../protocols/three_phase_commit/rules.ts";
import { decode } from "../../../runtime/codec.ts";
import type { InvariantDefinition } from "../invariant.ts";

interface Body {
  readonly id: TransactionId;
  /** Of an `ack`. */
  readonly outcome?: "commit" | "abort";
  /** Of a `stateReport`. */
  readonly state?: "uncertain" | "preCommitted";
}

interface JournalRecord {
  readonly kind: string;
  readonly id: TransactionId;
}

/** What a role has made durable of one transaction: {@link JournalRecord.kind}. */
type Kinds = ReadonlySet<string>;

const uncertain = (kinds: Kinds) => kinds.has("prepared");
const preCommitted = (kinds: Kinds) => kinds.has("preCommitted");

/** By message; what is sent by coordinator and participant has both their records. */
const NEEDS: Readonly<Record<string, (kinds: Kinds, body: Body) => boolean>> = {
  "3pc.prepare": (kinds) => kinds.has("began"),
  "3pc.voteYes": uncertain,
  "3pc.voteNo": (kinds) => kinds.has("aborted"),
  "3pc.preCommit": (kinds) => kinds.has("began") || preCommitted(kinds),
  "3pc.preCommitAck": preCommitted,
  "3pc.stateRequest": uncertain,
  "3pc.stateReport": (kinds, { state }) =>
    state === "preCommitted" ? preCommitted(kinds) : uncertain(kinds),
  "3pc.commit": (kinds) => kinds.has("commit") || kinds.has("committed"),
  "3pc.abort": (kinds) => kinds.has("abort") || kinds.has("aborted"),
  "3pc.ack": (kinds, { outcome }) => kinds.has(outcome === "commit" ? "committed" : "aborted"),
  "3pc.inquiry": (kinds) => kinds.has("began") || uncertain(kinds),
};

/** Every message is preceded by the record that its sender needs to stand by it after a crash. */
export const invariant: InvariantDefinition = {
  name: "durable_first",
  says: "whoever says something of a three-phase commit has made durable what that promises",
  create(watched) {
    const written = new Map<string, Set<string>>();
    return {
      written(store, { records }) {
        const keeper = watched.keepers.get(store);
        for (const record of records as readonly JournalRecord[]) {
          if (!isThreePhaseRecord(record)) continue;
          const place = `${keeper} ${formatTransactionId(record.id)}`;
          const kinds = written.get(place);
          if (kinds === undefined) written.set(place, new Set([record.kind]));
          else kinds.add(record.kind);
        }
      },
      sent(from, to, envelopes) {
        for (const { type, bytes } of envelopes) {
          const holds = NEEDS[type];
          if (holds === undefined) continue;
          const body = decode(bytes) as Body;
          const kinds = written.get(`${from} ${formatTransactionId(body.id)}`) ?? new Set();
          if (holds(kinds, body)) continue;
          const known = [...kinds].join(", ") || "nothing";
          watched.fail(
            `${from} says ${type} of ${formatTransactionId(body.id)} to ${to}; durable is ${known}`,
          );
        }
      },
    };
  },
};
