/**
 * One request of a client (section 4.1), or of one that only reads (5.1.3 of Castro's thesis).
 *
 * It promises to believe no result that a correct replica has not computed: f + 1 replicas must have
 * given the same. What only reads is asked of all at once and answered without being ordered; then a
 * quorum Q must agree, so that one of them has executed every request that was ever answered before.
 *
 * | receives | from    | sends                | to                                |
 * | -------- | ------- | -------------------- | --------------------------------- |
 * | `reply`  | replica | `send` (the request) | primary, then all; to read: all   |
 * | `invoke` | host    | `deliver`            | host                              |
 *
 * The request itself, its timestamp, and the view the client believes in stay with the host.
 *
 * @module
 */
import { assign, setup } from "xstate";
import { backoffMs, type ProtocolMachine, range } from "../machine_types.ts";
import type { Digest, Replica } from "./messages.ts";
import { type Group, isReplica, primaryOf, quorum, votesFor, weakQuorum } from "./rules.ts";

/** What a request is started with. */
export type ClientInput = Group & {
  /** The view of the last answer: its primary is asked first. */
  readonly view: number;
  /** Until the request is sent to all, and again, in ms. */
  readonly resendMs: number;
  /** Doublings of that time at most. */
  readonly maxBackoff: number;
  /** How long a read may lack a quorum until it is ordered as other requests are, in ms. */
  readonly readTimeoutMs: number;
};

/** What it knows. */
export type ClientContext = ClientInput & {
  /** The last digest each replica gave for the result. */
  readonly replies: Readonly<Record<Replica, Digest>>;
  /** The last view each replica named. */
  readonly views: Readonly<Record<Replica, number>>;
  readonly attempt: number;
};

/** What it is told. A `reply` is of this request's timestamp, and authentic: the host has looked. */
export type ClientEvent =
  | { readonly type: "invoke"; readonly readOnly: boolean }
  | {
    readonly type: "reply";
    readonly from: Replica;
    readonly view: number;
    readonly digest: Digest;
    /** Whether it answers the read, not the ordered request. */
    readonly readOnly: boolean;
  };

/** What it names to be done. */
export type ClientEffects = {
  /** Sends the request. */
  send: { readonly to: readonly Replica[]; readonly readOnly: boolean };
  /** The result with this digest is the answer; `view`: where the next request may begin. */
  deliver: { readonly digest: Digest; readonly view: number };
  reject: unknown;
};

/**
 * The types of the client machine.
 *
 * @internal
 */
export type ClientTypes = {
  context: ClientContext;
  event: ClientEvent;
  input: ClientInput;
  actions: ClientEffects & { noteReply: unknown; countAttempt: unknown; forgetReplies: unknown };
  guards: {
    isRead: unknown;
    isStranger: unknown;
    isOfOther: { readonly readOnly: boolean };
    isEnough: unknown;
    isQuorum: unknown;
    cannotAgree: unknown;
  };
  delays: "resend" | "readTimeout";
  state: "idle" | "reading" | { readonly ordering: "asking" } | "answered";
};

type Args = { readonly context: ClientContext; readonly event: ClientEvent };

/** The replies, that of this event among them. */
function withReply({ context, event }: Args): ClientContext["replies"] {
  if (event.type !== "reply") return context.replies;
  return { ...context.replies, [event.from]: event.digest };
}

function agreeing(args: Args): number {
  return args.event.type === "reply" ? votesFor(withReply(args), args.event.digest) : 0;
}

/** Every replica has answered, or so many that no digest can get a quorum any more. */
function cannotAgree(args: Args): boolean {
  const { context } = args;
  const replies = withReply(args);
  const missing = context.replicas - Object.keys(replies).length;
  const most = Math.max(...Object.values(replies).map((digest) => votesFor(replies, digest)));
  return most + missing < quorum(context);
}

/** The highest view that one correct replica at least has named: liars can name any. */
function viewOf({ views, view, faulty }: ClientContext): number {
  const named = Object.values(views).sort((a, b) => b - a);
  return Math.max(view, named[faulty] ?? view);
}

const deliver = {
  type: "deliver",
  params: ({ context, event }: Args): ClientEffects["deliver"] => ({
    digest: event.type === "reply" ? event.digest : "",
    view: viewOf(context),
  }),
} as const;

/** The request's chart; input {@link ClientInput}. */
export const client: ProtocolMachine<ClientTypes> = setup({
  types: {
    input: {} as ClientInput,
    context: {} as ClientContext,
    events: {} as ClientEvent,
  },
  actions: {
    // Named, not performed: tests read them, the actor provides them.
    send: (_, _params: ClientEffects["send"]) => {},
    deliver: (_, _params: ClientEffects["deliver"]) => {},
    reject: () => {},
    noteReply: assign(({ context, event }) =>
      event.type !== "reply" ? {} : {
        replies: withReply({ context, event }),
        views: { ...context.views, [event.from]: event.view },
      }
    ),
    countAttempt: assign(({ context }) => ({
      attempt: Math.min(context.attempt + 1, context.maxBackoff),
    })),
    forgetReplies: assign({ replies: {} }),
  },
  guards: {
    isRead: ({ event }) => event.type === "invoke" && event.readOnly,
    isStranger: ({ context, event }) => event.type === "reply" && !isReplica(event.from, context),
    isOfOther: ({ event }, { readOnly }: { readonly readOnly: boolean }) =>
      event.type === "reply" && event.readOnly !== readOnly,
    isEnough: (args) => agreeing(args) >= weakQuorum(args.context),
    isQuorum: (args) => agreeing(args) >= quorum(args.context),
    cannotAgree: (args) => cannotAgree(args),
  },
  delays: {
    resend: ({ context }) => backoffMs(context.resendMs, context.attempt, context.maxBackoff),
    readTimeout: ({ context }) => context.readTimeoutMs,
  },
}).createMachine({
  id: "pbft.client",
  context: ({ input }) => ({ ...input, replies: {}, views: {}, attempt: 0 }),
  initial: "idle",
  on: { "*": { actions: "reject" } }, // XState drops strays in silence.
  states: {
    idle: {
      on: { invoke: [{ guard: "isRead", target: "reading" }, { target: "ordering" }] },
    },
    reading: {
      entry: {
        type: "send",
        params: ({ context }) => ({ to: range(context.replicas), readOnly: true }),
      },
      after: { readTimeout: { target: "ordering", actions: "forgetReplies" } },
      on: {
        reply: [
          { guard: "isStranger", actions: "reject" },
          { guard: { type: "isOfOther", params: { readOnly: true } } },
          { guard: "isQuorum", target: "answered", actions: ["noteReply", deliver] },
          { guard: "cannotAgree", target: "ordering", actions: "forgetReplies" },
          { actions: "noteReply" },
        ],
      },
    },
    ordering: {
      on: {
        reply: [
          { guard: "isStranger", actions: "reject" },
          { guard: { type: "isOfOther", params: { readOnly: false } } }, // Of the read before.
          { guard: "isEnough", target: "answered", actions: ["noteReply", deliver] },
          { actions: "noteReply" },
        ],
      },
      initial: "asking",
      states: {
        asking: { // The primary it knows; then all, who relay it and watch the primary (4.1).
          entry: {
            type: "send",
            params: ({ context }) => ({
              to: context.attempt === 0
                ? [primaryOf(context.view, context)]
                : range(context.replicas),
              readOnly: false,
            }),
          },
          after: { resend: { target: "asking", reenter: true, actions: "countAttempt" } },
        },
      },
    },
    answered: { type: "final" },
  },
});
