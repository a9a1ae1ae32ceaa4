/**
 * The cluster's own role on the calling thread: hears of failures, answers for the whole.
 *
 * @module
 */
import type { Address } from "../runtime/ports.ts";
import { nodeOf, type RoleDefinition } from "../runtime/role.ts";
import { type FaultAnswer, type FaultOrder, isFaultOrder } from "./faults.ts";
import { isRecord } from "./guards.ts";
import { prometheus, type RoleStats } from "./metrics.ts";
import { oversightMessages } from "./oversight.ts";

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
  readonly carryOut: (order: FaultOrder) => FaultAnswer;
  /** A node says what it thinks of another. */
  readonly opinion: (observer: string, body: { node: string; status: string }) => void;
}

/** Makes the role. */
export function clusterClient(cluster: ClusterClient): RoleDefinition<never> {
  const anything = () => true;
  const { durable, gateways } = cluster;
  return {
    name: "client",
    create: (services) => ({
      messages: {
        ...oversightMessages({ services, durable, gateways }),
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
          handle: (order: never, envelope) => {
            if (cluster.knows(envelope.from)) services.reply(envelope, cluster.carryOut(order));
            else services.deadLetter("forbidden", envelope);
          },
        },
        peerStatus: {
          accepts: (body) => isRecord(body) && typeof body["node"] === "string",
          handle: (body: never, { from }) => cluster.opinion(nodeOf(from), body),
        },
      },
    }),
  };
}
