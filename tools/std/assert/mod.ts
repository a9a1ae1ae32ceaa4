/**
 * A local stand-in for `jsr:@std/assert@^1`, used where JSR cannot be reached.
 *
 * It holds what this project uses, under the names, signatures and documented behaviour of the real
 * package; without the `links` entry in `deno.json` the real one takes its place. Failure messages
 * begin as the real ones do; the difference shown after that is the one of `node:assert/strict`.
 *
 * @module
 */
export { AssertionError } from "./assertion_error.ts";
export * from "./basic.ts";
export * from "./equal.ts";
export * from "./equality.ts";
export * from "./ordering.ts";
export * from "./throws.ts";
