/**
 * One sequence number of a group with an equivocating primary: it says one batch to some replicas and
 * another to others, at any time, again and again, and commits to both. The others are correct; what
 * they say may be lost, late, doubled and overtaken; their journals are slow, and they may crash.
 *
 * With a view change journals are fast, any of them may leave view 0 at any time, replica 1 begins
 * view 1 and has something else to order there, and the liar says of view 0 whatever it can prove.
 *
 * Bounded: one number, two batches, views 0 and 1, no checkpoints.
 *
 * @module
 */
import {
  type Digest,
  INITIAL_DIGEST,
  isPreparedProof,
  recover,
  type ReplicaContext,
  type ReplicaEvent,
  type ReplicaMessage,
  type ReplicaRecord,
  slotAt,
} from "../../../protocols/pbft/mod.ts";
import { Lives, type ModelEvent } from "../../../runtime/checker/lives.ts";
import type { Emit, Model, Words } from "../../../runtime/checker/model.ts";
import { Network } from "../../../runtime/checker/network.ts";
import type { AnyStateMachine } from "../../../runtime/xstate_types.ts";

/** What is explored. */
export interface PbftOptions {
  readonly replica: AnyStateMachine;
  readonly replicas: number;
  readonly faulty: number;
  /** Quorum rule and all as they ship; liars beside the primary. */
  readonly accomplices: number;
  readonly viewChange: boolean;
  /** Whether records are durable at once, and votes come when they count: both are `pbft`'s. */
  readonly brief: boolean;
  /**
   * Whether the liar settles at the start which of the two batches each replica is told. It has no
   * reason to tell both: the first one counts. Replicas are alike to it, and so are batches: all that
   * matters is how many are told the one, and the others the other; replica 1, which is to lead
   * view 1, is told the one.
   *
   * Votes are alike, too, as only their number counts: a replica hears them when they suffice.
   */
  readonly settled: boolean;
  /** Crashes at most. */
  readonly crashes: number;
}

/** The rule that f + 1 liars break. */
export const AGREEMENT = "no two correct replicas execute different batches at one number";

/** A message of a correct replica, on its way for ever. */
type Said = { readonly from: number; readonly message: ReplicaMessage };

const LIMITS = {
  checkpointInterval: 1000,
  window: 1000,
  maxBatch: 1,
  maxInFlight: 1,
  viewTimeoutMs: 1,
  maxBackoff: 0,
  statusMs: 1,
  fetchTimeoutMs: 1,
};
const SEQUENCE = 1;
const BATCHES: readonly Digest[] = ["a", "b"];
const INITIAL = { sequence: 0, digest: INITIAL_DIGEST };
const MESSAGES = 256;
/** Of each replica: more than there are, and the one that stands for a crash. */
const EVENTS = 4096, CRASH = EVENTS - 1;

/** Words of each correct replica. */
const LIFE = 0, DISK = 1, UNSYNCED = 2, EXECUTED = 3, PER_REPLICA = 4;

const NEW_PRIMARY = 1;
/** What the new primary orders, at this number if nothing is due there. */
const REQUEST = { client: "client", timestamp: 1, digest: "c" };

function viewOf({ message }: Said): number {
  return "view" in message ? message.view : 0;
}

type Vote = Extract<ReplicaMessage, { readonly type: "prepare" | "commit" }>;

function isVote(message: ReplicaMessage): message is Vote {
  return message.type === "prepare" || message.type === "commit";
}

/** Values by number, as they come up. */
class Registry<T> {
  readonly #values: T[] = [];
  readonly #numbers = new Map<string, number>();

  number(value: T): number {
    const key = JSON.stringify(value);
    let number = this.#numbers.get(key);
    if (number === undefined) this.#numbers.set(key, number = this.#values.push(value) - 1);
    return number;
  }

  value(number: number): T {
    return this.#values[number]!;
  }
}

/** The model of one number. */
export function pbftModel(name: string, options: PbftOptions): Model {
  return new OneNumber(name, options).model();
}

class OneNumber {
  readonly #correct: readonly number[];
  readonly #lives: ReadonlyMap<number, Lives>;
  readonly #said = new Registry<Said>();
  readonly #records = new Registry<readonly ReplicaRecord[]>();
  readonly #digests = new Registry<Digest | undefined>();
  /** By place and number of what is said: the number of the event. */
  readonly #events: readonly number[][];
  readonly #lieNumbers = new Map<string, readonly number[]>();
  readonly #network: Network;
  /** Word of the crashes so far. */
  readonly #crashes: number;
  /** Word that says whether view 0 is over. */
  readonly #later: number;
  /** Word that says how many are told the first batch, if that is settled. */
  readonly #first: number;
  readonly #width: number;
  readonly #nothing: number;

