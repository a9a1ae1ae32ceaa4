/**
 * What the roles that ship did about one transaction in a simulated run, as an invariant notes it:
 * the inputs of their hosts, and what came of them, in order.
 *
 * @module
 */
import {
  formatTransactionId,
  type TransactionId,
} from "../../../protocols/two_phase_commit/messages.ts";
import { decode } from "../../../runtime/codec.ts";
import type { EventObject } from "../../../runtime/xstate_types.ts";
import type { InvariantDefinition } from "../../simulation/invariant.ts";

/** A line of the notes. */
export type Note =
  & { readonly at: string }
  & (
    | {
      readonly kind: "delivered";
      readonly type: string;
      readonly from: string;
      readonly body: Body;
    }
    /** Another transaction of the same log was announced, and with it that all below have ended. */
    | { readonly kind: "watermark"; readonly log: string; readonly lowest: number }
    | {
      readonly kind: "step";
      readonly event: EventObject;
      readonly before: string;
      readonly after: string;
      /** Type of the message that led to it. */
      readonly cause: string | undefined;
    }
    | { readonly kind: "sent"; readonly type: string; readonly to: string }
    /** A message, of this transaction or another one, had nobody to go to. */
    | { readonly kind: "unreachable"; readonly type: string; readonly to: string }
    | { readonly kind: "written"; readonly record: string }
    | { readonly kind: "gone" }
  );

type Body = Readonly<Record<string, unknown>>;

/** What is noted of a run. */
export interface Notes {
  /** By transaction. */
  readonly of: Map<string, Note[]>;
}

const MACHINES: ReadonlySet<string> = new Set([
  "twoPhaseCommit.coordinator",
  "twoPhaseCommit.participant",
]);

/** An invariant that breaks nothing and notes everything. */
export function noting(notes: Notes): InvariantDefinition {
  const note = (key: string, entry: Note) => {
    let list = notes.of.get(key);
    if (list === undefined) notes.of.set(key, list = []);
    list.push(entry);
  };
  const noteAll = (entry: Note) => {
    for (const list of notes.of.values()) list.push(entry);
  };
  const keyOf = (body: unknown): string | undefined => {
    const id = (body as { id?: unknown } | null)?.id;
    if (typeof id === "string") return id;
    return id === undefined ? undefined : formatTransactionId(id as TransactionId);
  };
  return {
    name: "notes",
    says: "nothing",
    create: ({ keepers }) => ({
      delivered: (at, { type, from, bytes }) => {
        const body = decode(bytes) as Body;
        const key = keyOf(body);
        if (key === undefined) return;
        if (type === "prepare") {
          const { log } = body["id"] as TransactionId;
          const lowest = body["lowest"] as number;
          for (const [other, list] of notes.of) {
            if (other.startsWith(`${log}:`)) list.push({ at, kind: "watermark", log, lowest });
          }
        }
        note(key, { at, kind: "delivered", type, from, body });
      },
      step: ({ address: at, machine, key, event, before, after, cause }) => {
        if (!MACHINES.has(machine)) return;
        note(key, { at, kind: "step", event, before, after, cause: cause?.type });
      },
      sent: (at, to, envelopes) => {
        for (const { type, bytes } of envelopes) {
          const key = type.startsWith("$") ? undefined : keyOf(decode(bytes));
          if (key !== undefined) note(key, { at, kind: "sent", type, to });
        }
      },
      written: (store, { records }) => {
        const at = keepers.get(store)!;
        for (const record of records as readonly { kind: string }[]) {
          const key = keyOf(record);
          if (key !== undefined) note(key, { at, kind: "written", record: record.kind });
        }
      },
      gone: ({ address: at }) => noteAll({ at, kind: "gone" }),
      dead: (at, { from, to, type, reason }) => {
        if (at === from && reason === "unreachable") noteAll({ at, kind: "unreachable", to, type });
      },
    }),
  };
}
