/**
 * Traces: what happened, one JSON object a line, the same for the simulator and the checker.
 *
 * The first line is a header, every other one an event. Of a trace of kind `check`, each event that
 * steps a machine carries the machine's own event in `event`; `replay.ts` gives it to the actor `to`
 * and compares the states. Events of these types step no machine:
 *
 * | type | what happened |
 * | --- | --- |
 * | `$start` | `to` begins a life: of `input`, or else of what the header's `actors` says of it |
 * | `$crash` | `to` ends without a word |
 * | `$lost` | a message was lost; `note` says which |
 *
 * @module
 */
import { isRecord } from "../../actors/guards.ts";

/** What a machine of a `check` trace is started with. */
export interface TraceActor {
  /** Id of the machine, such as `twoPhaseCommit.coordinator`. */
  readonly machine: string;
  /** Its input. */
  readonly input: unknown;
}

/** The first line. */
export interface TraceHeader {
  readonly format: "trunkline-trace";
  readonly version: 1;
  readonly kind: "simulate" | "check";
  /** Hash of the sources; see `buildHash`. */
  readonly build: string;
  /** Of `simulate`: what was run. */
  readonly scenario?: string;
  /** Of `simulate`: the profile, if it was not the one that the seed draws. */
  readonly profile?: string;
  /** Of `simulate`: everything that was drawn came from it. */
  readonly seed?: number;
  /** Of `simulate`: hash of the scenarios and the application, which `build` does not cover. */
  readonly stage?: string;
  /** Of `check`: what was searched. */
  readonly model?: string;
  /** Of `check`: the mutant that stood in for a shipped machine. */
  readonly mutant?: string;
  /** Of `check`: the machines, by the names that `from` and `to` use. */
  readonly actors?: Readonly<Record<string, TraceActor>>;
  /** What the trace leads to, if it is a counterexample. */
  readonly violation?: { readonly invariant: string; readonly message: string };
}

/** Any other line. Fields that do not apply are empty. */
export interface TraceEvent {
  /** Counted from 1. */
  readonly n: number;
  /** Virtual ms; of a `check` trace, the depth. */
  readonly t: number;
  /** Who sent it; the same as `to` for timers and the journal, `fault` for faults. */
  readonly from: string;
  /** Whom it happened to. */
  readonly to: string;
  /** Type of the message or event. */
  readonly type: string;
  /** State of the machine it was given to, as `describeValue` writes it. */
  readonly state_before: string;
  /** The state it led to. */
  readonly state_after: string;
  /** Effects, or what became of a message. */
  readonly note: string;
  /** Of `check`: the machine's event. */
  readonly event?: Readonly<Record<string, unknown>> & { readonly type: string };
  /** Of `$start`, if it differs from the header's. */
  readonly input?: unknown;
}

/** A whole trace. */
export interface Trace {
  readonly header: TraceHeader;
  readonly events: readonly TraceEvent[];
}

/** As a file has it, with a newline at the end. */
export function formatTrace({ header, events }: Trace): string {
  return [header, ...events].map((line) => JSON.stringify(line)).join("\n") + "\n";
}

/** Reads a trace. @throws {SyntaxError} with one line that says what is wrong, and where. */
export function parseTrace(text: string): Trace {
  const [first = "", ...rest] = text.trimEnd().split("\n");
  const header = parseLine(first, 1);
  if (header["format"] !== "trunkline-trace" || header["version"] !== 1) {
    throw new SyntaxError("Cannot read the trace: line 1 is no header of a trunkline-trace 1");
  }
  if (header["kind"] !== "simulate" && header["kind"] !== "check") {
    throw new SyntaxError(`Cannot read the trace: unknown kind ${JSON.stringify(header["kind"])}`);
  }
  const events = rest.map((line, i) => {
    const event = parseLine(line, i + 2);
    const texts = ["from", "to", "type", "state_before", "state_after", "note"];
    if (typeof event["n"] !== "number" || texts.some((name) => typeof event[name] !== "string")) {
      throw new SyntaxError(`Cannot read the trace: line ${i + 2} is no event`);
    }
    return event as unknown as TraceEvent;
  });
  return { header: header as unknown as TraceHeader, events };
}

function parseLine(line: string, number: number): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    // Said below.
  }
  if (!isRecord(value)) throw new SyntaxError(`Cannot read the trace: line ${number} is no object`);
  return value;
}

/**
 * Hash of what is simulated and checked: every source below `protocols/`, `runtime/` and `actors/`.
 * Two builds with the same hash give the same traces.
 */
export function buildHash(): string {
  return hashSources(["protocols/", "runtime/", "actors/"]);
}

/** Hash of what a simulated trace depends on besides: the application, scenarios and faults. */
export function stageHash(): string {
  return hashSources(["examples/telecom/", "tests/simulation/"]);
}

/** Hash of the TypeScript sources below folders of the project, tests left out: 16 hex digits. */
export function hashSources(folders: readonly string[]): string {
  const root = new URL("../../", import.meta.url);
  const paths = folders.flatMap((folder) => sourcesIn(folder, root)).sort();
  const hash = new TraceHash();
  for (const path of paths) {
    hash.text(path);
    hash.text(Deno.readTextFileSync(new URL(path, root)));
  }
  return hash.digest;
}

function sourcesIn(folder: string, root: URL): string[] {
  return [...Deno.readDirSync(new URL(folder, root))].flatMap(({ name, isDirectory }) => {
    if (isDirectory) return sourcesIn(`${folder}${name}/`, root);
    return name.endsWith(".ts") && !name.endsWith("_test.ts") ? [folder + name] : [];
  });
}

/** A running hash: two lanes of 32 bits (FNV-1a with different offsets). */
export class TraceHash {
  #a = 0x811c9dc5;
  #b = 0x9747b28c;
  readonly #float = new Float64Array(1);
  readonly #words = new Uint32Array(this.#float.buffer);

  /** Takes 32 bits in. */
  word(word: number): void {
    this.#a = Math.imul(this.#a ^ word, 0x01000193);
    this.#a ^= this.#a >>> 15;
    this.#b = Math.imul(this.#b ^ word, 0x85ebca6b);
    this.#b ^= this.#b >>> 13;
  }

  /** Takes a number in, all of its bits. */
  number(value: number): void {
    this.#float[0] = value;
    this.word(this.#words[0]!);
    this.word(this.#words[1]!);
  }

  /** Takes a text in, and where it ends. */
  text(text: string): void {
    for (let i = 0; i < text.length; i++) this.word(text.charCodeAt(i));
    this.word(-1);
  }

  /** The hash so far: 16 hex digits. */
  get digest(): string {
    return [this.#a, this.#b].map((lane) => (lane >>> 0).toString(16).padStart(8, "0")).join("");
  }
}
