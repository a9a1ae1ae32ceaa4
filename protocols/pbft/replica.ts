/**
 * A replica of a group that goes on as one correct server while f of its n >= 3f + 1 members do
 * whatever they like: practical Byzantine fault tolerance (Castro and Liskov 1999, section 4).
 *
 * It promises that no two correct replicas execute different batches at one sequence number, and it
 * relies on no clock for that; that requests are executed in the end it promises while messages take
 * no longer than its patience can grow (section 3). It may believe an event's `from`: its host has
 * verified signature, authenticator and proofs, and that requests are their clients'.
 *
 * | region       | what it does                                                       | section |
 * | ------------ | ------------------------------------------------------------------ | ------- |
 * | `view`       | normal operation, in three phases; leaving a view and beginning one | 4.2, 4.4 |
 * | `proposal`   | the primary makes batches of what waits                            | 4.1     |
 * | `execution`  | executes what is committed, strictly in order                      | 4.2     |
 * | `patience`   | the timer: how long the request it has known longest may wait      | 4.4     |
 * | `checkpoint` | digests that a quorum agrees on become stable, the log is cut      | 4.3     |
 * | `transfer`   | fetches the stable state by its digest when it has fallen behind   | 4.4     |
 * | `gossip`     | says at once and now and then how far it has come, answers those behind | -       |
 *
 * | receives                                                | from     | sends                                       | to       |
 * | ------------------------------------------------------- | -------- | ------------------------------------------- | -------- |
 * | `prePrepare` `prepare` `commit` `checkpoint` `viewChange` `newView` `status` | replicas | the same               | replicas |
 * | `request` `proposed` `executed` `installed` `transferFailed` `suspect` | host | `propose` `relay` `execute` `fetchState` `forget` `enter` `accuse` `refuse` | host |
 * | `recovered` `journaled`                                 | journal  | `journal`                                   | journal  |
 *
 * @module
 */
import { assign, raise, setup } from "xstate";
import type { ProtocolMachine } from "../machine_types.ts";
import { checkpoint, gossip, transfer } from "./checkpoint_chart.ts";
import { checkpointFacts, checkpointGuards } from "./checkpoints.ts";
import { INITIAL_DIGEST } from "./messages.ts";
import { execution, normal, patience, proposal } from "./ordering_chart.ts";
import { orderingFacts, orderingGuards } from "./ordering.ts";
import type {
  ReplicaContext,
  ReplicaEffects,
  ReplicaEvent,
  ReplicaInput,
  ReplicaState,
} from "./replica_types.ts";
import { changing, inAnyView } from "./view_change_chart.ts";
import { patienceMs, viewChangeFacts, viewChangeGuards } from "./view_change.ts";

export type * from "./replica_types.ts";

const facts = { ...orderingFacts, ...checkpointFacts, ...viewChangeFacts };
const guards = { ...orderingGuards, ...checkpointGuards, ...viewChangeGuards };

/**
 * The types of the replica machine.
 *
 * @internal
 */
export type ReplicaTypes = {
  context: ReplicaContext;
  event: ReplicaEvent;
  input: ReplicaInput;
  actions: ReplicaEffects & { [F in keyof typeof facts | "noteRecovered" | "suspect"]: unknown };
  guards: { [G in keyof typeof guards]: unknown };
  delays: "patience" | "status" | "fetchTimeout";
  state: ReplicaState;
};

/** What is known after a restart. */
function known(
  { index }: ReplicaContext,
  { as, executed }: Extract<ReplicaEvent, { readonly type: "recovered" }>,
): Partial<ReplicaContext> {
  const { viewChange, ...rest } = as;
  const numbers = Object.keys(as.log).map(Number);
  const isStated = executed.sequence > 0 && executed.sequence >= as.stable.sequence;
  return {
    ...rest,
    executed: executed.sequence,
    proposed: Math.max(as.stable.sequence, ...numbers),
    viewChanges: viewChange === undefined ? {} : { [index]: viewChange },
    kept: executed.sequence,
    checkpoints: isStated ? { [index]: { [executed.sequence]: executed.digest } } : {},
  };
}

