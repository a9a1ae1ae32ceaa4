/**
 * A group of replicas without hosts: messages arrive in any order, late, twice or never, journals are
 * slow, replicas crash, and liars say whatever they could sign. What a host verifies is verified here
 * against everything that was ever said.
 */
import { initialTransition, transition } from "xstate";
import {
  type Assigned,
  type Digest,
  groupFault,
  INITIAL_DIGEST,
  isPreparedProof,
  isStableProof,
  NULL_DIGEST,
  primaryOf,
  recover,
  replica,
  type ReplicaContext,
  type ReplicaEffects,
  type ReplicaEvent,
  type ReplicaInput,
  type ReplicaMessage,
  type ReplicaRecord,
  type RequestId,
  retained,
  type SentViewChange,
} from "../../../protocols/pbft/mod.ts";

type Snapshot = ReturnType<typeof initialTransition<typeof replica>>[0];
type Packet = { readonly to: number; readonly event: ReplicaEvent & { readonly from: number } };
type Work = () => void;

export const INPUT: Omit<ReplicaInput, "index" | "replicas" | "faulty"> = {
  checkpointInterval: 4,
  window: 8,
  maxBatch: 2,
  maxInFlight: 3,
  viewTimeoutMs: 100,
  maxBackoff: 4,
  statusMs: 30,
  fetchTimeoutMs: 50,
};

/** What a digest of a batch stands for: it says so itself. */
export function digestOf(requests: readonly RequestId[]): Digest {
  return `[${requests.map(({ client, timestamp }) => `${client}:${timestamp}`).join(" ")}]`;
}

export function requestsOf(digest: Digest): readonly RequestId[] {
  const inner = digest.slice(1, -1);
  if (digest === NULL_DIGEST || inner === "") return [];
  return inner.split(" ").map((it) => {
    const [client = "", timestamp = ""] = it.split(":");
    return { client, timestamp: Number(timestamp), digest: it };
  });
}

/** A replica's state: which requests it has executed, in order. */
type State = { readonly done: readonly string[]; readonly last: Readonly<Record<string, number>> };

const INITIAL: State = { done: [], last: {} };

/** One replica and what its host would keep. */
export class Member {
  snapshot: Snapshot;
  readonly journal: ReplicaRecord[] = [];
  /** Appended, not durable yet. */
  readonly unsynced: ReplicaRecord[] = [];
  state: State = INITIAL;
  states = new Map<number, State>();
  timers = new Map<string, { readonly event: ReplicaEvent; readonly delayMs: number }>();
  readonly accused = new Set<string>();
  readonly executed = new Map<number, Digest>();

  constructor(readonly world: World, readonly index: number) {
    this.snapshot = this.#begin();
  }

  get context(): ReplicaContext {
    return this.snapshot.context;
  }

  #begin(): Snapshot {
    const { replicas, faulty } = this.world;
    const input = { ...INPUT, index: this.index, replicas, faulty };
    return initialTransition(replica, input)[0];
  }

  /** Takes up work, at first or after a crash: what was not durable is lost. */
  start(): void {
    this.unsynced.length = 0;
    this.timers.clear();
    this.snapshot = this.#begin();
    const initial = { sequence: 0, digest: INITIAL_DIGEST };
    const kept = [...retained(this.journal, initial)];
    this.journal.splice(0, Infinity, ...kept);
    const as = recover(this.journal, this.index, this.world, initial);
    const at = [...this.states.keys()].filter((it) => it <= as.stable.sequence);
    const sequence = Math.max(0, ...at);
    this.state = this.states.get(sequence) ?? INITIAL;
    const executed = { sequence, digest: stateDigest(this.state) };
    this.step({ type: "recovered", as, executed });
  }

  step(event: ReplicaEvent): void {
    const [snapshot, actions] = transition(replica, this.snapshot, event);
    if (snapshot.status === "error") throw snapshot.error;
    this.snapshot = snapshot;
    for (const { type, params } of actions as unknown as { type: string; params: never }[]) {
      if (type === "xstate.raise") {
        const { id, delay, event } = params as { id: string; delay?: number; event: ReplicaEvent };
        if (delay !== undefined) this.timers.set(id, { event, delayMs: delay });
      } else if (type === "xstate.cancel") {
        this.timers.delete((params as { sendId: string }).sendId);
      } else this.#perform(type as keyof ReplicaEffects, params);
    }
  }

  #perform(type: keyof ReplicaEffects, params: never): void {
    const { world } = this;
    switch (type) {
      case "journal": {
        const { record } = params as ReplicaEffects["journal"];
        return void this.unsynced.push(record);
      }
      case "send": {
        const { to, messages } = params as ReplicaEffects["send"];
        for (const one of to) for (const message of messages) world.send(this.index, one, message);
        return;
      }
      case "propose": {
        const { requests, view, sequence } = params as ReplicaEffects["propose"];
        const digest = digestOf(requests);
        return this.later(() =>
          this.step({ type: "proposed", view, sequence, digest, taken: requests.length })
        );
      }
      case "execute":
        return this.#execute(params);
      case "fetchState": {
        const { checkpoint: { sequence, digest } } = params as ReplicaEffects["fetchState"];
        return this.later(() => {
          const state = world.states.get(digest);
          if (state === undefined || world.random() < 0.3) {
            return this.step({ type: "transferFailed" });
          }
          this.state = state;
          this.states.set(sequence, state);
          const requests = Object.entries(state.last).map(([client, timestamp]) => {
            return { client, timestamp };
          });
          this.step({ type: "installed", sequence, digest, requests });
        });
      }
      case "relay": {
        const { to, requests } = params as ReplicaEffects["relay"];
        return world.request(to, requests, false);
      }
      case "accuse":
        return void this.accused.add(`${(params as ReplicaEffects["accuse"]).replica}`);
      case "reject":
        throw new Error(`${this.index} rejects`);
      default:
        return;
    }
  }

  later(work: Work): void {
    const { snapshot } = this;
    this.world.work.push(() => {
      // What was begun before a crash is over.
      if (snapshot.context === undefined) return;
      work();
    });
  }

  #execute({ sequence, digest }: Assigned): void {
    this.executed.set(sequence, digest);
    this.later(() => {
      if (this.context.executed + 1 !== sequence) return;
      this.state = execute(this.state, digest);
      const state = sequence % INPUT.checkpointInterval === 0 ? stateDigest(this.state) : undefined;
      if (state !== undefined) {
        this.states.set(sequence, this.state);
        if (!this.world.liars.has(this.index)) this.world.states.set(state, this.state);
      }
      const requests = requestsOf(digest);
      this.step({ type: "executed", sequence, requests, ...(state ? { state } : {}) });
    });
  }

  /** The journal has been written: all of it, in order. */
  sync(): void {
    for (const record of this.unsynced.splice(0)) {
      this.journal.push(record);
      this.step({ type: "journaled", record });
    }
  }
}

