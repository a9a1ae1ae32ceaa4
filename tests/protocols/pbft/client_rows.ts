/**
 * What a request of a client does, as rows; a machine that was changed must break one.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { client, type ClientEvent } from "../../../protocols/pbft/mod.ts";
import type { AnyStateMachine } from "../../../runtime/xstate_types.ts";
import { type Effect, effect, type Row, run, timer } from "../rows.ts";

export const input = {
  replicas: 4,
  faulty: 1,
  view: 1,
  resendMs: 20,
  maxBackoff: 1,
  readTimeoutMs: 10,
};
type Events = readonly ClientEvent[];

export const write: ClientEvent = { type: "invoke", readOnly: false };
export const read: ClientEvent = { type: "invoke", readOnly: true };
export const reply = (from: number, digest: string, readOnly = false, view = 1): ClientEvent => {
  return { type: "reply", from, digest, readOnly, view };
};
const resend = timer<ClientEvent>(client, "resend", "ordering.asking");
const readTimeout = timer<ClientEvent>(client, "readTimeout", "reading");

const ALL = [0, 1, 2, 3];
const ASKING = { ordering: "asking" };
const send = (to: readonly number[], readOnly = false) => effect("send", { to, readOnly });
const deliver = (digest: string, view: number) => effect("deliver", { digest, view });
const reject = effect("reject");

type Short = readonly [string, Events, ClientEvent, Row<ClientEvent>["state"], ...Effect[]];

const table: readonly Short[] = [
  ["a request goes to the primary it knows", [], write, ASKING, send([1]), "after 20"],
  [
    "without an answer it goes to all, who hand it on",
    [write],
    resend,
    ASKING,
    "cancel",
    send(ALL),
    "after 40",
  ],
  [
    "and again, no later than the limit",
    [write, resend],
    resend,
    ASKING,
    "cancel",
    send(ALL),
    "after 40",
  ],
  ["one reply proves nothing", [write], reply(0, "a"), ASKING],
  ["nor does the same replica's again", [write, reply(0, "a")], reply(0, "a"), ASKING],
  ["nor two that differ", [write, reply(0, "b")], reply(1, "a"), ASKING],
  [
    "f + 1 equal replies are the answer",
    [write, reply(0, "b"), reply(1, "a")],
    reply(2, "a"),
    "answered",
    "cancel",
    deliver("a", 1),
  ],
  ["a stranger's reply does not count", [write, reply(0, "a")], reply(4, "a"), ASKING, reject],
  ["nor one to the read before", [write, reply(0, "a")], reply(1, "a", true), ASKING],
  [
    "the next request begins where f + 1 say, not where a liar says",
    [write, reply(0, "a", false, 99)],
    reply(1, "a", false, 5),
    "answered",
    "cancel",
    deliver("a", 5),
  ],
  ["what only reads goes to all", [], read, "reading", send(ALL, true), "after 10"],
  [
    "f + 1 equal replies are too few for it",
    [read, reply(0, "a", true)],
    reply(1, "a", true),
    "reading",
  ],
  [
    "it takes a quorum",
    [read, reply(0, "a", true), reply(1, "a", true)],
    reply(2, "a", true),
    "answered",
    "cancel",
    deliver("a", 1),
  ],
  [
    "without a quorum in time it is ordered",
    [read, reply(0, "a", true)],
    readTimeout,
    ASKING,
    "cancel",
    send([1]),
    "after 20",
  ],
  [
    "or as soon as there can be none",
    [read, reply(0, "a", true), reply(1, "b", true)],
    reply(2, "c", true),
    ASKING,
    "cancel",
    send([1]),
    "after 20",
  ],
  [
    "one that may still agree is waited for",
    [read, reply(0, "a", true)],
    reply(1, "b", true),
    "reading",
  ],
  ["a stranger's reply to a read does not count", [read], reply(4, "a", true), "reading", reject],
  ["what it does not know is rejected", [], { type: "nonsense" } as never, "idle", reject],
  [
    "a reply that is not to the read completes no quorum",
    [read, reply(0, "a", true), reply(1, "a", true)],
    reply(2, "a"),
    "reading",
  ],
  [
    "the view of the last reply counts too",
    [read, reply(0, "a", true, 9), reply(1, "a", true)],
    reply(2, "a", true, 9),
    "answered",
    "cancel",
    deliver("a", 9),
  ],
  [
    "replies to the read are forgotten when it is ordered",
    [read, reply(0, "a", true), readTimeout],
    reply(1, "a"),
    ASKING,
  ],
  [
    "also when it is because they cannot agree",
    [read, reply(0, "a", true), reply(1, "b", true), reply(2, "c", true)],
    reply(3, "a"),
    ASKING,
  ],
  ["a reply that is not to the read does not count", [read], reply(2, "a"), "reading"],
];

/** All of them. */
export const ROWS: readonly Row<ClientEvent>[] = table.map(
  ([description, from, event, state, ...effects]) => {
    return { description, from, event, state, effects };
  },
);

/** The first row that a machine breaks. */
export function brokenRow(machine: AnyStateMachine): string | undefined {
  const made = machine as unknown as typeof client;
  for (const { description, from, event, state, effects } of ROWS) {
    try {
      const [snapshot, found] = run(made, input, [...from, event]);
      assertEquals<unknown>([snapshot.value, found], [state, [...effects]]);
    } catch {
      return description;
    }
  }
  return undefined;
}
