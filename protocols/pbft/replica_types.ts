/**
 * What the chart of a replica takes, knows and names.
 *
 * @module
 */
import type { Log, Recovered } from "./log.ts";
import type {
  Assigned,
  Digest,
  NewView,
  Replica,
  ReplicaMessage,
  ReplicaRecord,
  Request,
  RequestId,
  ViewChange,
} from "./messages.ts";
import type { Group, Pending } from "./rules.ts";

/** What a replica is started with. */
export type ReplicaInput = Group & {
  /** Number of this replica, from 0. */
  readonly index: Replica;
  /** K: a checkpoint every so many sequence numbers; the paper's example is 128. */
  readonly checkpointInterval: number;
  /** L: how far the watermarks are apart; a small multiple of K, 256 with 128. */
  readonly window: number;
  /** Most requests in a batch. */
  readonly maxBatch: number;
  /** Most batches that are ordered and not executed. */
  readonly maxInFlight: number;
  /** How long a replica waits for the execution of the first request it knows of, in ms. */
  readonly viewTimeoutMs: number;
  /** Doublings of that time at most (4.5.2). */
  readonly maxBackoff: number;
  /** How often it says how far it has come, in ms. */
  readonly statusMs: number;
  /** How long it waits for a state before it asks another replica, in ms. */
  readonly fetchTimeoutMs: number;
};

/** What it knows. */
export type ReplicaContext = ReplicaInput & {
  /** The view it is in, or on its way to. */
  readonly view: number;
  /** Whether it has entered it. */
  readonly active: boolean;
  /** The last stable checkpoint; its number is the low watermark h. */
  readonly stable: Assigned;
  readonly log: Log;
  /** The last sequence number that is given away in this view, as far as it knows. */
  readonly proposed: number;
  /** The last sequence number whose batch its state has. */
  readonly executed: number;
  /** Requests it knows of that are not executed, the oldest first. */
  readonly pending: readonly Pending[];
  /** Digests each replica, itself too, has given for its state, by sequence number. */
  readonly checkpoints: Readonly<Record<Replica, Readonly<Record<number, Digest>>>>;
  /** The last view change of each replica, itself too. */
  readonly viewChanges: Readonly<Record<Replica, ViewChange>>;
  /** What the present view began with; undefined in view 0. */
  readonly newView?: NewView;
  /** View changes since it last executed a request. */
  readonly attempt: number;
  /** Which state it fetches, and from whom. */
  readonly fetching: { readonly checkpoint: Assigned; readonly from: Replica };
};

/** A message and who is known to have made it. */
export type From<M> = M extends object ? M & { readonly from: Replica } : never;

/** What a replica is told. `from` has signed it, or shares the key of its authenticator. */
export type ReplicaEvent =
  /** Its journal has been read. `executed`: what its own state is at, and its digest. */
  | { readonly type: "recovered"; readonly as: Recovered; readonly executed: Assigned }
  | { readonly type: "journaled"; readonly record: ReplicaRecord }
  | Request
  /** The batch it asked for by `propose` has this digest, and the first `taken` of its requests. */
  | (Assigned & {
    readonly type: "proposed";
    readonly view: number;
    readonly taken: number;
  })
  | From<ReplicaMessage>
  /** A batch is executed: its requests, and the digest of the state where a checkpoint is due. */
  | {
    readonly type: "executed";
    readonly sequence: number;
    readonly requests: readonly Pick<RequestId, "client" | "timestamp">[];
    readonly state?: Digest;
  }
  /** The state it asked for is its own now; `requests`: the last of each client in it. */
  | (Assigned & {
    readonly type: "installed";
    readonly requests: readonly Pick<RequestId, "client" | "timestamp">[];
  })
  /** What it was given as the state is not what the digest says. */
  | { readonly type: "transferFailed" }
  /** A reason to leave the view. */
  | { readonly type: "suspect" };

/** What a replica has shown, by words it has signed, not to be correct. */
export type Offence =
  /** Two pre-prepares for one number. */
  | "equivocation"
  /** Two prepares for one number. */
  | "doublePrepare"
  /** Two digests of one state. */
  | "doubleCheckpoint"
  /** Another digest of a state than a quorum has signed. */
  | "wrongCheckpoint"
  /** Two view changes for one view. */
  | "doubleViewChange"
  /** A new view that does not follow from the view changes it shows. */
  | "forgedNewView";

/** Why a message was not taken. */
export type Refusal =
  | "notPrimary"
  | "wrongView"
  | "outsideWindow"
  | "notBackup"
  | "notCheckpoint"
  | "impossibleViewChange"
  | "contradiction";

/** What a replica names to be done, with parameters. */
export type ReplicaEffects = {
  /** Forces a record; `journaled` follows. */
  journal: { readonly record: ReplicaRecord };
  /** Says things to replicas, in order. */
  send: { readonly to: readonly Replica[]; readonly messages: readonly ReplicaMessage[] };
  /** Makes a batch; `proposed` follows. */
  propose: {
    readonly view: number;
    readonly sequence: number;
    readonly requests: readonly RequestId[];
  };
  /** Hands requests to the primary. */
  relay: { readonly to: Replica; readonly requests: readonly RequestId[] };
  /** Executes a batch, when its requests are at hand; `executed` follows. */
  execute: Assigned;
  /** Fetches the state with this digest; `installed` or `transferFailed` follows. */
  fetchState: { readonly checkpoint: Assigned; readonly from: Replica };
  /** What is below is needed no more: requests, proofs, older states, journal records. */
  forget: Assigned;
  /** A view is entered: what came too early for it may be told again. */
  enter: { readonly view: number };
  /** A replica has shown itself to be faulty; the host has the words it signed. */
  accuse: {
    readonly replica: Replica;
    readonly offence: Offence;
    readonly view: number;
    readonly sequence: number;
    /** What is right, where others have proved it. */
    readonly digest?: Digest;
  };
  /** Counts a message that was not taken. */
  refuse: { readonly reason: Refusal };
  reject: unknown;
};

/** The states of a replica. */
export type ReplicaState = "recovering" | {
  readonly working: {
    readonly view:
      | "resuming"
      | "normal"
      | { readonly changing: "leaving" | "collecting" | "awaiting" | "announcing" | "installing" };
    readonly proposal: "idle" | "proposing";
    readonly execution: "idle" | "executing";
    readonly patience: "calm" | "waiting";
    readonly checkpoint: "collecting";
    readonly transfer: "idle" | "fetching";
    readonly gossip: "telling";
  };
};
