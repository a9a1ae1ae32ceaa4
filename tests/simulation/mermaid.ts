/**
 * A trace as a Mermaid sequence diagram.
 *
 * @module
 */
import type { Trace, TraceEvent } from "./trace.ts";

/** Events shown: of a violation, those that led to it. */
const SHOWN = 40;
/** More than this nobody reads. */
const MOST_SHOWN = 200;
/** Chatter that says nothing about a transaction. */
const CHATTER: ReadonlySet<string> = new Set([
  "$stats",
  "heartbeat",
  "peerStatus",
  "load",
  "durable",
  "xstate.after.interval.heartbeat.emitter.beating",
]);

/** What to show. */
export interface DiagramOptions {
  /** Number of the event a violation came up at, and what it says. */
  readonly violation?: { readonly event: number; readonly message: string } | undefined;
}

/** The diagram, in a Markdown file of its own. */
export function diagram(trace: Trace, { violation }: DiagramOptions = {}): string {
  const shown = violation === undefined ? head(trace.events) : around(trace.events, violation);
  const { kind, scenario, seed, model } = trace.header;
  const title = kind === "check" ? `Model ${model}` : `Scenario ${scenario}, seed ${seed}`;
  const names = [...new Set(shown.flatMap(({ from, to }) => [from, to]))];
  const ids = new Map(names.map((name, i) => [name, `p${i}`]));
  const lines = shown.flatMap((event) => draw(event, ids));
  if (violation !== undefined && names.length > 0) {
    const [first, last] = [ids.get(names[0]!), ids.get(names.at(-1)!)];
    lines.push(`  Note over ${first},${last}: ${text(violation.message)}`);
  }
  return [
    `# ${title}`,
    "",
    `${shown.length} of ${trace.events.length} events.`,
    ...(violation === undefined ? [] : ["", `**${violation.message}**`]),
    "",
    "```mermaid",
    "sequenceDiagram",
    ...names.map((name) => `  participant ${ids.get(name)} as ${text(name)}`),
    ...lines,
    "```",
    "",
  ].join("\n");
}

function head(events: readonly TraceEvent[]): readonly TraceEvent[] {
  return events.filter(({ type }) => !CHATTER.has(type)).slice(0, MOST_SHOWN);
}

/** Of the violation's transaction if it names one, or else of everybody: the last ones before it. */
function around(
  events: readonly TraceEvent[],
  { event, message }: { readonly event: number; readonly message: string },
): readonly TraceEvent[] {
  const before = events.filter(({ n, type }) => n <= event && !CHATTER.has(type));
  const key = /[0-9a-f]{8}-[0-9a-f-]{27}:\d+/.exec(message)?.[0];
  const about = key === undefined
    ? []
    : before.filter(({ note, from }) => note.startsWith(`${key}:`) || from === "fault");
  return (about.length > 1 ? about : before).slice(-SHOWN);
}

function draw(event: TraceEvent, ids: ReadonlyMap<string, string>): string[] {
  const { from, to, type, state_before: before, state_after: after, note, t } = event;
  const a = ids.get(from)!, b = ids.get(to)!;
  const named = text(type.replace(/^xstate\.after\.([^.]+)\..*$/, "after $1"));
  const at = Number.isInteger(t) ? `${t}` : t.toFixed(2);
  const lost = /^lost|^dead letter/.test(note);
  const arrow = lost ? "-x" : from === "fault" ? "--)" : "->>";
  const change = before === after ? before : `${before} to ${after}`;
  const lines = [`  ${a}${arrow}${b}: ${at}: ${named}${lost ? ` (${text(note)})` : ""}`];
  if (change !== "") lines.push(`  Note right of ${b}: ${text(change)}`);
  return lines;
}

/** Without what Mermaid takes for its own. */
function text(raw: string): string {
  return raw.replace(/[;#<>]/g, " ").replace(/\s+/g, " ").slice(0, 160);
}
