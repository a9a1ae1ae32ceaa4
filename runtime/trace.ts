/**
 * Traces: what happened, one JSON object a line, the same for the simulator and the checker.
 *
 * The first line is a header, every other one an event. Of a trace of kind `check`, each event that
 * steps a machine carries the machine's own event in `event`; given to the actor `to`, it leads to the
 * same state again. Events of these types step no machine:
 *
 * | type | what happened |
 * | --- | --- |
 * | `$start` | `to` begins a life: of `input`, or else of what the header's `actors` says of it |
 * | `$crash` | `to` ends without a word |
 * | `$lost` | a message was lost; `note` says which |
 *
 * @module
 */

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
    const numbers = ["n", "t"];
    const fits = numbers.every((name) => typeof event[name] === "number");
    if (!fits || texts.some((name) => typeof event[name] !== "string")) {
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

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
