/**
 * What `cluster` shows while it runs: a block that is redrawn on a terminal, plain lines elsewhere.
 *
 * @module
 */
import type { LogKind } from "../../runtime/role.ts";
import { oneLine } from "./command_error.ts";

/** Where to show things. */
export interface Screen {
  /** Writes text; a closed pipe is none of our business. */
  readonly write: (text: string) => void;
  readonly terminal: boolean;
  readonly color: boolean;
  /** Columns of the terminal. */
  readonly columns: () => number;
}

const COLORS: Readonly<Record<LogKind, string>> = {
  info: "\x1b[34m",
  success: "\x1b[32m",
  warning: "\x1b[33m",
  failure: "\x1b[31m",
};
const RESET = "\x1b[0m";
const DIM = "\x1b[2m";
/** Lines that may wait for the cluster to be ready. */
const HELD_LIMIT = 200;

/** The terminal if there is one, standard error otherwise. */
export function chooseScreen(json: boolean): Screen {
  const { stderr, stdout } = Deno;
  // Nothing but the report goes to a standard output that a program reads.
  const onOut = !stderr.isTerminal() && stdout.isTerminal() && !json;
  const stream = onOut ? stdout : stderr;
  const terminal = stream.isTerminal();
  return {
    write: (text) => writeAll(stream, text),
    terminal,
    color: terminal && !Deno.noColor,
    columns: () => {
      try {
        return Deno.consoleSize().columns;
      } catch {
        return 80;
      }
    },
  };
}

/** Writes all of a text; does nothing once nobody reads. */
export function writeAll(stream: { writeSync(bytes: Uint8Array): number }, text: string): void {
  try {
    let rest = new TextEncoder().encode(text);
    while (rest.length > 0) rest = rest.subarray(stream.writeSync(rest));
  } catch (error) {
    if (!(error instanceof Deno.errors.BrokenPipe)) throw error;
  }
}

/** Shows a log and a status. Until it is released nothing but progress on a terminal is shown. */
export class StatusDisplay {
  #block: readonly string[] = [];
  #drawn = 0;
  #held: string[] | undefined = [];

  constructor(private readonly screen: Screen) {}

  get terminal(): boolean {
    return this.screen.terminal;
  }

  /** A passing line on a terminal; nothing elsewhere. */
  progress(text: string): void {
    if (this.screen.terminal && this.#held !== undefined) this.#draw([oneLine(text)]);
  }

  /** The cluster serves: from now on lines are shown, those held back first. */
  release(): void {
    const held = this.#held ?? [];
    this.#held = undefined;
    this.#draw([]);
    for (const line of held) this.#line(line);
  }

  /** A line of the operator's log. */
  log(at: string, kind: LogKind, text: string): void {
    const [first = ""] = text.split("\n");
    const said = first.startsWith(at) || at === "" ? first : `${at}: ${first}`;
    const time = new Date().toISOString().slice(11, 19);
    const line = this.screen.color
      ? `${DIM}${time}${RESET} ${COLORS[kind]}${oneLine(said)}${RESET}`
      : `${time} ${kind} ${oneLine(said)}`;
    if (this.#held === undefined) this.#line(line);
    else if (this.#held.length < HELD_LIMIT) this.#held.push(line);
  }

  /** Replaces the block on a terminal. */
  block(lines: readonly string[]): void {
    if (this.#held === undefined) this.#draw(lines);
  }

  /** A line that stays. */
  line(text: string): void {
    if (this.#held === undefined) this.#line(text);
  }

  /** Removes what is not to stay. */
  clear(): void {
    this.#draw([]);
  }

  #line(line: string): void {
    const block = this.#block;
    this.#draw([]);
    this.screen.write(line + "\n");
    this.#draw(block);
  }

  #draw(lines: readonly string[]): void {
    const { terminal, columns, write } = this.screen;
    if (!terminal) return;
    const erase = this.#drawn > 0 ? `\x1b[${this.#drawn}F\x1b[J` : "";
    const width = Math.max(20, columns() - 1);
    const text = lines.map((line) => line.slice(0, width) + "\n").join("");
    if (erase + text !== "") write(erase + text);
    this.#block = lines;
    this.#drawn = lines.length;
  }
}
