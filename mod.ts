/**
 * Trunkline: an actor runtime for edge-core-cloud clusters in which every node and every protocol
 * role is an XState v5 machine in its own Deno worker.
 *
 * - Start a whole cluster and use it as a client: {@link startCluster}.
 * - Run a machine of your own as an actor, told and asked by address: {@link defineActor} and
 *   {@link WorkerSystem}; in virtual time with {@link SimulatedSystem}.
 * - Import a protocol machine alone: `@trunkline/trunkline/protocols/two_phase_commit` and so on.
 *
 * Everything that runs is disposed of with `await using`.
 *
 * @example Move money in a cluster
 * ```ts ignore
 * import { startCluster } from "@trunkline/trunkline";
 *
 * await using cluster = await startCluster({ profile: "reference", fast: true, subscribers: 100 });
 * await cluster.rpc("account.transfer", {
 *   from: "254700000000",
 *   to: "254700000001",
 *   amount: 250,
 *   idempotencyKey: "rent",
 * });
 * const { balance } = await cluster.rpc("account.balance", { subscriber: "254700000001" });
 * console.assert(balance === 100_250);
 * ```
 *
 * @example An actor in a worker
 * ```ts ignore
 * import { WorkerSystem } from "@trunkline/trunkline";
 *
 * await using system = WorkerSystem.create({ nodes: ["here"] });
 * await system.spawn({
 *   address: "here/counter",
 *   module: new URL("./counter.ts", import.meta.url).href, // export const counter = defineActor(...)
 *   name: "counter",
 *   config: { start: 0 },
 * });
 * system.tell("here/counter", "add", { by: 2 });
 * console.log(await system.ask("here/counter", "read"));
 * ```
 *
 * @module
 */
export {
  type ActorDefinition,
  type ActorSelf,
  defineActor,
  type PerformAction,
} from "./runtime/actor.ts";
export {
  AskFailed,
  CLIENT,
  defineRole,
  type LogKind,
  MAIN_NODE,
  type MessageHandler,
  type Role,
  type RoleDefinition,
  type SendOptions,
  type Services,
} from "./runtime/role.ts";
export type * from "./runtime/ports.ts";
export type { Envelope, Metadata } from "./runtime/codec.ts";
export type { Observer } from "./runtime/instances.ts";
export type { Effect } from "./runtime/engine.ts";
export { type Timer, Timers } from "./runtime/timers.ts";
export type * from "./runtime/xstate_types.ts";
export { type LinkSpec, WorkerSystem, type WorkerSystemOptions } from "./runtime/worker/system.ts";
export { SimulatedSystem, type SimulatedSystemOptions } from "./runtime/simulated/system.ts";
export {
  type AccountResult,
  type CallOptions,
  type ParamsByMethod,
  type ResultByMethod,
  RpcError,
} from "./examples/telecom/client.ts";
export {
  startCluster,
  StartedCluster,
  type StartOptions,
} from "./examples/telecom/started_cluster.ts";
