/**
 * One transaction on an unkind network: the shipped machines, recovery and rules, with a host of the
 * fewest lines. Messages overtake one another, are lost and doubled; timers fire at any time; records
 * become durable late; nodes crash and recover from what is durable. A list of numbers chooses.
 *
 * @module
 */
import { type AnyStateMachine, initialTransition, transition } from "xstate";
import {
  coordinator,
  type CoordinatorEvent,
} from "../../../protocols/two_phase_commit/coordinator.ts";
import type {
  CoordinatorRecord,
  ParticipantRecord,
} from "../../../protocols/two_phase_commit/messages.ts";
import {
  participant,
  type ParticipantEvent,
} from "../../../protocols/two_phase_commit/participant.ts";
import {
  admitPrepare,
  answerUnknown,
  answerUnknownInquiry,
  mayAckUnknownCommit,
  raiseLowest,
  recoverCoordinator,
  recoverParticipant,
  retainedByCoordinator,
  retainedByParticipant,
} from "../../../protocols/two_phase_commit/rules.ts";
import {
  type Effect,
  type Event,
  id,
  type Instance,
  type Message,
  type Node,
  record,
} from "./network_types.ts";

/** The address of the coordinator; participants are 0, 1, ... */
const COORDINATOR = -1;
const inputs = {
  coordinator: { voteTimeoutMs: 4, resendMs: 2, maxBackoff: 1, leaseMs: 3 },
  participant: { lockTimeoutMs: 4, inquireMs: 2, maxBackoff: 1 },
};

export class Network {
  readonly rejected: string[] = [];
  readonly violations: string[] = [];
  reply: string | undefined;
  bag: Message[] = [];
  readonly outcomes = new Set<"commit" | "abort">();
  readonly waiting = new Set<number>();
  private readonly nodes = new Map<number, Node>();

  constructor(readonly participants: number, private crashes: number) {
    for (let node = COORDINATOR; node < participants; node++) {
      this.nodes.set(node, { instance: undefined, journal: [], durable: 0, lowest: 0, applied: 0 });
    }
    const { journal } = this.node(COORDINATOR);
    this.node(COORDINATOR).durable = journal.push({ kind: "reserved", upTo: 1 });
    this.start(COORDINATOR, { type: "begin" } satisfies CoordinatorEvent);
  }

  /** Everything that may happen next; the likelier, the more often it is listed. */
  choices(kind: "any" | "kind"): (() => void)[] {
    const choices: (() => void)[] = [];
    const add = (weight: number, choice: () => void) => {
      for (let n = 0; n < (kind === "kind" ? 1 : weight); n++) choices.push(choice);
    };
    this.bag.forEach((message, index) => {
      add(10, () => this.deliver(message, index));
      if (kind === "kind") return;
      add(3, () => this.deliver(message)); // It stays in the bag: a duplicate will come.
      add(2, () => void this.bag.splice(index, 1)); // Lost.
    });
    for (const [address, node] of this.nodes) {
      if (node.durable < node.journal.length) add(8, () => this.sync(address));
      for (const [name, event] of node.instance?.timers ?? []) {
        add(name.includes("voteTimeout") || name.includes("lockTimeout") ? 1 : 3, () => {
          node.instance?.timers.delete(name);
          this.step(address, event);
        });
      }
      if (this.waiting.has(address)) add(12, () => this.lock(address, { type: "granted" }));
      if (kind === "kind") continue;
      if (this.waiting.has(address)) {
        add(1, () => this.lock(address, { type: "refused", retryable: true }));
      }
      if (this.crashes > 0) add(3, () => this.crash(address));
      add(1, () => this.checkpoint(address));
    }
    if (!this.coordinating) { // A later transaction announces that this one has ended.
      this.nodes.forEach((_, to) => {
        if (to !== COORDINATOR) add(1, () => this.watermark(to));
      });
    } else if (kind === "any") add(1, () => this.step(COORDINATOR, { type: "abort" }));
    return choices;
  }

