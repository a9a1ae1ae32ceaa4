/**
 * The telecom application: profiles, the API and its errors, tokens, traffic, and
 * {@link startCluster} to run all of it inside a program.
 *
 * @example Move money
 * ```ts
 * import { startCluster } from "@trunkline/trunkline/telecom";
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
 * @module
 */
export * from "./api_errors.ts";
export * from "./built_in_profiles.ts";
export * from "./client.ts";
export * from "./methods.ts";
export * from "./profile_loader.ts";
export * from "./profiles.ts";
export * from "./started_cluster.ts";
export * from "./tokens.ts";
export * from "./traffic.ts";
