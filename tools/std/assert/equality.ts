import { AssertionError as NodeAssertionError } from "node:assert/strict";
import { inspect } from "node:util";
import { AssertionError, suffix } from "./assertion_error.ts";
import { equal } from "./equal.ts";

/** The difference as `node:assert` shows it, without the sentence it opens with. */
function difference(actual: unknown, expected: unknown): string {
  const { message } = new NodeAssertionError({ actual, expected, operator: "deepStrictEqual" });
  return message.slice(message.indexOf("\n") + 1);
}

/**
 * Asserts that `actual` and `expected` are deeply equal, as `equal` says.
 *
 * @param msg Ends the failure message.
 */
export function assertEquals<T>(actual: T, expected: T, msg?: string): void {
  if (equal(actual, expected)) return;
  throw new AssertionError(
    `Values are not equal${suffix(msg)}\n${difference(actual, expected)}`,
  );
}

/** Asserts that `actual` and `expected` are not deeply equal. */
export function assertNotEquals<T>(actual: T, expected: T, msg?: string): void {
  if (!equal(actual, expected)) return;
  throw new AssertionError(
    `Expected actual: ${inspect(actual)} not to be: ${inspect(expected)}${suffix(msg)}`,
  );
}

/** Asserts that `actual` and `expected` are the same value, as `Object.is` says: `0` is not `-0`. */
export function assertStrictEquals<T>(
  actual: unknown,
  expected: T,
  msg?: string,
): asserts actual is T {
  if (Object.is(actual, expected)) return;
  throw new AssertionError(
    `Values are not strictly equal${suffix(msg)}\n${difference(actual, expected)}`,
  );
}

/** Asserts that `actual` and `expected` are not the same value, as `Object.is` says. */
export function assertNotStrictEquals<T>(actual: T, expected: T, msg?: string): void {
  if (!Object.is(actual, expected)) return;
  throw new AssertionError(
    `Expected "actual" to not be strictly equal to: ${inspect(actual)}${suffix(msg)}`,
  );
}

/** Asserts that `actual` holds every element of `expected`, compared deeply, in any order. */
export function assertArrayIncludes<T>(
  actual: ArrayLike<T> & object,
  expected: ArrayLike<T> & object,
  msg?: string,
): void {
  const held = Array.from(actual);
  const missing = Array.from(expected).filter((item) => !held.some((it) => equal(it, item)));
  if (missing.length === 0) return;
  throw new AssertionError(
    `Expected actual: "${inspect(actual)}" to include: "${inspect(expected)}"${suffix(msg)}\n` +
      `missing: ${inspect(missing)}`,
  );
}
