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
  readonly host: Host;
  readonly spawner: Spawner;
  readonly switchboard: Switchboard;
}

/** Hooks of whoever starts a cluster. */
export interface ClusterHooks {
  readonly log?: (address: Address, kind: LogKind, text: string) => void;
  /** A step of the start, for progress. */
  readonly progress?: (text: string) => void;
  readonly supervision?: Partial<SupervisionInput>;
  /** How long a role may take no turn until it counts as hung, in ms. Default 5000. */
  readonly hangMs?: number;
}

/** Last figures of all roles, and whether all stopped as they should. */
export interface ClusterEnd {
  readonly clean: boolean;
  readonly problems: readonly string[];
  readonly stats: Readonly<Record<Address, unknown>>;
}