function execute(state: State, digest: Digest): State {
  return requestsOf(digest).reduce(({ done, last }, { client, timestamp }) => {
    if (timestamp <= (last[client] ?? 0)) return { done, last }; // Executed already.
    return { done: [...done, `${client}:${timestamp}`], last: { ...last, [client]: timestamp } };
  }, state);
}

export function stateDigest(state: State): Digest {
  return state === INITIAL ? INITIAL_DIGEST : `{${state.done.join(" ")}}`;
}

export type Faults = {
  readonly loss: number;
  readonly duplicate: number;
  readonly crash: number;
};

/** A group, and everything on its way. */
export class World {
  readonly members: readonly Member[];
  readonly packets: Packet[] = [];
  work: Work[] = [];
  /** States of correct replicas by their digest. */
  readonly states = new Map<Digest, State>();
  readonly asked: RequestId[] = [];
  /** Everything that was ever signed, by its signer and text. */
  readonly #said = new Map<string, Set<number>>();
  faults: Faults = { loss: 0, duplicate: 0, crash: 0 };
  /** Pairs that cannot hear each other. */
  cut: ReadonlySet<string> = new Set();

  constructor(
    readonly replicas: number,
    readonly faulty: number,
    readonly liars: ReadonlySet<number>,
    readonly random: () => number,
    readonly lie: (
      world: World,
      liar: number,
      to: number,
      message: ReplicaMessage,
    ) => readonly ReplicaMessage[] = (_, __, ___, message) => [message],
  ) {
    const fault = groupFault(this);
    if (fault !== undefined) throw new RangeError(fault);
    this.members = Array.from({ length: replicas }, (_, index) => new Member(this, index));
    for (const member of this.members) member.start();
  }

  get correct(): readonly Member[] {
    return this.members.filter(({ index }) => !this.liars.has(index));
  }

  pick<T>(from: readonly T[]): T {
    return from[Math.floor(this.random() * from.length)]!;
  }

