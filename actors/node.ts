/**
 * The node: starts its roles in seven steps and stops them in seven, as the chart in
 * `protocols/lifecycle/node.ts` says. Edge, core and cloud nodes differ in the roles they have.
 *
 * @module
 */
import { node, type NodeMessage, type Step } from "../protocols/lifecycle/node.ts";
import type { Envelope } from "../runtime/codec.ts";
import { type Instance, Instances } from "../runtime/instances.ts";
import {
  defineRole,
  MAIN_NODE,
  type MessageHandler,
  nodeOf,
  type Role,
  type RoleDefinition,
  type Services,
} from "../runtime/role.ts";
import { isIndex, isRecord } from "./guards.ts";
import { Roster, type RosterConfig } from "./roster.ts";

/** Configuration of a node. Times in ms. */
export interface NodeConfig {
  /** Where it stands. */
  readonly tier: "edge" | "core" | "cloud";
  /** Roles that keep something on disk; they recover before anything else is started. */
  readonly durable: readonly string[];
  /** Roles that keep nothing, and that others can do without for a while. */
  readonly helpers: readonly string[];
  /** Its heartbeat monitor. */
  readonly monitor: string;
  /** Roles that take requests from outside. */
  readonly gateways: readonly string[];
  /** Nodes that a link leads to. */
  readonly peers: readonly string[];
  /** Those of its roles whose load gateways want to know. */
  readonly coordinators: readonly string[];
  /** Gateways that choose among coordinators by load; asked for by core nodes. */
  readonly informs: readonly string[];
  /** How long requests under way are waited for at a stop. */
  readonly completeMs: number;
  /** How long peers are waited for at a start; the monitor goes on looking for them. */
  readonly connectMs: number;
  /** How it hears of the cluster's configuration; not given: nobody orders it. */
  readonly roster?: RosterConfig;
}

/** Where a node is in its life. */
export interface NodeStatus {
  /** The step, `serving`, `stopped` or `failedToStart`. */
  readonly step: string;
  /** Steps that went wrong, and how. */
  readonly problems: readonly string[];
  /** Last figures of its roles, once it has stopped. */
  readonly stats: Readonly<Record<string, unknown>>;
}

const LOAD_MS = 1000;
/** A slice of load: some 10 ms of arithmetic, then a breath for what the node has to do. */
const COMPUTE_STEPS = 10_000_000, COMPUTE_PAUSE_MS = 1;
const RETRY_MS = 50;
const PATIENCE_MS = 15_000;
const ATTEMPT_MS = 2000;
/** A role that hangs must not keep the others from an orderly stop. */
const STOP_PATIENCE_MS = 1000;

/** The role of a node. */
export const nodeRole: RoleDefinition<NodeConfig> = defineRole({
  name: "node",
  create: (services, config) => new NodeActor(services, config),
});

class NodeActor implements Role {
  readonly messages: Readonly<Record<string, MessageHandler>>;
  readonly #life: Instances<undefined, NodeMessage>;
  readonly #waiting: Envelope[] = [];
  readonly #stopping: Envelope[] = [];
  readonly #problems: string[] = [];
  #self: Instance<undefined> | undefined;
  #drains: Promise<unknown>[] = [];
  #optimising = false;
  #ended = "";
  readonly #final: Record<string, unknown> = {};
  readonly #roster: Roster | undefined;

