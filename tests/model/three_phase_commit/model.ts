/**
 * Three-phase commit as it ships: the coordinator and its participants, each with its host, its
 * journal and its crashes, which last until it is started again.
 *
 * Under synchrony silence means failure: a timeout that passes a verdict on another process fires only
 * when that one has failed and nothing it said is still on its way. Without, it fires at any time,
 * and messages are lost.
 *
 * @module
 */
import type { Emit, Model, Words } from "../../../runtime/checker/model.ts";
import { Act, act, number, stepsOf, tell } from "./actions.ts";
import { CoordinatorHost } from "./coordinator_host.ts";
import { ParticipantHost } from "./participant_host.ts";
import { type Hosts, invariants, possibilities } from "./rules.ts";
import {
  COORDINATOR_KINDS,
  Disk,
  Fact,
  FACTS,
  Lock,
  PARTICIPANT_KINDS,
  Phase,
  type ThreePhaseOptions,
  World,
} from "./world.ts";

/** The model of one transaction. */
export function threePhaseModel(name: string, options: ThreePhaseOptions): Model {
  const world = new World(options);
  const hosts: Hosts = {
    world,
    coordinator: new CoordinatorHost(world),
    participant: new ParticipantHost(world),
  };
  const { participants, crashes, synchronous, agreement } = options;
  const first = () => {
    const state = new Uint16Array(world.width);
    hosts.coordinator.begin(state);
    if (options.voted) voteYes(hosts, state);
    if (options.orphaned) orphan(hosts, state);
    return state;
  };
  return {
    name,
    width: world.width,
    bounds: {
      participants,
      crashes,
      restarts: options.voted ? "once faults are over" : "any time",
      begins: options.orphaned
        ? "when one is pre-committed and the coordinator has failed"
        : options.voted
        ? "when all have voted yes, and no vote has arrived"
        : "at the start",
      losses_per_channel: synchronous
        ? "of who has failed"
        : agreement
        ? 1
        : "any, by never arriving",
      timeouts: synchronous ? "of who has failed" : "any",
    },
    initial: () => [first()],
    expand: expander(hosts),
    invariants: invariants(hosts),
    possibilities: synchronous ? possibilities(hosts) : [],
    quickly: participants > 2,
    tell: (state, action) => tell(hosts, state, action),
    steps: (state, action) => stepsOf(hosts, state, action),
    firstSteps: () => {
      world.recorder.start();
      first();
      return world.recorder.stop();
    },
    actors: Object.fromEntries([...world.participants, world.coordinator].map((process) => {
      const { machine, input } = hosts.participant.lives[process] ?? hosts.coordinator.lives;
      return [world.name(process), { machine: machine.id, input }];
    })),
    show: (state) =>
      [world.coordinator, ...world.participants].map((process) => {
        const isCoordinator = process === world.coordinator;
        const kinds: readonly string[] = isCoordinator ? COORDINATOR_KINDS : PARTICIPANT_KINDS;
        const durable = kinds.filter((_, bit) => world.has(state, process, 1 << bit)).join(", ");
        const at = isCoordinator
          ? hosts.coordinator.describe(state)
          : hosts.participant.describe(state, process);
        return {
          name: world.name(process),
          state: world.has(state, process, Disk.DOWN) ? "down" : at,
          disk: `${durable || "nothing"}, ${world.pendingCount(state, process)} on the way`,
        };
      }),
  };
}

/** All are asked, get their locks and vote. */
function voteYes({ world, coordinator, participant }: Hosts, state: Words): void {
  coordinator.sync(state);
  for (const index of world.participants) {
    world.network.each(state, (message) => {
      const { type, to } = world.messages[message]!;
      if (type === "prepare" && to === index) world.network.take(state, message);
    });
    participant.receive(state, "prepare", index, world.coordinator);
    participant.grant(state, index);
    participant.sync(state, index);
  }
}

/** The coordinator counts the votes, and fails when the last participant is pre-committed. */
function orphan(hosts: Hosts, state: Words): void {
  const { world, participant } = hosts;
  const deliver = (wanted: string, index: number) =>
    world.network.each(state, (message) => {
      const { type, from, to } = world.messages[message]!;
      if (type === wanted && (from === index || to === index)) {
        act(hosts, state, Act.DELIVER, message, 0);
      }
    });
  for (const index of world.participants) deliver("voteYes", index);
  deliver("preCommit", world.coordinator - 1);
  participant.sync(state, world.coordinator - 1);
  world.crash(state, world.coordinator, 0);
}

/** Lists what may happen; each action is tried on a copy of the state. */
function expander(hosts: Hosts): (state: Words, emit: Emit) => void {
  const { world } = hosts;
  const next = new Uint16Array(world.width);
  return (state, emit) => {
    const attempt: Attempt = (kind, process = 0, argument = 0) => {
      next.set(state);
      const broken = act(hosts, next, kind, process, argument);
      emit(number(kind, process, argument), next, broken);
    };
    const phase = world.phase(state);
    if (phase !== Phase.ALONE) {
      world.network.each(state, (message) => {
        attempt(Act.DELIVER, message);
        if (phase !== Phase.FAULTS) return;
        const ofFailed = world.has(state, world.messages[message]!.from, Disk.FAILED);
        if (world.options.synchronous ? ofFailed : canLose(hosts, state, message)) {
          attempt(Act.LOSE, message);
        }
      });
    }
    for (const process of [...world.participants, world.coordinator]) {
      processSteps(hosts, state, process, attempt);
    }
    if (phase === Phase.FAULTS) faults(hosts, state, attempt);
    // What no message of this model shows: how each life answers strays.
    const fault = lifeFault(hosts, state);
    if (fault !== undefined) emit(number(Act.PROBE, 0, 0), state, fault);
  };
}

