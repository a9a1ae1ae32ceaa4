/**
 * What the host of a participant does around its machine, for one transaction: lock, journal, apply,
 * send, and decide with the shipped rules what to do with messages about what it does not know.
 *
 * @module
 */
import { Lives, type ModelEvent, type Outcome } from "../../../runtime/checker/lives.ts";
import type { Effect } from "../../../runtime/engine.ts";
import type { Words } from "../../../runtime/checker/model.ts";
import { recovered, retained } from "./participant_disk.ts";
import { type Known, pauseFault, stepFault } from "./participant_rules.ts";
import { Disk, Fact, FACTS, KINDS, Lock, Phase, type World } from "./world.ts";

const SEQUENCE = 0;
const SAME_STORE = { ours: "store", sequence: SEQUENCE };

interface Params {
  readonly message: string;
  readonly record: (typeof KINDS)[number];
  readonly to: readonly number[] | "all";
}

/** Pauses that grow make many states: they are looked at where there are few. */
export function backoffOf({ options }: World): number {
  return options.participants === 1 && (options.holders === 0 || options.crashes.total === 0)
    ? 2
    : 0;
}

/** The participants' side of a state. */
export class ParticipantHost {
  readonly lives: Lives;
  readonly #pauses: Parameters<typeof pauseFault>[4];

  constructor(private readonly world: World) {
    const input = { lockTimeoutMs: 5, inquireMs: 1, maxBackoff: backoffOf(world) };
    this.#pauses = { name: "inquire", leastMs: 1, mostMs: 2 ** input.maxBackoff };
    this.lives = new Lives(
      world.options.machines.participant,
      input,
      (event, order) =>
        typeof event["from"] === "number" ? { ...event, from: order[event["from"]] } : event,
      [
        { event: { type: "stray" }, expect: "rejected" },
        { event: { type: "journaled", record: "other" }, expect: "rejected" },
        { event: { type: "recovered", as: "other" }, expect: "rejected" },
        // An ack from a store that never saw the transaction would lose the money.
        { event: { type: "commit", sameStore: false }, expect: "rejected", state: "idle" },
      ],
    );
  }

  describe(state: Words, index: number): string {
    const life = state[this.world.life(index)]!;
    return life === 0 ? "none" : this.lives.describe(life - 1);
  }

  /** Gives the machine an event, begun if there is none; what rule that breaks, if any. */
  step(state: Words, index: number, event: ModelEvent): string | undefined {
    return this.stepNumber(state, index, this.lives.event(event));
  }

  stepNumber(
    state: Words,
    index: number,
    event: number,
    known: Known = this.#known(state, index),
  ): string | undefined {
    const place = this.world.life(index);
    const before = state[place] === 0 ? this.lives.start : state[place]! - 1;
    const outcome = this.lives.step(before, event);
    const { life: after, effects } = outcome;
    const fresh = state[place] === 0;
    if (fresh) this.#orphan(state, index);
    let broken = stepFault(this.lives, known, event, outcome) ??
      pauseFault(this.lives, before, event, outcome, this.#pauses);
    this.world.recorder.note(`participant ${index}`, this.lives, fresh, before, event, outcome);
    state[place] = after + 1;
    for (const effect of effects) {
      broken ??= effect.type === "reject"
        ? this.#rejected(before, event)
        : this.#perform(state, index, effect);
    }
    const now = this.lives.describe(after);
    if (now === "aborted") state[FACTS]! |= Fact.ABORT;
    broken ??= this.#note(state, index, event, outcome);
    const forgets = this.lives.eventOf(event).type === "forget";
    if (this.lives.done(after) && !forgets) {
      broken ??= "an outcome is known until the watermark passes";
    }
    if (now === "idle" && forgets) broken ??= "what is forgotten has no life";
    if (now === "idle" || this.lives.done(after)) {
      state[place] = 0;
      if (this.world.lock(state, index) === Lock.HELD) broken ??= "what is forgotten holds no lock";
      this.world.setLock(state, index, Lock.NONE);
      state[this.world.disk(index)]! &= (1 << Disk.ORPHAN_SHIFT) - 1;
    }
    return broken;
  }

  /** A new life does not wait for what an earlier one wrote. */
  #orphan(state: Words, index: number): void {
    const disk = this.world.disk(index);
    const orphans = this.pendingCount(state, index) << Disk.ORPHAN_SHIFT;
    state[disk] = state[disk]! & (1 << Disk.ORPHAN_SHIFT) - 1 | orphans;
  }

