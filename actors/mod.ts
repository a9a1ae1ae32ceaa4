/**
 * The actors: protocol machines bound to the ports, as roles for a worker or the simulator, and the
 * {@link Cluster} that composes and supervises them. An application gives them its rules: a
 * {@link Ledger} to {@link participantRole}, a {@link GatewayApplication} to {@link gatewayRole}.
 *
 * @module
 */
export * from "./cluster.ts";
export * from "./caller.ts";
export * from "./coordinator.ts";
export * from "./edge_cache.ts";
export * from "./gateway.ts";
export * from "./ledger.ts";
export * from "./monitor.ts";
export * from "./node.ts";
export * from "./participant.ts";
export type { ReadReply, ReadRequest } from "./reader.ts";
export * from "./transact.ts";
export * from "./open_transactions.ts";
export type { ClusterTransactions, ResolveOrder, ResolveOutcome } from "./oversight.ts";
export {
  type ConfigurationKeys,
  type ConfigurationPlan,
  makeConfigurationKeys,
} from "./configuration_group.ts";
export type * from "./cluster_roster.ts";
export type * from "./roster.ts";
export type { ConfigurationClient, ConfigurationClients } from "./configuration_group.ts";
export type { PublicKeys } from "./configuration_keys.ts";
export type { Via } from "./configuration_relay.ts";
export type { HttpAddress } from "./gateway_http.ts";
export type { Degradation, DirectedLink, Fault, FaultAnswer, FaultOrder } from "./faults.ts";
export type * from "../protocols/configuration/operations.ts";
export type { MemberKeys } from "./configuration_keys.ts";
export { type Behaviour, BEHAVIOURS } from "./byzantine.ts";
export * from "./pbft_client.ts";
export type { Contradiction, Evidence, SignedStatement } from "./pbft_evidence.ts";
export * from "./pbft_group.ts";
export type { Keyring } from "./pbft_keys.ts";
export * from "./pbft_replica.ts";
export type { StateMachine } from "./pbft_service.ts";
export type { NewViewWire, PreparedWire, Proof, ViewChangeWire, Votes } from "./pbft_wire.ts";
