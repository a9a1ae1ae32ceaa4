/**
 * What the host of a coordinator does around its machine, for one transaction: journal, send, forget,
 * recover.
 *
 * @module
 */
import type { CoordinatorRecord } from "../../../protocols/three_phase_commit/messages.ts";
import { recoverCoordinator } from "../../../protocols/three_phase_commit/rules.ts";
import { Lives, type ModelEvent } from "../../../runtime/checker/lives.ts";
import type { Words } from "../../../runtime/checker/model.ts";
import type { Effect } from "../../../runtime/engine.ts";
import { pauseFault } from "../two_phase_commit/participant_rules.ts";
import { heardWith, type Known, reasonOf, stepFault } from "./coordinator_rules.ts";
import { backoffOf } from "./participant_host.ts";
import { COORDINATOR_KINDS, Disk, Fact, FACTS, type World } from "./world.ts";

const id = { log: "log", sequence: 0 };
const protocol = "3pc";

interface Params {
  readonly message: string;
  readonly outcome: string;
  readonly record: (typeof COORDINATOR_KINDS)[number];
  readonly to: readonly number[];
}

const DURABLE_FIRST: Readonly<Record<string, number>> = {
  prepare: Disk.BEGAN,
  commit: Disk.COMMIT,
  abort: Disk.ABORT,
};

/** The coordinator's side of a state. */
export class CoordinatorHost {
  readonly lives: Lives;
  readonly #me: number;
  readonly #pauses: Parameters<typeof pauseFault>[4];

  constructor(private readonly world: World) {
    const { participants, machines } = world.options;
    this.#me = world.coordinator;
    const times = { voteTimeoutMs: 9, ackTimeoutMs: 5, resendMs: 1, maxBackoff: backoffOf(world) };
    this.#pauses = { name: "resend", leastMs: 1, mostMs: 2 ** times.maxBackoff };
    const nobody = participants;
    const expect = "rejected" as const;
    const commit = { type: "ack", from: 0, outcome: "commit" };
    const abort = { ...commit, outcome: "abort" };
    this.lives = new Lives(machines.coordinator, { participants, ...times }, (event) => event, [
      { event: { type: "stray" }, expect: "rejected" },
      { event: { type: "voteYes", from: nobody }, expect: "unchanged" },
      { event: { type: "voteNo", from: nobody, retryable: true }, expect: "unchanged" },
      { event: { type: "preCommitAck", from: nobody }, expect: "unchanged" },
      { event: { type: "ack", from: nobody, outcome: "commit" }, expect: "unchanged" },
      { event: { type: "ack", from: nobody, outcome: "abort" }, expect: "unchanged" },
      { event: { type: "inquiry", from: nobody }, expect: "unchanged" },
      { event: { type: "journaled", record: "other" }, expect: "rejected" },
      { event: { type: "recovered", as: "other" }, expect: "rejected" },
      // A deadlock's victim, chosen before its coordinator failed.
      { event: { type: "abort" }, expect: "ignored", state: "recovering.asking" },
      // A contradiction.
      ...["committing", "committed.telling"].map((state) => ({ event: abort, expect, state })),
      ...["aborting", "aborted.telling"].map((state) => ({ event: commit, expect, state })),
    ]);
  }