  /** The state of every participant; `"none"` where nothing is known. */
  states(): string[] {
    const participants = [...this.nodes.values()].slice(1);
    return participants.map(({ instance }) => String(instance?.snapshot.value ?? "none"));
  }

  get coordinating(): boolean {
    return this.node(COORDINATOR).instance !== undefined;
  }

  private node(address: number): Node {
    return this.nodes.get(address)!;
  }

  private start(address: number, event: Event): void {
    const machine: AnyStateMachine = address === COORDINATOR ? coordinator : participant;
    const input = address === COORDINATOR
      ? { ...inputs.coordinator, participants: this.participants }
      : inputs.participant;
    const [snapshot] = initialTransition(machine, input as never);
    this.node(address).instance = { snapshot, timers: new Map() };
    this.step(address, event);
  }

  private step(address: number, event: Event): void {
    const node = this.node(address);
    const instance = node.instance;
    if (instance === undefined) return; // A timer or a durability report of the forgotten.
    const before = instance.snapshot.value;
    const machine: AnyStateMachine = address === COORDINATOR ? coordinator : participant;
    const [snapshot, effects] = transition(machine, instance.snapshot as never, event as never);
    instance.snapshot = snapshot;
    for (const effect of effects as readonly Effect[]) {
      if (effect.type === "reject") {
        this.rejected.push(`${JSON.stringify(before)} ${event.type}`);
      } else this.perform(address, instance, effect);
    }
    const idle = address !== COORDINATOR && snapshot.value === "idle";
    if (snapshot.status === "done" || idle) node.instance = undefined;
    this.check();
  }

  private perform(address: number, { timers }: Instance, { type, params }: Effect): void {
    const p = params as { [key: string]: unknown } & { to: readonly number[] | "all" };
    const node = this.node(address);
    switch (type) {
      case "xstate.raise":
        return void timers.set(p.id as string, p.event as Event);
      case "xstate.cancel":
        return void timers.delete(p.sendId as string);
      case "journal":
        return void node.journal.push(record(p.record as string, this.participants, address));
      case "send":
        return (p.to as number[]).forEach((to) =>
          this.post(to, { type: p.message as string, store: `store-${to}` })
        );
      case "sendCoordinator":
        return this.post(COORDINATOR, {
          type: p.message as string,
          from: address,
          holders: [],
          retryable: p.retryable,
        });
      case "sendPeers": {
        const all = [...Array(this.participants).keys()].filter((peer) => peer !== address);
        const to = p.to === "all" ? all : p.to;
        return to.forEach((to) => this.post(to, { type: p.message as string, from: address }));
      }
      case "reply":
        if (this.reply !== undefined) this.violations.push("replied twice");
        return void (this.reply = p.outcome as string);
      case "acquire":
        return void this.waiting.add(address);
      case "withdraw":
        return void this.waiting.delete(address);
    }
  }

  /** Set semantics: a message equal to one in the bag adds nothing that a duplicate would not. */
  private post(to: number, event: Event): void {
    const text = JSON.stringify(event);
    if (this.bag.some((m) => m.to === to && JSON.stringify(m.event) === text)) return;
    this.bag.push({ to, event });
  }

  private deliver({ to, event }: Message, index?: number): void {
    if (index !== undefined) this.bag.splice(index, 1);
    const node = this.node(to);
    if (to === COORDINATOR) return this.deliverToCoordinator(node, event);
    const known = node.instance !== undefined;
    if (event.type === "prepare") { // A stale one is dropped.
      const verdict = admitPrepare({ sequence: id.sequence, lowest: node.lowest, known });
      if (verdict === "begin") this.start(to, { type: "prepare" });
      if (verdict === "known") this.step(to, { type: "prepare" });
      return;
    }
    if (event.type === "commit") {
      const facts = { ours: `store-${to}`, sequence: id.sequence, lowest: node.lowest };
      const sameStore = mayAckUnknownCommit({ ...facts, store: event.store as string | undefined });
      if (known) return this.step(to, { type: "commit", sameStore });
      if (event.store === undefined && id.sequence < node.lowest) return; // A peer's late duplicate.
      return this.start(to, { type: "commit", sameStore });
    }
    if (event.type === "inquiry" && !known) {
      const store = { storeComplete: true, storeSince: 0, epoch: 0 };
      const facts = { sequence: id.sequence, lowest: node.lowest, ...store };
      const verdict = answerUnknownInquiry(facts);
      if (verdict === "uncertain") return this.post(event.from as number, { type: "uncertain" });
    }
    if (known) this.step(to, event);
    else this.start(to, event);
  }

