/**
 * A cluster: nodes and their roles, composed, supervised, started and stopped. Knows no
 * implementation of the ports: the caller makes the system it runs on.
 *
 * @module
 */
import type { Address, LinkParameters, RoleSpec } from "../runtime/ports.ts";
import { CLIENT, type LogKind, nodeOf, type RoleDefinition } from "../runtime/role.ts";
import { Supervisor } from "../runtime/supervisor.ts";
import { clusterClient } from "./cluster_client.ts";
import type { ClusterEnd, ClusterHooks, ClusterSystem } from "./cluster_types.ts";
import { type ClusterPlan, type NodePlan, planRoles, type RolePlan } from "./cluster_plan.ts";
import type { ClusterRoster } from "./cluster_roster.ts";
import { operatorRoster } from "./configuration_roles.ts";
import { carryOut, type FaultAnswer, type FaultOrder } from "./faults.ts";
import type { NodeStatus } from "./node.ts";

export type * from "./cluster_plan.ts";
export type * from "./cluster_types.ts";

const START_MS = 60_000;
/** A node that ends before it can answer must be told again. */
const START_ATTEMPT_MS = 2000;
const START_PAUSE_MS = 50;
const STOP_TIER_MS = 2500;
/** All of a stop, whatever does not answer; the rest of its five seconds is for the threads. */
const STOP_MS = 4000;
const STATS_MS = 1000;
/** A role that is to end may be the one that has to pass the answer on. */
const EXIT_MS = 20;
const TIERS = ["edge", "core", "cloud"] as const;

/** A running cluster. */
export class Cluster {
  readonly #system: ClusterSystem;
  readonly #supervisor: Supervisor;
  readonly #roles: readonly RolePlan[];
  /** Nodes that were ended on purpose. */
  readonly #down = new Set<string>();
  /** Per node, what each of its observers says of it. */
  readonly #opinions = new Map<string, Map<string, string>>();
  /** Links as they were before faults. */
  readonly #laid = new Map<string, LinkParameters>();
  #state: "starting" | "serving" | "stopping" | "stopped" = "starting";
  #lost = 0;
  /** The configuration; undefined where nobody orders one. */
  roster: ClusterRoster | undefined;

