/**
 * Writers of notes: transactions that are no money's, over a few rows of several participants, begun
 * at random coordinators by three-phase commit.
 *
 * @module
 */
import { pick } from "./scenario.ts";
import type { Stage } from "./stage.ts";

/** How long a writer waits for its answer, in ms. */
const ANSWER_MS = 6000;
/** Most rows of one transaction at one participant. */
const MOST_ROWS = 2;

/** The participant that keeps notes, for a plan. */
export const NOTES = {
  module: new URL("./notes_role.ts", import.meta.url).href,
  name: "notes",
} as const;

/** How much is written. */
export interface Writing {
  readonly perSecond: number;
  /** Rows that there are at each participant. */
  readonly rows: number;
}

/** Transactions come at random, so many a second, until an instant. */
export function writeNotes(stage: Stage, { perSecond, rows }: Writing, until: number): void {
  const random = stage.random("writers");
  const { system, plan, addresses } = stage;
  const coordinators = addresses.filter((address) => address.endsWith("/coordinator"));
  const participants = addresses.filter((address) => address.endsWith("/participant")).length;
  const shards = Array.from({ length: Math.min(participants, plan.shards) }, (_, shard) => shard);
  let written = 0;
  const write = () => {
    const first = Math.floor(random() * shards.length);
    const count = 1 + Math.floor(random() * shards.length);
    const work = Array.from({ length: count }, (_, i) => {
      const shard = shards[(first + i) % shards.length]!;
      const notes = Array.from({ length: 1 + Math.floor(random() * MOST_ROWS) }, () => {
        return { key: `note/${shard}/${Math.floor(random() * rows)}`, text: `${written}` };
      });
      return { shard, operations: notes };
    });
    written++;
    const request = { shards: work, answerShard: first, protocol: "3pc" };
    system.ask(pick(random, coordinators), "transact", request, ANSWER_MS).catch(() => {});
  };
  const next = () => {
    const at = system.now - Math.log(1 - random()) / perSecond * 1000;
    if (at >= until) return;
    system.scheduler.at(at, () => {
      write();
      next();
    });
  };
  next();
}
