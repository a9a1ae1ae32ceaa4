/**
 * Every model there is, by name.
 *
 * @module
 */
import type { Model } from "../../runtime/checker/model.ts";
import type { NetworkKind } from "../../runtime/checker/network.ts";
import { heartbeatModel } from "./heartbeat/model.ts";
import type { Machines } from "./machines.ts";
import { deadlockModel } from "./small/deadlock.ts";
import { callModel } from "./small/call.ts";
import { heuristicModel } from "./small/heuristic.ts";
import { nodeModel } from "./small/node.ts";
import { roleModel } from "./small/role.ts";
import { supervisionModel } from "./small/supervision.ts";
import { commitModel as textbookCommit } from "./textbook/commit.ts";
import { twoPhaseModel } from "./textbook/two_phase.ts";
import { threePhaseModel } from "./three_phase_commit/model.ts";
import { AGREEMENT } from "./three_phase_commit/rules.ts";
import { AGREEMENT as PBFT_AGREEMENT, pbftModel } from "./pbft/model.ts";
import { commitModel } from "./two_phase_commit/model.ts";
import { type Rules, SHIPPED_RULES } from "./two_phase_commit/world.ts";

/** What a model may be asked to be. */
export interface Scope {
  /** Participants of `two_phase_commit` and `three_phase_commit`. */
  readonly participants?: number | undefined;
  readonly network?: NetworkKind | undefined;
  /** Crashes at most, of all roles together. */
  readonly crashes?: number | undefined;
  /** Whether `three_phase_commit` begins when all have voted yes. */
  readonly voted?: boolean;
  /** Whether it begins when, moreover, one is pre-committed and the coordinator has failed. */
  readonly orphaned?: boolean;
  /** Edges that hold copies, of `two_phase_commit/dependent`. */
  readonly holders?: number;
  /** Whether nothing is lost or doubled, and nobody crashes. */
  readonly faithful?: boolean;
  /** Rules of two-phase commit in place of those that ship. */
  readonly rules?: Partial<Rules>;
}

/** Of `protocols/pbft`. */
const GROUP = {
  replicas: 4,
  faulty: 1,
  accomplices: 0,
  viewChange: false,
  brief: false,
  settled: false,
  crashes: 0,
};

/** A model before it is given its machines. */
export interface Entry {
  readonly summary: string;
  /** What of a scope it understands. */
  readonly options: readonly (keyof Scope)[];
  /** The rule that must be found broken: what the protocol does not promise. */
  readonly mustBreak?: string;
  readonly build: (machines: Machines, scope: Scope) => Model;
}

/** Of each channel. Without an order any number makes fewer states than counting them. */
const FAULTS_OF: Readonly<Record<NetworkKind, { losses: number; duplicates: number }>> = {
  set: { losses: Infinity, duplicates: Infinity },
  bag: { losses: Infinity, duplicates: Infinity },
  fifo: { losses: 1, duplicates: 1 },
};

const twoPhaseCommit: Entry = {
  summary: "the shipped coordinator and participants: journals, crashes, a hostile network",
  options: ["participants", "network", "crashes"],
  build: (machines, { participants = 2, network = "set", crashes, rules }) => {
    const total = crashes ?? (participants === 2 && network === "set" ? 3 : 1);
    return commitModel("two_phase_commit", {
      participants,
      holders: 0,
      network,
      crashes: { coordinator: total, participants: total, holders: 0, total },
      ...FAULTS_OF[network],
      machines,
      rules: { ...SHIPPED_RULES, ...rules },
    });
  },
};

const holders: Entry = {
  summary: "the same with one participant and two edges that hold copies under leases",
  options: ["participants", "network", "crashes"],
  build: (machines, { participants = 1, network = "set", crashes = 2 }) =>
    commitModel("two_phase_commit/holder", {
      participants,
      holders: participants === 1 ? 2 : 1,
      network,
      crashes: { coordinator: 1, participants: 1, holders: 1, total: crashes },
      ...FAULTS_OF[network],
      machines,
      rules: SHIPPED_RULES,
    }),
};

const dependent: Entry = {
  summary: "the same where a vote depends on another transaction, which may commit or abort",
  options: ["participants", "network", "crashes"],
  build: (machines, scope) => {
    const { participants = 2, network = "set", crashes = 1, faithful = false } = scope;
    return commitModel("two_phase_commit/dependent", {
      participants,
      holders: scope.holders ?? (participants === 1 ? 1 : 0),
      network: faithful ? "bag" : network,
      crashes: faithful
        ? { coordinator: 0, participants: 0, holders: 0, total: 0 }
        : { coordinator: crashes, participants: crashes, holders: 0, total: crashes },
      losses: faithful ? 0 : 1,
      duplicates: faithful ? 0 : 1,
      dependent: true,
      faithful,
      machines,
      rules: SHIPPED_RULES,
    });
  },
};

