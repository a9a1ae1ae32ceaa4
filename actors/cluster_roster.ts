/**
 * What the cluster's overseer does about its configuration for operators: shows it, orders changes of
 * it, and replaces a replica.
 *
 * @module
 */
import type {
  Configuration,
  ConfigurationOperation,
  ConfigurationReply,
  LiveSettings,
  Member,
} from "../protocols/configuration/configuration.ts";
import { isLiveSettings, isOperation } from "../protocols/configuration/configuration.ts";
import { primaryOf } from "../protocols/pbft/rules.ts";
import type { Envelope } from "../runtime/codec.ts";
import type { Address } from "../runtime/ports.ts";
import { AskFailed, type LogKind, type MessageHandler, type Services } from "../runtime/role.ts";
import { replicasOf } from "./configuration_group.ts";
import { isRecord } from "./guards.ts";
import { Roster, type RosterConfig } from "./roster.ts";

/** What an operator may have changed. */
export type RosterChange =
  | { readonly kind: "handOver"; readonly from: string; readonly to: string }
  | { readonly kind: "cancel"; readonly from: string }
  | { readonly kind: "set"; readonly settings: LiveSettings }
  | { readonly kind: "replace"; readonly node: string };

/** A change, and whose it is. */
export type RosterOrder = { readonly by: string; readonly change: RosterChange };

/** What became of it. */
export type RosterOutcome =
  | { readonly ok: true; readonly epoch: number }
  | { readonly ok: false; readonly reason: string; readonly message: string };

/** A replica as operators see it. */
export interface ReplicaView {
  /** Where it is. */
  readonly node: string;
  /** Whether it answers. */
  readonly up: boolean;
  /** The view it is in. */
  readonly view?: number;
  /** The last number it has executed. */
  readonly executed?: number;
  /** How it was ordered to lie. */
  readonly behaviours?: readonly string[];
  /** What it can prove others to have done. */
  readonly evidence?: readonly { readonly replica: number; readonly offence: string }[];
}

/** The configuration, and those who keep it. */
export interface RosterView {
  /** As it is believed. */
  readonly configuration: Configuration;
  /** By number. */
  readonly replicas: readonly ReplicaView[];
}

/** What the overseer works with. */
export interface ClusterRosterParts {
  /** Of the overseer. */
  readonly services: Services;
  /** What the operator hears by. */
  readonly config: RosterConfig;
  /** Addresses that may speak for operators. */
  readonly gateways: () => readonly Address[];
  /** The operator's log. */
  readonly log: (kind: LogKind, text: string) => void;
}

const ORDER_MS = 8000;
const STATS_MS = 1000;
const ATTEMPTS = 8;
/** Until the next that is convicted, or one that could not be replaced, has its turn. */
const REPLACE_AGAIN_MS = 5000;

/** The highest view that one correct replica at least says it is in. */
export function viewOf(replicas: readonly ReplicaView[], faulty: number): number {
  const views = replicas.map(({ view = 0 }) => view).sort((a, b) => b - a);
  return views[faulty] ?? 0;
}

/** The overseer's side of the configuration. */
export class ClusterRoster {
  /** What the overseer understands of it. */
  readonly messages: Readonly<Record<string, MessageHandler>>;
  readonly #roster: Roster;
  #replacing = false;
  #stopped = false;

  /** Hears of the configuration under the operator's name. */
  constructor(private readonly parts: ClusterRosterParts) {
    const { services, config } = parts;
    this.#roster = new Roster(services, config, (now) => this.#tell(now));
    this.messages = {
      ...this.#roster.messages,
      roster: {
        accepts: () => true,
        handle: (_, envelope) => void this.#answer(envelope, () => this.view()),
      },
      reconfigure: {
        accepts: isRosterOrder,
        handle: (order: RosterOrder, envelope) =>
          void this.#answer(envelope, () => this.change(order)),
      },
    };
  }

  /** What is believed. */
  get now(): Configuration {
    return this.#roster.now;
  }

  /** Begins to hear. */
  serve(): void {
    this.#roster.serve();
  }

  /** Hears no more. */
  stop(): void {
    this.#stopped = true;
    this.#roster.stop();
  }

