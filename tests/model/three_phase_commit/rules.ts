/**
 * What must hold: the properties of atomic commitment (Bernstein, Hadzilacos, Goodman 1987, section
 * 7.3, AC1 to AC5), what makes the protocol non-blocking, and what must stay possible.
 *
 * @module
 */
import type { Invariant, Possibility, Words } from "../../../runtime/checker/model.ts";
import type { CoordinatorHost } from "./coordinator_host.ts";
import type { ParticipantHost } from "./participant_host.ts";
import { Disk, Fact, FACTS, Lock, Phase, type World } from "./world.ts";

/** The parts of a model. */
export interface Hosts {
  readonly world: World;
  readonly coordinator: CoordinatorHost;
  readonly participant: ParticipantHost;
}

/** The name of the rule that a partition breaks. */
export const AGREEMENT =
  "nobody commits what another has aborted, nor reverses a decision (AC1, AC2)";

const LOCKED =
  /^(preparing|uncertain|preCommit|collecting|joining|spreading|recovering|committing)/;
const UNLOCKED = /^(committed|refusing|aborting|aborted|none)/;
const DECIDED = /^(committed|aborted|ended|none)/;

function anybody({ world }: Hosts, state: Words, bits: number): boolean {
  for (let process = 0; process <= world.coordinator; process++) {
    if (world.has(state, process, bits)) return true;
  }
  return false;
}

/** Rules for single states. */
export function invariants(hosts: Hosts): readonly Invariant[] {
  const { world, participant } = hosts;
  const all = world.participants;
  const { synchronous, agreement } = world.options;
  const committed = (state: Words) => anybody(hosts, state, Disk.COMMITTED);
  const rules: Invariant[] = [
    {
      name: "nobody commits unless all have voted yes (AC3)",
      holds: (state) => !committed(state) || all.every((it) => world.has(state, it, Disk.PREPARED)),
    },
    {
      name: "who promised keeps its locks until its commit is durable, or it aborts, and no longer",
      holds: (state) =>
        all.every((it) => {
          const at = participant.describe(state, it);
          const held = world.lock(state, it) === Lock.HELD;
          return held ? !UNLOCKED.test(at) : !LOCKED.test(at);
        }),
    },
  ];
  if (agreement) {
    rules.unshift({
      name: AGREEMENT,
      holds: (state) => !committed(state) || !anybody(hosts, state, Disk.ABORTED),
    });
  }
  if (!synchronous) return rules;
  return [...rules, {
    name: "nobody commits while one that has not failed is uncertain",
    holds: (state) =>
      !committed(state) ||
      all.every((it) => world.has(state, it, Disk.PRE_COMMITTED | Disk.FAILED)),
  }, {
    name: "a commit leaves a trace at a participant",
    holds: (state) =>
      !committed(state) || all.some((it) => world.has(state, it, Disk.PRE_COMMITTED)),
  }];
}

/** The same state from now on in another phase. */
function go(state: Words, phase: number): Words {
  const next = state.slice();
  next[FACTS] = next[FACTS]! & ~Fact.PHASE_BITS | phase << Fact.PHASE_SHIFT;
  return next;
}

/** Rules for what must stay possible. */
export function possibilities(hosts: Hosts): readonly Possibility[] {
  return [doesNotBlock(hosts), settles(hosts), commits(hosts), losesPatience(hosts)];
}

/** Skeen's property: the failure of others stops nobody who lives. */
function doesNotBlock({ world, participant, coordinator }: Hosts): Possibility {
  const lives = (state: Words, process: number) => !world.has(state, process, Disk.FAILED);
  return {
    name: "as long as one participant lives, all who live decide, though nobody comes back",
    from: (state) =>
      world.participants.some((it) => lives(state, it)) ? go(state, Phase.QUIET) : undefined,
    goal: (state) =>
      world.participants.every((it) =>
        !lives(state, it) || DECIDED.test(participant.describe(state, it))
      ) &&
      (!lives(state, world.coordinator) || DECIDED.test(coordinator.describe(state))),
  };
}

function settles({ world, participant, coordinator }: Hosts): Possibility {
  return {
    name: "once all are back everyone decides and the coordinator forgets (AC5)",
    from: (state) => go(state, Phase.HEALED),
    goal: (state) =>
      coordinator.describe(state) === "none" && !world.has(state, world.coordinator, Disk.DOWN) &&
      world.participants.every((it) =>
        !world.has(state, it, Disk.DOWN) && DECIDED.test(participant.describe(state, it))
      ),
  };
}

function commits({ world }: Hosts): Possibility {
  return {
    name: "if nobody refuses or fails the transaction commits (AC4)",
    from: (state) => state[FACTS]! & Fact.UNWILLING ? undefined : go(state, Phase.QUIET),
    goal: (state) => world.participants.every((it) => world.has(state, it, Disk.COMMITTED)),
  };
}

function losesPatience({ world, participant, coordinator }: Hosts): Possibility {
  const waits = (state: Words) =>
    /^waiting/.test(coordinator.describe(state)) ||
    world.participants.some((it) => participant.describe(state, it) === "acquiring");
  return {
    name: "who is free to give up does so without hearing from anyone",
    from: (state) => waits(state) ? go(state, Phase.ALONE) : undefined,
    goal: (state) => !waits(state),
  };
}
