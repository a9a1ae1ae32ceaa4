/**
 * The story of one transaction in a trace. A trace tells of a message when it arrives.
 *
 * @module
 */
import type { TraceEvent } from "../../../../runtime/trace.ts";
import type { Story, StoryStep } from "../protocol.ts";

/** Events of a diagram: what is longer nobody reads. */
const MOST = 250;
/** How a machine asks for something to be written, as notes have it. */
const WRITES = /\bjournal\b(?: \{"record":"(\w+)")?/;

/** Of one transaction; of everything where a checker's path is about one. */
export function storyOfTrace(
  events: readonly TraceEvent[],
  transaction: string,
  whole: boolean,
): Story {
  const own = events.filter(({ note, from }) =>
    from !== "fault" && (whole || note.startsWith(`${transaction}: `))
  ).slice(0, MOST);
  const first = own[0]?.t ?? 0;
  const steps = own.flatMap((event) => stepsOf(event, first));
  const written = new Map<string, number>();
  const joined: StoryStep[] = [];
  for (const step of steps) {
    if (step.what !== "record") joined.push(step);
    else if (step.durable === undefined) {
      written.set(step.who, joined.length);
      joined.push(step);
    } else {
      const index = written.get(step.who);
      const before = index === undefined ? undefined : joined[index];
      written.delete(step.who);
      if (index === undefined || before?.what !== "record") continue;
      joined[index] = { ...before, type: before.type || step.type, durable: step.durable };
    }
  }
  const lanes = [
    ...new Set(
      joined.flatMap((step) => step.what === "message" ? [step.from, step.to] : [step.who]),
    ),
  ];
  return { transaction, lanes, steps: joined };
}

function stepsOf(event: TraceEvent, first: number): StoryStep[] {
  const { t, from, to, type, note, state_before: before, state_after: after } = event;
  const at = t - first;
  const steps: StoryStep[] = [];
  if (from !== to && !type.startsWith("$")) {
    steps.push({ what: "message", at, from, to, type, arrived: at });
  }
  if (type === "journaled") {
    steps.push({ what: "record", at, who: to, type: "", forced: true, durable: at });
  }
  if (before !== after && after !== "") {
    steps.push({ what: "state", at, who: to, event: type, before, after });
  }
  const [writes, record] = WRITES.exec(note) ?? [];
  if (writes !== undefined) {
    steps.push({ what: "record", at, who: to, type: record ?? "record", forced: true });
  }
  return steps;
}