  async #answer(envelope: Envelope, work: () => Promise<unknown>): Promise<void> {
    const { services, gateways } = this.parts;
    if (!gateways().includes(envelope.from)) {
      services.deadLetter("forbidden", envelope);
      services.fail(envelope, "forbidden");
    } else services.reply(envelope, await work());
    services.wake();
  }

  #tell(now: Configuration): void {
    const { epoch, coordinators, members, convicted } = now;
    const names = Object.keys(convicted).map((replica) => members[Number(replica)]?.node);
    const faulty = names.length === 0 ? "" : `; convicted: ${names.join(", ")}`;
    this.parts.log("info", `epoch ${epoch}: coordinators ${coordinators.join(", ")}${faulty}`);
    this.#replaceAll();
  }

  /** What lies is not only heard no more: another takes its place, as soon as it can. */
  async #replaceConvicted(node: string): Promise<void> {
    if (this.#replacing) return; // One after the other: each has an epoch.
    this.#replacing = true;
    await this.change({ by: "cluster", change: { kind: "replace", node } });
    this.#replacing = false;
    const { services } = this.parts;
    services.timers.set(services.clock.now() + REPLACE_AGAIN_MS, () => this.#replaceAll());
    services.wake();
  }

  #replaceAll(): void {
    const { convicted, members } = this.now;
    const [replica] = Object.keys(convicted);
    const node = members[Number(replica)]?.node;
    if (!this.#stopped && node !== undefined) void this.#replaceConvicted(node);
  }

  /** The configuration as it is believed, and how its replicas are. */
  async view(): Promise<RosterView> {
    const configuration = this.now;
    const replicas = await Promise.all(
      replicasOf(configuration).map((address, index) => {
        return this.#look(address, configuration.members[index]!.node);
      }),
    );
    return { configuration, replicas };
  }

  /** The node whose replica leads: of the highest view that one correct replica at least is in. */
  async primary(): Promise<string> {
    const { configuration: { members, faulty }, replicas } = await this.view();
    return members[primaryOf(viewOf(replicas, faulty), { replicas: members.length, faulty })]!.node;
  }

  async #look(address: Address, node: string): Promise<ReplicaView> {
    try {
      const stats = await this.parts.services.ask(address, "$stats", null, STATS_MS) as {
        readonly replica?: { readonly view: number; readonly executed: number };
        readonly behaviours: readonly string[];
        readonly evidence: NonNullable<ReplicaView["evidence"]>;
      };
      if (stats.replica === undefined) return { node, up: false }; // It has not recovered yet.
      const { replica: { view, executed }, behaviours, evidence } = stats;
      return { node, up: true, view, executed, behaviours, evidence };
    } catch (error) {
      if (!(error instanceof AskFailed)) throw error;
      return { node, up: false };
    }
  }

  /** Has a change ordered, and writes down whose it is. */
  async change({ by, change }: RosterOrder): Promise<RosterOutcome> {
    const { kind, ...what } = change;
    const audit = (said: string) =>
      this.parts.log("warning", `${by} orders ${kind} ${JSON.stringify(what)}${said}`);
    let outcome: RosterOutcome;
    try {
      outcome = await this.#change(change);
    } catch (error) {
      if (!(error instanceof AskFailed)) throw error;
      const message = `The group has not answered (${error.reason}): look whether it is done`;
      outcome = { ok: false, reason: "timeout", message };
    }
    audit(outcome.ok ? `: epoch ${outcome.epoch}` : `: refused, ${outcome.message}`);
    return outcome;
  }

  async #change(change: RosterChange): Promise<RosterOutcome> {
    let outcome: RosterOutcome = { ok: false, reason: "stale", message: "" };
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const operation = await this.#operation(change, await this.#latest());
      if ("ok" in operation) return operation;
      const reply = await this.#order(operation);
      outcome = reply.ok
        ? { ok: true, epoch: reply.epoch }
        : { ok: false, reason: reply.reason, message: reply.message };
      if (reply.ok || reply.reason !== "stale") break;
    }
    return outcome;
  }

  /** The configuration in the order of the group, whatever has been heard of it. */
  async #latest(): Promise<Configuration> {
    const reply = await this.#order({ op: "get" });
    return reply.ok && reply.configuration !== undefined ? reply.configuration : this.now;
  }

  async #order(operation: ConfigurationOperation): Promise<ConfigurationReply> {
    const { services } = this.parts;
    const own = services.address;
    return await services.ask(own, "order", operation, ORDER_MS) as ConfigurationReply;
  }

  async #operation(
    change: RosterChange,
    { epoch, members }: Configuration,
  ): Promise<ConfigurationOperation | Extract<RosterOutcome, { ok: false }>> {
    if (change.kind !== "replace") {
      const { kind: op, ...rest } = change;
      return { op, epoch, ...rest } as ConfigurationOperation;
    }
    const replica = members.findIndex(({ node }) => node === change.node);
    if (replica < 0) {
      const group = members.map(({ node }) => node).join(", ");
      const message = `there is no replica on ${change.node}: there are those of ${group}`;
      return { ok: false, reason: "unknown", message };
    }
    const address = `${change.node}/configuration`;
    const member = await this.parts.services.ask(address, "configuration.renew", null, STATS_MS);
    const operation = { op: "replace", epoch, replica, member: member as Member } as const;
    if (isOperation(operation) && operation.member.node === change.node) return operation;
    // It lies still: as good as none.
    const message = `the replica on ${change.node} has given no keys of its own`;
    return { ok: false, reason: "impossible", message };
  }
}

/** Whether a body is a {@link RosterOrder}. */
export function isRosterOrder(body: unknown): body is RosterOrder {
  if (!isRecord(body) || typeof body["by"] !== "string" || !isRecord(body["change"])) return false;
  const { kind, from, to, node, settings } = body["change"];
  const isText = (value: unknown) => typeof value === "string";
  switch (kind) {
    case "handOver":
      return isText(from) && isText(to);
    case "cancel":
      return isText(from);
    case "set":
      return isLiveSettings(settings);
    case "replace":
      return isText(node);
    default:
      return false;
  }
}
