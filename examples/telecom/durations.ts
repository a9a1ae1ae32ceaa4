/**
 * Durations as people write them.
 *
 * @module
 */
import { CommandError } from "./command_error.ts";

const UNITS_MS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

/** Reads a duration, such as `500ms`, as ms. @throws {CommandError} if it is none above 0 */
export function readDuration(text: string, name: string): number {
  const [, digits = "", unit = ""] = /^(\d{1,9}(?:\.\d{1,3})?)(ms|s|m|h)$/.exec(text) ?? [];
  const ms = Number(digits) * (UNITS_MS[unit] ?? 0);
  if (ms > 0) return ms;
  throw new CommandError(
    `Cannot read ${name}: it must be a duration above 0 such as 10s, 500ms or 2m, got ` +
      JSON.stringify(text.slice(0, 80)),
  );
}