const DOES_NOT_LEAD = new Set(["none", "committed", "aborted"]);

type Attempt = (kind: number, process?: number, argument?: number) => void;

function canLose({ world }: Hosts, state: Words, message: number): boolean {
  return world.network.mayLose(state, message);
}

/** What a process does by itself. */
function processSteps(hosts: Hosts, state: Words, process: number, attempt: Attempt): void {
  const { world, participant, coordinator } = hosts;
  const phase = world.phase(state);
  if (world.has(state, process, Disk.DOWN)) {
    // Those that have voted stay away for as long as there are faults, or there are too many ways.
    const { voted, orphaned, participants } = world.options;
    const few = !voted || orphaned && participants < 3;
    const mayReturn = phase === Phase.FAULTS && few || phase === Phase.HEALED;
    if (mayReturn) attempt(Act.RESTART, process);
    return;
  }
  if (world.pendingCount(state, process) > 0) attempt(Act.SYNC, process);
  const life = state[world.life(process)]!;
  if (process < world.coordinator) {
    const lock = world.lock(state, process);
    const asked = lock === Lock.ASKED || lock === Lock.WITHDRAWN;
    if (asked && phase !== Phase.ALONE) attempt(Act.GRANT, process);
    if (asked && phase === Phase.FAULTS && !world.options.voted) attempt(Act.REFUSE, process);
    if (isForgotten(hosts, state) && !world.has(state, process, Disk.BELOW)) {
      attempt(Act.ANNOUNCE, process);
    }
  }
  if (life === 0) return;
  const lives = participant.lives[process] ?? coordinator.lives;
  for (const { name, event } of lives.timers(life - 1)) {
    if (mayFire(hosts, state, process, name)) attempt(Act.TIMER, process, event);
  }
}

/** The coordinator has ended the transaction, as far as it remembers. */
function isForgotten({ world }: Hosts, state: Words): boolean {
  const { coordinator } = world;
  return state[world.life(coordinator)] === 0 &&
    world.has(state, coordinator, Disk.COMMIT | Disk.ABORT) &&
    !world.has(state, coordinator, Disk.DOWN);
}

function mayFire(hosts: Hosts, state: Words, process: number, timer: string): boolean {
  const { world, participant, coordinator } = hosts;
  const phase = world.phase(state);
  switch (timer) {
    case "lockTimeout":
    case "voteTimeout": // An abort before all have voted is never wrong.
      return phase === Phase.FAULTS || phase === Phase.ALONE ||
        world.participants.some((it) => world.has(state, it, Disk.FAILED));
    case "decisionTimeout": {
      if (!world.options.synchronous) return true;
      const { leader } = participant.awaited(state, process);
      if (world.has(state, leader, Disk.FAILED)) return !world.isOnTheWay(state, leader, process);
      // Who has decided, or knows nothing, does not lead: asked, it will say so.
      return leader < world.coordinator && world.isQuiet(state, leader) &&
        DOES_NOT_LEAD.has(participant.describe(state, leader));
    }
    case "answerTimeout":
    case "ackTimeout": {
      if (!world.options.synchronous) return true;
      const awaited = process === world.coordinator
        ? coordinator.awaited(state)
        : participant.awaited(state, process).answers;
      return awaited.every((it) => isSilent(hosts, state, process, it));
    }
    default:
      // Asking again, which takes longer than an answer.
      return !world.options.synchronous || world.isQuiet(state, process);
  }
}

/** Whether a process has failed and no answer of it is to come. */
function isSilent({ world }: Hosts, state: Words, process: number, other: number): boolean {
  if (!world.has(state, other, Disk.FAILED) || world.isOnTheWay(state, other, process)) {
    return false;
  }
  if (world.has(state, other, Disk.DOWN)) return true;
  return !world.isOnTheWay(state, process, other) && world.pendingCount(state, other) === 0;
}

/** Crashes, and a client that changes its mind. */
function faults(hosts: Hosts, state: Words, attempt: Attempt): void {
  const { world } = hosts;
  const { coordinator } = world;
  const told = world.has(state, coordinator, Disk.DOWN | Disk.FAILED);
  if (state[world.life(coordinator)] !== 0 && !told) attempt(Act.CLIENT_ABORT);
  if (state[FACTS]! >> Fact.CRASHES_SHIFT >= world.options.crashes) return;
  for (const process of [...world.participants, coordinator]) {
    if (world.has(state, process, Disk.DOWN)) continue;
    for (let kept = world.pendingCount(state, process); kept >= 0; kept--) {
      attempt(Act.CRASH, process, kept);
    }
  }
}

function lifeFault({ world, participant, coordinator }: Hosts, state: Words): string | undefined {
  let fault: string | undefined;
  for (const process of [...world.participants, world.coordinator]) {
    const lives = participant.lives[process] ?? coordinator.lives;
    const life = state[world.life(process)]!;
    if (life > 0) fault ??= lives.fault(life - 1);
    else fault ??= lives.fault(lives.start);
  }
  return fault;
}
