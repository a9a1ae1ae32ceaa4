/**
 * The participant of the telecom application, as its workers import it. Apart from the gateway, so
 * that neither loads what only the other needs.
 *
 * @module
 */
import { participantRole } from "../../actors/participant.ts";
import type { ParticipantConfig } from "../../actors/participant.ts";
import type { RoleDefinition } from "../../runtime/role.ts";
import { telecomLedger } from "./ledger.ts";

/** Keeps shards of subscribers. */
export const participant: RoleDefinition<ParticipantConfig> = participantRole(telecomLedger);
