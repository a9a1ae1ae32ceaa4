/**
 * A map for what comes and goes all the time: transactions, calls, locks.
 *
 * V8's own `Map` and `Set` move to a new table whenever the old one is full of what was deleted, and
 * the old table keeps a reference to the new one. Once one of these tables has become old, which
 * takes two collections, all that follow it hang on it, with whatever they held when they were left:
 * every young entry is then taken for alive, copied and promoted, until the next full collection,
 * which makes the present table old, and so on. A coordinator spent a fifth of its time on that, in
 * pauses of 10 to 70 ms. Here a deleted entry refers to nothing, and no table outlives its use.
 *
 * @module
 */

interface Entry<K, V> {
  readonly key: K;
  readonly hash: number;
  value: V;
  /** The next in the same bucket. */
  chained: Entry<K, V> | undefined;
  older: Entry<K, V> | undefined;
  newer: Entry<K, V> | undefined;
}

const FEWEST_BUCKETS = 16;

/** Entries by key, in the order they were added. */
export class ChurnMap<K extends string | number, V> {
  #buckets: (Entry<K, V> | undefined)[] = emptyBuckets(FEWEST_BUCKETS);
  #size = 0;
  #oldest: Entry<K, V> | undefined;
  #newest: Entry<K, V> | undefined;

  /** How many entries there are. */
  get size(): number {
    return this.#size;
  }

  /** The key that has been here for longest. */
  get oldestKey(): K | undefined {
    return this.#oldest?.key;
  }

  #find(key: K, hash: number): Entry<K, V> | undefined {
    let entry = this.#buckets[hash & this.#buckets.length - 1];
    while (entry !== undefined && (entry.hash !== hash || entry.key !== key)) entry = entry.chained;
    return entry;
  }

  /** The value of a key. */
  get(key: K): V | undefined {
    return this.#find(key, hashOf(key))?.value;
  }

  /** Whether there is an entry of this key. */
  has(key: K): boolean {
    return this.#find(key, hashOf(key)) !== undefined;
  }

  /** Adds an entry as the newest, or gives the one that is there another value. */
  set(key: K, value: V): this {
    const hash = hashOf(key);
    const known = this.#find(key, hash);
    if (known === undefined) this.#add(key, hash, value);
    else known.value = value;
    return this;
  }

  /** Adds an entry as the newest; false if there is one of this key. */
  add(key: K, value: V): boolean {
    const hash = hashOf(key);
    if (this.#find(key, hash) !== undefined) return false;
    this.#add(key, hash, value);
    return true;
  }

  #add(key: K, hash: number, value: V): void {
    if (this.#size === this.#buckets.length) this.#grow();
    const bucket = hash & this.#buckets.length - 1;
    const older = this.#newest, chained = this.#buckets[bucket];
    const entry: Entry<K, V> = { key, hash, value, chained, older, newer: undefined };
    this.#buckets[bucket] = entry;
    if (older === undefined) this.#oldest = entry;
    else older.newer = entry;
    this.#newest = entry;
    this.#size++;
  }

  #grow(): void {
    const buckets = emptyBuckets<K, V>(2 * this.#buckets.length);
    for (let entry = this.#oldest; entry !== undefined; entry = entry.newer) {
      const bucket = entry.hash & buckets.length - 1;
      entry.chained = buckets[bucket];
      buckets[bucket] = entry;
    }
    this.#buckets.fill(undefined);
    this.#buckets = buckets;
  }

  /** Takes an entry out; false if there is none. */
  delete(key: K): boolean {
    return this.#take(key) !== undefined;
  }

  /** Takes an entry out and gives its value; undefined if there is none. */
  take(key: K): V | undefined {
    return this.#take(key)?.value;
  }

  #take(key: K): Entry<K, V> | undefined {
    const hash = hashOf(key);
    const entry = this.#find(key, hash);
    if (entry === undefined) return undefined;
    const bucket = hash & this.#buckets.length - 1;
    const first = this.#buckets[bucket]!;
    if (first === entry) this.#buckets[bucket] = entry.chained;
    else {
      let before = first;
      while (before.chained !== entry) before = before.chained!;
      before.chained = entry.chained;
    }
    const { older, newer } = entry;
    if (older === undefined) this.#oldest = newer;
    else older.newer = newer;
    if (newer === undefined) this.#newest = older;
    else newer.older = older;
    entry.chained = entry.older = entry.newer = undefined;
    this.#size--;
    return entry;
  }

  /** Takes all entries out. */
  clear(): void {
    this.#buckets.fill(undefined);
    let entry = this.#oldest;
    while (entry !== undefined) {
      const { newer } = entry;
      entry.chained = entry.older = entry.newer = undefined;
      entry = newer;
    }
    this.#oldest = this.#newest = undefined;
    this.#size = 0;
  }

  /** All entries as they are at this moment, the oldest first. */
  entries(): [K, V][] {
    const entries: [K, V][] = [];
    for (let at = this.#oldest; at !== undefined; at = at.newer) entries.push([at.key, at.value]);
    return entries;
  }

  /** All values as they are at this moment, the oldest first. */
  values(): V[] {
    const values: V[] = [];
    for (let at = this.#oldest; at !== undefined; at = at.newer) values.push(at.value);
    return values;
  }

  /** All keys as they are at this moment, the oldest first. */
  keys(): K[] {
    const keys: K[] = [];
    for (let at = this.#oldest; at !== undefined; at = at.newer) keys.push(at.key);
    return keys;
  }

  /** As {@link ChurnMap.entries}. */
  [Symbol.iterator](): IterableIterator<[K, V]> {
    return this.entries()[Symbol.iterator]();
  }
}

function emptyBuckets<K, V>(count: number): (Entry<K, V> | undefined)[] {
  return new Array<Entry<K, V> | undefined>(count).fill(undefined);
}

/** Characters at the end of a text that differ most: numbers stand there. */
const TAIL = 12;
/** Of what is before them, one of so many. */
const SAMPLED = 4;

/** Of a text as by Fowler, Noll and Vo (FNV-1a); numbers come in a row and spread by themselves. */
function hashOf(key: string | number): number {
  if (typeof key === "number") return key | 0;
  const tail = Math.max(0, key.length - TAIL);
  let hash = 0x811c9dc5 ^ key.length, at = key.length - 1;
  for (; at >= tail; at--) hash = Math.imul(hash ^ key.charCodeAt(at), 0x01000193);
  for (; at >= 0; at -= SAMPLED) hash = Math.imul(hash ^ key.charCodeAt(at), 0x01000193);
  return hash ^ hash >>> 15;
}
