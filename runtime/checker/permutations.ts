/**
 * Permutations of interchangeable processes.
 *
 * @module
 */

/** All orders of `0..count-1`, the identity first. `p[i]` is where `i` goes. */
export function permutations(count: number): readonly (readonly number[])[] {
  if (count === 0) return [[]];
  const shorter = permutations(count - 1);
  const all: number[][] = [];
  for (let place = count - 1; place >= 0; place--) {
    for (const order of shorter) {
      all.push([...order.slice(0, place), count - 1, ...order.slice(place)]);
    }
  }
  return all;
}

/** Compares states: negative if `a` comes first. */
export function compareWords(a: Uint16Array, b: Uint16Array): number {
  for (let i = 0; i < a.length; i++) {
    const difference = a[i]! - b[i]!;
    if (difference !== 0) return difference;
  }
  return 0;
}
