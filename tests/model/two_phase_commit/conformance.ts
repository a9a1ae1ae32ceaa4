/**
 * Plays what the roles that ship did about a transaction to the hosts of the model, and compares
 * what comes of it: the states of the machines, the records, and the messages to each receiver.
 *
 * @module
 */
import type { EventObject } from "../../../runtime/xstate_types.ts";
import type { Words } from "../../../runtime/checker/model.ts";
import { SHIPPED } from "../machines.ts";
import { CoordinatorHost } from "./coordinator_host.ts";
import { Conversation, TO_COORDINATOR } from "./conversation.ts";
import { ParticipantHost } from "./participant_host.ts";
import type { Note } from "./witnessed.ts";
import { COORDINATOR, KINDS, Lock, LOG, type Rules, SHIPPED_RULES, World } from "./world.ts";

/** Where a real run and its model part. */
export class Differs extends Error {
  /** Always `Differs`. */
  override readonly name = "Differs";
}

/** Why a transaction is left out: edges that hold copies are named by chance of the moment. */
export function leftOut(notes: readonly Note[]): string | undefined {
  const [first] = notes;
  if (first?.kind !== "step" || first.event.type !== "begin") return "it began before";
  const held = notes.some((it) =>
    it.kind === "delivered" && it.type === "voteYes" && (it.body["holders"] as []).length > 0
  );
  return held ? "edges hold copies" : undefined;
}

/** A world that tells of each message. */
class TellingWorld extends World {
  said: (type: string, index: number) => void = () => {};

  override send(state: Words, type: string, index: number, asker?: number): void {
    this.said(type, index);
    super.send(state, type, index, asker);
  }
}

const LAZY: ReadonlySet<string> = new Set(["aborted", "watermark", "ended"]);
const LOGGED: ReadonlySet<string> = new Set(["commit", "ended", ...KINDS]);
const WATERMARK = KINDS.indexOf("watermark") + 1;

/** One transaction, played. */
export class Conformance {
  readonly #world: TellingWorld;
  readonly #coordinator: CoordinatorHost;
  readonly #participant: ParticipantHost;
  readonly #state: Words;
  readonly #peers: readonly string[];
  readonly #owner: string;
  readonly #conversation: Conversation;
  /** Records that are durable and whose hosts have not been told, by address. */
  readonly #written = new Map<string, number>();
  /** Whether the votes that were received and not counted yet depend on other transactions. */
  readonly #votes: boolean[] = [];
  /** What a participant was told last, and has not stepped for yet. */
  #told: string | undefined;
  readonly #sequence: number;
  #at = 0;