  constructor(private readonly name: string, private readonly options: PbftOptions) {
    const { replicas, faulty, replica, accomplices } = options;
    const all = Array.from({ length: replicas }, (_, index) => index);
    // The accomplices are the last ones; the new primary is correct.
    this.#correct = all.slice(1, replicas - accomplices);
    this.#lives = new Map(this.#correct.map((index) => {
      const probe = [{ event: { type: "stray" }, expect: "rejected" }] as const;
      const input = { ...LIMITS, replicas, faulty, index };
      return [index, new Lives(replica, input, undefined, probe)];
    }));
    this.#events = this.#correct.map(() => []);
    this.#crashes = this.#correct.length * PER_REPLICA;
    this.#later = this.#crashes + 1;
    this.#first = this.#later + 1;
    this.#network = new Network({
      kind: "set",
      channels: Array.from({ length: MESSAGES }, () => 0),
      losses: 0,
      duplicates: 0,
      copies: 1,
      offset: this.#first + 1,
    });
    this.#width = this.#first + 1 + this.#network.width;
    this.#nothing = this.#records.number([]);
    this.#digests.number(undefined);
  }

  model(): Model {
    const { replicas, viewChange, crashes, accomplices } = this.options;
    return {
      name: this.name,
      width: this.#width,
      bounds: {
        replicas,
        liars: 1 + accomplices,
        numbers: 1,
        views: viewChange ? 2 : 1,
        crashes,
        network: "set",
        symmetry: this.options.settled,
      },
      initial: () => this.#firsts().map((first) => this.#initial(first)),
      expand: (state, emit) => this.#expand(state, emit),
      invariants: [{ name: AGREEMENT, holds: (state) => this.#agree(state) }],
      tell: (_, action) => {
        const index = this.#correct[Math.floor(action / EVENTS)]!;
        const to = `replica ${index}`;
        const number = action % EVENTS;
        if (number === CRASH) return { from: to, to, type: "crash", text: `${to} crashes` };
        const event = this.#lives.get(index)!.eventOf(number);
        const from = "from" in event ? `replica ${event["from"]}` : to;
        return { from, to, type: event.type, text: `${to}: ${JSON.stringify(event)}` };
      },
      show: (state) =>
        this.#correct.map((index, place) => ({
          name: `replica ${index}`,
          state: this.#lives.get(index)!.describe(state[place * PER_REPLICA + LIFE]!),
          disk: JSON.stringify(this.#records.value(state[place * PER_REPLICA + DISK]!)),
        })),
    };
  }

  /** How many may be told the first batch: the others are told the second. */
  #firsts(): readonly number[] {
    const { length } = this.#correct;
    if (!this.options.settled) return [0];
    // Without another view it does not matter which of the two is the first.
    const fewest = this.options.viewChange ? 1 : Math.ceil(length / 2);
    return Array.from({ length: length - fewest + 1 }, (_, more) => fewest + more);
  }

  #initial(first: number): Words {
    const state = new Uint16Array(this.#width);
    state[this.#first] = first;
    this.#correct.forEach((index, place) => {
      const at = place * PER_REPLICA;
      state[at + LIFE] = this.#lives.get(index)!.start;
      state[at + DISK] = state[at + UNSYNCED] = this.#nothing;
      this.#restart(state, place);
    });
    return state;
  }

  #agree(state: Words): boolean {
    const found = new Set(this.#correct.map((_, place) => state[place * PER_REPLICA + EXECUTED]!));
    found.delete(0);
    return found.size < 2;
  }

  /** Begins a life with what is on disk; what was not durable is lost. */
  #restart(state: Words, place: number): string | undefined {
    const index = this.#correct[place]!;
    const at = place * PER_REPLICA;
    const records = this.#records.value(state[at + DISK]!);
    const as = recover(records, index, this.options, INITIAL);
    state[at + LIFE] = this.#lives.get(index)!.start;
    state[at + UNSYNCED] = this.#nothing;
    return this.#step(state, place, { type: "recovered", as, executed: INITIAL });
  }

  #step(state: Words, place: number, event: ReplicaEvent): string | undefined {
    const lives = this.#lives.get(this.#correct[place]!)!;
    return this.#stepNumber(state, place, lives.event(event as unknown as ModelEvent));
  }

  /** Gives a replica an event and performs what it names; says which rule it breaks by that. */
  #stepNumber(state: Words, place: number, event: number): string | undefined {
    const lives = this.#lives.get(this.#correct[place]!)!;
    const at = place * PER_REPLICA;
    const outcome = lives.step(state[at + LIFE]!, event);
    state[at + LIFE] = outcome.life;
    let broken = lives.fault(outcome.life);
    for (const { type, params } of outcome.effects) {
      broken ??= this.#perform(state, place, type, params as never);
    }
    return broken;
  }

  #perform(state: Words, place: number, type: string, params: never): string | undefined {
    const from = this.#correct[place]!;
    const at = place * PER_REPLICA;
    if (type === "send") {
      const { messages } = params as { readonly messages: readonly ReplicaMessage[] };
      for (const message of messages) {
        // What it is answered with is said already, and stays on its way.
        if (message.type === "status") continue;
        const number = this.#said.number({ from, message });
        if (number >= MESSAGES) throw new RangeError("More messages than were thought of");
        this.#network.send(state, number);
      }
    } else if (type === "journal") {
      const { record } = params as { readonly record: ReplicaRecord };
      if (record.kind === "stable") return undefined; // The initial one again.
      if (this.options.brief) { // Its journal is fast: what a slow one does is another model's.
        state[at + DISK] = this.#records.number([
          ...this.#records.value(state[at + DISK]!),
          record,
        ]);
        return this.#step(state, place, { type: "journaled", record });
      }
      const unsynced = [...this.#records.value(state[at + UNSYNCED]!), record];
      state[at + UNSYNCED] = this.#records.number(unsynced);
    } else if (type === "propose") {
      const { view, sequence } = params as { readonly view: number; readonly sequence: number };
      if (sequence !== SEQUENCE) return undefined; // The number is taken.
      return this.#step(state, place, { type: "proposed", view, sequence, digest: "c", taken: 1 });
    } else if (type === "execute") {
      const { sequence, digest } = params as { readonly sequence: number; readonly digest: Digest };
      const before = this.#digests.value(state[at + EXECUTED]!);
      if (before !== undefined && before !== digest) return AGREEMENT; // In two lives of one.
      state[at + EXECUTED] = this.#digests.number(digest);
      return this.#step(state, place, { type: "executed", sequence, requests: [] });
    } else if (type === "accuse") {
      const { replica } = params as { readonly replica: number };
      if (this.#correct.includes(replica)) return "a correct replica is never convicted";
    } else if (type === "reject") return "nothing that a replica is told is a stray";
    return undefined;
  }

  #expand(state: Words, emit: Emit): void {
    const heard: number[] = [];
    this.#network.each(state, (number) => heard.push(number));
    const lies = this.#liesFor(heard);
    this.#correct.forEach((index, place) => {
      const lives = this.#lives.get(index)!;
      const at = place * PER_REPLICA;
      const attempt = (event: number, change?: (next: Words) => void) => {
        const next = state.slice();
        change?.(next);
        const broken = this.#stepNumber(next, place, event);
        emit(place * EVENTS + event, next, broken);
      };
      const votes: number[] = [];
      for (const number of [...heard, ...lies]) {
        const said = this.#said.value(number);
        if (said.from === index || !this.#isOfUse(state, place, said)) continue;
        if (this.options.settled && isVote(said.message)) {
          votes.push(number);
          continue;
        }
        const isLater = viewOf(said) === 1 && state[this.#later] === 0;
        attempt(
          this.#eventOf(place, number),
          isLater ? (next) => this.#end(next, heard) : undefined,
        );
      }
      this.#hearQuorum(state, place, votes, emit);
      const [record, ...rest] = this.#records.value(state[at + UNSYNCED]!);
      if (record !== undefined) {
        attempt(lives.event({ type: "journaled", record }), (next) => {
          const disk = this.#records.value(next[at + DISK]!);
          next[at + DISK] = this.#records.number([...disk, record]);
          next[at + UNSYNCED] = this.#records.number(rest);
        });
      }
      const { view, active, pending } = this.#contextOf(state, place);
      const mayLeave = this.options.viewChange && state[this.#later] === 0;
      if (mayLeave && view === 0 && active) attempt(lives.event({ type: "suspect" }));
      if (index === NEW_PRIMARY && view === 1 && active && pending.length === 0) {
        attempt(lives.event({ type: "request", requests: [REQUEST], direct: true }));
      }
      if (state[this.#crashes]! < this.options.crashes) {
        const next = state.slice();
        next[this.#crashes]!++;
        const broken = this.#restart(next, place);
        emit(place * EVENTS + CRASH, next, broken);
      }
    });
  }

  /**
   * What happens in view 0 commutes with what happens on the way to view 1: it depends on nothing of
   * that, and with it done first the liar can prove no less. So view 0 is over when the first message
   * of view 1 is heard. Then view changes concern nobody but the new primary: to the others they tell
   * how long to wait, and to leave, which they may do by themselves.
   */
  #isOfUse(state: Words, place: number, said: Said): boolean {
    if (!this.options.brief) return true;
    const { message } = said;
    if (viewOf(said) === 0 && state[this.#later] !== 0) return false;
    const index = this.#correct[place]!;
    if (message.type === "viewChange") return index === NEW_PRIMARY;
    if (this.options.settled && message.type === "prePrepare" && message.view === 0) {
      return message.digest === BATCHES[place < state[this.#first]! ? 0 : 1];
    }
    if (!isVote(message)) return true;
    // Votes count when they come early too, and those for something else do not: see `pbft`.
    const { view, log, executed } = this.#contextOf(state, place);
    // What it is told when it is done is `pbft`'s too.
    if (this.options.settled && !this.options.viewChange && executed >= SEQUENCE) return false;
    const { phase, digest } = slotAt(log, SEQUENCE);
    const isDue = message.type === "commit" ? phase === "prepared" : phase === "prePrepared";
    return isDue && view === message.view && digest === message.digest;
  }

  #contextOf(state: Words, place: number): ReplicaContext {
    const lives = this.#lives.get(this.#correct[place]!)!;
    return lives.context(state[place * PER_REPLICA + LIFE]!) as unknown as ReplicaContext;
  }

  /** View 0 is over: of what was said in it only what proves something is of use. */
  #end(state: Words, heard: readonly number[]): void {
    state[this.#later] = 1;
    this.#network.clear(state);
    for (const number of heard) {
      if (this.#said.value(number).message.type !== "commit") this.#network.send(state, number);
    }
  }

  /** Votes are heard when they suffice: before, they change nothing, whoever's they are. */
  #hearQuorum(state: Words, place: number, votes: readonly number[], emit: Emit): void {
    const next = state.slice();
    const executed = place * PER_REPLICA + EXECUTED;
    let broken: string | undefined;
    for (const number of votes) {
      const event = this.#eventOf(place, number);
      broken ??= this.#stepNumber(next, place, event);
      const isExecuted = next[executed] !== state[executed];
      if (!isExecuted && this.#isOfUse(next, place, this.#said.value(number))) continue;
      emit(place * EVENTS + event, next, broken);
      return;
    }
  }

  /** The number of the event by which a replica is told something. */
  #eventOf(place: number, said: number): number {
    const known = this.#events[place]![said];
    if (known !== undefined) return known;
    const { from, message } = this.#said.value(said);
    const lives = this.#lives.get(this.#correct[place]!)!;
    return this.#events[place]![said] = lives.event({ ...message, from } as ModelEvent);
  }

  /** The same lies wherever as much is known. */
  #liesFor(heard: readonly number[]): readonly number[] {
    const values = heard.map((number) => this.#said.value(number));
    const votes = heard.filter((_, index) => {
      const { message: { type } } = values[index]!;
      return type === "prepare" || type === "viewChange";
    });
    const key = votes.join();
    let lies = this.#lieNumbers.get(key);
    if (lies === undefined) {
      lies = this.#lies(values).map((it) => this.#said.number(it));
      this.#lieNumbers.set(key, lies);
    }
    return lies;
  }

  /** What liars can say: of view 0 the primary's word, of others' only what the others have signed. */
  #lies(heard: readonly Said[]): readonly Said[] {
    const { replicas, accomplices, viewChange } = this.options;
    const helpers = Array.from({ length: accomplices }, (_, index) => replicas - 1 - index);
    const at = (view: number, digest: Digest) => ({ view, sequence: SEQUENCE, digest });
    const lies: Said[] = BATCHES.flatMap((digest) => [
      { from: 0, message: { type: "prePrepare", ...at(0, digest) } },
      { from: 0, message: { type: "commit", ...at(0, digest) } },
      ...helpers.flatMap((from): Said[] => [
        { from, message: { type: "prepare", ...at(0, digest) } },
        { from, message: { type: "commit", ...at(0, digest) } },
      ]),
    ]);
    // View 1 is of no use to it before somebody has left view 0.
    if (!viewChange || !heard.some(({ message }) => message.type === "viewChange")) return lies;
    const proved = BATCHES.filter((digest) => {
      const signers = heard.filter(({ message }) =>
        message.type === "prepare" && message.view === 0 && message.digest === digest
      ).map(({ from }) => from);
      return isPreparedProof(0, [...signers, ...helpers], this.options);
    });
    for (const from of [0, ...helpers]) {
      for (const prepared of [[], ...proved.map((digest) => [at(0, digest)])]) {
        lies.push({ from, message: { type: "viewChange", view: 1, stable: INITIAL, prepared } });
      }
      for (const digest of this.options.settled ? [...BATCHES, REQUEST.digest] : []) {
        lies.push({ from, message: { type: "prepare", ...at(1, digest) } });
        lies.push({ from, message: { type: "commit", ...at(1, digest) } });
      }
    }
    return lies;
  }
}
