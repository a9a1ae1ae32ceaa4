/**
 * The gateway of the telecom application, as its workers import it.
 *
 * @module
 */
import { type GatewayConfig, gatewayRole } from "../../actors/gateway.ts";
import type { RoleDefinition } from "../../runtime/role.ts";
import { telecomApi } from "./gateway_api.ts";

/** Serves the API. */
export const gateway: RoleDefinition<GatewayConfig> = gatewayRole(telecomApi);
