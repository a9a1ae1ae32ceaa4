/**
 * The heartbeat monitor of a node: says that the node lives, watches the others, and tells the
 * roles of its own node whom it has given up.
 *
 * @module
 */
import { emitter, type EmitterEvent } from "../protocols/heartbeat/emitter.ts";
import { monitor, type MonitorEvent } from "../protocols/heartbeat/monitor.ts";
import { type Instance, Instances } from "../runtime/instances.ts";
import {
  defineRole,
  type MessageHandler,
  nodeOf,
  type Role,
  type RoleDefinition,
  type Services,
} from "../runtime/role.ts";
import { isIndex, isRecord } from "./guards.ts";

/** Configuration of a heartbeat monitor. */
export interface MonitorConfig {
  /** Monitors of the nodes to watch and to beat for. */
  readonly peers: readonly string[];
  /** Time between two heartbeats, in ms. */
  readonly intervalMs: number;
  /** Heartbeats missed in a row until a node counts as failed. */
  readonly missedLimit: number;
  /** Roles of this node that want to know. */
  readonly subscribers: readonly string[];
  /** Where changes of opinion are reported for the whole cluster. */
  readonly overseer: string;
}

interface Watched {
  readonly node: string;
  readonly address: string;
  incarnation: number;
  status: string;
}

/** The role of a heartbeat monitor. */
export const monitorRole: RoleDefinition<MonitorConfig> = defineRole({
  name: "monitor",
  create: (services, config) => new Monitor(services, config),
});

class Monitor implements Role {
  readonly messages: Readonly<Record<string, MessageHandler>>;
  readonly #watched: Instances<Watched, MonitorEvent>;
  readonly #emitter: Instances<undefined, EmitterEvent>;
  #pulse: Instance<undefined> | undefined;
  #sequence = 0;

  constructor(private readonly services: Services, private readonly config: MonitorConfig) {
    const { timers } = services;
    const now = () => services.clock.now();
    const observe = () => services.observe();
    this.#watched = new Instances<Watched, MonitorEvent>({
      engine: services.engine(monitor),
      timers,
      now,
      observe,
      effects: {
        notify: ({ facts }, { status, because }: { status: string; because: string }) =>
          this.#notify(facts, status, because),
        probe: ({ facts }) => {
          const body = { node: services.node };
          services.send(facts.address, "probe", body, { urgent: true });
        },
        reject: () => {},
      },
    });
    this.#emitter = new Instances<undefined, EmitterEvent>({
      engine: services.engine(emitter),
      timers,
      now,
      observe,
      effects: { beat: () => this.#beat(), reject: () => {} },
    });
    this.messages = {
      heartbeat: {
        accepts: (body) => isRecord(body) && isIndex(body["incarnation"]),
        handle: (body: { incarnation: number }, { from }) => this.#heard(nodeOf(from), body),
      },
      probe: {
        accepts: isRecord,
        handle: () => this.#emitter.step(this.#pulse!, { type: "probe" }),
      },
    };
  }

  serve(): void {
    const { peers, intervalMs, missedLimit } = this.config;
    for (const address of peers) {
      const node = nodeOf(address);
      const facts = { node, address, incarnation: 0, status: "waiting" };
      this.#watched.create(node, { intervalMs, missedLimit }, facts);
    }
    this.#pulse = this.#emitter.create("pulse", { intervalMs }, undefined);
    this.#emitter.step(this.#pulse, { type: "start" });
  }

  stop(): void {
    this.#watched.clear();
    // It may be told to stop before it serves.
    if (this.#pulse !== undefined) this.#emitter.step(this.#pulse, { type: "stop" });
  }

  stats(): Record<string, unknown> {
    const peers = [...this.#watched].map(({ facts }) => [facts.node, facts.status]);
    return { peers: Object.fromEntries(peers) };
  }

  #beat(): void {
    const { node, incarnation } = this.services;
    const body = { node, incarnation, sequence: this.#sequence++ };
    for (const peer of this.config.peers) {
      this.services.send(peer, "heartbeat", body, { urgent: true });
    }
    // A subscriber that was restarted, or whose mailbox was full, has not heard of the dead.
    for (const { facts } of this.#watched) {
      if (facts.status === "failed") this.#tell(this.config.subscribers, facts, "silence");
    }
  }

  #tell(addresses: readonly string[], { node, status }: Watched, because: string): void {
    for (const address of addresses) {
      this.services.send(address, "peerStatus", { node, status, because }, { urgent: true });
    }
  }

  #heard(node: string, { incarnation }: { incarnation: number }): void {
    const instance = this.#watched.get(node);
    if (instance === undefined) return;
    const { facts } = instance;
    const newer = facts.incarnation !== 0 && incarnation > facts.incarnation;
    const older = incarnation < facts.incarnation;
    facts.incarnation = Math.max(facts.incarnation, incarnation);
    this.#watched.step(instance, { type: "heartbeat", newer, older });
  }

  #notify(facts: Watched, status: string, because: string): void {
    facts.status = status;
    const { subscribers, overseer } = this.config;
    this.#tell([...subscribers, overseer], facts, because);
    if (status === "failed") {
      this.services.log("failure", `Heartbeat timeout: Node ${facts.node} declared DEAD`);
    } else if (status === "suspected") {
      this.services.log("warning", `Node ${facts.node} is suspected: no heartbeat`);
    } else if (because !== "heard") {
      this.services.log("success", `Node ${facts.node} is alive again (${because})`);
    }
  }
}