function threePhase(name: string, synchronous: boolean, agreement = true): Entry["build"] {
  return (machines, { participants = agreement ? 2 : 1, crashes, voted, orphaned = false }) =>
    threePhaseModel(name, {
      participants,
      crashes: crashes ?? (!agreement ? 1 : !synchronous ? 0 : participants === 2 ? 3 : 1),
      synchronous,
      agreement,
      // With three of them the votes alone are too many ways.
      voted: voted ?? (participants > 2 || !synchronous && agreement),
      orphaned,
      machines: {
        coordinator: machines.threePhaseCoordinator,
        participant: machines.threePhaseParticipant,
      },
    });
}

/** By name. */
export const MODELS: ReadonlyMap<string, Entry> = new Map<string, Entry>([
  ["two_phase_commit", twoPhaseCommit],
  ["two_phase_commit/holder", holders],
  ["two_phase_commit/dependent", dependent],
  ["two_phase_commit/heuristic", {
    summary: "an operator's decision about a doubt, its record, crashes, and the real one",
    options: [],
    build: ({ heuristic }) => heuristicModel(heuristic),
  }],
  ["three_phase_commit", {
    summary: "three-phase commit where silence means failure: safe, and nobody who lives blocks",
    options: ["participants", "crashes"],
    build: threePhase("three_phase_commit", true),
  }],
  ["three_phase_commit/partition", {
    summary: "the same where it does not: must find a split decision",
    options: ["participants", "crashes"],
    mustBreak: AGREEMENT,
    build: threePhase("three_phase_commit/partition", false),
  }],
  ["three_phase_commit/asynchronous", {
    summary: "the same without agreement, which is lost: what each owes the others is not",
    options: ["participants", "crashes"],
    build: threePhase("three_phase_commit/asynchronous", false, false),
  }],
  ["pbft", {
    summary: "one number of 4 replicas, whose primary tells some this and others that",
    options: ["crashes"],
    build: ({ pbftReplica: replica }, { crashes = 0 }) =>
      pbftModel("pbft", { ...GROUP, replica, crashes }),
  }],
  ["pbft/view_change", {
    summary: "the same and a view change: what was executed in view 0 must be what view 1 has",
    options: [],
    build: ({ pbftReplica: replica }) =>
      pbftModel("pbft/view_change", { ...GROUP, replica, viewChange: true, brief: true }),
  }],
  ["pbft/accomplice", {
    summary: "one number with f + 1 liars: must find two that execute different batches",
    options: [],
    mustBreak: PBFT_AGREEMENT,
    build: ({ pbftReplica: replica }) =>
      pbftModel("pbft/accomplice", { ...GROUP, replica, accomplices: 1 }),
  }],
  ["pbft/n5", {
    summary: "one number of 5 replicas, up to symmetry: journals are fast, votes suffice",
    options: [],
    build: ({ pbftReplica: replica }) =>
      pbftModel("pbft/n5", { ...GROUP, replica, replicas: 5, brief: true, settled: true }),
  }],
  ["pbft/n5_view_change", {
    summary: "the same and a view change: 14.5 million states",
    options: [],
    build: ({ pbftReplica: replica }) => {
      const bounds = { replicas: 5, viewChange: true, brief: true, settled: true };
      return pbftModel("pbft/n5_view_change", { ...GROUP, replica, ...bounds });
    },
  }],
  ["heartbeat", {
    summary: "a node that beats, dies and comes back, and its monitor, in discrete time",
    options: ["crashes"],
    build: ({ monitor, emitter }, { crashes = 2 }) =>
      heartbeatModel({ monitor, emitter, crashes, intervalMs: 2, missedLimit: 3 }),
  }],
  ["rpc/call", {
    summary: "one remote call against its deadline",
    options: [],
    build: ({ call }) => callModel(call),
  }],
  ["lifecycle/node", {
    summary: "a node's steps up and down, each of which may fail or be cut short",
    options: [],
    build: ({ node }) => nodeModel(node),
  }],
  ["lifecycle/role", {
    summary: "a role told to start, drain and stop at any moment",
    options: [],
    build: ({ role }) => roleModel(role),
  }],
  ["lifecycle/supervision", {
    summary: "a supervised role whose threads fail, end and hang, in discrete time",
    options: [],
    build: ({ supervision }) => supervisionModel(supervision),
  }],
  ["deadlock/detector", {
    summary: "a suspected deadlock of two reporters and two victims, in discrete time",
    options: [],
    build: ({ detector }) => deadlockModel(detector),
  }],
  ["textbook/commit_3", {
    summary: "TCommit of Gray and Lamport, 3 managers: 34 states",
    options: [],
    build: () => textbookCommit(3),
  }],
  ["textbook/two_phase_3", {
    summary: "TwoPhase of Gray and Lamport, 3 managers: 288 states, 1,146 generated",
    options: [],
    build: () => twoPhaseModel(3),
  }],
  ["textbook/two_phase_5", {
    summary: "TwoPhase of Gray and Lamport, 5 managers: 8,832 states",
    options: [],
    build: () => twoPhaseModel(5),
  }],
]);