/** The replica's chart; input {@link ReplicaInput}. */
export const replica: ProtocolMachine<ReplicaTypes> = setup({
  types: {
    input: {} as ReplicaInput,
    context: {} as ReplicaContext,
    events: {} as ReplicaEvent,
  },
  actions: {
    // Named, not performed: tests read them, the actor provides them.
    journal: (_, _params: ReplicaEffects["journal"]) => {},
    send: (_, _params: ReplicaEffects["send"]) => {},
    propose: (_, _params: ReplicaEffects["propose"]) => {},
    relay: (_, _params: ReplicaEffects["relay"]) => {},
    execute: (_, _params: ReplicaEffects["execute"]) => {},
    fetchState: (_, _params: ReplicaEffects["fetchState"]) => {},
    forget: (_, _params: ReplicaEffects["forget"]) => {},
    enter: (_, _params: ReplicaEffects["enter"]) => {},
    accuse: (_, _params: ReplicaEffects["accuse"]) => {},
    refuse: (_, _params: ReplicaEffects["refuse"]) => {},
    reject: () => {},
    suspect: raise({ type: "suspect" }),
    noteRecovered: assign(({ context, event }) =>
      event.type === "recovered" ? known(context, event) : {}
    ),
    addPending: assign(facts.addPending),
    acceptProposal: assign(facts.acceptProposal),
    acceptPrePrepare: assign(facts.acceptPrePrepare),
    notePrepare: assign(facts.notePrepare),
    noteCommit: assign(facts.noteCommit),
    noteAccepted: assign(facts.noteAccepted),
    beginPreparing: assign(facts.beginPreparing),
    notePrepared: assign(facts.notePrepared),
    noteProof: assign(facts.noteProof),
    noteExecuted: assign(facts.noteExecuted),
    noteCheckpoint: assign(facts.noteCheckpoint),
    noteKept: assign(facts.noteKept),
    becomeStable: assign(facts.becomeStable),
    forgetWrong: assign(facts.forgetWrong),
    beginFetching: assign(facts.beginFetching),
    noteInstalled: assign(facts.noteInstalled),
    leaveForNext: assign(facts.leaveForNext),
    leaveToJoin: assign(facts.leaveToJoin),
    noteViewChange: assign(facts.noteViewChange),
    noteLeft: assign(facts.noteLeft),
    makeNewView: assign(facts.makeNewView),
    adoptNewView: assign(facts.adoptNewView),
    enterView: assign(facts.enterView),
  },
  guards,
  delays: {
    patience: ({ context }) => patienceMs(context),
    status: ({ context }) => context.statusMs,
    fetchTimeout: ({ context }) => context.fetchTimeoutMs,
  },
}).createMachine({
  id: "pbft.replica",
  context: ({ input }) => ({
    ...input,
    view: 0,
    active: false,
    stable: { sequence: 0, digest: INITIAL_DIGEST },
    log: {},
    proposed: 0,
    executed: 0,
    pending: [],
    checkpoints: {},
    kept: 0,
    viewChanges: {},
    attempt: 0,
    fetching: { checkpoint: { sequence: 0, digest: INITIAL_DIGEST }, from: input.index },
  }),
  initial: "recovering",
  on: { "*": { actions: "reject" } }, // XState drops strays in silence.
  states: {
    recovering: {
      on: { recovered: { target: "working", actions: "noteRecovered" } },
    },

    working: {
      type: "parallel",
      states: {
        view: {
          initial: "resuming",
          on: inAnyView,
          states: {
            resuming: { always: [{ guard: "isActive", target: "normal" }, "changing.collecting"] },
            normal,
            changing,
          },
        },
        proposal,
        execution,
        patience,
        checkpoint,
        transfer,
        gossip,
      },
    },
  },
});
