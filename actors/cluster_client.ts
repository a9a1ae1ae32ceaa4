/**
 * The cluster's own role on the calling thread: hears of failures, answers for the whole.
 *
 * @module
 */
import type { Address } from "../runtime/ports.ts";
import { type LogKind, nodeOf, type RoleDefinition } from "../runtime/role.ts";
import { ClusterRoster } from "./cluster_roster.ts";
import { type FaultAnswer, type FaultOrder, isFaultOrder } from "./faults.ts";
import { isRecord } from "./guards.ts";
import { prometheus, type RoleStats } from "./metrics.ts";
import { oversightMessages } from "./oversight.ts";
import type { RosterConfig } from "./roster.ts";

/** What the role answers from. */
export interface ClusterClient {
  /** Addresses of all coordinators and participants. */
  readonly durable: () => readonly Address[];
  /** Addresses that may speak for operators. */
  readonly gateways: () => readonly Address[];
  /** Whether there is a role of that address. */
  readonly knows: (address: Address) => boolean;
  readonly health: () => unknown;
  readonly stats: () => Promise<RoleStats>;
  readonly carryOut: (order: FaultOrder) => Promise<FaultAnswer>;
  /** What the operator hears of the configuration by, if somebody orders it. */
  readonly roster: () => RosterConfig | undefined;
  /** Whoever hears of it. */
  readonly hears: (roster: ClusterRoster) => void;
  /** The operator's log. */
  readonly log: (kind: LogKind, text: string) => void;
  /** A node says what it thinks of another. */
  readonly opinion: (observer: string, body: { node: string; status: string }) => void;
}

/** Makes the role. */
export function clusterClient(cluster: ClusterClient): RoleDefinition<never> {
  const anything = () => true;
  const { durable, gateways } = cluster;
  return {
    name: "client",
    create: (services) => {
      const config = cluster.roster();
      const { log } = cluster;
      const roster = config && new ClusterRoster({ services, config, gateways, log });
      if (roster !== undefined) cluster.hears(roster);
      return {
        serve: () => roster?.serve(),
        stop: () => roster?.stop(),
        messages: {
          ...oversightMessages({ services, durable, gateways }),
          ...roster?.messages,
          health: {
            accepts: anything,
            handle: (_: never, envelope) => services.reply(envelope, cluster.health()),
          },
          metrics: {
            accepts: anything,
            handle: async (_: never, envelope) => {
              const body = prometheus(await cluster.stats());
              const type = "text/plain; version=0.0.4; charset=utf-8";
              services.reply(envelope, { ok: true, body, type });
              services.wake();
            },
          },
          fault: {
            accepts: isFaultOrder,
            handle: async (order: never, envelope) => {
              if (cluster.knows(envelope.from)) {
                services.reply(envelope, await cluster.carryOut(order));
                services.wake();
              } else services.deadLetter("forbidden", envelope);
            },
          },
          peerStatus: {
            accepts: (body) => isRecord(body) && typeof body["node"] === "string",
            handle: (body: never, { from }) => cluster.opinion(nodeOf(from), body),
          },
        },
      };
    },
  };
}
