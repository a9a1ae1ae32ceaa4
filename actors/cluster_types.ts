/**
 * What a cluster is given and gives back.
 *
 * @module
 */
import type { Host } from "../runtime/host.ts";
import type { Address, Spawner } from "../runtime/ports.ts";
import type { LogKind } from "../runtime/role.ts";
import type { SupervisionInput } from "../runtime/supervisor_machine.ts";
import type { Switchboard } from "../runtime/switchboard.ts";

/** What a cluster needs of the system it runs on. */
export interface ClusterSystem {
  /** Of the client on the calling thread. */
  readonly host: Host;
  /** Starts the roles. */
  readonly spawner: Spawner;
  /** Links, incarnations, epoch. */
  readonly switchboard: Switchboard;
}

/** Hooks of whoever starts a cluster. */
export interface ClusterHooks {
  /** For the operator's log. */
  readonly log?: (address: Address, kind: LogKind, text: string) => void;
  /** A step of the start, for progress. */
  readonly progress?: (text: string) => void;
  /** What differs from the default restart policy. */
  readonly supervision?: Partial<SupervisionInput>;
  /** How long a role may take no turn until it counts as hung, in ms. Default 5000. */
  readonly hangMs?: number;
}

/** Last figures of all roles, and whether all stopped as they should. */
export interface ClusterEnd {
  /** Whether there were no problems. */
  readonly clean: boolean;
  /** What went wrong, and where. */
  readonly problems: readonly string[];
  /** Last figures by address. */
  readonly stats: Readonly<Record<Address, unknown>>;
}
