/**
 * The telecom application: profiles, the API and its errors, tokens, traffic, and
 * {@link startCluster} to run all of it inside a program.
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
