/**
 * What the host of a coordinator does around its machine, for one transaction: journal, send,
 * forget, answer for what is forgotten, recover.
 *
 * @module
 */
import { Lives } from "../../../runtime/checker/lives.ts";
import type { Effect } from "../../../runtime/engine.ts";
import type { Words } from "../../../runtime/checker/model.ts";
import type { CoordinatorRecord } from "../../../protocols/two_phase_commit/messages.ts";
import { recoverCoordinator } from "../../../protocols/two_phase_commit/rules.ts";
import { stepFault } from "./coordinator_rules.ts";
import { backoffOf } from "./participant_host.ts";
import { pauseFault } from "./participant_rules.ts";
import { Ahead, COORDINATOR, Copy, Disk, Fact, FACTS, LOG, Phase, type World } from "./world.ts";

const COMMIT = 1;
const ENDED = 2;
const GIVEN_UP = Fact.ABORT | Fact.GIVEN_UP;
const id = { log: "log", sequence: 0 };
/** What the host says when a transaction that it depends on has aborted. */
const RETRY = { type: "abort", retryable: true } as const;

interface Params {
  readonly message: string;
  readonly outcome?: string;
  readonly record: string;
  readonly to: readonly number[];
}

/** The coordinator's side of a state. */
export class CoordinatorHost {
  readonly lives: Lives;
  readonly #holders: readonly number[];
  readonly #pauses: Parameters<typeof pauseFault>[4];
  readonly #recovered: readonly CoordinatorRecord[][];
  readonly #patience: ReadonlySet<string> = new Set(["voteTimeout", "leaseWait"]);

