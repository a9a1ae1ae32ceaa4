/**
 * What the host of a participant does around its machine, for one transaction: lock, journal, apply,
 * send, recover, and ask the shipped rules what to do with messages about what it does not know.
 *
 * @module
 */
import type { ParticipantRecord } from "../../../protocols/three_phase_commit/messages.ts";
import {
  admitPrepare,
  answerUnknownInquiry,
  mayAckUnknownCommit,
  recoverParticipant,
} from "../../../protocols/three_phase_commit/rules.ts";
import { Lives, type ModelEvent } from "../../../runtime/checker/lives.ts";
import type { Words } from "../../../runtime/checker/model.ts";
import type { Effect } from "../../../runtime/engine.ts";
import { pauseFault } from "../two_phase_commit/participant_rules.ts";
import { nextLeader } from "../../../protocols/three_phase_commit/termination.ts";
import { allExcept, heardWith, type Known, knowsWith, stepFault } from "./participant_rules.ts";
import { Disk, Lock, PARTICIPANT_KINDS, type World } from "./world.ts";

const id = { log: "log", sequence: 0 };
const protocol = "3pc";
const STORE = { storeComplete: true, storeSince: 0, epoch: 0, sequence: id.sequence };

interface Params {
  readonly message: string;
  readonly outcome?: string;
  readonly state?: string;
  readonly retryable?: boolean;
  readonly record: (typeof PARTICIPANT_KINDS)[number];
  readonly to: readonly number[];
}

/** What must be on disk before it is said. */
const DURABLE_FIRST: Readonly<Record<string, number>> = {
  voteYes: Disk.PREPARED,
  voteNo: Disk.ABORTED,
  "voteNo final": Disk.ABORTED,
  preCommitAck: Disk.PRE_COMMITTED,
  preCommit: Disk.PRE_COMMITTED,
  "stateReport uncertain": Disk.PREPARED,
  "stateReport preCommitted": Disk.PRE_COMMITTED,
  commit: Disk.COMMITTED,
  abort: Disk.ABORTED,
  "ack commit": Disk.COMMITTED,
  "ack abort": Disk.ABORTED,
};

/** Pauses may grow where there is room for them. */
export function backoffOf({ options }: World): number {
  const { participants, crashes, orphaned, synchronous } = options;
  if (orphaned) return participants === 2 && synchronous ? 1 : 0;
  return participants === 1 && crashes <= 1 ? 2 : 0;
}

/** The participants' side of a state. */
export class ParticipantHost {
  /** Of each: their inputs differ. */
  readonly lives: readonly Lives[];
  readonly #pauses: Parameters<typeof pauseFault>[4];

  constructor(private readonly world: World) {
    const { machines, participants } = world.options;
    const times = { lockTimeoutMs: 9, decisionTimeoutMs: 5, answerTimeoutMs: 3, resendMs: 1 };
    const maxBackoff = backoffOf(world);
    this.#pauses = { name: "inquire", leastMs: 1, mostMs: 2 ** maxBackoff };
    this.lives = world.participants.map((index) =>
      new Lives(machines.participant, { participants, index, ...times, maxBackoff }, (e) => e, [
        { event: { type: "stray" }, expect: "rejected" },
        { event: { type: "journaled", record: "other" }, expect: "rejected" },
        { event: { type: "recovered", as: "other" }, expect: "rejected" },
        {
          event: { type: "stateReport", from: participants, state: "uncertain" },
          expect: "unchanged",
        },
        // Late duplicates of what is settled and forgotten.
        {
          event: { type: "stateReport", from: 0, state: "uncertain" },
          expect: "ignored",
          state: "initial",
        },
        { event: { type: "preCommit", from: -1 }, expect: "ignored", state: "initial" },
        // A contradiction.
        { event: { type: "abort", sameStore: false }, expect: "rejected", state: "committing" },
        { event: { type: "abort", sameStore: false }, expect: "rejected", state: "committed" },
        { event: { type: "commit", sameStore: false }, expect: "rejected", state: "refusing" },
        { event: { type: "commit", sameStore: false }, expect: "rejected", state: "aborting" },
        { event: { type: "commit", sameStore: false }, expect: "rejected", state: "aborted" },
        // An ack from a store that never saw the transaction would lose the money.
        { event: { type: "commit", sameStore: false }, expect: "rejected", state: "initial" },
      ])
    );
  }

