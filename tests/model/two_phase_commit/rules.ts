/**
 * What must hold: the properties of atomic commitment, and what must stay possible.
 *
 * @module
 */
import type { Invariant, Possibility, Words } from "../../../runtime/checker/model.ts";
import type { CoordinatorHost } from "./coordinator_host.ts";
import type { HolderHost } from "./holder_host.ts";
import type { ParticipantHost } from "./participant_host.ts";
import {
  Ahead,
  COORDINATOR,
  Copy,
  Disk,
  Fact,
  FACTS,
  Lock,
  LOG,
  Phase,
  type World,
} from "./world.ts";

/** The parts of a model. */
export interface Hosts {
  readonly world: World;
  readonly coordinator: CoordinatorHost;
  readonly participant: ParticipantHost;
  readonly holder: HolderHost;
}

const COMMITTING = new Set(["inDoubt", "committing", "committed"]);
const LOCKED = new Set(["preparing", "inDoubt"]);
const UNLOCKED = new Set(["committing", "committed", "votedNo", "refusing", "aborted"]);

function participants({ world }: Hosts): readonly number[] {
  return [...Array(world.options.participants).keys()];
}

/** Rules for single states. */
export function invariants(hosts: Hosts): readonly Invariant[] {
  const { world, participant, holder } = hosts;
  const all = participants(hosts);
  const edges = [...Array(world.options.holders).keys()];
  const applied = (state: Words) => all.some((i) => state[world.disk(i)]! & Disk.APPLIED);
  return [
    {
      name: "nobody commits what another has aborted, nor reverses a decision",
      holds: (state) => (state[FACTS]! & (Fact.COMMIT | Fact.ABORT)) !== (Fact.COMMIT | Fact.ABORT),
    },
    {
      name: "once the commit is durable every participant is in doubt, commits, or has committed",
      holds: (state) =>
        !(state[FACTS]! & Fact.COMMIT) || all.every((i) => {
          const at = participant.describe(state, i);
          if (at === "none") return (state[world.disk(i)]! & Disk.APPLIED) !== 0;
          return COMMITTING.has(at);
        }),
    },
    {
      name: "nothing is applied before the commit is durable",
      holds: (state) => !applied(state) || (state[FACTS]! & Fact.COMMIT) !== 0,
    },
    {
      name: "who promised keeps its locks, and gives them back when it is decided",
      holds: (state) =>
        all.every((i) => {
          const at = participant.describe(state, i);
          const held = world.lock(state, i) === Lock.HELD;
          return held ? !UNLOCKED.has(at) && at !== "none" : !LOCKED.has(at);
        }),
    },
    {
      name: "no edge serves the old entry once the commit is durable",
      holds: (state) =>
        !(state[FACTS]! & Fact.COMMIT) || !edges.some((edge) => holder.servesOld(state, edge)),
    },
    {
      name: "no edge has the new entry unless the commit is durable",
      holds: (state) =>
        (state[FACTS]! & Fact.COMMIT) !== 0 ||
        !edges.some((edge) => state[world.holder(edge) + 1]! & Copy.NEW),
    },
  ];
}

/** The state with all messages lost and faults over. */
function over({ world }: Hosts, state: Words, phase: number): Words {
  const healed = state.slice();
  world.network.clear(healed);
  healed[FACTS] = healed[FACTS]! & Fact.KEPT | phase << Fact.PHASE_SHIFT;
  return healed;
}

/** Rules for what must stay possible. */
export function possibilities(hosts: Hosts): readonly Possibility[] {
  return [settles(hosts), commits(hosts), losesPatience(hosts), asksPeers(hosts)];
}

function settles(hosts: Hosts): Possibility {
  const { world } = hosts;
  // The watermark ends the memory of what is settled: who is left has not decided.
  const settled = (state: Words) =>
    state[COORDINATOR] === 0 && state[LOG]! >> 4 === 0 &&
    participants(hosts).every((i) => state[world.life(i)] === 0 && state[world.pending(i)] === 0);
  return {
    name: "once faults are over everyone decides and, told that all is over, forgets",
    from: (state) => over(hosts, state, Phase.KIND),
    goal: settled,
  };
}

function commits(hosts: Hosts): Possibility {
  const { world, participant, coordinator } = hosts;
  const willing = new Set(["none", "acquiring", "preparing", "inDoubt"]);
  const open = /^(preparing|holding|depending|deciding)/;
  const UNWILLING = Disk.REFUSED | Disk.ABORTED | Disk.BELOW;
  return {
    name: "if nobody refuses, asks or fails any more the transaction commits",
    from: (state) => {
      if (state[FACTS]! & Fact.ABORT || !open.test(coordinator.describe(state))) return undefined;
      if (world.ahead(state) === Ahead.ABORTED) return undefined;
      const all = participants(hosts).every((i) =>
        willing.has(participant.describe(state, i)) && !(state[world.disk(i)]! & UNWILLING)
      );
      return all ? over(hosts, state, Phase.UNASKED) : undefined;
    },
    goal: (state) =>
      state[COORDINATOR] === 0 &&
      participants(hosts).every((i) => (state[world.disk(i)]! & Disk.APPLIED) !== 0),
  };
}

function losesPatience(hosts: Hosts): Possibility {
  const { world, participant, coordinator, holder } = hosts;
  const patient = /^(preparing|holding|depending)/;
  const waits = (state: Words) =>
    patient.test(coordinator.describe(state)) ||
    participants(hosts).some((i) => participant.describe(state, i) === "acquiring") ||
    [...Array(world.options.holders).keys()].some((i) => holder.describe(state, i) === "held");
  return {
    name: "who is free to give up does so without hearing from anyone",
    from: (state) => waits(state) ? over(hosts, state, Phase.ALONE) : undefined,
    goal: (state) => !waits(state),
  };
}

function asksPeers(hosts: Hosts): Possibility {
  const { world, participant } = hosts;
  const knows = new Set(["committing", "committed", "votedNo", "refusing", "aborted"]);
  const doubts = (state: Words) =>
    participants(hosts).some((i) => participant.describe(state, i) === "inDoubt");
  return {
    name: "a doubt is settled by a peer that knows, or has not voted, without the coordinator",
    from: (state) => {
      const helped = doubts(state) && participants(hosts).some((i) => {
        const at = participant.describe(state, i);
        const fresh = at === "none" && !(state[world.disk(i)]! & (Disk.BELOW | Disk.RECORDS));
        return knows.has(at) || (fresh && state[world.pending(i)] === 0);
      });
      return helped ? over(hosts, state, Phase.WITHOUT_COORDINATOR) : undefined;
    },
    goal: (state) => !doubts(state),
  };
}