  /** The transaction begins. */
  begin(state: Words): void {
    state[this.world.life(this.#me)] = this.lives.start + 1;
    this.step(state, { type: "begin" });
  }

  describe(state: Words): string {
    const life = state[this.world.life(this.#me)]!;
    return life === 0 ? "none" : this.lives.describe(life - 1);
  }

  /** Gives the machine an event; what rule that breaks, if any. */
  step(state: Words, event: ModelEvent): string | undefined {
    return this.stepNumber(state, this.lives.event(event));
  }

  stepNumber(state: Words, event: number): string | undefined {
    const place = this.world.life(this.#me);
    if (state[place] === 0) return undefined;
    const before = state[place]! - 1;
    const outcome = this.lives.step(before, event);
    const fresh = before === this.lives.start;
    this.world.recorder.note("coordinator", this.lives, fresh, before, event, outcome);
    state[place] = outcome.life + 1;
    const known = this.#known(state);
    let broken = stepFault(this.lives, known, event, outcome) ??
      pauseFault(this.lives, before, event, outcome, this.#pauses);
    this.#remember(state, known, event, outcome.effects);
    for (const effect of outcome.effects) {
      broken ??= effect.type === "reject"
        ? this.#rejected(before, event)
        : this.#perform(state, effect);
    }
    if (this.lives.done(outcome.life)) {
      state[place] = 0;
      state[this.world.disk(this.#me)]! &= ~Disk.REMEMBERED;
    }
    return broken;
  }

  #known(state: Words): Known {
    const { world } = this;
    const disk = state[world.disk(this.#me)]!;
    const reason = disk & Disk.REQUESTED
      ? "requested"
      : disk & Disk.REFUSED
      ? "refused"
      : "timeout";
    return {
      participants: world.options.participants,
      written: world.written(state, this.#me),
      durable: disk & Disk.RECORDS,
      failed: (disk & Disk.FAILED) !== 0,
      heard: disk >> Disk.HEARD_FROM_SHIFT,
      told: (disk & Disk.TOLD) !== 0,
      reason: { reason, retryable: !(disk & (Disk.REQUESTED | Disk.REFUSED_FOR_GOOD)) },
    };
  }

  /** What the rules have to know later. */
  #remember(state: Words, known: Known, event: number, effects: readonly Effect[]): void {
    const place = this.world.disk(this.#me);
    if (known.told && !known.failed) {
      state[place]! |= heardWith(known, this.lives.eventOf(event)) << Disk.HEARD_FROM_SHIFT;
    }
    for (const { type, params } of effects) {
      const { message, record } = (params ?? {}) as Params;
      if (type === "send" && message === "preCommit") state[place]! |= Disk.TOLD;
      if (type === "reply") state[place]! &= ~(Disk.REMEMBERED & ~Disk.TOLD);
      if (type !== "journal" || record !== "abort") continue;
      const { reason, retryable } = reasonOf(this.lives.eventOf(event));
      if (reason === "requested") state[place]! |= Disk.REQUESTED;
      if (reason === "refused") {
        state[place]! |= retryable ? Disk.REFUSED : Disk.REFUSED_FOR_GOOD | Disk.REFUSED;
      }
    }
  }

  /** Cut off from one another they may contradict each other, which is found where they decide. */
  #rejected(life: number, event: number): string | undefined {
    const { type } = this.lives.eventOf(event);
    const mayContradict = type === "ack" || type === "voteNo";
    if (mayContradict && !this.world.options.synchronous) return undefined;
    return `no message is unexpected: the coordinator in ${this.lives.describe(life)} got ${type}`;
  }

  #perform(state: Words, { type, params }: Effect): string | undefined {
    const { world } = this;
    const { message, outcome, record, to } = (params ?? {}) as Params;
    switch (type) {
      case "journal": {
        const room = world.journal(state, this.#me, COORDINATOR_KINDS.indexOf(record));
        return room ? undefined : "a journal does not grow without bound";
      }
      case "send":
        for (const index of to) world.send(state, message, this.#me, index);
        return world.has(state, this.#me, DURABLE_FIRST[message] ?? Disk.RECORDS)
          ? undefined
          : `no ${message} is said before what it depends on is durable`;
      case "reply": {
        if (state[FACTS]! & Fact.REPLIED) return "a client is answered once";
        state[FACTS]! |= Fact.REPLIED;
        const durable = outcome === "committed" ? Disk.COMMIT : Disk.ABORT;
        return world.has(state, this.#me, durable)
          ? undefined
          : "no client hears of a decision before it is durable";
      }
    }
    return undefined;
  }

  /** The oldest record on its way is durable. */
  sync(state: Words): string | undefined {
    const record = COORDINATOR_KINDS[this.world.write(state, this.#me)]!;
    return record === "ended" ? undefined : this.step(state, { type: "journaled", record });
  }

  /** It starts again from its log. */
  restart(state: Words): string | undefined {
    const { world } = this;
    state[world.disk(this.#me)]! &= ~Disk.DOWN;
    const bits = state[world.disk(this.#me)]!;
    const records: CoordinatorRecord[] = [];
    const names = world.participants.map(String);
    if (bits & Disk.BEGAN) {
      records.push({ protocol, kind: "began", id, participants: names, epoch: 0 });
    }
    if (bits & Disk.COMMIT) records.push({ protocol, kind: "commit", id, stores: names });
    if (bits & Disk.ABORT) records.push({ protocol, kind: "abort", id });
    if (bits & Disk.ENDED) records.push({ protocol, kind: "ended", id });
    const [found] = recoverCoordinator(records);
    if (found === undefined) return undefined;
    state[world.life(this.#me)] = this.lives.start + 1;
    return this.step(state, { type: "recovered", as: found.as });
  }

  /** A message of a participant. */
  receive(state: Words, type: string, from: number): string | undefined {
    const [name, outcome] = type.split(" ");
    switch (name) {
      case "ack":
        return this.step(state, { type: "ack", from, outcome });
      case "voteNo":
        return this.step(state, { type: name, from, retryable: outcome !== "final" });
      default:
        return this.step(state, { type, from });
    }
  }

  /** Whose answer it waits for, so that its patience is a verdict on them. */
  awaited(state: Words): readonly number[] {
    const { preCommitted } = this.lives.context(state[this.world.life(this.#me)]! - 1);
    return this.world.participants.filter((it) => !(preCommitted as number[]).includes(it));
  }
}
