/**
 * The roles of the telecom application, as its workers import them.
 *
 * @module
 */
import { gatewayRole } from "../../actors/gateway.ts";
import { participantRole } from "../../actors/participant.ts";
import { telecomApi } from "./gateway_api.ts";
import { telecomLedger } from "./ledger.ts";

/** Keeps shards of subscribers. */
export const participant = participantRole(telecomLedger);

/** Serves the API. */
export const gateway = gatewayRole(telecomApi);