  /** @param key the transaction @param rules in place of those that ship */
  constructor(
    private readonly key: string,
    private readonly notes: readonly Note[],
    rules: Partial<Rules> = {},
  ) {
    this.#sequence = Number(key.slice(key.lastIndexOf(":") + 1));
    this.#owner = notes[0]!.at;
    const prepare = notes.find((it) => it.kind === "delivered" && it.type === "prepare");
    const peers = prepare?.kind === "delivered" ? prepare.body["peers"] as string[] : [];
    const sent = notes.flatMap((it) => it.kind === "sent" && it.type === "prepare" ? [it.to] : []);
    this.#peers = peers.length > 0 ? peers : [...new Set(sent)];
    this.#conversation = new Conversation(this.#owner, this.#peers);
    const participants = Math.max(1, this.#peers.length);
    this.#world = new TellingWorld({
      participants,
      holders: 0,
      network: "set",
      crashes: { coordinator: 3, participants: 3, holders: 0, total: 3 },
      losses: Infinity,
      duplicates: Infinity,
      machines: SHIPPED,
      rules: { ...SHIPPED_RULES, ...rules },
    });
    this.#coordinator = new CoordinatorHost(this.#world);
    this.#participant = new ParticipantHost(this.#world);
    this.#state = new Uint16Array(this.#world.width);
  }

  /** Plays all. @throws {Differs} where the two part */
  play(): { readonly steps: number; readonly messages: number } {
    let steps = 0;
    for (const note of this.notes) {
      this.#at++;
      const index = this.#peers.indexOf(note.at);
      if (note.at !== this.#owner && index < 0) continue;
      this.#world.said = (type, to) => this.#conversation.model(note.at, type, to);
      this.#note(note, note.at === this.#owner ? undefined : index);
      if (note.kind === "step") steps++;
    }
    for (const [index, at] of [[undefined, this.#owner] as const, ...this.#peers.entries()]) {
      const missing = this.#pending(index);
      if (missing.length > 0) this.#differ(`${at} never wrote ${missing.join(", ")}`);
    }
    const difference = this.#conversation.difference();
    if (difference !== undefined) this.#differ(difference);
    return { steps, messages: this.#conversation.length };
  }

  #note(note: Note, index: number | undefined): void {
    switch (note.kind) {
      case "delivered":
        return this.#delivered(note, index);
      case "watermark": {
        const passed = note.lowest > this.#sequence;
        const known = index !== undefined && this.#state[this.#world.life(index)] !== 0;
        if (passed && index !== undefined && !known) this.#announce(index);
        return;
      }
      case "step":
        return this.#step(note, index);
      case "sent":
        return this.#conversation.real(note.at, note.to, note.type);
      case "unreachable":
        return this.#conversation.unreachable(note.at, note.to, note.type);
      case "written":
        return this.#writes(note, index);
      case "gone": {
        const kept = this.#written.get(note.at) ?? 0;
        this.#written.delete(note.at);
        this.#conversation.strangers.delete(note.at);
        if (index === undefined) this.#hold(this.#coordinator.crash(this.#state, kept));
        else {
          this.#hold(this.#participant.crash(this.#state, index, kept));
          const outcome = /^(committed|aborted)$/.test(this.#describe(index));
          if (outcome) this.#conversation.strangers.add(note.at);
        }
      }
    }
  }

  #delivered(note: Note & { kind: "delivered" }, index: number | undefined): void {
    const { type, from, body } = note;
    const asker = body["index"] as number;
    if (index === undefined) {
      // What a vote depends on is others' business: the step says what has become of it.
      const conditional = type === "voteYes" && body["after"] !== undefined;
      if (type === "voteYes" && this.#state[COORDINATOR] !== 0) this.#votes.push(conditional);
      if (conditional && this.#state[COORDINATOR] !== 0) return;
      if (TO_COORDINATOR.has(type)) {
        this.#hold(this.#coordinator.receive(this.#state, type, asker));
      }
      return;
    }
    this.#told = `${note.at} ${type}`;
    const ofPeer = from !== this.#owner;
    const known = this.#state[this.#world.life(index)] !== 0;
    if (type === "inquiry") {
      if (!known) this.#conversation.strangers.add(note.at);
      this.#hold(this.#participant.receive(this.#state, "ask", index, asker));
    } else if (type === "uncertain" || ofPeer) {
      const named = `peer${type[0]!.toUpperCase()}${type.slice(1)}`;
      this.#hold(this.#participant.receive(this.#state, named, index, index));
    } else {
      if (type === "commit" || !known) this.#conversation.strangers.delete(note.at);
      this.#hold(this.#participant.receive(this.#state, type, index, index));
    }
  }

  /** What no message of this transaction led to is done here; what one did has been done. */
  #step(note: Note & { kind: "step" }, index: number | undefined): void {
    const { event, after } = note;
    const { type } = event;
    if (type === "begin") this.#coordinator.begin(this.#state);
    else if (index === undefined && this.#isOfOthers(event)) {
      this.#hold(this.#coordinator.step(this.#state, { ...event }));
    } else if (type === "journaled") {
      this.#isTold(note.at, (event as { type: string; record: string }).record, index);
    } else if (type.startsWith("xstate.after.")) this.#timer(type, index);
    else if (type === "forget") this.#announce(index!);
    else if (type === "commit" && this.#told !== `${note.at} ${type}`) {
      // Of another transaction, which was built on this one: so this one has committed as well.
      this.#hold(this.#participant.step(this.#state, index!, { ...event }));
    } else if (type === "granted") {
      const held = this.#world.lock(this.#state, index!) === Lock.HELD;
      if (!held) this.#hold(this.#participant.grant(this.#state, index!));
    } else if (type === "refused") this.#hold(this.#participant.refuse(this.#state, index!));
    this.#told = undefined;
    const is = this.#describe(index);
    const gone = is === "none" && /^(ended|aborted|forgotten|idle)$/.test(after);
    if (is !== after && !gone) this.#differ(`${note.at} is in ${after}, its model in ${is}`);
  }

  /** Whether other transactions had a part in it. */
  #isOfOthers(event: EventObject): boolean {
    const { type } = event;
    return type === "abort" || type === "dependenciesMet" ||
      type === "voteYes" && this.#votes.shift()!;
  }

  #timer(type: string, index: number | undefined): void {
    const lives = index === undefined ? this.#coordinator.lives : this.#participant.lives;
    const life = this.#state[index === undefined ? COORDINATOR : this.#world.life(index)]!;
    const name = type.split(".")[2];
    const timer = life === 0 ? undefined : lives.timers(life - 1).find((it) => it.name === name);
    if (timer === undefined) this.#differ(`${name} fired, which the model has not set`);
    this.#hold(
      index === undefined
        ? this.#coordinator.stepNumber(this.#state, timer.event)
        : this.#participant.stepNumber(this.#state, index, timer.event),
    );
  }

  #announce(index: number): void {
    this.#hold(this.#participant.announce(this.#state, index));
    // The role writes it with its next checkpoint only, and takes none in these runs.
    const place = this.#world.pending(index);
    if ((this.#state[place]! & 7) === WATERMARK) this.#state[place]! >>= 3;
  }

  #describe(index: number | undefined): string {
    return index === undefined
      ? this.#coordinator.describe(this.#state)
      : this.#participant.describe(this.#state, index);
  }

  // Records ----------------------------------------------------------------------------------

  /** Kinds of the records on their way to a disk, the oldest first. */
  #pending(index: number | undefined): string[] {
    const [bits, kinds] = index === undefined ? [2, ["commit", "ended"]] : [3, KINDS];
    const digits = index === undefined
      ? this.#state[LOG]! >> 4
      : this.#state[this.#world.pending(index)]!;
    const pending: string[] = [];
    for (let left = digits; left > 0; left >>= bits) {
      pending.unshift(kinds[(left & (1 << bits) - 1) - 1]!);
    }
    return pending;
  }

  #writes({ at, record }: Note & { kind: "written" }, index: number | undefined): void {
    if (!LOGGED.has(record)) return; // `began` and the like: recovery reads none of them.
    if (index === undefined && record === "aborted") return;
    const before = this.#written.get(at) ?? 0;
    const expected = this.#pending(index)[before];
    if (expected !== record) this.#differ(`${at} wrote ${record}, its model ${expected}`);
    this.#written.set(at, before + 1);
    this.#syncLazy(at, index);
  }

  /** Whoever waits for a record is told: so are those of before, which nobody waits for. */
  #isTold(at: string, record: string, index: number | undefined): void {
    for (let synced = ""; synced !== record;) {
      const left = this.#written.get(at) ?? 0;
      if (left === 0) this.#differ(`${at} was told of ${record} before it was written`);
      synced = this.#pending(index)[0]!;
      this.#sync(at, index);
    }
    this.#syncLazy(at, index);
  }

  #syncLazy(at: string, index: number | undefined): void {
    while ((this.#written.get(at) ?? 0) > 0 && LAZY.has(this.#pending(index)[0]!)) {
      this.#sync(at, index);
    }
  }

  #sync(at: string, index: number | undefined): void {
    this.#written.set(at, this.#written.get(at)! - 1);
    this.#hold(
      index === undefined
        ? this.#coordinator.sync(this.#state)
        : this.#participant.sync(this.#state, index),
    );
  }

  #hold(broken: string | undefined): void {
    if (broken !== undefined) this.#differ(`the model says: ${broken}`);
  }

  #differ(text: string): never {
    throw new Differs(`${this.key} at note ${this.#at}: ${text}`);
  }
}