  describe(state: Words, index: number): string {
    const life = state[this.world.life(index)]!;
    return life === 0 ? "none" : this.lives[index]!.describe(life - 1);
  }

  /** Gives the machine an event, begun if there is none; what rule that breaks, if any. */
  step(state: Words, index: number, event: ModelEvent): string | undefined {
    return this.stepNumber(state, index, this.lives[index]!.event(event));
  }

  stepNumber(state: Words, index: number, event: number): string | undefined {
    const { world } = this;
    const lives = this.lives[index]!;
    const place = world.life(index);
    const fresh = state[place] === 0;
    const before = fresh ? lives.start : state[place]! - 1;
    const outcome = lives.step(before, event);
    world.recorder.note(world.name(index), lives, fresh, before, event, outcome);
    state[place] = outcome.life + 1;
    let broken = gaveUpTooSoon(lives, before, event, outcome.life);
    const known = this.#known(state, index);
    broken ??= stepFault(lives, known, event, outcome) ??
      pauseFault(lives, before, event, outcome, this.#pauses);
    this.#remember(state, known, lives.eventOf(event), outcome.effects);
    for (const effect of outcome.effects) {
      broken ??= effect.type === "reject"
        ? this.#rejected(lives, before, event)
        : this.#perform(state, index, effect);
    }
    if (lives.describe(outcome.life) === "initial" || lives.done(outcome.life)) {
      state[place] = 0;
      state[world.disk(index)]! &= ~Disk.REMEMBERED;
      if (world.lock(state, index) === Lock.HELD) broken ??= "what is forgotten holds no lock";
      world.setLock(state, index, Lock.NONE);
    }
    return broken;
  }

  #known(state: Words, index: number): Known {
    const { world } = this;
    const disk = state[world.disk(index)]!;
    const follows = ((disk & Disk.FOLLOWS_BITS) >> Disk.FOLLOWS_SHIFT) - 1;
    const leads = follows === index;
    return {
      index,
      participants: world.options.participants,
      written: world.written(state, index),
      durable: disk & (Disk.RECORDS & ~Disk.BELOW),
      lock: world.lock(state, index),
      follows,
      heard: leads ? (disk & Disk.HEARD_BITS) >> Disk.HEARD_SHIFT : 0,
      knows: leads && (disk & Disk.KNOWS) !== 0,
      spreads: leads && (disk & Disk.SPREADS) !== 0,
      returned: !leads && (disk & Disk.RETURNED) !== 0,
      refuses: !leads && (disk & Disk.REFUSES) !== 0,
      forGood: !leads && (disk & Disk.FOR_GOOD) !== 0,
      below: (disk & Disk.BELOW) !== 0,
    };
  }

