/**
 * What has changed, numbered, and who wants to know. A page that comes back says the last number
 * it saw and is told what came after it, as long as that is still kept.
 *
 * @module
 */
import type { Change } from "./protocol.ts";

/** One that follows the feed. */
export interface Follower {
  /** Whether it may see what is for operators only. */
  readonly operator: boolean;
  /** Takes a frame; must not block. */
  send(text: string): void;
}

interface Kept {
  readonly text: string;
  readonly restricted: boolean;
}

/** Changes kept for pages that come back: a minute or two. Beyond that, everything is told anew. */
const KEPT = 2000;
/** Characters of them; less than may wait to be read by one page. */
const KEPT_CHARACTERS = 2 * 1024 * 1024;

/** The numbered changes of one run of the server. */
export class Feed {
  /** Names this run. */
  readonly session: string = crypto.randomUUID();
  readonly #kept: Kept[] = [];
  readonly #followers = new Set<Follower>();
  #n = 0;
  #characters = 0;

  /** Number of the last change. */
  get n(): number {
    return this.#n;
  }

  /** How many follow. */
  get followers(): number {
    return this.#followers.size;
  }

  /** Tells everyone who may know. */
  publish(change: Change): void {
    const text = JSON.stringify({ type: "change", n: ++this.#n, change });
    const restricted = change.what === "log";
    this.#kept.push({ text, restricted });
    this.#characters += text.length;
    while (this.#kept.length > KEPT || this.#characters > KEPT_CHARACTERS) {
      this.#characters -= this.#kept.shift()!.text.length;
    }
    for (const follower of this.#followers) {
      if (follower.operator || !restricted) follower.send(text);
    }
  }

  /** From now on it is told of every change. */
  follow(follower: Follower): void {
    this.#followers.add(follower);
  }

  /** It is told no more. */
  leave(follower: Follower): void {
    this.#followers.delete(follower);
  }

  /**
   * Tells a follower what came after change `n` of `session`; false if that is not known any more,
   * and everything must be told.
   */
  resume(follower: Follower, session: string | undefined, n: number | undefined): boolean {
    if (session !== this.session || n === undefined || !Number.isInteger(n)) return false;
    const missed = this.#n - n;
    if (missed < 0 || missed > this.#kept.length) return false;
    for (const { text, restricted } of this.#kept.slice(this.#kept.length - missed)) {
      if (follower.operator || !restricted) follower.send(text);
    }
    return true;
  }
}
