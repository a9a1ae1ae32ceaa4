/**
 * The queue of one locked key: who holds it, who waits for it, and who follows whom.
 *
 * @module
 */

/** An owner of locks, or one that asks for them. */
export interface Waiter {
  readonly owner: string;
  readonly keys: readonly string[];
  /** Keys that others may hold at the same time; all of them: `"all"`. */
  readonly shared: ReadonlySet<string> | "all";
  /** How many of `keys` it holds: it waits for the next. */
  held: number;
  /** It stands in the queue of that next key. */
  queued: boolean;
  /** It has given back what it held; queues may still name it. */
  gone: boolean;
  /** When it began: the earlier goes first. */
  readonly since: number;
  /** Owners of the same lane may follow one another; not given: it follows nobody. */
  readonly lane: string | undefined;
  /** Owners of its lane may follow it: it has worked out what it writes. */
  followable: boolean;
  /** Undecided owners that it follows, the nearest of each key, and those that follow it. */
  readonly ahead: Set<Waiter>;
  readonly behind: Set<Waiter>;
  /** Called when it follows nobody any more. */
  alone: (() => void) | undefined;
  readonly granted: () => void;
  /** Gives the keys back as soon as `granted` has run. */
  readonly passing: boolean;
}

/** Who holds a key, the earliest first, and who waits for it: in order, from `head` on. */
export interface Queue {
  readonly holders: Set<Waiter>;
  /** How many of the holders do not only read. */
  writers: number;
  /** Of the holders: the last that writes, or those that have read since. The next follows these. */
  readonly last: Set<Waiter>;
  /** The lane of all holders since the key was free; undefined where they have none in common. */
  lane: string | undefined;
  /** How many of the holders cannot be followed yet. */
  unready: number;
  waiters: Waiter[];
  head: number;
  /** How many of those behind the head have gone. */
  gone: number;
}

export function newWaiter(
  { owner, keys, shared, granted, since, lane, passing = false }:
    & Pick<Waiter, "owner" | "keys" | "shared" | "granted" | "since">
    & { readonly lane?: string | undefined; readonly passing?: boolean },
): Waiter {
  return {
    owner,
    keys,
    shared,
    granted,
    since,
    lane,
    passing,
    held: 0,
    queued: false,
    gone: false,
    followable: false,
    ahead: new Set(),
    behind: new Set(),
    alone: undefined,
  };
}

export function emptyQueue(): Queue {
  return {
    holders: new Set(),
    writers: 0,
    last: new Set(),
    lane: undefined,
    unready: 0,
    waiters: [],
    head: 0,
    gone: 0,
  };
}

export function isShared({ shared }: Waiter, key: string): boolean {
  return shared === "all" || shared.has(key);
}

/** Whether a waiter can hold the key beside those who do, or after them. */
export function fits(queue: Queue, waiter: Waiter, key: string): boolean {
  if (queue.holders.size === 0) return true;
  if (queue.writers === 0 && isShared(waiter, key)) return true;
  return waiter.lane !== undefined && waiter.lane === queue.lane && queue.unready === 0;
}

export function hold(queue: Queue, waiter: Waiter, key: string): void {
  const shared = isShared(waiter, key);
  if (queue.holders.size === 0) queue.lane = waiter.lane;
  else if (queue.lane !== waiter.lane) queue.lane = undefined;
  if (readsBesideLast(queue, waiter, key)) {
    // As those it reads beside: it follows whom they follow for this key, the writer before them.
    if (queue.writers > 0) followTo(waiter, lastWriter(queue, key));
  } else {
    for (const each of queue.last) followTo(waiter, each);
    queue.last.clear();
  }
  queue.last.add(waiter);
  queue.holders.add(waiter);
  if (!shared) queue.writers++;
  if (!waiter.followable) queue.unready++;
}

function followTo(waiter: Waiter, ahead: Waiter | undefined): void {
  if (ahead === undefined) return;
  waiter.ahead.add(ahead);
  ahead.behind.add(waiter);
}

function lastWriter(queue: Queue, key: string): Waiter | undefined {
  let last: Waiter | undefined;
  for (const holder of queue.holders) if (!isShared(holder, key)) last = holder;
  return last;
}

/** Whether nobody stands in line who began no later. */
export function isNext({ waiters, head }: Queue, { since }: Waiter): boolean {
  return head === waiters.length || waiters[head]!.since > since;
}

/** Puts a waiter behind those that began no later. */
export function enqueue(queue: Queue, waiter: Waiter): void {
  const { waiters, head } = queue;
  let place = waiters.length;
  while (place > head && waiters[place - 1]!.since > waiter.since) place--;
  if (place === waiters.length) waiters.push(waiter);
  else waiters.splice(place, 0, waiter);
}

/** A holder has gone. */
export function leave(queue: Queue, waiter: Waiter, key: string): void {
  if (!isShared(waiter, key)) queue.writers--;
  if (!waiter.followable) queue.unready--;
  if (!queue.last.delete(waiter) || queue.last.size > 0) return;
  for (const holder of queue.holders) {
    if (!readsBesideLast(queue, holder, key)) queue.last.clear();
    queue.last.add(holder);
  }
}

/** Whether it only reads the key, and the last holders do so too. */
function readsBesideLast({ last }: Queue, waiter: Waiter, key: string): boolean {
  for (const holder of last) return isShared(holder, key) && isShared(waiter, key);
  return false;
}
