import { stripVTControlCharacters } from "node:util";
import { AssertionError, suffix } from "./assertion_error.ts";

/** The class an error must be of. */
type ErrorClass<E extends Error> = new (...args: never[]) => E;

/** What follows the function in a call: `(msg?)`, or `(class, msgIncludes?, msg?)`. */
type Expectation<E extends Error> = {
  readonly errorClass?: ErrorClass<E>;
  readonly includes?: string | undefined;
  readonly msg?: string | undefined;
};

function expectation<E extends Error>(
  classOrMsg: ErrorClass<E> | string | undefined,
  includes: string | undefined,
  msg: string | undefined,
): Expectation<E> {
  if (typeof classOrMsg === "string") return { msg: classOrMsg };
  return classOrMsg ? { errorClass: classOrMsg, includes, msg } : { msg };
}

/** Asserts that `error` is an `Error`, of the class, with the text in its message, where these are given. */
function assertIsError<E extends Error = Error>(
  error: unknown,
  errorClass?: ErrorClass<E>,
  msgIncludes?: string,
  msg?: string,
): asserts error is E {
  if (!(error instanceof Error)) {
    throw new AssertionError(`Expected "error" to be an Error object${suffix(msg)}`);
  }
  if (errorClass && !(error instanceof errorClass)) {
    throw new AssertionError(
      `Expected error to be instance of "${errorClass.name}", ` +
        `but was "${error.constructor?.name}"${suffix(msg)}`,
      { cause: error },
    );
  }
  const plain = stripVTControlCharacters;
  if (msgIncludes && !plain(error.message).includes(plain(msgIncludes))) {
    throw new AssertionError(
      `Expected error message to include ${JSON.stringify(msgIncludes)}, ` +
        `but got ${JSON.stringify(error.message)}${suffix(msg)}`,
      { cause: error },
    );
  }
}

function check<E extends Error>(error: unknown, expected: Expectation<E>, verb: string): unknown {
  const { errorClass, includes, msg } = expected;
  if (errorClass) {
    if (!(error instanceof Error)) {
      throw new AssertionError(`A non-Error object was ${verb}${suffix(msg)}`);
    }
    assertIsError(error, errorClass, includes, msg);
  }
  return error;
}

/**
 * Asserts that `fn` throws.
 *
 * @returns What it threw.
 */
export function assertThrows(fn: () => unknown, msg?: string): unknown;
/**
 * Asserts that `fn` throws an `errorClass` whose message includes `msgIncludes`.
 *
 * @returns The error thrown.
 */
export function assertThrows<E extends Error = Error>(
  fn: () => unknown,
  errorClass: new (...args: never[]) => E,
  msgIncludes?: string,
  msg?: string,
): E;
export function assertThrows<E extends Error = Error>(
  fn: () => unknown,
  classOrMsg?: ErrorClass<E> | string,
  msgIncludes?: string,
  msg?: string,
): unknown {
  const expected = expectation(classOrMsg, msgIncludes, msg);
  try {
    fn();
  } catch (error) {
    return check(error, expected, "thrown");
  }
  throw new AssertionError(`Expected function to throw${suffix(expected.msg)}`);
}

/**
 * Asserts that `fn` returns a promise that is rejected. A function that throws before it returns
 * one, or returns something else, fails the assertion.
 *
 * @returns The reason.
 */
export function assertRejects(fn: () => PromiseLike<unknown>, msg?: string): Promise<unknown>;
/**
 * Asserts that the promise `fn` returns is rejected with an `errorClass` whose message includes
 * `msgIncludes`.
 *
 * @returns The error.
 */
export function assertRejects<E extends Error = Error>(
  fn: () => PromiseLike<unknown>,
  errorClass: new (...args: never[]) => E,
  msgIncludes?: string,
  msg?: string,
): Promise<E>;
export async function assertRejects<E extends Error = Error>(
  fn: () => PromiseLike<unknown>,
  classOrMsg?: ErrorClass<E> | string,
  msgIncludes?: string,
  msg?: string,
): Promise<unknown> {
  const expected = expectation(classOrMsg, msgIncludes, msg);
  const promise = promiseFrom(fn, expected.msg);
  try {
    await promise;
  } catch (error) {
    return check(error, expected, "rejected");
  }
  throw new AssertionError(`Expected function to reject${suffix(expected.msg)}`);
}

function promiseFrom(fn: () => PromiseLike<unknown>, msg?: string): PromiseLike<unknown> {
  let value: unknown;
  let cause: unknown;
  try {
    value = fn();
  } catch (error) {
    cause = error;
  }
  const isPromise = typeof value === "object" && value !== null && "then" in value &&
    typeof value.then === "function";
  if (isPromise) return value as PromiseLike<unknown>;
  throw new AssertionError(`Function throws when expected to reject${suffix(msg)}`, { cause });
}
