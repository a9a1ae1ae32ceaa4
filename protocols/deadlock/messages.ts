/**
 * The messages of deadlock detection: participants say who waits for whom, one detector looks for
 * cycles and has a transaction of each aborted.
 *
 * | message    | from        | to          | meaning                                       |
 * | ---------- | ----------- | ----------- | --------------------------------------------- |
 * | `waits`    | participant | detector    | edges that have come and gone since the last  |
 * | `refresh`  | detector    | participant | report now: what has changed, or everything   |
 * | `victim`   | detector    | coordinator | abort this transaction, and let it try again  |
 * | `finished` | coordinator | detector    | it is decided, one way or the other           |
 *
 * A transaction id is the text of one *attempt*: what is retried has another one. So an edge names
 * two attempts and is never true a second time once it has ceased to be.
 *
 * @module
 */

/** What is known of a transaction where it waits or is waited for. */
export type Standing = {
  /** Names the attempt. */
  readonly id: string;
  /** Address of whoever may abort it. */
  readonly coordinator: string;
  /** Rows it holds at the reporter: work that an abort would throw away. */
  readonly held: number;
  /** The higher, the more it matters; 0 where nothing was said. */
  readonly priority: number;
  /** When its first attempt began, in cluster ms; 0 if not known. */
  readonly begunAt: number;
  /** How many earlier attempts were chosen as victims. */
  readonly chosen: number;
};

/** `waiter` cannot go on before `holder` has let go of `resource`, or of its place in the queue. */
export type Wait = {
  readonly waiter: Standing;
  readonly holder: Standing;
  readonly resource: string;
};

/** Two ids: the waiter, and whom it waits for. */
export type Edge = readonly [waiter: string, holder: string];

/** A question of one life of a detector. */
export type Round = { readonly incarnation: number; readonly number: number };

/**
 * Edges of one participant. `number` counts its reports; one that is not `full` builds on the report
 * before it. One that has `more` to follow is a part: all parts count together, when the last has
 * come. `heard` is the last question this report answers.
 */
export type Waits = {
  readonly type: "waits";
  readonly number: number;
  readonly full: boolean;
  readonly added: readonly Wait[];
  readonly removed: readonly Edge[];
  readonly heard?: Round;
  readonly more?: boolean;
};

/** Asks for a report at once, `full` where one is missing, and for `round` in all from then on. */
export type Refresh = { readonly type: "refresh"; readonly round: Round; readonly full: boolean };

/** Asks for the abort of one attempt. */
export type Victim = { readonly type: "victim"; readonly id: string };

/** That attempt is decided: whatever edge still names it is a phantom. */
export type Finished = { readonly type: "finished"; readonly id: string };

/** Every message of the protocol. */
export type DeadlockMessage = Waits | Refresh | Victim | Finished;
