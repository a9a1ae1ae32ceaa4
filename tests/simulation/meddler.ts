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

class Meddler {
  readonly #random: () => number;
  readonly #supervisor: Supervisor;
  readonly #spares: Address[] = [];
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
      policy: { maxRestarts: 2, backoffMs: 200, maxBackoffMs: 4000, provenMs: 3000 },
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
    for (const address of this.#spares) void this.#supervisor.retire(address);
    for (const { name } of this.stage.plan.nodes) this.#bounce(name);
  }

  // Spares -----------------------------------------------------------------------------------

  #spec(config: StubConfig): RoleSpec {
    const node = pick(this.#random, this.stage.plan.nodes).name;
    const address = `${node}/spare-${this.#spares.length}`;
    this.#spares.push(address);
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

  /** Long enough to be taken for lost, or not. */
  #hang({ address }: Pick<RoleSpec, "address">): void {
    const { system } = this.stage;
    if (system.spawner.process(address) === undefined) return;
    const resume = system.spawner.pause(address);
    system.scheduler.at(system.now + 4000 + this.#random() * 4000, resume);
  }

  /** A node of its own whose roles are missing, late, stuck or hung: nothing goes well with it. */
  #spareNode(): void {
    const { system, plan } = this.stage;
    const name = `spare-${this.#spares.length}`;
    const node = pick(this.#random, plan.nodes).name;
    const stopAt = system.now + this.#random() * 17_000;
    const roles = ["a", "b", "c"].map((letter): RoleSpec => {
      const address = `${node}/${name}-${letter}`;
      const stuck = pick<StubConfig["stuck"] | undefined>(this.#random, [
        "serve",
        "stop",
        "stop",
        undefined,
        undefined,
        undefined,
      ]);
      const config: StubConfig = stuck === undefined ? { drainMs: 2500 } : { stuck };
      return { address, module: stubs, name: "volatile", config };
    });
    for (const spec of roles) {
      this.#spares.push(spec.address);
      this.#appear(spec);
      if (this.#random() < 0.3) this.#after(stopAt + this.#random() * 300, () => this.#hang(spec));
    }
    const [a, b, c] = roles.map(({ address }) => address) as [Address, Address, Address];
    const config: NodeConfig = {
      tier: "core",
      durable: this.#random() < 0.1 ? [a, a] : [a], // Twice: a bad configuration.
      helpers: [],
      gateways: [b],
      monitor: c,
      peers: this.#random() < 0.5 ? [] : [`${node}/nobody`],
      informs: [],
      completeMs: 1500,
      connectMs: 3000,
    };
    const address = `${node}/${name}`;
    this.#spares.push(address);
    this.#supervisor.supervise({ address, module: nodes, name: "nodeRole", config })
      .catch(() => {});
    this.#after(system.now + 5, () => this.#tell(address, "$start"));
    if (this.#random() < 0.8) this.#after(stopAt, () => this.#tell(address, "stopNode"));
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
