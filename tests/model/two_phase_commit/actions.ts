/**
 * Everything that may happen, by number: what it does to a state, and how it is told.
 *
 * @module
 */
import type { Move, Words } from "../../../runtime/checker/model.ts";
import type { MachineStep } from "../../../runtime/checker/record.ts";
import type { Hosts } from "./rules.ts";
import { Ahead, Fact, FACTS } from "./world.ts";

/** Kinds of actions. */
export const Act = {
  DELIVER: 0,
  LOSE: 1,
  DOUBLE: 2,
  SYNC_LOG: 3,
  SYNC: 4,
  GRANT: 5,
  REFUSE: 6,
  COORDINATOR_TIMER: 7,
  TIMER: 8,
  HOLDER_TIMER: 9,
  EXPIRE: 10,
  ANNOUNCE: 11,
  CLIENT_ABORT: 12,
  CRASH_COORDINATOR: 13,
  CRASH: 14,
  CRASH_HOLDER: 15,
  PROBE: 16,
  AHEAD: 17,
} as const;

/** An action as a number. */
export function number(kind: number, index: number, argument: number): number {
  return kind << 20 | index << 12 | argument;
}

function parts(action: number): { kind: number; index: number; argument: number } {
  return { kind: action >> 20, index: action >> 12 & 255, argument: action & 4095 };
}

/** Does it; what rule that breaks, if any. */
export function act(
  hosts: Hosts,
  state: Words,
  kind: number,
  index: number,
  argument: number,
): string | undefined {
  const { coordinator, participant, holder } = hosts;
  switch (kind) {
    case Act.DELIVER:
      hosts.world.network.take(state, index);
      return deliver(hosts, state, index);
    case Act.LOSE:
      hosts.world.network.lose(state, index);
      return undefined;
    case Act.DOUBLE:
      hosts.world.network.double(state, index);
      return deliver(hosts, state, index);
    case Act.SYNC_LOG:
      return coordinator.sync(state);
    case Act.SYNC:
      return participant.sync(state, index);
    case Act.GRANT:
      return participant.grant(state, index);
    case Act.REFUSE:
      return participant.refuse(state, index);
    case Act.COORDINATOR_TIMER:
      return coordinator.stepNumber(state, argument);
    case Act.TIMER:
      return participant.stepNumber(state, index, argument);
    case Act.HOLDER_TIMER:
      return holder.timeOut(state, index, argument);
    case Act.EXPIRE:
      holder.expire(state, index);
      return undefined;
    case Act.ANNOUNCE:
      return participant.announce(state, index);
    case Act.CLIENT_ABORT:
      return coordinator.step(state, { type: "abort" });
    case Act.AHEAD:
      return coordinator.aheadEnds(state, argument);
    case Act.CRASH_COORDINATOR:
      state[FACTS]! += 1 << Fact.COORDINATOR_CRASHES;
      return coordinator.crash(state, argument);
    case Act.CRASH:
      state[FACTS]! += 1 << Fact.PARTICIPANT_CRASHES;
      return participant.crash(state, index, argument);
    case Act.CRASH_HOLDER:
      state[FACTS]! += 1 << Fact.HOLDER_CRASHES;
      holder.crash(state, index);
      return undefined;
  }
  return undefined;
}

/** What the machines do in an action. */
export function stepsOf(hosts: Hosts, state: Words, action: number): readonly MachineStep[] {
  const { recorder } = hosts.world;
  const { kind, index, argument } = parts(action);
  const next = state.slice();
  recorder.start();
  act(hosts, next, kind, index, argument);
  return recorder.stop();
}

function deliver(hosts: Hosts, state: Words, message: number): string | undefined {
  const { world, coordinator, participant, holder } = hosts;
  const { type, to, index, asker } = world.messages[message]!;
  if (to === "coordinator") return coordinator.receive(state, type, index);
  if (to.startsWith("holder")) return holder.receive(state, type, index);
  return participant.receive(state, type, index, asker ?? index);
}

/** An action in words. */
export function tell(hosts: Hosts, state: Words, action: number): Move {
  const { world, coordinator, participant, holder } = hosts;
  const { kind, index, argument } = parts(action);
  const own = (name: string, type: string, text: string): Move => {
    return { from: name, to: name, type, text: `${name}: ${text}` };
  };
  const [at, edge] = [`participant ${index}`, `holder ${index}`];
  const lost = (count: number) => count === 0 ? "nothing on its way is lost" : `${count} lost`;
  switch (kind) {
    case Act.DELIVER:
    case Act.LOSE:
    case Act.DOUBLE: {
      const { type, from, to } = world.messages[index]!;
      const fate = [
        "is received by",
        "is lost on its way to",
        "stays on its way and is received by",
      ][kind]!;
      return { from, to, type, text: `${type} of ${from} ${fate} ${to}` };
    }
    case Act.SYNC_LOG:
      return own("coordinator", "sync", "the oldest record on its way is durable");
    case Act.SYNC:
      return own(at, "sync", "the oldest record on its way is durable");
    case Act.GRANT:
      return own(at, "granted", "its locks are granted");
    case Act.REFUSE:
      return own(at, "refused", "its locks are refused");
    case Act.COORDINATOR_TIMER:
      return timer("coordinator", coordinator.lives.eventOf(argument).type, own);
    case Act.TIMER:
      return timer(at, participant.lives.eventOf(argument).type, own);
    case Act.HOLDER_TIMER:
      return timer(edge, holder.lives.eventOf(argument).type, own);
    case Act.EXPIRE:
      return own(edge, "expire", "its lease runs out");
    case Act.ANNOUNCE:
      return own(at, "announce", "a later transaction says that this one is over");
    case Act.CLIENT_ABORT:
      return own("coordinator", "abort", "the client asks for an abort");
    case Act.AHEAD: {
      const end = argument === Ahead.COMMITTED ? "commits" : "aborts";
      return own("coordinator", "ahead", `the transaction that a vote depends on ${end}`);
    }
    case Act.CRASH_COORDINATOR: {
      const pending = coordinator.pending(state) - argument;
      return own("coordinator", "crash", `crashes and starts again; records: ${lost(pending)}`);
    }
    case Act.CRASH: {
      const pending = participant.pendingCount(state, index) - argument;
      return own(at, "crash", `crashes and starts again; records: ${lost(pending)}`);
    }
    case Act.CRASH_HOLDER:
      return own(edge, "crash", "crashes and starts again");
  }
  return own("coordinator", "probe", "a life seen alone answers a probe wrongly");
}

function timer(
  name: string,
  event: string,
  own: (name: string, type: string, text: string) => Move,
): Move {
  const timer = event.split(".")[2] ?? event;
  return own(name, timer, `its timer ${timer} fires`);
}
