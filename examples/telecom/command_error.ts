/**
 * What ends a command with one line on standard error.
 *
 * @module
 */

/** Exit code of a command that was given what it cannot work with. */
export const EXIT_USAGE = 2;

/** Exit code that asks a service manager to start the command again (EX_TEMPFAIL). */
export const EXIT_AGAIN = 75;

/** Exit code after a second Ctrl-C, as shells give it. */
export const EXIT_INTERRUPTED = 130;

/** A command cannot go on; the message is one line for whoever typed it. */
export class CommandError extends Error {
  override readonly name = "CommandError";
  constructor(message: string, readonly code: number = EXIT_USAGE) {
    super(oneLine(message));
  }
}

/** Text without line breaks and other control characters, cut to what fits a line. */
export function oneLine(text: string, limit = 500): string {
  return text.replaceAll(/[\s\p{Cc}\p{Cf}]+/gu, " ").trim().slice(0, limit);
}

/** What went wrong, of whatever was thrown. */
export function reasonOf(error: unknown): string {
  return oneLine(error instanceof Error ? error.message : String(error));
}