  private deliverToCoordinator(node: Node, event: Event): void {
    if (node.instance !== undefined) return this.step(COORDINATOR, event);
    if (event.type !== "voteYes" && event.type !== "inquiry") return;
    const { reservedUpTo } = recoverCoordinator(node.journal as CoordinatorRecord[]);
    const facts = { ownsLog: true, logComplete: true, epochCurrent: true };
    if (answerUnknown({ ...facts, sequence: id.sequence, reservedUpTo }) === "abort") {
      this.post(event.from as number, { type: "abort" });
    }
  }

  private sync(address: number): void {
    const node = this.node(address);
    const { kind } = node.journal[node.durable++]!;
    if (kind === "committed" && ++node.applied > 1) {
      this.violations.push(`${address} applied twice`);
    }
    const forced = ["commit", "prepared", "committed", "refused"].includes(kind);
    if (forced) this.step(address, { type: "journaled", record: kind });
  }

  private lock(address: number, event: ParticipantEvent): void {
    this.waiting.delete(address);
    const recovered = this.node(address).instance?.snapshot.value === "inDoubt";
    this.step(address, recovered ? { type: "granted" } : event);
  }

  private crash(address: number): void {
    this.crashes--;
    const node = this.node(address);
    node.journal.length = node.durable;
    node.instance = undefined;
    this.waiting.delete(address);
    if (address === COORDINATOR) {
      const { committing } = recoverCoordinator(node.journal as CoordinatorRecord[]);
      if (committing.length > 0) this.start(address, { type: "recovered", holders: [] });
      return;
    }
    const found = recoverParticipant(node.journal as ParticipantRecord[]);
    node.lowest = found.watermarks[id.log] ?? 0;
    if (found.inDoubt.length > 0) this.start(address, { type: "recovered", as: "inDoubt" });
    for (const { outcome } of found.finished) {
      this.start(address, {
        type: "recovered",
        as: outcome === "commit" ? "committed" : "aborted",
      });
    }
    this.waiting.delete(address); // Its locks are back before anything else happens.
  }

  /** A checkpoint rewrites what is durable, never what is still on its way. */
  private checkpoint(address: number): void {
    const node = this.node(address);
    const durable = node.journal.slice(0, node.durable);
    const kept = address === COORDINATOR
      ? retainedByCoordinator(durable as CoordinatorRecord[])
      : retainedByParticipant(durable as ParticipantRecord[]);
    node.journal = [...kept, ...node.journal.slice(node.durable)];
    node.durable = kept.length;
  }

  private watermark(address: number): void {
    const node = this.node(address);
    const lowest = raiseLowest(node.lowest, id.sequence + 1);
    if (lowest > node.lowest) node.journal.push({ kind: "watermark", log: id.log, lowest });
    node.lowest = lowest;
    this.step(address, { type: "forget" });
  }

  /** Once committed or aborted anywhere, never the other anywhere: forgetting does not excuse. */
  private check(): void {
    const states = this.states();
    for (const state of states) {
      if (state === "committing" || state === "committed") this.outcomes.add("commit");
      if (state === "aborted") this.outcomes.add("abort");
    }
    if (this.reply !== undefined) {
      this.outcomes.add(this.reply === "committed" ? "commit" : "abort");
    }
    const noBesideCommit = this.outcomes.has("commit") && states.includes("votedNo");
    if (this.outcomes.size > 1 || noBesideCommit) {
      this.violations.push(`split: ${states}, reply ${this.reply}`);
    }
  }
}