  constructor(private readonly services: Services, private readonly config: NodeConfig) {
    this.#life = new Instances<undefined, NodeMessage>({
      engine: services.engine(node),
      timers: services.timers,
      now: () => services.clock.now(),
      observe: () => services.observe(),
      effects: {
        perform: (_, { step }: { step: Step }) => void this.#perform(step),
        report: (_, { step, problem }: { step: Step; problem: string }) => {
          this.#problems.push(`${step}: ${problem}`);
          services.log("warning", `${services.node}: step ${step}: ${problem}`);
        },
        reject: () => {},
      },
      done: (instance) => {
        this.#ended = this.#life.describe(instance);
        for (const envelope of this.#stopping.splice(0)) {
          this.services.reply(envelope, this.#status());
        }
        this.#answerWaiting();
      },
    });
    const anything = () => true;
    this.#roster = config.roster && new Roster(services, config.roster, (configuration) => {
      for (const to of [...config.durable, ...config.gateways]) {
        if (!to.endsWith("/configuration")) services.send(to, "roster", configuration);
      }
    });
    this.messages = {
      ...this.#roster?.messages,
      hello: { accepts: anything, handle: (_, envelope) => services.reply(envelope, "welcome") },
      awaitServing: {
        accepts: anything,
        handle: (_, envelope) => {
          this.#waiting.push(envelope);
          this.#answerWaiting();
        },
      },
      stopNode: {
        accepts: anything,
        handle: (_, envelope) => {
          if (this.#ended !== "") return services.reply(envelope, this.#status());
          this.#stopping.push(envelope);
          if (this.#self !== undefined) this.#life.step(this.#self, { type: "drain" });
        },
      },
      peerStatus: { accepts: isRecord, handle: () => {} },
      compute: {
        accepts: (body) => isRecord(body) && isIndex(body["ms"]),
        handle: ({ ms }: { ms: number }, envelope) => {
          if (nodeOf(envelope.from) !== MAIN_NODE) {
            return services.deadLetter("forbidden", envelope);
          }
          services.reply(envelope, true);
          return this.#compute(services.clock.now() + ms);
        },
      },
    };
  }

  serve(): void {
    this.#self = this.#life.create("node", { completeMs: this.config.completeMs }, undefined);
    this.#roster?.serve();
  }

  stop(): void {
    this.#roster?.stop();
  }

  stats(): Record<string, unknown> {
    const epoch = this.#roster === undefined ? {} : { epoch: this.#roster.now.epoch };
    return { ...this.#status(), tier: this.config.tier, ...epoch };
  }

  #status(): NodeStatus {
    const step = this.#ended !== "" || this.#self === undefined
      ? this.#ended
      : this.#life.describe(this.#self);
    return { step, problems: this.#problems, stats: this.#final };
  }

  #answerWaiting(): void {
    const { step } = this.#status();
    if (step !== "serving" && this.#ended === "") return;
    for (const envelope of this.#waiting.splice(0)) this.services.reply(envelope, this.#status());
  }

  async #perform(step: Step): Promise<void> {
    let done = true;
    try {
      await this.#steps[step]();
    } catch (error) {
      done = false;
      this.services.log("failure", `${this.services.node}: ${step}: ${(error as Error).message}`);
    }
    if (this.#self === undefined) return;
    this.#life.step(this.#self, { type: done ? "stepDone" : "stepFailed", step });
    this.#answerWaiting();
    this.services.wake();
  }

  get #roles(): readonly string[] {
    const { durable, helpers, monitor, gateways } = this.config;
    return [...durable, ...helpers, ...gateways, monitor];
  }

  readonly #steps: Readonly<Record<Step, () => Promise<unknown> | void>> = {
    // A promise, so that a step that fails at once has a node to tell: it is being made still.
    loadingConfiguration: () => Promise.resolve().then(() => this.#checkConfiguration()),
    openingMailboxes: () => this.#all(this.#roles, (role) => this.#reach(role)),
    connecting: () => this.#all(this.config.peers, (peer) => this.#greet(peer)),
    joiningGroups: () => {
      const { durable, helpers } = this.config;
      return this.#all([...durable, ...helpers], (role) => this.#startRole(role));
    },
    monitoring: () => this.#startRole(this.config.monitor),
    enabling: () => this.#all(this.config.gateways, (role) => this.#startRole(role)),
    optimising: () => {
      this.#optimising = true;
      this.#informLoad();
    },
    refusing: () => {
      // Each answers when it has finished what it has accepted; `completing` waits for that.
      this.#optimising = false;
      const { durable, gateways } = this.config;
      this.#drains = [...gateways, ...durable].map((role) => this.#tell(role, "$drain"));
      this.#drains.forEach((drain) => drain.catch(() => {}));
    },
    completing: () => Promise.all(this.#drains),
    flushing: () => this.#all(this.#roles, (role) => this.#bid(role, "$flush")),
    persisting: async () => {
      await this.#all(this.config.durable, (role) => this.#bid(role, "$persist"));
      await this.#all(this.#roles, async (role) => {
        this.#final[role] = await this.#bid(role, "$stats");
      });
    },
    disconnecting: () => this.#all(this.config.gateways, (role) => this.#bid(role, "$stop")),
    unmonitoring: () => this.#bid(this.config.monitor, "$stop"),
    releasing: () => {
      const { durable, helpers } = this.config;
      return this.#all([...durable, ...helpers], (role) => this.#bid(role, "$stop"));
    },
  };

  #checkConfiguration(): void {
    const strays = this.#roles.filter((role) => nodeOf(role) !== this.services.node);
    if (strays.length > 0) throw new Error(`${strays.join(", ")}: roles of another node`);
    if (new Set(this.#roles).size !== this.#roles.length) throw new Error("A role comes twice");
  }

  async #all(
    addresses: readonly string[],
    each: (address: string) => Promise<unknown>,
  ): Promise<void> {
    await Promise.all(addresses.map(each));
  }

  #tell(role: string, type: string): Promise<unknown> {
    return this.services.ask(role, type, null, PATIENCE_MS);
  }

  /**
   * A role that is just being restarted, or ends before it can answer, is asked again: nobody would
   * start this node once more.
   */
  async #startRole(role: string): Promise<void> {
    const start = () => this.services.ask(role, "$start", null, ATTEMPT_MS);
    await this.#persevere(PATIENCE_MS, start);
  }

  #bid(role: string, type: string): Promise<unknown> {
    return this.services.ask(role, type, null, STOP_PATIENCE_MS);
  }

  /** Asks until it is answered. */
  async #reach(role: string): Promise<void> {
    await this.#persevere(PATIENCE_MS, () => this.services.ask(role, "$ping", null, 1000));
  }

  /** A peer that does not answer in time is left to the monitor: it may be down for long. */
  async #greet(peer: string): Promise<void> {
    const greet = () => this.services.ask(peer, "hello", null, 500);
    await this.#persevere(this.config.connectMs, greet).catch(() => {
      this.services.log("warning", `${this.services.node}: no answer from ${peer}`);
    });
  }

  async #persevere(limitMs: number, attempt: () => Promise<unknown>): Promise<void> {
    const { clock, timers } = this.services;
    const deadline = clock.now() + limitMs;
    for (;;) {
      try {
        return void await attempt();
      } catch (error) {
        if (clock.now() >= deadline) throw error;
        const pause = Promise.withResolvers<void>();
        timers.set(clock.now() + RETRY_MS, pause.resolve);
        this.services.wake();
        await pause.promise;
      }
    }
  }

  /** Takes most of a processor until then, as a node with too much to do would. */
  #compute(until: number): void {
    const { clock, timers } = this.services;
    let sum = 0;
    for (let i = 0; i < COMPUTE_STEPS; i++) sum = Math.imul(sum ^ i, 0x01000193);
    if (clock.now() < until && sum !== 0.5) {
      timers.set(clock.now() + COMPUTE_PAUSE_MS, () => this.#compute(until));
    }
  }

  /** Tells the gateways how much this node's coordinators have to do, so that they can choose. */
  #informLoad(): void {
    const { clock, timers } = this.services;
    if (!this.#optimising || this.config.informs.length === 0) return;
    timers.set(clock.now() + LOAD_MS, () => this.#informLoad());
    for (const coordinator of this.config.coordinators) {
      this.services.ask(coordinator, "load", null, LOAD_MS).then((open) => {
        for (const gateway of this.config.informs) {
          this.services.send(gateway, "load", { coordinator, open });
        }
      }, () => {});
    }
  }
}
