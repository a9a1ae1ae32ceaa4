/**
 * Two-phase commit as it ships: the coordinator, its participants and the edges that hold copies,
 * each with its host, its journal and its crashes, on a network that loses, doubles and reorders.
 *
 * @module
 */
import type { Lives } from "../../../runtime/checker/lives.ts";
import type { Emit, Model, Words } from "../../../runtime/checker/model.ts";
import { Act, act, number, stepsOf, tell } from "./actions.ts";
import { CoordinatorHost } from "./coordinator_host.ts";
import { HolderHost } from "./holder_host.ts";
import { ParticipantHost } from "./participant_host.ts";
import { type Hosts, invariants, possibilities } from "./rules.ts";
import { show } from "./show.ts";
import { canonizer } from "./symmetry.ts";
import {
  Ahead,
  type CommitOptions,
  COORDINATOR,
  Copy,
  Fact,
  FACTS,
  Lock,
  LOG,
  Phase,
  World,
} from "./world.ts";

/** The model of one transaction. */
export function commitModel(name: string, options: CommitOptions): Model {
  const world = new World(options);
  const hosts: Hosts = {
    world,
    coordinator: new CoordinatorHost(world),
    participant: new ParticipantHost(world),
    holder: new HolderHost(world),
  };
  const { participants, holders, network, crashes, losses, duplicates } = options;
  const isSet = network === "set";
  const covers = (a: Words, b: Words) => world.network.covers(a, b);
  return {
    name,
    width: world.width,
    bounds: {
      participants,
      holders,
      network,
      losses_per_channel: losses === Infinity ? "any" : losses,
      duplicates_per_channel: duplicates === Infinity ? "any" : duplicates,
      crashes,
      timeouts: "any",
      symmetry: !options.dependent,
      goals: participants > 2 ? "one way to each" : "from every state on the way",
    },
    initial: () => {
      const state = new Uint16Array(world.width);
      for (let i = 0; i < holders; i++) state[world.holder(i) + 1] = Copy.OLD | Copy.LEASE;
      hosts.coordinator.begin(state);
      return [state];
    },
    expand: expander(hosts),
    ...(options.dependent ? {} : { canonical: canonizer(hosts) }),
    // On a set, and where nothing is lost, a rule asks what is on its way.
    ...(isSet || options.faithful
      ? {}
      : { covering: { core: world.width - world.network.width, covers } }),
    invariants: invariants(hosts),
    possibilities: possibilities(hosts),
    quickly: participants > 2,
    tell: (state, action) => tell(hosts, state, action),
    steps: (state, action) => stepsOf(hosts, state, action),
    firstSteps: () => {
      world.recorder.start();
      hosts.coordinator.begin(new Uint16Array(world.width));
      return world.recorder.stop();
    },
    actors: actorsOf(hosts),
    show: (state) => show(hosts, state),
  };
}

function actorsOf(
  { world, coordinator, participant, holder }: Hosts,
): NonNullable<Model["actors"]> {
  const actors: Record<string, { machine: string; input: unknown }> = {};
  const add = (name: string, { machine, input }: Lives) => {
    actors[name] = { machine: machine.id, input };
  };
  add("coordinator", coordinator.lives);
  for (let i = 0; i < world.options.participants; i++) add(`participant ${i}`, participant.lives);
  for (let i = 0; i < world.options.holders; i++) add(`holder ${i}`, holder.lives);
  return actors;
}

/** When others go on deciding. */
const deciding: ReadonlySet<number> = new Set([Phase.FAULTS, Phase.KIND, Phase.UNASKED]);

