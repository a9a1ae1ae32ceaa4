/**
 * A system in virtual time with everything a scenario needs: roles that are kept running, clients,
 * faults, and those who look on.
 *
 * @module
 */
import { Cluster } from "../../actors/cluster.ts";
import { type ClusterPlan, planRoles, type RolePlan } from "../../actors/cluster_plan.ts";
import { loadProfile } from "../../examples/telecom/profile_loader.ts";
import { profileLinks } from "../../examples/telecom/profile_links.ts";
import type { Profile } from "../../examples/telecom/profiles.ts";
import { planCluster } from "../../examples/telecom/start.ts";
import type { Address } from "../../runtime/ports.ts";
import { deriveSeed, seeded } from "../../runtime/random.ts";
import { nodeOf, type RoleDefinition } from "../../runtime/role.ts";
import { CLIENT, type Conditions, SimulatedSystem } from "../../runtime/simulated/mod.ts";
import type { SupervisionInput } from "../../runtime/supervisor_machine.ts";
import type { AnyStateMachine } from "../../runtime/xstate_types.ts";
import type { Coverage } from "./coverage.ts";
import { Hub } from "./hub.ts";
import type { InvariantDefinition } from "./invariant.ts";
import { simulationKeys } from "./keys.ts";
import { LedgerModel } from "./ledger_model.ts";
import { Nemesis } from "./nemesis.ts";
import type { Recorder } from "./recorder.ts";
import type { Casting, Scenario } from "./scenario.ts";
import { CountedConditions, Strikes } from "./strikes.ts";
import type { Swarm } from "./swarm.ts";
import { rolesOf, Troupe } from "./troupe.ts";

/** Unless a scenario has its own: nobody is given up, and restarts are soon. */
const SUPERVISION: Partial<SupervisionInput> = { maxRestarts: 1000, maxBackoffMs: 500 };
const DISKS = "disks";

/** What a stage is set with. */
export interface StageParts {
  readonly scenario: Scenario;
  readonly seed: number;
  readonly casting: Casting;
  readonly swarm: Swarm;
  readonly recorder: (now: () => number) => Recorder;
  readonly coverage: Coverage;
  readonly definitions: readonly InvariantDefinition[];
  readonly replaced: ReadonlyMap<string, AnyStateMachine>;
  readonly operator: string;
  readonly publicKey: CryptoKey;
}

/** Either of a cluster and a few roles. */
interface Company {
  start(): Promise<void>;
  /** Of no effect on one that is down. */
  nodeDown(name: string): void;
  nodeUp(name: string): void;
  stop(): Promise<readonly string[]>;
  /** How many roles were given up. */
  readonly rolesGivenUp: number;
}

/** A set stage. */
export class Stage {
  readonly nemesis: Nemesis;

  private constructor(
    readonly parts: StageParts,
    readonly system: SimulatedSystem,
    readonly hub: Hub,
    readonly recorder: Recorder,
    readonly plan: ClusterPlan,
    readonly company: Company,
    readonly addresses: readonly Address[],
    stores: ReadonlyMap<string, Address>,
    readonly strikes: Strikes,
  ) {
    this.nemesis = new Nemesis(
      {
        system,
        nodes: plan.nodes.filter(({ name }) => addresses.some((it) => it.startsWith(`${name}/`))),
        targets: addresses,
        stores,
        lies: parts.casting.extras?.lies,
        strikes,
        nodeDown: (name) => company.nodeDown(name),
        nodeUp: (name) => company.nodeUp(name),
        begin: (fault, target, note) => hub.fault(fault, 1, target, note),
        end: (fault, target, note) => hub.fault(fault, -1, target, note),
      },
      parts.swarm,
      this.random("nemesis"),
    );
    if (parts.swarm.lateVotes > 0) hub.leaving = (from, type) => this.nemesis.sent(from, type);
  }

  /** A stream of chance of its own. */
  random(name: string): () => number {
    return seeded(deriveSeed(this.parts.seed, name));
  }

