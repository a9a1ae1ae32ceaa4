/**
 * Everything that may happen, by number: what it does to a state, and how it is told.
 *
 * @module
 */
import type { Move, Words } from "../../../runtime/checker/model.ts";
import type { MachineStep } from "../../../runtime/checker/record.ts";
import type { Hosts } from "./rules.ts";
import { Disk, Fact, FACTS } from "./world.ts";

/** Kinds of actions. */
export const Act = {
  DELIVER: 0,
  LOSE: 1,
  SYNC: 2,
  GRANT: 3,
  REFUSE: 4,
  TIMER: 5,
  ANNOUNCE: 6,
  CLIENT_ABORT: 7,
  CRASH: 8,
  RESTART: 9,
  PROBE: 10,
} as const;

/** An action as a number. */
export function number(kind: number, process: number, argument: number): number {
  return kind << 20 | process << 12 | argument;
}

function parts(action: number): { kind: number; process: number; argument: number } {
  return { kind: action >> 20, process: action >> 12 & 255, argument: action & 4095 };
}

/** Does it; what rule that breaks, if any. */
export function act(
  hosts: Hosts,
  state: Words,
  kind: number,
  process: number,
  argument: number,
): string | undefined {
  const { world, coordinator, participant } = hosts;
  const isCoordinator = process === world.coordinator;
  switch (kind) {
    case Act.DELIVER:
      return deliver(hosts, state, process);
    case Act.LOSE:
      if (world.network.mayLose(state, process)) world.network.lose(state, process);
      else world.network.take(state, process);
      return undefined;
    case Act.SYNC:
      return isCoordinator ? coordinator.sync(state) : participant.sync(state, process);
    case Act.GRANT:
      return participant.grant(state, process);
    case Act.REFUSE:
      state[FACTS]! |= Fact.UNWILLING;
      return participant.refuse(state, process);
    case Act.TIMER:
      return timer(hosts, state, process, argument);
    case Act.ANNOUNCE:
      return participant.announce(state, process);
    case Act.CLIENT_ABORT: {
      const before = state[world.life(world.coordinator)];
      const broken = coordinator.step(state, { type: "abort" });
      if (state[world.life(world.coordinator)] !== before) state[FACTS]! |= Fact.UNWILLING;
      return broken;
    }
    case Act.CRASH:
      world.crash(state, process, argument);
      return undefined;
    case Act.RESTART:
      return isCoordinator ? coordinator.restart(state) : participant.restart(state, process);
  }
  return undefined;
}

function timer(hosts: Hosts, state: Words, process: number, event: number): string | undefined {
  const { world, coordinator, participant } = hosts;
  const isCoordinator = process === world.coordinator;
  const lives = participant.lives[process] ?? coordinator.lives;
  if (/voteTimeout|lockTimeout/.test(lives.eventOf(event).type)) state[FACTS]! |= Fact.UNWILLING;
  return isCoordinator
    ? coordinator.stepNumber(state, event)
    : participant.stepNumber(state, process, event);
}

function deliver(hosts: Hosts, state: Words, message: number): string | undefined {
  const { world, coordinator, participant } = hosts;
  const { type, from, to } = world.messages[message]!;
  world.network.take(state, message);
  if (world.has(state, to, Disk.DOWN)) return undefined;
  return to === world.coordinator
    ? coordinator.receive(state, type, from)
    : participant.receive(state, type, to, from);
}

/** What the machines do in an action. */
export function stepsOf(hosts: Hosts, state: Words, action: number): readonly MachineStep[] {
  const { recorder } = hosts.world;
  const { kind, process, argument } = parts(action);
  recorder.start();
  act(hosts, state.slice(), kind, process, argument);
  return recorder.stop();
}

const WORDS: Readonly<Record<number, readonly [type: string, text: string]>> = {
  [Act.SYNC]: ["sync", "the oldest record on its way is durable"],
  [Act.GRANT]: ["granted", "its locks are granted"],
  [Act.REFUSE]: ["refused", "its locks are refused"],
  [Act.ANNOUNCE]: ["announce", "a later transaction says that this one is over"],
  [Act.CLIENT_ABORT]: ["abort", "the client asks for an abort"],
  [Act.RESTART]: ["restart", "starts again"],
  [Act.PROBE]: ["probe", "a life seen alone answers a probe wrongly"],
};

/** An action in words. */
export function tell(
  { world, coordinator, participant }: Hosts,
  state: Words,
  action: number,
): Move {
  const { kind, process, argument } = parts(action);
  if (kind === Act.DELIVER || kind === Act.LOSE) {
    const message = world.messages[process]!;
    const [from, to] = [world.name(message.from), world.name(message.to)];
    const arrives = kind === Act.DELIVER && !world.has(state, message.to, Disk.DOWN);
    const fate = arrives ? "is received by" : "is lost on its way to";
    return { from, to, type: message.type, text: `${message.type} of ${from} ${fate} ${to}` };
  }
  const name = world.name(kind === Act.CLIENT_ABORT ? world.coordinator : process);
  const own = (type: string, text: string): Move => {
    return { from: name, to: name, type, text: `${name}: ${text}` };
  };
  if (kind === Act.CRASH) {
    const lost = world.pendingCount(state, process) - argument;
    return own("crash", `crashes; records: ${lost === 0 ? "nothing" : lost} on its way is lost`);
  }
  if (kind === Act.TIMER) {
    const lives = participant.lives[process] ?? coordinator.lives;
    const timer = lives.eventOf(argument).type.split(".")[2] ?? "";
    return own(timer, `its timer ${timer} fires`);
  }
  return own(...WORDS[kind]!);
}
