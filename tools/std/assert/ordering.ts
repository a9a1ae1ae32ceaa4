import { inspect } from "node:util";
import { AssertionError, suffix } from "./assertion_error.ts";

function relation<T>(holds: boolean, actual: T, sign: string, expected: T, msg?: string): void {
  if (holds) return;
  throw new AssertionError(msg ?? `Expect ${inspect(actual)} ${sign} ${inspect(expected)}`);
}

/** Asserts `actual > expected`. Unlike elsewhere, `msg` replaces the failure message. */
export function assertGreater<T>(actual: T, expected: T, msg?: string): void {
  relation(actual > expected, actual, ">", expected, msg);
}

/** Asserts `actual >= expected`. `msg` replaces the failure message. */
export function assertGreaterOrEqual<T>(actual: T, expected: T, msg?: string): void {
  relation(actual >= expected, actual, ">=", expected, msg);
}

/** Asserts `actual < expected`. `msg` replaces the failure message. */
export function assertLess<T>(actual: T, expected: T, msg?: string): void {
  relation(actual < expected, actual, "<", expected, msg);
}

/** Asserts `actual <= expected`. `msg` replaces the failure message. */
export function assertLessOrEqual<T>(actual: T, expected: T, msg?: string): void {
  relation(actual <= expected, actual, "<=", expected, msg);
}

/**
 * Asserts that two numbers differ by at most `tolerance`.
 *
 * @param tolerance In the unit of the numbers; by default `1e-7` of `expected`.
 */
export function assertAlmostEquals(
  actual: number,
  expected: number,
  tolerance?: number,
  msg?: string,
): void {
  if (Object.is(actual, expected)) return;
  const allowed = tolerance ?? (Number.isFinite(expected) ? Math.abs(expected * 1e-7) : 1e-7);
  const delta = Math.abs(expected - actual);
  if (delta <= allowed) return;
  const show = (n: number) => Number.isInteger(n) ? String(n) : n.toExponential();
  throw new AssertionError(
    `Expected actual: "${show(actual)}" to be close to "${show(expected)}": ` +
      `delta "${show(delta)}" is greater than "${show(allowed)}"${suffix(msg)}`,
  );
}
