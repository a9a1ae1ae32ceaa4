/**
 * The machines that ship, or whatever stands in for them.
 *
 * @module
 */
import { detector } from "../../protocols/deadlock/detector.ts";
import { emitter } from "../../protocols/heartbeat/emitter.ts";
import { monitor } from "../../protocols/heartbeat/monitor.ts";
import { node } from "../../protocols/lifecycle/node.ts";
import { client as pbftClient, replica as pbftReplica } from "../../protocols/pbft/mod.ts";
import { call } from "../../protocols/rpc/call.ts";
import { coordinator as threePhaseCoordinator } from "../../protocols/three_phase_commit/coordinator.ts";
import { participant as threePhaseParticipant } from "../../protocols/three_phase_commit/participant.ts";
import { coordinator } from "../../protocols/two_phase_commit/coordinator.ts";
import { heuristic } from "../../protocols/two_phase_commit/heuristic.ts";
import { holder } from "../../protocols/two_phase_commit/holder.ts";
import { participant } from "../../protocols/two_phase_commit/participant.ts";
import { roleMachine as role } from "../../runtime/role_machine.ts";
import { supervisionMachine as supervision } from "../../runtime/supervisor_machine.ts";
import type { AnyStateMachine } from "../../runtime/xstate_types.ts";

/** One machine for each role. */
export type Machines = Readonly<
  Record<
    | "coordinator"
    | "participant"
    | "holder"
    | "heuristic"
    | "threePhaseCoordinator"
    | "threePhaseParticipant"
    | "monitor"
    | "emitter"
    | "call"
    | "node"
    | "detector"
    | "pbftReplica"
    | "pbftClient"
    | "role"
    | "supervision",
    AnyStateMachine
  >
>;

/** Those that ship. */
export const SHIPPED: Machines = {
  coordinator,
  participant,
  holder,
  heuristic,
  threePhaseCoordinator,
  threePhaseParticipant,
  monitor,
  emitter,
  call,
  node,
  detector,
  pbftReplica,
  pbftClient,
  role,
  supervision,
} as unknown as Machines;

/** Those that ship, with one replaced by another of the same id. */
export function withMachine(machine: AnyStateMachine): Machines {
  const entries = Object.entries(SHIPPED).map(([role, shipped]) => {
    return [role, shipped.id === machine.id ? machine : shipped];
  });
  return Object.fromEntries(entries) as Machines;
}