  /** Sets the stage; {@link Stage.start} starts the roles. */
  static set(parts: StageParts): Stage {
    const { scenario, casting, seed, swarm } = parts;
    const loaded = loadProfile(casting.profile);
    if (!loaded.ok) throw new Error(loaded.error);
    const { profile } = loaded;
    const { publicKey } = parts;
    const { subscribers = 20, settings = {} } = casting;
    const planned = planCluster({ profile, publicKey, data: DISKS, subscribers });
    const set = { ...planned, settings: { ...planned.settings, ...settings } };
    const plan = scenario.recast?.(set) ?? set;
    const made: { system?: SimulatedSystem } = {};
    const { roles: extra, liars } = casting.extras ??
      { roles: undefined, liars: new Set<Address>() };
    const stores = extra === undefined ? storesOf(plan) : storesBy(extra);
    const recorder = parts.recorder(() => made.system?.now ?? 0);
    const strikes = new Strikes();
    const linked = (from: Address, to: Address) =>
      made.system!.switchboard.get(nodeOf(from), nodeOf(to))?.up ?? true;
    const hub = new Hub({
      strikes,
      linked,
      recorder,
      coverage: parts.coverage,
      model: new LedgerModel((address) => storeOf(stores, address)),
      definitions: parts.definitions.filter(({ name }) => !scenario.waives?.includes(name)),
      replaced: parts.replaced,
      watched: {
        now: () => made.system?.now ?? 0,
        faultless: swarm.on.size === 0,
        keepers: stores,
        liars,
        settings: plan.settings,
        rows: (store) => made.system!.disks.rows(store),
        storeId: (store) => made.system!.disks.id(store),
      },
    });
    const conditions = new CountedConditions(strikes);
    if (swarm.on.has("drift")) drift(conditions, profile, plan, swarm, seed);
    const makeSystem = (client: RoleDefinition<never>) =>
      made.system = SimulatedSystem.create({
        nodes: profile.nodes.map(({ name }) => name),
        links: profileLinks(profile).map((link) => ({ ...link, up: true })),
        seed,
        client,
        conditions,
        ...(swarm.on.has("slow") ? { commitDelay: { minMs: 0.2, maxMs: swarm.slowMs + 1 } } : {}),
        onlooker: hub.onlooker,
        log: (address, kind, text) => hub.log(address, kind, text),
      });
    const supervision = { ...SUPERVISION, ...casting.supervision };
    const hooks = {
      supervision,
      log: (address: Address, kind: Parameters<Hub["log"]>[1], text: string) =>
        hub.log(address, kind, text),
    };
    const company = extra !== undefined
      ? new Troupe(makeSystem, () => extra, hooks)
      : scenario.roles === undefined
      ? new Cluster(makeSystem, plan, hooks)
      : new Troupe(makeSystem, rolesOf(plan, scenario.roles), hooks);
    const { addresses } = company;
    const troupe = wrap(company);
    return new Stage(
      ...[parts, made.system!, hub, recorder, plan, troupe, addresses, stores, strikes] as const,
    );
  }

  /** Starts the roles. Rejects if they cannot be, unless faults are under way: then it waits. */
  async start(): Promise<void> {
    await this.system.until(this.company.start(), 120_000);
  }

  /** How often each fault was injected, and what it did. */
  get struck(): Strikes {
    const { disks } = this.system;
    this.strikes.faults.torn.struck = disks.torn;
    this.strikes.lostTail = disks.lost;
    return this.strikes;
  }

  /** Ends everything at once. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.hub.close();
    await this.system[Symbol.asyncDispose]();
  }
}

function drift(
  conditions: Conditions,
  profile: Profile,
  plan: ClusterPlan,
  swarm: Swarm,
  seed: number,
): void {
  const random = seeded(deriveSeed(seed, "drift"));
  const most = plan.settings.driftPpm / 1_000_000 * swarm.drift;
  for (const { name } of profile.nodes) {
    conditions.rates.set(name, 1 + (2 * random() - 1) * most);
  }
}

/** Stores of a plan, with who keeps them. */
function storesOf(plan: ClusterPlan): Map<string, Address> {
  return storesBy(planRoles(plan, CLIENT, () => true));
}

function storesBy(roles: readonly RolePlan[]): Map<string, Address> {
  return new Map(
    roles.flatMap(({ spec }) =>
      spec.store === undefined ? [] : [[spec.store, spec.address] as const]
    ),
  );
}

function storeOf(stores: ReadonlyMap<string, Address>, address: Address): string {
  for (const [store, keeper] of stores) if (keeper === address) return store;
  throw new RangeError(`${address} keeps no store`);
}

function wrap(company: Cluster | Troupe): Company {
  const down = new Set<string>();
  return {
    start: () => company.start(),
    nodeDown: (name) => {
      if (!down.has(name)) company.crashNode(name);
      down.add(name);
    },
    nodeUp: (name) => {
      if (down.delete(name)) company.restartNode(name);
    },
    stop: async () => (await company.stop()).problems,
    get rolesGivenUp() {
      return company.rolesGivenUp;
    },
  };
}

/** What every stage of a process shares. */
export async function stageKeys(): Promise<Pick<StageParts, "operator" | "publicKey">> {
  const { keys, operator } = await simulationKeys();
  return { operator, publicKey: keys.publicKey };
}
