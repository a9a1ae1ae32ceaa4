/**
 * What spawner and worker say to each other outside of the mailboxes. Control plane only.
 *
 * @module
 */
import type { Batch } from "../inspection/batch.ts";
import type { Filter } from "../inspection/filter.ts";
import type { Question } from "../inspection/questions.ts";
import type { Address } from "../ports.ts";
import type { LogKind } from "../role.ts";
import type { DirectoryEntry } from "./transport.ts";

/** First message to a worker. */
export interface Init {
  readonly kind: "init";
  readonly address: Address;
  readonly module: string;
  readonly name: string;
  readonly config: unknown;
  readonly store: string | undefined;
  readonly slot: number;
  readonly incarnation: number;
  readonly seed: number;
  /** See `ProcessClock`. */
  readonly clockStepMs: number;
  readonly nodes: readonly string[];
  readonly switchboard: SharedArrayBuffer;
  readonly directory: readonly DirectoryEntry[];
  /** Web Lock the worker holds as long as it lives. */
  readonly lock: string;
}

/** To a worker. */
export type ToWorker =
  | Init
  | { readonly kind: "directory"; readonly entry: DirectoryEntry }
  /** Attaches a probe or changes its filter; without a filter, detaches it. */
  | { readonly kind: "watch"; readonly filter: Filter | undefined }
  /** The hub has taken all batches up to this number. */
  | { readonly kind: "taken"; readonly number: number }
  | { readonly kind: "question"; readonly call: number; readonly question: Question };

/** From a worker. */
export type FromWorker =
  | { readonly kind: "locked" }
  | { readonly kind: "ready" }
  | { readonly kind: "batch"; readonly batch: Batch }
  | { readonly kind: "answer"; readonly call: number; readonly answer: unknown }
  | { readonly kind: "log"; readonly level: LogKind; readonly text: string }
  | { readonly kind: "ended"; readonly error: string | undefined };