  /** What the rules have to know later, and what a machine may have got wrong. */
  #remember(state: Words, known: Known, event: ModelEvent, effects: readonly Effect[]): void {
    const { index, written, durable, follows, returned, refuses } = known;
    const place = this.world.disk(index);
    const { type, from } = event as { readonly type: string; readonly from?: number };
    const aborts = effects.some((it) =>
      it.type === "journal" && (it.params as Params).record === "aborted"
    );
    if (aborts && type !== "abort" && written === 0) state[place]! |= Disk.REFUSES;
    if (type === "recovered") state[place]! |= Disk.RETURNED;
    if (returned) return;
    if (follows === index) {
      const asked = type.includes("resend") ? undefined : toldPreCommit(effects);
      if (asked !== undefined) state[place]! |= Disk.SPREADS;
      const heard = asked !== undefined
        ? allExcept(known, asked)
        : type.includes("answerTimeout")
        ? allExcept(known, [])
        : heardWith(known, event);
      state[place] = state[place]! & ~Disk.HEARD_BITS | heard << Disk.HEARD_SHIFT;
      if (knowsWith(known, event)) state[place]! |= Disk.KNOWS;
      return;
    }
    const decided = written & (Disk.COMMITTED | Disk.ABORTED);
    const waits = !decided || refuses && !(durable & Disk.ABORTED);
    const leader = type === "stateRequest" && waits
      ? Math.max(follows, from!)
      : type.includes("decisionTimeout")
      ? nextLeader(follows, index)
      : follows;
    state[place] = state[place]! & ~Disk.FOLLOWS_BITS | leader + 1 << Disk.FOLLOWS_SHIFT;
  }

  /** As for the coordinator. */
  #rejected(lives: Lives, life: number, event: number): string | undefined {
    const { type } = lives.eventOf(event);
    const mayContradict = type === "commit" || type === "abort";
    if (mayContradict && !this.world.options.synchronous) return undefined;
    return `no message is unexpected: a participant in ${lives.describe(life)} got ${type}`;
  }

  #perform(state: Words, index: number, { type, params }: Effect): string | undefined {
    const { world } = this;
    const lock = world.lock(state, index);
    switch (type) {
      case "acquire":
        world.setLock(state, index, Lock.ASKED);
        return undefined;
      case "withdraw":
        if (lock === Lock.ASKED) world.setLock(state, index, Lock.WITHDRAWN);
        return undefined;
      case "release":
        if (lock === Lock.HELD) world.setLock(state, index, Lock.NONE);
        return undefined;
      case "apply":
        return lock === Lock.HELD ? undefined : "nothing is applied without its locks";
      case "journal": {
        const kind = PARTICIPANT_KINDS.indexOf((params as Params).record);
        return world.journal(state, index, kind)
          ? undefined
          : "a journal does not grow without bound";
      }
      case "send":
        return this.#send(state, index, params as Params);
    }
    return undefined;
  }

  #send(state: Words, index: number, params: Params): string | undefined {
    const { world } = this;
    const { message, to, outcome, state: of, retryable } = params;
    for (const peer of to) {
      const plain = message === "inquiry" && peer < 0;
      const words = [message, outcome, plain ? undefined : of];
      const type = words.concat(retryable === false ? "final" : undefined).filter((it) => it)
        .join(" ");
      world.send(state, type, index, peer < 0 ? world.coordinator : peer);
      const durable = DURABLE_FIRST[type];
      // What the watermark has passed was durable once.
      if (durable !== undefined && !world.has(state, index, durable | Disk.BELOW)) {
        return `no ${type} is said before it is durable`;
      }
    }
    return undefined;
  }

  /** The oldest record on its way is durable; who waits for it is told. */
  sync(state: Words, index: number): string | undefined {
    const before = state[this.world.disk(index)]!;
    const record = PARTICIPANT_KINDS[this.world.write(state, index)]!;
    if (record === "committed" && before & Disk.COMMITTED) return "nothing is applied twice";
    return this.step(state, index, { type: "journaled", record });
  }

  /** It starts again from its disk. */
  restart(state: Words, index: number): string | undefined {
    const { world } = this;
    state[world.disk(index)]! &= ~Disk.DOWN;
    const bits = state[world.disk(index)]!;
    const records = PARTICIPANT_KINDS.filter((_, bit) => bits >> bit & 1)
      .map((kind): ParticipantRecord => {
        if (kind !== "prepared") return { protocol, kind, id };
        const place = { coordinator: "coordinator", peers: world.participants.map(String) };
        return { protocol, kind, id, ...place, you: index, epoch: 0, effect: null };
      });
    const lowest = { [id.log]: bits & Disk.BELOW ? id.sequence + 1 : 0 };
    const [found] = recoverParticipant(records, lowest);
    if (found === undefined) return undefined;
    const broken = this.step(state, index, { type: "recovered", as: found.as });
    // Its locks are back before anything else is served.
    const asked = world.lock(state, index) === Lock.ASKED;
    return broken ?? (asked ? this.grant(state, index) : undefined);
  }

  grant(state: Words, index: number): string | undefined {
    this.world.setLock(state, index, Lock.HELD);
    return this.step(state, index, { type: "granted" });
  }

  refuse(state: Words, index: number): string | undefined {
    const { world } = this;
    const waits = world.lock(state, index) === Lock.ASKED;
    // The first is refused by what it read under its locks, another for want of them.
    const forGood = waits && index === 0;
    world.setLock(state, index, forGood ? Lock.HELD : Lock.NONE);
    if (forGood) state[world.disk(index)]! |= Disk.FOR_GOOD;
    return this.step(state, index, { type: "refused", retryable: !forGood });
  }

  /** A later transaction of the same log says that this one is over. */
  announce(state: Words, index: number): string | undefined {
    state[this.world.disk(index)]! |= Disk.BELOW;
    if (state[this.world.life(index)] === 0) return undefined;
    return this.step(state, index, { type: "forget" });
  }

  /** A message of the coordinator or a peer. */
  receive(state: Words, text: string, index: number, sender: number): string | undefined {
    const { world } = this;
    const [type = "", of] = text.split(" ");
    const from = sender === world.coordinator ? -1 : sender;
    const known = state[world.life(index)] !== 0;
    const below = world.has(state, index, Disk.BELOW);
    const lowest = below ? id.sequence + 1 : 0;
    switch (type) {
      case "prepare":
        if (admitPrepare({ sequence: id.sequence, lowest, known }) === "stale") return undefined;
        return this.step(state, index, { type });
      case "commit":
      case "abort": {
        const store = from < 0 ? "store" : undefined;
        const facts = { store, ours: "store", sequence: id.sequence, lowest };
        const sameStore = mayAckUnknownCommit(facts);
        // A peer's late duplicate.
        if (!known && store === undefined && below) return undefined;
        return this.step(state, index, { type, sameStore });
      }
      case "stateRequest":
      case "inquiry":
        if (!known && answerUnknownInquiry({ ...STORE, lowest }) === "uncertain") return undefined;
        return this.step(state, index, { type, from, ...(of === undefined ? {} : { state: of }) });
      default:
        return this.step(state, index, { type, from, ...(of === undefined ? {} : { state: of }) });
    }
  }

  /** Whose silence the patience of a state is a verdict on, and who it follows. */
  awaited(state: Words, index: number): { readonly leader: number; readonly answers: number[] } {
    const lives = this.lives[index]!;
    const life = state[this.world.life(index)]! - 1;
    const { leader, uncertain, preCommitted } = lives.context(life) as {
      readonly leader: number;
      readonly uncertain: number[];
      readonly preCommitted: number[];
    };
    const known = lives.describe(life).startsWith("spreading")
      ? this.world.participants.filter((it) => !uncertain.includes(it))
      : [...uncertain, ...preCommitted];
    return {
      leader: leader < 0 ? this.world.coordinator : leader,
      answers: this.world.participants.filter((it) => it !== index && !known.includes(it)),
    };
  }
}

/** Whom it tells that all voted yes, if it does. */
function toldPreCommit(effects: readonly Effect[]): readonly number[] | undefined {
  const said = effects.map(({ params }) => (params ?? {}) as Params);
  return said.find(({ message }) => message === "preCommit")?.to;
}

const DECIDED = new Set(["committed", "aborted"]);

/** The watermark ends the memory of what is settled. */
function gaveUpTooSoon(
  lives: Lives,
  before: number,
  event: number,
  after: number,
): string | undefined {
  if (lives.eventOf(event).type !== "forget" || !DECIDED.has(lives.describe(before))) {
    return undefined;
  }
  return lives.done(after) ? undefined : "the watermark ends the memory of what is settled";
}