  constructor(private readonly world: World) {
    const { participants, holders, machines } = world.options;
    this.#holders = [...Array(holders).keys()];
    const maxBackoff = backoffOf(world);
    const input = { participants, voteTimeoutMs: 9, resendMs: 1, maxBackoff, leaseMs: 5 };
    this.#pauses = { name: "resend", leastMs: 1, mostMs: 2 ** maxBackoff };
    const nobody = Math.max(participants, holders);
    this.lives = new Lives(machines.coordinator, input, (event, order) => {
      return typeof event["from"] === "number" && event.type !== "held"
        ? { ...event, from: order[event["from"]] ?? event["from"] }
        : event;
    }, [
      { event: { type: "stray" }, expect: "rejected" },
      { event: { type: "voteYes", from: nobody, holders: [] }, expect: "unchanged" },
      { event: { type: "voteNo", from: nobody, retryable: true }, expect: "unchanged" },
      { event: { type: "ack", from: nobody }, expect: "unchanged" },
      { event: { type: "inquiry", from: nobody }, expect: "unchanged" },
      { event: { type: "held", from: nobody }, expect: "unchanged" },
      { event: { type: "journaled", record: "other" }, expect: "rejected" },
    ]);
    const names = [...Array(participants).keys()].map(String);
    const commit: CoordinatorRecord = {
      kind: "commit",
      id,
      participants: names,
      stores: names,
      holders: [],
      entries: [],
    };
    // By durable bits. The number of the transaction was reserved before it began.
    this.#recovered = [0, 1, 2, 3].map((bits) => [
      { kind: "reserved", upTo: 1 },
      ...(bits & COMMIT ? [commit] : []),
      ...(bits & ENDED ? [{ kind: "ended", id } as const] : []),
    ]);
  }

  /** What the very first step breaks, if anything. */
  beginFault: string | undefined;

  /** The transaction begins. */
  begin(state: Words): void {
    state[COORDINATOR] = this.lives.start + 1;
    this.beginFault = this.step(state, { type: "begin" });
  }

  describe(state: Words): string {
    const life = state[COORDINATOR]!;
    return life === 0 ? "none" : this.lives.describe(life - 1);
  }

  /** Gives the machine an event; what rule that breaks, if any. */
  step(state: Words, event: Parameters<Lives["event"]>[0]): string | undefined {
    return this.stepNumber(state, this.lives.event(event));
  }

  stepNumber(state: Words, event: number): string | undefined {
    const life = state[COORDINATOR]!;
    if (life === 0) return undefined;
    const outcome = this.lives.step(life - 1, event);
    const { life: after, effects } = outcome;
    const fresh = life - 1 === this.lives.start;
    this.world.recorder.note("coordinator", this.lives, fresh, life - 1, event, outcome);
    state[COORDINATOR] = after + 1;
    const patient = this.lives.describe(life - 1).startsWith("preparing");
    const known = {
      committed: (state[FACTS]! & Fact.COMMIT) !== 0,
      replied: (state[FACTS]! & Fact.REPLIED) !== 0,
      participants: this.world.options.participants,
      // Before the last vote nobody was asked to hold.
      holders: patient && !(state[FACTS]! & Fact.COMMIT) ? [] : this.#holders,
    };
    let broken = stepFault(this.lives, known, event, outcome) ??
      pauseFault(this.lives, life - 1, event, outcome, this.#pauses);
    for (const effect of effects) {
      broken ??= effect.type === "reject"
        ? this.#rejected(life - 1, event)
        : this.#perform(state, effect);
    }
    if (this.lives.done(after)) this.#gone(state);
    return broken;
  }

  #rejected(life: number, event: number): string {
    const { type } = this.lives.eventOf(event);
    return `no message is unexpected: the coordinator in ${this.lives.describe(life)} got ${type}`;
  }

  #perform(state: Words, { type, params }: Effect): string | undefined {
    const { message, outcome, record, to } = (params ?? {}) as Params;
    switch (type) {
      case "journal":
        return this.#journal(state, record);
      case "send":
        if (message === "commit" && !(state[FACTS]! & Fact.COMMIT)) {
          return "no commit is told before it is durable";
        }
        if (message === "prepare" && to.some((index) => this.#heard(state, index))) {
          return "who has voted is not asked again";
        }
        for (const index of to) this.world.send(state, message, index);
        if (message === "abort") state[FACTS]! |= GIVEN_UP;
        return undefined;
      case "sendHolders":
        if (message === "hold" && to.some((index) => this.#heardHolder(state, index))) {
          return "who holds is not asked again";
        }
        for (const index of to) {
          if (message === "hold") this.world.send(state, "hold", index);
          else {
            const release = outcome === "commit" ? "releaseCommit" : "releaseAbort";
            this.world.send(state, release, index);
          }
        }
        return undefined;
      case "reply":
        if (state[FACTS]! & Fact.REPLIED) return "a client is answered once";
        state[FACTS]! |= Fact.REPLIED;
        if (outcome !== "committed") state[FACTS]! |= GIVEN_UP;
        return outcome === "committed" && !(state[FACTS]! & Fact.COMMIT)
          ? "no client hears of a commit before it is durable"
          : undefined;
    }
    return undefined;
  }

  /** Whether a participant has voted yes, and the vote has been received. */
  #heard(state: Words, index: number): boolean {
    const { world } = this;
    return this.#received(state, world.number("voteYes", index)) &&
      (state[world.disk(index)]! & Disk.PREPARED) !== 0;
  }

  /** Whether a holder has answered, and the answer has been received. */
  #heardHolder(state: Words, index: number): boolean {
    const { world } = this;
    return this.#received(state, world.number("held", index)) &&
      (state[world.holder(index) + 1]! & Copy.SUSPENDED) !== 0;
  }

  /** Whether a message that was sent must have come: where nothing is lost, and it is not on its way. */
  #received(state: Words, message: number): boolean {
    const { options, network } = this.world;
    return options.faithful === true && this.world.phase(state) === Phase.FAULTS &&
      !network.has(state, message);
  }

  /** `began` and `aborted` are left out: recovery reads neither. */
  #journal(state: Words, record: string): string | undefined {
    const digit = record === "commit" ? COMMIT : record === "ended" ? ENDED : 0;
    if (digit === 0) return undefined;
    if (digit === COMMIT) {
      if (this.world.ahead(state) !== Ahead.COMMITTED) {
        return "nobody decides to commit before what it depends on";
      }
      for (let index = 0; index < this.world.options.participants; index++) {
        if (!(state[this.world.disk(index)]! & (Disk.PREPARED | Disk.COMMITTED | Disk.APPLIED))) {
          return "nobody decides to commit before all have voted yes, durably";
        }
      }
    }
    const pending = state[LOG]! >> 4;
    if (pending >= 1 << 10) return "a log does not grow without bound";
    state[LOG] = state[LOG]! & 15 | (pending << 2 | digit) << 4;
    return undefined;
  }

  /** A later transaction begins, and with it the announcement that this one is over. */
  #gone(state: Words): void {
    state[COORDINATOR] = 0;
    for (let index = 0; index < this.world.options.participants; index++) {
      this.world.send(state, "announce", index);
    }
  }

  /** The oldest record on its way is durable. */
  sync(state: Words): string | undefined {
    const record = this.#write(state);
    return record === COMMIT
      ? this.step(state, { type: "journaled", record: "commit" })
      : undefined;
  }

  #write(state: Words): number {
    const pending = state[LOG]! >> 4;
    let shift = 0;
    while (pending >> shift >= 4) shift += 2;
    const record = pending >> shift;
    const durable = state[LOG]! & 15 | record;
    // A checkpoint drops a commit that has ended.
    const kept = durable === (COMMIT | ENDED) ? 0 : durable;
    state[LOG] = (pending & (1 << shift) - 1) << 4 | kept;
    if (record === COMMIT) state[FACTS]! |= Fact.COMMIT;
    return record;
  }

  /** How many records are on their way. */
  pending(state: Words): number {
    let count = 0;
    for (let pending = state[LOG]! >> 4; pending > 0; pending >>= 2) count++;
    return count;
  }

  /** It dies with `kept` of the records on their way, and starts again. */
  crash(state: Words, kept: number): string | undefined {
    for (let i = 0; i < kept; i++) this.#write(state);
    state[LOG]! &= 15;
    state[COORDINATOR] = 0;
    // What was not decided is aborted, presumed so, and nobody depends on it any more.
    if (this.world.ahead(state) === Ahead.UNDECIDED) {
      state[FACTS]! |= Ahead.ABORTED << Fact.AHEAD_SHIFT;
    }
    // Its client is gone with the connection.
    state[FACTS]! |= Fact.REPLIED;
    const { committing } = recoverCoordinator(this.#recovered[state[LOG]! & 3]!);
    if (committing.length === 0) {
      // No record means abort from now on, unless the end itself is what is remembered.
      if (!(state[FACTS]! & Fact.COMMIT)) state[FACTS]! |= GIVEN_UP;
      this.#gone(state);
      return undefined;
    }
    state[COORDINATOR] = this.lives.start + 1;
    return this.step(state, { type: "recovered", holders: this.#holders });
  }

  /** The transaction that a vote depends on commits or aborts. */
  aheadEnds(state: Words, as: number): string | undefined {
    state[FACTS]! |= as << Fact.AHEAD_SHIFT;
    if (state[COORDINATOR] === 0 || !(state[FACTS]! & Fact.DEPENDS)) return undefined;
    return this.step(state, as === Ahead.COMMITTED ? { type: "dependenciesMet" } : RETRY);
  }

  /** A message of a participant or holder. */
  receive(state: Words, type: string, from: number): string | undefined {
    if (state[COORDINATOR] === 0) {
      // Who votes for what is forgotten is in doubt, and need not ask first.
      if (type === "inquiry" || type === "voteYes") this.#answer(state, from);
      return undefined;
    }
    switch (type) {
      case "voteYes": {
        const ahead = this.world.ahead(state);
        if (from === 0 && ahead === Ahead.ABORTED) return this.step(state, RETRY);
        if (from === 0 && ahead === Ahead.UNDECIDED) state[FACTS]! |= Fact.DEPENDS;
        const dependent = (state[FACTS]! & Fact.DEPENDS) !== 0 && ahead === Ahead.UNDECIDED;
        return this.step(state, { type, from, holders: this.#holders, dependent });
      }
      case "voteNo":
        return this.step(state, { type, from, retryable: true });
      default:
        return this.step(state, { type, from });
    }
  }

  #answer(state: Words, from: number): void {
    const { reservedUpTo } = recoverCoordinator(this.#recovered[state[LOG]! & 3]!);
    const facts = { ownsLog: true, logComplete: true, epochCurrent: true };
    const answer = this.world.options.rules.answerUnknown({
      ...facts,
      sequence: id.sequence,
      reservedUpTo,
    });
    this.world.send(state, answer === "abort" ? "abort" : "peerUncertain", from);
  }

  /** Whether a timer stands for losing patience, not for trying again. */
  isPatience(name: string): boolean {
    return this.#patience.has(name);
  }
}