  /**
   * Makes a cluster; {@link Cluster.start} starts it.
   *
   * @param makeSystem makes the system, given the role of its client
   */
  constructor(
    makeSystem: (client: RoleDefinition<never>) => ClusterSystem,
    readonly plan: ClusterPlan,
    private readonly hooks: ClusterHooks = {},
  ) {
    this.#system = makeSystem(this.#clientRole());
    const { host, spawner, switchboard } = this.#system;
    if (switchboard.epoch === 0) switchboard.nextEpoch();
    this.#roles = planRoles(
      plan,
      host.address,
      (from, to) =>
        switchboard.get(from, to) !== undefined && switchboard.get(to, from) !== undefined,
    );
    this.#supervisor = new Supervisor({
      spawner,
      timers: host.timers,
      now: () => host.clock.now(),
      wake: () => host.wake(),
      log: (kind, text) => this.#log(host.address, kind, text),
      ...(hooks.supervision === undefined ? {} : { policy: hooks.supervision }),
      ...(hooks.hangMs === undefined ? {} : { hangMs: hooks.hangMs }),
      engine: (machine) => host.engine(machine),
      observe: () => host.observe(),
      spawned: (address, _, first) => void this.#spawned(address, first),
      ended: (address, reason) => this.#ended(address, reason),
      gaveUp: () => this.#lost++,
    });
  }

  #log(address: Address, kind: LogKind, text: string): void {
    this.hooks.log?.(address, kind, text);
  }

  /** The cluster's own role on the calling thread: oversight. */
  #clientRole(): RoleDefinition<never> {
    const addresses = (has: (role: RolePlan) => boolean) =>
      this.#roles.filter(has).map(({ spec }) => spec.address);
    return clusterClient({
      durable: () => addresses(({ kind }) => kind === "coordinator" || kind === "participant"),
      gateways: () => addresses(({ kind }) => kind === "gateway"),
      knows: (address) => this.spec(address) !== undefined,
      health: () => this.health(),
      stats: () => this.stats(),
      carryOut: (order) => this.carryOut(order),
      roster: () => operatorRoster(this.plan),
      hears: (roster) => this.roster = roster,
      log: (kind, text) => this.#log(CLIENT, kind, text),
      opinion: (observer, body) => this.#opinion(observer, body),
    });
  }

  #opinion(observer: string, { node, status }: { node: string; status: string }): void {
    let opinions = this.#opinions.get(node);
    if (opinions === undefined) this.#opinions.set(node, opinions = new Map());
    opinions.set(observer, status);
  }

  // Life -------------------------------------------------------------------------------------

  /** Starts every role in a worker of its own and every node in its seven steps. */
  async start(): Promise<void> {
    const { progress = () => {} } = this.hooks;
    progress(`starting ${this.#roles.length} roles on ${this.plan.nodes.length} nodes`);
    await Promise.all(this.#roles.map(({ spec }) => this.#supervisor.supervise(spec)));
    progress("roles are up; nodes go through their steps");
    await Promise.all(this.plan.nodes.map(async ({ name }) => {
      const { step, problems } = await this.#startNode(`${name}/node`);
      if (step !== "serving") throw new Error(`${name} did not start: ${problems.join("; ")}`);
    }));
    this.#state = "serving";
    // What was restarted meanwhile was left to its node, which had started it before.
    for (const { spec } of this.#roles) this.#startAgain(spec.address);
    progress("all nodes serve");
  }

  /** Starts a node, and again whenever it is found to have ended before it served. */
  async #startNode(node: Address): Promise<NodeStatus> {
    const { clock } = this.#system.host;
    const deadline = clock.now() + START_MS;
    for (;;) {
      try {
        await this.#ask(node, "$start", START_ATTEMPT_MS);
        return await this.#ask(node, "awaitServing", START_ATTEMPT_MS) as NodeStatus;
      } catch (error) {
        if (clock.now() >= deadline) throw error;
        await this.#after(START_PAUSE_MS).promise;
      }
    }
  }

  /** Lets a restarted role serve, if it does not yet. */
  #startAgain(address: Address): void {
    if ((this.#supervisor.status()[address]?.restarts ?? 0) === 0) return;
    this.#ask(address, "$start", START_MS).catch(() => {}); // It is down again: so much for that.
  }

  async #spawned(address: Address, first: boolean): Promise<void> {
    if (first || this.#state !== "serving") return;
    const node = nodeOf(address);
    const wholeNode = this.#down.has(node);
    // After a restart of the node its own steps start its roles, in order.
    if (wholeNode && address !== `${node}/node`) return;
    try {
      await this.#ask(address, "$start", START_MS);
      this.#log(address, "success", `${address} runs again`);
      if (!wholeNode) return;
      await this.#ask(address, "awaitServing", START_MS);
      this.#down.delete(node);
      for (const { spec } of this.#roles) {
        if (nodeOf(spec.address) === node) this.#startAgain(spec.address);
      }
    } catch (error) {
      this.#log(address, "warning", `${address}: ${(error as Error).message}`);
    }
  }

  #ended(address: Address, reason: string): void {
    if (this.#state === "stopping" || this.#state === "stopped") return;
    this.#log(address, "failure", `${address} ended: ${reason.split("\n")[0]}`);
  }

  /**
   * Stops tier by tier, edges first, so that what was accepted is finished before those who
   * finish it stop. Never takes longer than a few seconds; what could not be finished is journaled.
   */
  async stop(): Promise<ClusterEnd> {
    this.#state = "stopping";
    const { clock } = this.#system.host;
    const deadline = clock.now() + STOP_MS;
    const left = (mostMs: number) => Math.max(1, Math.min(mostMs, deadline - clock.now()));
    const problems: string[] = [];
    const stats: Record<Address, unknown> = await this.stats();
    const retired = this.#roles.map(({ spec }) => this.#supervisor.retire(spec.address));
    for (const tier of TIERS) {
      const nodes = this.plan.nodes.filter((node) => node.tier === tier);
      await Promise.all(nodes.map((node) => this.#stopNode(node, problems, stats, left)));
    }
    const late = this.#after(left(1000));
    await Promise.race([Promise.all(retired), late.promise]);
    late.cancel();
    this.#state = "stopped";
    stats[this.#system.host.address] = this.#system.host.stats();
    return { clean: problems.length === 0, problems, stats };
  }

  async #stopNode(
    { name }: NodePlan,
    problems: string[],
    stats: Record<Address, unknown>,
    left: (mostMs: number) => number,
  ): Promise<void> {
    try {
      const status = await this.#ask(`${name}/node`, "stopNode", left(STOP_TIER_MS)) as NodeStatus;
      Object.assign(stats, status.stats);
      problems.push(...status.problems.map((problem) => `${name}: ${problem}`));
      stats[`${name}/node`] = await this.#ask(`${name}/node`, "$stats", left(STATS_MS));
      await this.#ask(`${name}/node`, "$stop", left(STOP_TIER_MS));
    } catch (error) {
      problems.push(`${name}: ${(error as Error).message}`);
    }
  }

  #after(ms: number): { promise: Promise<void>; cancel(): void } {
    const { host } = this.#system;
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = host.timers.set(host.clock.now() + ms, resolve);
    host.wake();
    return { promise, cancel: () => host.timers.cancel(timer) };
  }

  #ask(address: Address, type: string, timeoutMs: number): Promise<unknown> {
    return this.#system.host.ask(address, type, null, timeoutMs);
  }

  // Oversight --------------------------------------------------------------------------------

  /** Nodes as their neighbours and their supervisor see them. */
  nodes(): readonly { readonly name: string; readonly tier: string; readonly up: boolean }[] {
    const supervision = this.#supervisor.status();
    return this.plan.nodes.map(({ name, tier }) => {
      const states = this.#roles.filter(({ spec }) => nodeOf(spec.address) === name)
        .map(({ spec }) => supervision[spec.address]?.state ?? "");
      const runs = states.every((state) => state.startsWith("running"));
      const opinions = [...this.#opinions.get(name)?.values() ?? []];
      const unheard = opinions.length > 0 && opinions.every((status) => status === "failed");
      return { name, tier, up: runs && !unheard && !this.#down.has(name) };
    });
  }

  /** The answer to `GET /healthz`. */
  health(): { readonly ok: boolean; readonly body: string; readonly type: string } {
    const nodes = this.nodes();
    const down = nodes.filter(({ up }) => !up).map(({ name }) => name);
    const status = this.#state !== "serving" ? this.#state : down.length > 0 ? "degraded" : "ok";
    const body = JSON.stringify({ status, nodes: nodes.length, down }) + "\n";
    return { ok: this.#state === "serving", body, type: "application/json" };
  }

  /** Figures of every role that answers. */
  async stats(): Promise<Record<Address, unknown>> {
    const stats: Record<Address, unknown> = {};
    const { host } = this.#system;
    stats[host.address] = host.stats();
    await Promise.all(this.#roles.map(async ({ spec }) => {
      try {
        stats[spec.address] = await this.#ask(spec.address, "$stats", STATS_MS);
      } catch {
        // It is down; its absence says so.
      }
    }));
    return stats;
  }

  /** Roles that were given up. A cluster without one of its roles should be restarted. */
  get rolesGivenUp(): number {
    return this.#lost;
  }

  /** The addresses of all roles. */
  get addresses(): readonly Address[] {
    return this.#roles.map(({ spec }) => spec.address);
  }

  /** What was planned for a role. */
  spec(address: Address): RoleSpec | undefined {
    return this.#roles.find(({ spec }) => spec.address === address)?.spec;
  }

  // Faults -----------------------------------------------------------------------------------

  /** Crashes a whole node and keeps it down until {@link Cluster.restartNode}. */
  crashNode(name: string): void {
    this.#known(name);
    this.#down.add(name);
    this.#log(`${name}/node`, "warning", `Injecting failure in node ${name}`);
    for (const { spec } of this.#roles) {
      if (nodeOf(spec.address) === name) this.#supervisor.hold(spec.address);
    }
  }

  /** Starts a crashed node again. */
  restartNode(name: string): void {
    this.#known(name);
    for (const { spec } of this.#roles) {
      if (nodeOf(spec.address) === name) this.#supervisor.resume(spec.address);
    }
  }

  /** Ends one role without a word; its supervisor starts it again. */
  killRole(address: Address): void {
    if (this.spec(address) === undefined) throw new RangeError(`There is no role ${address}`);
    this.#log(address, "warning", `Injecting failure in role ${address}`);
    this.#supervisor.kill(address);
  }

  /** What an operator orders from outside, or a schedule does; refused unless the plan allows it. */
  carryOut(order: FaultOrder): Promise<FaultAnswer> {
    const { host, switchboard: links } = this.#system;
    return carryOut(order, {
      cluster: this,
      links,
      laid: this.#laid,
      soon: (act) => void this.#after(EXIT_MS).promise.then(act),
      ask: (role, type, body) => host.ask(role, type, body, STATS_MS),
      log: (kind, text) => this.#log(host.address, kind, text),
    });
  }

  #known(name: string): void {
    if (this.plan.nodes.some((node) => node.name === name)) return;
    const names = this.plan.nodes.map((node) => node.name).join(", ");
    throw new RangeError(`There is no node ${name}: there are ${names}`);
  }
}
