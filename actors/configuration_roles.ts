/**
 * The part of a cluster's plan that orders its configuration: a replica on each node of the group, and
 * what every node, and the operator, need to hear of it.
 *
 * @module
 */
import { type Configuration, OPERATOR } from "../protocols/configuration/configuration.ts";
import { groupFault } from "../protocols/pbft/rules.ts";
import type { Address } from "../runtime/ports.ts";
import { CLIENT, nodeOf } from "../runtime/role.ts";
import type { ClusterPlan, RolePlan } from "./cluster_plan.ts";
import { participantOf } from "./cluster_plan.ts";
import {
  clientsOf,
  type ConfigurationClients,
  type ConfigurationPlan,
} from "./configuration_group.ts";
import { publicKeysOf } from "./configuration_keys.ts";
import type { Via } from "./configuration_relay.ts";
import type { ConfigurationReplicaConfig } from "./configuration_replica.ts";
import type { RosterConfig } from "./roster.ts";

/** What a cluster begins with. */
export function firstConfiguration(
  plan: ClusterPlan,
  { group, faulty, keys }: ConfigurationPlan,
): Configuration {
  return {
    epoch: 1,
    generation: 1,
    members: group.map((node) => ({ node, ...publicKeysOf(keys.replicas[node]!) })),
    faulty,
    nodes: Object.fromEntries(plan.nodes.map(({ name, tier }) => [name, tier])),
    coordinators: plan.nodes.filter((node) => node.coordinator).map(({ name }) => name).sort(),
    logs: {},
    shards: participantOf(plan).map(nodeOf),
    settings: { maxConcurrentTransactions: plan.settings.maxConcurrentTransactions },
    accusers: {},
    convicted: {},
    replaced: [],
  };
}

/** Who can hand messages on between nodes that no link joins. */
export function viasOf(
  node: string,
  others: readonly string[],
  group: readonly string[],
  linked: (from: string, to: string) => boolean,
): Via {
  const isJoined = (a: string, b: string) => a === b || linked(a, b);
  const apart = others.filter((other) => !isJoined(node, other));
  return Object.fromEntries(apart.map((other) => {
    const between = group.filter((member) => isJoined(node, member) && isJoined(member, other));
    return [other, between.map((member) => `${member}/configuration`)];
  }));
}

/** Plans the group's roles. */
export class ConfigurationRoles {
  readonly #first: Configuration;
  readonly #clients: ConfigurationClients;

  /** @throws {RangeError} if the group cannot bear so many liars, or cannot talk */
  constructor(
    private readonly plan: ClusterPlan,
    private readonly group: ConfigurationPlan,
    overseer: Address,
    private readonly linked: (from: string, to: string) => boolean,
  ) {
    const { group: members, faulty } = group;
    const fault = groupFault({ replicas: members.length, faulty });
    if (fault !== undefined) throw new RangeError(`Cannot plan the configuration group: ${fault}`);
    this.#first = firstConfiguration(plan, group);
    this.#clients = clientsOf(group, (name) => name === OPERATOR ? overseer : `${name}/node`);
    for (const member of members) {
      const lonely = Object.entries(this.#via(member, members)).find(([, via]) => !via.length);
      if (lonely === undefined) continue;
      throw new RangeError(
        `Cannot plan the configuration group: nobody in it is linked to ${member} and ${lonely[0]}`,
      );
    }
  }

  #via(node: string, others: readonly string[]): Via {
    return viasOf(node, others, this.group.group, this.linked);
  }

  /** The replica of a node of the group; none of another. */
  replica(node: string): RolePlan[] {
    const { data, faults = false, nodes } = this.plan;
    if (!this.group.group.includes(node)) return [];
    const config: ConfigurationReplicaConfig = {
      configuration: this.#first,
      keys: this.group.keys.replicas[node]!,
      clients: this.#clients,
      via: this.#via(node, nodes.map(({ name }) => name)),
      faults,
    };
    const module = new URL("configuration_replica.ts", import.meta.url).href;
    const address = `${node}/configuration`;
    const store = `${data}/${node}.configuration.sqlite`;
    const spec = { address, module, name: "configurationRole", config, store };
    return [{ kind: "configuration", spec }];
  }

  /** What a node, or the operator, hears of the configuration by. */
  roster(name: string): RosterConfig {
    return {
      configuration: this.#first,
      name,
      keys: this.group.keys.clients[name]!,
      clients: this.#clients,
      via: name === OPERATOR ? {} : this.#via(name, this.group.group),
    };
  }
}

/** What the operator hears of the configuration by; undefined where nobody orders one. */
export function operatorRoster(plan: ClusterPlan): RosterConfig | undefined {
  if (plan.configuration === undefined) return undefined;
  return new ConfigurationRoles(plan, plan.configuration, CLIENT, () => true).roster(OPERATOR);
}