  #known(state: Words, index: number): Known {
    const { world } = this;
    const disk = state[world.disk(index)]!;
    const kinds = disk & Disk.RECORDS | this.#onTheWay(state, index, 0);
    const orphans = disk >> Disk.ORPHAN_SHIFT & 7;
    // What was asked stays on its way for ever, on a network that is a set, while there are faults.
    const isTold = world.options.network === "set" && world.phase(state) === Phase.FAULTS;
    return {
      promised: (kinds & Disk.PREPARED) !== 0,
      committed: (kinds & Disk.COMMITTED) !== 0,
      aborted: (kinds & (Disk.ABORTED | Disk.REFUSED)) !== 0,
      heardAbort: (disk & Disk.HEARD_ABORT) !== 0,
      refusing: (this.#onTheWay(state, index, orphans) & Disk.REFUSED) !== 0,
      waits: world.lock(state, index) === Lock.ASKED,
      asked: isTold ? world.network.has(state, world.number("inquiry", index)) : undefined,
      forgotten: state[world.life(index)] === 0 && (disk & Disk.BELOW) !== 0,
    };
  }

  /** Kinds of the records on their way, without the oldest few. */
  #onTheWay(state: Words, index: number, without: number): number {
    let [kinds, left] = [0, this.pendingCount(state, index) - without];
    for (let pending = state[this.world.pending(index)]!; left > 0; left--, pending >>= 3) {
      kinds |= 1 << (pending & 7) - 1;
    }
    return kinds;
  }

  /** Notes what it has heard, and sees that it lets go of what it has no use for. */
  #note(state: Words, index: number, event: number, { effects }: Outcome): string | undefined {
    const { type } = this.lives.eventOf(event);
    const disk = this.world.disk(index);
    const committed = (state[disk]! & (Disk.COMMITTED | Disk.APPLIED)) !== 0;
    const calm = !effects.some((it) => it.type === "reject");
    if (type === "abort" && calm && !committed) state[disk]! |= Disk.HEARD_ABORT;
    const no = (state[disk]! & Disk.HEARD_ABORT) !== 0 || effects.some(({ params }) => {
      const { message, record } = (params ?? {}) as Params;
      return message === "voteNo" || record === "refused";
    });
    return no && this.world.lock(state, index) === Lock.ASKED
      ? "who will not commit waits for no locks"
      : undefined;
  }

  #rejected(life: number, event: number): string {
    const { type } = this.lives.eventOf(event);
    return `no message is unexpected: a participant in ${this.lives.describe(life)} got ${type}`;
  }

  #perform(state: Words, index: number, { type, params }: Effect): string | undefined {
    const { world } = this;
    const { message, record, to } = (params ?? {}) as Params;
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
      case "journal":
        return this.#journal(state, index, record);
      case "sendCoordinator":
        return this.#tellCoordinator(state, index, message);
      case "sendPeers":
        return this.#tellPeers(state, index, message, to);
    }
    return undefined;
  }

  #journal(state: Words, index: number, record: Params["record"]): string | undefined {
    const place = this.world.pending(index);
    if (state[place]! >= 1 << 12) return "a journal does not grow without bound";
    state[place] = state[place]! << 3 | KINDS.indexOf(record) + 1;
    return undefined;
  }

  #tellCoordinator(state: Words, index: number, message: string): string | undefined {
    const disk = state[this.world.disk(index)]!;
    this.world.send(state, message, index);
    if (message === "voteYes" && !(disk & Disk.PREPARED)) {
      return "no yes is said before it is durable";
    }
    return message === "ack" && !(disk & Disk.APPLIED)
      ? "no ack is said before the commit is durable"
      : undefined;
  }

  #tellPeers(
    state: Words,
    index: number,
    message: string,
    to: readonly number[] | "all",
  ): string | undefined {
    const { world } = this;
    const peers = [...Array(world.options.participants).keys()].filter((peer) => peer !== index);
    for (const peer of to === "all" ? peers : to) {
      if (message === "inquiry") world.send(state, "ask", peer, index);
      else world.send(state, `peer${message[0]!.toUpperCase()}${message.slice(1)}`, peer);
    }
    const facts = state[FACTS]!;
    if (message === "commit" && !(facts & Fact.COMMIT)) {
      return "no peer hears of a commit before it is durable";
    }
    return message === "abort" && !this.#abortIsCertain(state)
      ? "no peer hears of an abort before it is certain"
      : undefined;
  }

  #abortIsCertain(state: Words): boolean {
    const { world } = this;
    for (let peer = 0; peer < world.options.participants; peer++) {
      if (state[world.disk(peer)]! & (Disk.REFUSED | Disk.ABORTED)) return true;
    }
    return (state[FACTS]! & Fact.GIVEN_UP) !== 0;
  }

  /** The oldest record on its way reaches the disk. */
  #write(state: Words, index: number): { kind: Params["record"]; twice: boolean } {
    const place = this.world.pending(index);
    const pending = state[place]!;
    let shift = 0;
    while (pending >> shift >= 8) shift += 3;
    const kind = KINDS[(pending >> shift) - 1]!;
    state[place] = pending & (1 << shift) - 1;
    const disk = this.world.disk(index);
    const before = state[disk]!;
    const durable = before & Disk.RECORDS | 1 << KINDS.indexOf(kind);
    state[disk] = before & ~Disk.RECORDS | retained(durable) |
      (kind === "committed" ? Disk.APPLIED : 0);
    return { kind, twice: kind === "committed" && (before & Disk.APPLIED) !== 0 };
  }

  /** The oldest record on its way is durable; who waits for it is told. */
  sync(state: Words, index: number): string | undefined {
    const disk = this.world.disk(index);
    const isOrphan = (state[disk]! >> Disk.ORPHAN_SHIFT & 7) > 0;
    if (isOrphan) state[disk]! -= 1 << Disk.ORPHAN_SHIFT;
    const { kind, twice } = this.#write(state, index);
    if (twice) return "nothing is applied twice";
    if (kind === "aborted" || kind === "watermark") return undefined;
    if (state[this.world.life(index)] === 0 || isOrphan) return undefined;
    return this.step(state, index, { type: "journaled", record: kind });
  }

  /** How many records are on their way. */
  pendingCount(state: Words, index: number): number {
    let count = 0;
    for (let pending = state[this.world.pending(index)]!; pending > 0; pending >>= 3) count++;
    return count;
  }

  /** It dies with `kept` of the records on their way, and starts again from its disk. */
  crash(state: Words, index: number, kept: number): string | undefined {
    let broken: string | undefined;
    for (let i = 0; i < kept; i++) {
      if (this.#write(state, index).twice) broken = "nothing is applied twice";
    }
    state[this.world.pending(index)] = 0;
    state[this.world.life(index)] = 0;
    const disk = this.world.disk(index);
    const { inDoubt, outcome, below } = recovered(state[disk]! & Disk.RECORDS);
    state[disk] = state[disk]! & (Disk.RECORDS | Disk.APPLIED) | (below ? Disk.BELOW : 0);
    if (outcome !== undefined) {
      const as = outcome === "commit" ? "committed" : "aborted";
      broken ??= this.step(state, index, { type: "recovered", as });
    }
    if (inDoubt) {
      broken ??= this.step(state, index, { type: "recovered", as: "inDoubt" });
      // Its locks are back before anything else is served.
      if (this.world.lock(state, index) === Lock.ASKED) broken ??= this.grant(state, index);
    }
    return broken;
  }

  grant(state: Words, index: number): string | undefined {
    this.world.setLock(state, index, Lock.HELD);
    return this.step(state, index, { type: "granted" });
  }

  refuse(state: Words, index: number): string | undefined {
    const known = this.#known(state, index);
    // Executed under its locks, and refused by what it read; or never granted.
    this.world.setLock(state, index, known.waits ? Lock.HELD : Lock.NONE);
    const event = this.lives.event({ type: "refused", retryable: false });
    return this.stepNumber(state, index, event, known);
  }

  /** A later transaction of the same log says that this one is over. */
  announce(state: Words, index: number): string | undefined {
    const disk = this.world.disk(index);
    const lowest = state[disk]! & Disk.BELOW ? 1 : 0;
    let broken: string | undefined;
    if (this.world.options.rules.raiseLowest(lowest, SEQUENCE + 1) > lowest) {
      state[disk]! |= Disk.BELOW;
      broken = this.#journal(state, index, "watermark");
    }
    if (state[this.world.life(index)] === 0) return broken;
    return broken ?? this.step(state, index, { type: "forget" });
  }

  /** A message of the coordinator or a peer. */
  receive(state: Words, type: string, index: number, asker: number): string | undefined {
    const known = state[this.world.life(index)] !== 0;
    const lowest = state[this.world.disk(index)]! & Disk.BELOW ? 1 : 0;
    const { rules } = this.world.options;
    switch (type) {
      case "prepare":
        if (rules.admitPrepare({ sequence: SEQUENCE, lowest, known }) === "stale") return undefined;
        return this.step(state, index, { type });
      case "announce":
        return this.announce(state, index);
      case "commit":
      case "peerCommit": {
        const store = type === "commit" ? "store" : undefined;
        const sameStore = rules.mayAckUnknownCommit({ ...SAME_STORE, store, lowest });
        // A peer's late duplicate.
        if (!known && store === undefined && SEQUENCE < lowest) return undefined;
        return this.step(state, index, { type: "commit", sameStore });
      }
      case "ask": {
        const facts = { storeComplete: true, storeSince: 0, epoch: 0, sequence: SEQUENCE, lowest };
        if (!known && rules.answerUnknownInquiry(facts) === "uncertain") {
          this.world.send(state, "peerUncertain", asker);
          return undefined;
        }
        return this.step(state, index, { type: "inquiry", from: asker });
      }
      default:
        return this.step(state, index, { type: type === "peerUncertain" ? "uncertain" : "abort" });
    }
  }
}
