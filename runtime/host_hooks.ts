/**
 * What a host is given by the process it runs in, and what it says about its turns.
 *
 * @module
 */
import type { Engine, EngineKind } from "./engine.ts";
import type { LogKind } from "./role.ts";
import type { Witness } from "./witness.ts";
import type { AnyStateMachine } from "./xstate_types.ts";

/** Hooks of the process the host runs in. */
export interface HostHooks {
  /** Something arrived outside of a turn: take one soon. */
  readonly wake: () => void;
  /** Takes what the role says to the operator. */
  readonly log: (kind: LogKind, text: string) => void;
  /** The role is gone: `undefined` after an orderly stop. */
  readonly ended: (error: Error | undefined) => void;
  /** Epoch of the roster. */
  readonly epoch: () => number;
  /** See `Services.outside`. */
  readonly outside?: <T>(work: Promise<T>) => Promise<T>;
  /** See `Services.engine`. Default: one of its own for each. */
  readonly engine?: (machine: AnyStateMachine, kind: EngineKind) => Engine<unknown>;
  /** Sees every message come and go. */
  readonly witness?: Witness;
  /** What its thread has used so far, where there is a thread of its own. */
  readonly usage?: () => Usage;
}

/** What a thread uses. */
export interface Usage {
  /** Processor time since it started, in ms. */
  readonly cpuMs: number;
  /** JavaScript heap in use, in bytes; what SQLite keeps is not in it. */
  readonly heapBytes: number;
}

/** What {@link Host.turn} says about the next one. */
export interface TurnResult {
  /** Take another turn as soon as the event loop has had its own. */
  readonly again: boolean;
  /** Otherwise at this instant at the latest; undefined: only when something arrives. */
  readonly next: number | undefined;
  /** It holds so much mail that is not due yet that it reads no more before `next`. */
  readonly deaf: boolean;
}