  send(from: number, to: number, message: ReplicaMessage): void {
    const isLiar = this.liars.has(from);
    const said = isLiar ? this.lie(this, from, to, message) : [message];
    for (const it of said) {
      // A resent pre-prepare or new view is its primary's, whoever hands it on.
      const signer = it.type === "prePrepare" || it.type === "newView"
        ? primaryOf(it.view, this)
        : from;
      if (signer === from || isLiar && this.liars.has(signer)) this.#sign(signer, it);
      if (!this.#isSaid(signer, it)) continue; // A forgery: its host does not take it.
      if (!this.#isProved(signer, it)) continue;
      this.packets.push({ to, event: { ...it, from: signer } });
    }
  }

  #key(message: ReplicaMessage): string {
    return JSON.stringify(
      message,
      (_, value) =>
        typeof value === "object" && value !== null && !Array.isArray(value)
          ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => a < b ? -1 : 1))
          : value,
    );
  }

  #sign(from: number, message: ReplicaMessage): void {
    const key = this.#key(message);
    const signers = this.#said.get(key) ?? new Set();
    this.#said.set(key, signers.add(from));
    if (message.type !== "newView") return;
    for (const it of message.assigned) { // O is made of signed pre-prepares.
      this.#sign(from, { type: "prePrepare", view: message.view, ...it });
    }
  }

  #isSaid(from: number, message: ReplicaMessage): boolean {
    return this.#said.get(this.#key(message))?.has(from) === true;
  }

  #signers(message: ReplicaMessage): readonly number[] {
    return [...this.#said.get(this.#key(message)) ?? []];
  }

  /** What a receiver can check of a message that carries others. */
  #isProved(from: number, message: ReplicaMessage): boolean {
    if (message.type === "viewChange") {
      const { stable, prepared } = message;
      const isStable = stable.sequence === 0 && stable.digest === INITIAL_DIGEST ||
        isStableProof(this.#signers({ type: "checkpoint", ...stable }), this);
      return isStable &&
        prepared.every((it) =>
          this.#isSaid(primaryOf(it.view, this), { type: "prePrepare", ...order(it) }) &&
          isPreparedProof(it.view, this.#signers({ type: "prepare", ...order(it) }), this)
        );
    }
    if (message.type !== "newView") return true;
    return message.viewChanges.every((it: SentViewChange) => {
      const { from: sender, ...sent } = it;
      return this.#isSaid(sender, sent) && this.#isProved(sender, sent);
    }) && from === primaryOf(message.view, this);
  }

  request(to: number, requests: readonly RequestId[], direct: boolean): void {
    this.work.push(() => {
      const { last } = this.members[to]!.state;
      const open = requests.filter(({ client, timestamp }) => timestamp > (last[client] ?? 0));
      if (open.length > 0) this.members[to]!.step({ type: "request", requests: open, direct });
    });
  }

  /** A client asks the primary it thinks of, or all. */
  ask(client: string, timestamp: number, all: boolean): void {
    const id = { client, timestamp, digest: `${client}:${timestamp}` };
    if (!this.asked.some((it) => it.digest === id.digest)) this.asked.push(id);
    const to = all ? this.members.map(({ index }) => index) : [this.pick(this.members).index];
    for (const one of to) this.request(one, [id], true);
  }

  /**
   * Whether every client's last request has its answer: f + 1 correct replicas have executed it. One
   * that left its view alone takes part again from the next view on.
   */
  get isDone(): boolean {
    return this.asked.every(({ client, timestamp }) =>
      this.correct.filter(({ state }) => (state.last[client] ?? 0) >= timestamp).length >
        this.faulty
    );
  }

  /** One thing happens. */
  tick(timers: number): void {
    const { random, faults } = this;
    const dice = random();
    if (random() < faults.crash) this.pick(this.members).start();
    if (dice < timers) return this.#fire();
    if (dice < timers + 0.2) {
      const dirty = this.members.filter(({ unsynced }) => unsynced.length > 0);
      if (dirty.length > 0) return this.pick(dirty).sync();
    }
    if (this.work.length > 0 && dice < timers + 0.5) return this.work.shift()!();
    if (this.packets.length === 0) {
      if (this.work.length > 0) return this.work.shift()!();
      const dirty = this.members.find(({ unsynced }) => unsynced.length > 0);
      return dirty === undefined ? this.#fire() : dirty.sync();
    }
    const at = Math.floor(random() * Math.min(this.packets.length, 40));
    const packet = this.packets[at]!;
    if (random() >= faults.duplicate) this.packets.splice(at, 1);
    if (this.cut.has(`${packet.event.from}>${packet.to}`) || random() < faults.loss) return;
    this.members[packet.to]!.step(packet.event);
  }

  /** The shorter a timer the likelier it fires. */
  #fire(): void {
    const all = this.members.flatMap((member) =>
      [...member.timers].map(([id, { event, delayMs }]) => ({ member, id, event, delayMs }))
    );
    const total = all.reduce((sum, { delayMs }) => sum + 1 / delayMs, 0);
    let left = this.random() * total;
    const due = all.find(({ delayMs }) => (left -= 1 / delayMs) < 0) ?? all[0];
    if (due === undefined) return;
    due.member.timers.delete(due.id);
    due.member.step(due.event);
  }

  /** What must hold at any moment; throws with what does not. */
  check(): void {
    const at = new Map<number, Digest>();
    for (const { executed, index, state } of this.correct) {
      for (const [sequence, digest] of executed) {
        const other = at.get(sequence) ?? digest;
        if (other !== digest) {
          throw new Error(`${index} executes ${digest} at ${sequence}, others ${other}`);
        }
        at.set(sequence, digest);
      }
      if (new Set(state.done).size !== state.done.length) throw new Error("executed twice");
      const stranger = state.done.find((it) => !this.asked.some(({ digest }) => digest === it));
      if (stranger !== undefined) throw new Error(`${stranger} was never asked for`);
    }
    for (const { accused, index } of this.correct) {
      for (const one of accused) {
        if (!this.liars.has(Number(one))) {
          throw new Error(`${index} accuses ${one}, who is correct`);
        }
      }
    }
  }
}

/** The fields of an ordering message. */
function order({ view, sequence, digest }: Assigned & { readonly view: number }) {
  return { view, sequence, digest };
}
