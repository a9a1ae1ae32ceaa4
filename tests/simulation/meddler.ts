/**
 * An operator with shaky hands: tells roles and nodes to start, drain and stop at any moment and
 * twice, and has some spare roles and nodes that never work.
 *
 * @module
 */
import type { NodeConfig } from "../../actors/node.ts";
import type { Address, RoleSpec } from "../../runtime/ports.ts";
import { Supervisor } from "../../runtime/supervisor.ts";
import { pick } from "./scenario.ts";
import type { Stage } from "./stage.ts";
import type { StubConfig } from "./stub_roles.ts";

const stubs = new URL("./stub_roles.ts", import.meta.url).href;
const nodes = new URL("../../actors/node.ts", import.meta.url).href;
const EVERY_MS = 250;
/** A node asks a role to start for 15 s; its last question may wait 2 s more, less one pause. */
const START_FAILS_MS = 16_400;
const ASKS_EVERY_MS = 2050;

/** What a role may be told, in one breath. */
const ORDERS: readonly (readonly string[])[] = [
  ["$start", "$stop"],
  ["$start", "$start"],
  ["$start", "$drain"],
  ["$drain", "$drain"],
  ["$drain", "$stop", "$drain"],
  ["$stop", "$stop"],
  ["$drain", "$flush", "$persist", "$stop"],
];

/** Meddles until an instant. */
export function meddle(stage: Stage, until: number): void {
  new Meddler(stage, until).begin();
}

/** A node that is no part of the cluster. */
interface SpareNode {
  /** The node of the cluster that it is at. */
  readonly node: string;
  readonly address: Address;
  readonly roles: readonly RoleSpec[];
}

class Meddler {
  readonly #random: () => number;
  readonly #supervisor: Supervisor;
  readonly #spares: Address[] = [];
  /** Spares with a fate of their own: they are left alone. */
  readonly #left: Address[] = [];
  /** Nodes that were told to stop: they are started again before the end. */
  readonly #stopped = new Set<string>();

  constructor(private readonly stage: Stage, private readonly until: number) {
    this.#random = stage.random("meddler");
    const { host, spawner } = stage.system;
    this.#supervisor = new Supervisor({
      spawner,
      timers: host.timers,
      now: () => host.clock.now(),
      wake: () => host.wake(),
      log: () => {},
      // Proven before a role that hangs is found out, or not.
      policy: {
        maxRestarts: 2,
        backoffMs: 200,
        maxBackoffMs: 4000,
        provenMs: pick(this.#random, [3000, 10_000]),
      },
      engine: (machine) => host.engine(machine),
      observe: () => host.observe(),
      spawned: (address) => {
        // Half of them are left as they are: spawned, not started.
        if (this.#random() < 0.5) this.#tell(address, "$start");
      },
    });
  }