/** Lists what may happen; each action is tried on a copy of the state. */
function expander(hosts: Hosts): (state: Words, emit: Emit) => void {
  const { world, participant, holder } = hosts;
  const { participants, holders, network: kind, duplicates } = world.options;
  // Without an order, a message that is lost is one that is not received, and one that stays is worth
  // more than one that is gone: nothing tells them apart, since goals are looked for with nothing on
  // its way.
  const stays = kind === "bag" && duplicates === Infinity;
  const next = new Uint16Array(world.width);
  return (state, emit) => {
    const attempt = (kind: number, index = 0, argument = 0) => {
      next.set(state);
      const broken = act(hosts, next, kind, index, argument);
      emit(number(kind, index, argument), next, broken);
    };
    const phase = world.phase(state);
    faults(hosts, state, emit);
    if (phase !== Phase.ALONE) {
      world.network.each(state, (message) => {
        const { from, to } = world.messages[message]!;
        const silent = from === "coordinator" || to === "coordinator";
        if (phase === Phase.WITHOUT_COORDINATOR && silent) return;
        if (phase !== Phase.FAULTS || !stays) attempt(Act.DELIVER, message);
        if (phase !== Phase.FAULTS || kind === "set") return;
        if (world.network.mayDouble(state, message)) attempt(Act.DOUBLE, message);
        if (kind === "fifo" && world.network.mayLose(state, message)) attempt(Act.LOSE, message);
      });
    }
    const impatient = phase === Phase.FAULTS || phase === Phase.ALONE;
    if (phase !== Phase.WITHOUT_COORDINATOR) coordinatorSteps(hosts, state, impatient, attempt);
    if (world.ahead(state) === Ahead.UNDECIDED && deciding.has(phase)) {
      attempt(Act.AHEAD, 0, Ahead.COMMITTED);
      // Where nobody refuses any more, that one is not refused either.
      if (phase !== Phase.UNASKED) attempt(Act.AHEAD, 0, Ahead.ABORTED);
    }
    for (let i = 0; i < participants; i++) {
      if (participant.pendingCount(state, i) > 0) attempt(Act.SYNC, i);
      const lock = world.lock(state, i);
      const asked = lock === Lock.ASKED || lock === Lock.WITHDRAWN;
      if (asked && phase !== Phase.ALONE) attempt(Act.GRANT, i);
      if (asked && phase === Phase.FAULTS) attempt(Act.REFUSE, i);
      const life = state[world.life(i)]!;
      for (const { name, event } of life === 0 ? [] : participant.lives.timers(life - 1)) {
        if (impatient || name === "inquire" && phase !== Phase.UNASKED) {
          attempt(Act.TIMER, i, event);
        }
      }
    }
    for (let i = 0; i < holders; i++) {
      const life = state[world.holder(i)]!;
      const leased = (state[world.holder(i) + 1]! & Copy.LEASE) !== 0;
      if (leased) attempt(Act.EXPIRE, i);
      for (const { event } of life === 0 || leased ? [] : holder.lives.timers(life - 1)) {
        attempt(Act.HOLDER_TIMER, i, event);
      }
    }
    // What no message of this model shows: how each life answers strays.
    const fault = lifeFault(hosts, state);
    if (fault !== undefined) emit(number(Act.PROBE, 0, 0), state, fault);
  };
}

function lifeFault(hosts: Hosts, state: Words): string | undefined {
  const { world, coordinator, participant, holder } = hosts;
  let fault = coordinator.beginFault ??
    (state[COORDINATOR] === 0 ? undefined : coordinator.lives.fault(state[COORDINATOR]! - 1));
  for (let i = 0; i < world.options.participants; i++) {
    const life = state[world.life(i)]!;
    fault ??= participant.lives.fault(life === 0 ? participant.lives.start : life - 1);
  }
  for (let i = 0; i < world.options.holders; i++) {
    const life = state[world.holder(i)]!;
    fault ??= holder.lives.fault(life === 0 ? holder.lives.start : life - 1);
  }
  return fault;
}

type Attempt = (kind: number, index?: number, argument?: number) => void;

function coordinatorSteps(
  { world, coordinator }: Hosts,
  state: Words,
  impatient: boolean,
  attempt: Attempt,
): void {
  const { participants, holders } = world.options;
  if (state[LOG]! >> 4 > 0) attempt(Act.SYNC_LOG);
  const life = state[COORDINATOR]!;
  if (life === 0) {
    for (let i = 0; i < participants; i++) attempt(Act.ANNOUNCE, i);
    return;
  }
  for (const { name, event } of coordinator.lives.timers(life - 1)) {
    if (!impatient && coordinator.isPatience(name)) continue;
    let leased = false;
    for (let i = 0; i < holders; i++) leased ||= (state[world.holder(i) + 1]! & Copy.LEASE) !== 0;
    if (name !== "leaseWait" || !leased) attempt(Act.COORDINATOR_TIMER, 0, event);
  }
}

/** Crashes, and a client that changes its mind. */
function faults(hosts: Hosts, state: Words, emit: Emit): void {
  const { world, coordinator, participant } = hosts;
  if (world.phase(state) !== Phase.FAULTS) return;
  const { participants, holders, crashes } = world.options;
  const next = new Uint16Array(world.width);
  const attempt = (kind: number, index = 0, argument = 0) => {
    next.set(state);
    const broken = act(hosts, next, kind, index, argument);
    emit(number(kind, index, argument), next, broken);
  };
  if (state[COORDINATOR] !== 0) attempt(Act.CLIENT_ABORT);
  const used = [Fact.COORDINATOR_CRASHES, Fact.PARTICIPANT_CRASHES, Fact.HOLDER_CRASHES]
    .map((shift) => state[FACTS]! >> shift & 3);
  if (used[0]! + used[1]! + used[2]! >= crashes.total) return;
  if (used[0]! < crashes.coordinator) {
    for (let kept = coordinator.pending(state); kept >= 0; kept--) {
      attempt(Act.CRASH_COORDINATOR, 0, kept);
    }
  }
  if (used[1]! < crashes.participants) {
    for (let i = 0; i < participants; i++) {
      for (let kept = participant.pendingCount(state, i); kept >= 0; kept--) {
        attempt(Act.CRASH, i, kept);
      }
    }
  }
  if (used[2]! < crashes.holders) {
    for (let i = 0; i < holders; i++) attempt(Act.CRASH_HOLDER, i);
  }
}
