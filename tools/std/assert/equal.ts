/** Values that compare by their text. */
const COMPARED_AS_TEXT: readonly unknown[] = [
  RegExp.prototype,
  URL.prototype,
  URLSearchParams.prototype,
  Intl.Locale.prototype,
];

type Pairs = Map<unknown, unknown>;

/**
 * Whether two values are deeply equal, in the sense of `assertEquals`. It is not
 * `util.isDeepStrictEqual`: `0` equals `-0`, an object without a prototype equals a plain one, and
 * two `WeakMap`s or `WeakSet`s cannot be compared. As there, `NaN` equals `NaN`, prototypes must
 * match, a key holding `undefined` is not a missing key, and sets and maps have no order.
 *
 * @throws {TypeError} If two different `WeakMap`s or `WeakSet`s meet.
 */
export function equal(a: unknown, b: unknown): boolean {
  return compare(a, b, new Map());
}

function compare(a: unknown, b: unknown, seen: Pairs): boolean {
  if (a === b || Object.is(a, b)) return true;
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return false;
  if (a instanceof Date && b instanceof Date) return Object.is(a.getTime(), b.getTime());
  if (prototypeOf(a) !== prototypeOf(b)) return false;
  if (a instanceof WeakMap || a instanceof WeakSet) {
    throw new TypeError(`Cannot compare ${a.constructor.name} instances`);
  }
  if (a instanceof WeakRef) return compare(a.deref(), (b as WeakRef<WeakKey>).deref(), seen);
  if (COMPARED_AS_TEXT.includes(Object.getPrototypeOf(a))) return String(a) === String(b);
  const bytes = bytesOf(a);
  if (bytes) return equalElements(bytes, bytesOf(b)!);
  if (seen.get(a) === b) return true; // A cycle: equal unless something else tells them apart.
  seen.set(a, b);
  const same = equalContents(a, b, seen);
  if (!same) seen.delete(a);
  return same;
}

function equalContents(a: object, b: object, seen: Pairs): boolean {
  if (a instanceof Set) return equalSets(a, b as Set<unknown>, seen);
  if (a instanceof Map) return equalMaps(a, b as Map<unknown, unknown>, seen);
  return equalProperties(a, b, seen);
}

/** A prototype, where none counts as that of a plain object. */
function prototypeOf(value: object): unknown {
  return Object.getPrototypeOf(value) ?? Object.prototype;
}

function bytesOf(value: object): ArrayLike<unknown> | undefined {
  if (ArrayBuffer.isView(value) && !(value instanceof DataView)) {
    return value as unknown as ArrayLike<unknown>;
  }
  const isBuffer = value instanceof ArrayBuffer || value instanceof SharedArrayBuffer;
  return isBuffer ? new Uint8Array(value) : undefined;
}

function equalElements(a: ArrayLike<unknown>, b: ArrayLike<unknown>): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) {
    if (a[i] !== b[i] && !Object.is(a[i], b[i])) return false;
  }
  return true;
}

/** Each element of `a` has a partner in `b` of its own, so `{x, x'}` does not equal `{x, y}`. */
function equalSets(a: Set<unknown>, b: Set<unknown>, seen: Pairs): boolean {
  return a.size === b.size && pairUp(a, b, (x, y) => compare(x, y, seen));
}

function equalMaps(a: Map<unknown, unknown>, b: Map<unknown, unknown>, seen: Pairs): boolean {
  return a.size === b.size &&
    pairUp(a, b, ([k, v], [l, w]) => compare(k, l, seen) && compare(v, w, seen));
}

function pairUp<T>(a: Iterable<T>, b: Iterable<T>, same: (x: T, y: T) => boolean): boolean {
  const left = [...b];
  for (const x of a) {
    const found = left.findIndex((y) => same(x, y));
    if (found < 0) return false;
    left.splice(found, 1);
  }
  return true;
}

function equalProperties(a: object, b: object, seen: Pairs): boolean {
  if (Object.keys(a).length !== Object.keys(b).length) return false;
  const keys = new Set([...keysOf(a), ...keysOf(b)]);
  for (const key of keys) {
    if (!(key in a) || !(key in b)) return false;
    if (!compare(Reflect.get(a, key), Reflect.get(b, key), seen)) return false;
  }
  return true;
}

/** The enumerable keys of a plain object or array; of any other, all keys up its prototypes, so that getters count. */
function keysOf(value: object): (string | symbol)[] {
  const prototype = prototypeOf(value);
  if (prototype === Object.prototype || prototype === Array.prototype) {
    return Reflect.ownKeys({ ...value });
  }
  const keys: (string | symbol)[] = [];
  for (let at: object | null = value; at && at !== Object.prototype && at !== Array.prototype;) {
    keys.push(...Reflect.ownKeys(at));
    at = Object.getPrototypeOf(at);
  }
  return keys;
}
