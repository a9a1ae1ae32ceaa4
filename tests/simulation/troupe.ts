/**
 * A few roles of a plan without their nodes, supervised as a cluster's are: for scenarios that are
 * about one protocol only.
 *
 * @module
 */
import type { ClusterHooks, ClusterSystem } from "../../actors/cluster_types.ts";
import { type ClusterPlan, planRoles, type RolePlan } from "../../actors/cluster_plan.ts";
import type { Address } from "../../runtime/ports.ts";
import { nodeOf, type RoleDefinition } from "../../runtime/role.ts";
import { Supervisor } from "../../runtime/supervisor.ts";

const START_MS = 60_000;
const anything = () => true;

/** The client: it takes opinions on peers, and does nothing with them. */
const client = {
  name: "client",
  create: () => ({ messages: { peerStatus: { accepts: anything, handle: () => {} } } }),
} satisfies RoleDefinition<never>;

/** Without gateways a coordinator takes requests from anybody; who is not there is not told. */
function fitted(role: RolePlan, kinds: readonly RolePlan["kind"][]): RolePlan {
  if (role.kind !== "coordinator" && role.kind !== "participant") return role;
  const config = { ...role.spec.config as Record<string, unknown> };
  if (role.kind === "coordinator") delete config["gateways"];
  if (!kinds.includes("detector")) delete config["detector"];
  return { ...role, spec: { ...role.spec, config } };
}

/** Tells who is on stage, once the system is there. */
type Roles = (
  overseer: Address,
  linked: (from: string, to: string) => boolean,
) => readonly RolePlan[];

/** Roles of some kinds of a plan. */
export function rolesOf(plan: ClusterPlan, kinds: readonly RolePlan["kind"][]): Roles {
  return (overseer, linked) =>
    planRoles(plan, overseer, linked).filter(({ kind }) => kinds.includes(kind))
      .map((role) => fitted(role, kinds));
}

/** Roles and their supervisor. */
export class Troupe {
  readonly #system: ClusterSystem;
  readonly #roles: readonly RolePlan[];
  readonly #supervisor: Supervisor;
  readonly #log: NonNullable<ClusterHooks["log"]>;
  #started = false;
  #lost = 0;

  constructor(
    makeSystem: (client: RoleDefinition<never>) => ClusterSystem,
    roles: Roles,
    hooks: ClusterHooks,
  ) {
    this.#system = makeSystem(client);
    this.#log = hooks.log ?? (() => {});
    const { host, spawner, switchboard } = this.#system;
    if (switchboard.epoch === 0) switchboard.nextEpoch();
    const linked = (from: string, to: string) => switchboard.get(from, to) !== undefined;
    this.#roles = roles(host.address, linked);
    this.#supervisor = new Supervisor({
      spawner,
      timers: host.timers,
      now: () => host.clock.now(),
      wake: () => host.wake(),
      log: (kind, text) => this.#log(host.address, kind, text),
      policy: hooks.supervision ?? {},
      engine: (machine) => host.engine(machine),
      observe: () => host.observe(),
      spawned: (address, _, first) => void this.#spawned(address, first),
      ended: (address, reason) => this.#log(address, "failure", `${address} ended: ${reason}`),
      gaveUp: () => this.#lost++,
    });
  }

  /** Starts them all. */
  async start(): Promise<void> {
    await Promise.all(this.#roles.map(({ spec }) => this.#supervisor.supervise(spec)));
    await Promise.all(this.addresses.map((address) => this.#ask(address, "$start")));
    this.#started = true;
  }

  async #spawned(address: Address, first: boolean): Promise<void> {
    if (first && !this.#started) return;
    try {
      await this.#ask(address, "$start");
    } catch (error) {
      this.#log(address, "warning", (error as Error).message);
    }
  }

  #ask(address: Address, type: string): Promise<unknown> {
    return this.#system.host.ask(address, type, null, START_MS);
  }

  get addresses(): readonly Address[] {
    return this.#roles.map(({ spec }) => spec.address);
  }

  get rolesGivenUp(): number {
    return this.#lost;
  }

  crashNode(name: string): void {
    for (const address of this.addresses) {
      if (nodeOf(address) === name) this.#supervisor.hold(address);
    }
  }

  restartNode(name: string): void {
    for (const address of this.addresses) {
      if (nodeOf(address) === name) this.#supervisor.resume(address);
    }
  }

  /** Drains and stops each. */
  async stop(): Promise<{ readonly problems: readonly string[] }> {
    const problems: string[] = [];
    await Promise.all(this.addresses.map(async (address) => {
      const retired = this.#supervisor.retire(address);
      try {
        for (const step of ["$drain", "$flush", "$persist", "$stop"]) {
          await this.#ask(address, step);
        }
        await retired;
      } catch (error) {
        problems.push((error as Error).message);
      }
    }));
    return { problems };
  }
}