  begin(): void {
    const { scheduler } = this.stage.system;
    scheduler.at(this.until, () => this.#end());
    for (let i = Math.floor(this.#random() * 4); i > 0; i--) this.#spareNode();
    for (let i = 0; i < 2; i++) this.#doomedNode();
    for (let i = 0; i < 4; i++) this.#hastyNode();
    const next = () => {
      const at = scheduler.now() - Math.log(1 - this.#random()) * EVERY_MS;
      if (at >= this.until) return;
      scheduler.at(at, () => {
        pick(this.#random, this.#acts)();
        next();
      });
    };
    next();
  }

  readonly #acts: readonly (() => void)[] = [
    () => this.#orderRole(),
    () => this.#stopNode(),
    () => this.#bounceNode(),
    () => this.#spare(),
    () => this.#supervise(),
    () => this.#supervise(),
    () => this.#wearOut(),
  ];

  #tell(address: Address, type: string): void {
    this.stage.system.tell(address, type);
  }

  #orderRole(): void {
    const { addresses } = this.stage;
    const address = pick(this.#random, [...addresses, ...this.#spares]);
    for (const type of pick(this.#random, ORDERS)) this.#tell(address, type);
    // Whoever was stopped is restarted by its supervisor, whoever was drained is not.
    const { system } = this.stage;
    system.scheduler.at(system.now + 3000 * this.#random(), () => {
      if (system.now < this.until) system.spawner.process(address)?.terminate();
    });
  }

  #stopNode(): void {
    const name = pick(this.#random, this.stage.plan.nodes).name;
    this.#stopped.add(name);
    const times = this.#random() < 0.5 ? 1 : 2;
    for (let i = 0; i < times; i++) this.#tell(`${name}/node`, "stopNode");
    const { system } = this.stage;
    // A second word at some later step.
    system.scheduler.at(system.now + 100 * this.#random(), () => {
      if (system.now < this.until) this.#tell(`${name}/node`, "stopNode");
    });
  }

  #bounceNode(): void {
    const [name] = this.#stopped;
    if (name === undefined) return;
    this.#stopped.delete(name);
    this.#bounce(name);
  }

  #bounce(name: string): void {
    const { system } = this.stage;
    this.stage.company.nodeDown(name);
    // Up again before its roles have all gone, or after.
    system.scheduler.at(system.now + this.#random() * 20, () => this.stage.company.nodeUp(name));
  }

  /** Everything that was stopped on purpose or drained is started again. */
  #end(): void {
    for (const address of [...this.#spares, ...this.#left]) void this.#supervisor.retire(address);
    for (const { name } of this.stage.plan.nodes) this.#bounce(name);
  }

  // Spares -----------------------------------------------------------------------------------

  #spec(config: StubConfig, list: Address[] = this.#spares): RoleSpec {
    const node = pick(this.#random, this.stage.plan.nodes).name;
    const address = `${node}/spare-${this.#spares.length}-${this.#left.length}`;
    list.push(address);
    return { address, module: stubs, name: "volatile", config };
  }

  #spare(): void {
    const spec = this.#spec({ brittle: this.#random() < 0.5, drainMs: 2500 });
    this.#supervisor.supervise(spec).catch(() => {});
    const at = this.#random();
    if (at < 0.2) this.#supervisor.hold(spec.address);
    else if (at < 0.4) void this.#supervisor.retire(spec.address);
    if (at < 0.1) this.#supervisor.resume(spec.address);
  }

  #supervise(): void {
    if (this.#spares.length === 0) return this.#spare();
    const address = pick(this.#random, this.#spares);
    const state = this.#supervisor.status()[address]?.state;
    switch (Math.floor(this.#random() * 6)) {
      case 0:
        // What has no meaning in a state is not asked for: the supervisor would report it.
        if (state !== "held") this.#supervisor.hold(address);
        return;
      case 1:
        if (state === "held" || state === "retiring") this.#supervisor.resume(address);
        return;
      case 2:
        return void this.#supervisor.retire(address);
      case 3:
        return this.#hang({ address });
      default:
        return this.#supervisor.kill(address);
    }
  }

  /** Ends a role until it may not be restarted any more, and lets its last life hang. */
  #wearOut(): void {
    const spec = this.#spec({}, this.#left);
    this.#supervisor.supervise(spec).catch(() => {});
    const { system } = this.stage;
    for (const ms of [50, 350]) {
      this.#after(system.now + ms, () => this.#supervisor.kill(spec.address));
    }
    this.#after(system.now + 1500, () => this.#hang(spec));
  }

  /** Long enough to be taken for lost, or not. */
  #hang({ address }: Pick<RoleSpec, "address">): void {
    const { system } = this.stage;
    if (system.spawner.process(address) === undefined) return;
    const resume = system.spawner.pause(address);
    system.scheduler.at(system.now + 4000 + this.#random() * 4000, resume);
  }

  /** A node of its own whose roles are missing, late, stuck or hung: nothing goes well with it. */
  #spareNode(): void {
    const { system } = this.stage;
    const stopAt = system.now + this.#random() * 17_000;
    const spare = this.#newNode(this.#spares, () => {
      const stuck = pick<StubConfig["stuck"]>(this.#random, [
        ["serve"],
        ["stop"],
        ["stop"],
        undefined,
        undefined,
        undefined,
      ]);
      return stuck === undefined ? { drainMs: 2500 } : { stuck };
    });
    for (const spec of spare.roles) {
      this.#appear(spec);
      if (this.#random() < 0.3) this.#after(stopAt + this.#random() * 300, () => this.#hang(spec));
    }
    const peers = this.#random() < 0.5 ? [] : [`${spare.node}/nobody`];
    this.#startNode(spare, { peers });
    if (this.#random() < 0.8) this.#after(stopAt, () => this.#tell(spare.address, "stopNode"));
  }

  /** A node whose start fails at a step that is drawn. */
  #doomedNode(): void {
    const at = pick(this.#random, ["configuration", "a", "b", "c"] as const);
    const doomed = this.#newNode(this.#left, (letter) => letter === at ? { stuck: ["serve"] } : {});
    this.#startRoles(doomed);
    const twice = doomed.roles.slice(0, 1).flatMap(({ address }) => [address, address]);
    this.#startNode(doomed, at === "configuration" ? { durable: twice } : {});
  }

  /**
   * A node that is told to stop just before a start step is done or has failed: that comes in the
   * middle of its stop then, at a step that takes its time.
   */
  #hastyNode(): void {
    const fails = this.#random() < 0.6;
    const slow = pick(this.#random, ["completing", "hung", "hung", "disconnecting", "releasing"]);
    // A monitor that hangs holds up three steps, for a second each; what is stuck holds up one.
    const before = this.#random() * (slow !== "hung" ? 1000 : fails ? 3000 : 1900);
    // Just after it has asked once more: that question must be open still when it is answered.
    const asked = (1 + Math.floor(this.#random() * 5)) * ASKS_EVERY_MS;
    const stopMs = fails ? START_FAILS_MS - before : asked + 20 + this.#random() * 100;
    const serveMs = stopMs + before;
    const hasty = this.#newNode(this.#left, (letter) => {
      const stuck: ("serve" | "drain" | "stop")[] = [];
      if (letter === "a" && fails) stuck.push("serve");
      if (letter === "a" && slow === "completing") stuck.push("drain");
      if (letter === "a" && slow === "releasing") stuck.push("stop");
      if (letter === "b" && slow === "disconnecting") stuck.push("stop");
      return { stuck, drainMs: 0, ...(letter === "a" && !fails ? { serveMs } : {}) };
    });
    this.#startRoles(hasty);
    this.#startNode(hasty, {});
    this.#after(this.stage.system.now + stopMs, () => {
      if (slow === "hung") this.#hang(hasty.roles[2]!);
      this.#tell(hasty.address, "stopNode");
    });
  }

  #startRoles({ roles }: SpareNode): void {
    for (const spec of roles) {
      this.#supervisor.supervise(spec).catch(() => {});
      this.#tell(spec.address, "$start");
    }
  }

  /** A spare node with a durable role `a`, a gateway `b` and a monitor `c`. */
  #newNode(list: Address[], configOf: (letter: string) => StubConfig): SpareNode {
    const name = `spare-${this.#spares.length}-${this.#left.length}`;
    const node = pick(this.#random, this.stage.plan.nodes).name;
    const address = `${node}/${name}`;
    const roles = ["a", "b", "c"].map((letter): RoleSpec => {
      const config = configOf(letter);
      return { address: `${address}-${letter}`, module: stubs, name: "volatile", config };
    });
    list.push(address, ...roles.map((spec) => spec.address));
    return { node, address, roles };
  }

  #startNode({ address, roles }: SpareNode, wanting: Partial<NodeConfig>): void {
    const [a, b, c] = roles.map((spec) => spec.address) as [Address, Address, Address];
    const config: NodeConfig = {
      tier: "core",
      durable: [a],
      helpers: [],
      gateways: [b],
      monitor: c,
      peers: [],
      coordinators: [],
      informs: [],
      completeMs: 1500,
      connectMs: 3000,
      ...wanting,
    };
    this.#supervisor.supervise({ address, module: nodes, name: "nodeRole", config })
      .catch(() => {});
    this.#after(this.stage.system.now + 5, () => this.#tell(address, "$start"));
  }

  /** At once, late, or never. */
  #appear(spec: RoleSpec): void {
    const { system } = this.stage;
    const at = this.#random();
    if (at < 0.1) return;
    const due = at < 0.7 ? system.now : system.now + this.#random() * 18_000;
    this.#after(due, () => {
      this.#supervisor.supervise(spec).catch(() => {});
      this.#tell(spec.address, "$start");
    });
  }

  #after(due: number, act: () => void): void {
    const { system } = this.stage;
    system.scheduler.at(due, () => {
      if (system.now < this.until) act();
    });
  }
}
