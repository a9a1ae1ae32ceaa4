/**
 * A local stand-in for `jsr:@std/cli@^1`, used where JSR cannot be reached. It holds `parseArgs`
 * alone; without the `links` entry in `deno.json` the real package takes its place.
 *
 * @module
 */
export * from "./parse_args.ts";
