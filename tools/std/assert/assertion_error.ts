/** What every assertion of this package throws when it fails. */
export class AssertionError extends Error {
  /**
   * @param message What was expected and what was met.
   * @param options `cause`, as for any `Error`.
   */
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "AssertionError";
  }
}

/**
 * How a caller's message ends a sentence: `": msg"`, or `"."` without one.
 *
 * @internal
 */
export function suffix(msg: string | undefined): string {
  return msg ? `: ${msg}` : ".";
}
