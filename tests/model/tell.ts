/**
 * The way to a violation: in plain words, as a trace, as a sequence diagram.
 *
 * @module
 */
import type { Model, Shown } from "../../runtime/checker/model.ts";
import type { Leg, Walk } from "../../runtime/checker/walk.ts";
import { buildHash, formatTrace, type TraceEvent } from "../simulation/trace.ts";

/** Step by step, in plain words. */
export function words({ rule, first, legs, stuck }: Walk): string {
  const lines = [`Violated: ${rule}`, `   0  ${states(first)}`];
  legs.forEach(({ move, shown }, i) => {
    const before = i === 0 ? first : legs[i - 1]!.shown;
    lines.push(`${String(i + 1).padStart(4)}  ${move.text}`);
    const changed = shown.filter((it, at) => told(it) !== told(before[at]!));
    if (changed.length > 0) lines.push(`      ${states(changed)}`);
  });
  if (stuck !== undefined) {
    lines.push(
      `      There is no way to the goal from here, names of equals apart: ${states(stuck)}`,
    );
  }
  return lines.join("\n");
}

function states(shown: readonly Shown[]): string {
  return shown.map((it) => told(it)).join(" | ");
}

function told({ name, state, disk }: Shown): string {
  return `${name}: ${state}${disk === undefined ? "" : ` [disk: ${disk}]`}`;
}

/** One line for each event a machine was given, in the format that `simulate --replay` reads. */
export function trace(model: Model, walk: Walk, mutant?: string): string {
  const events: TraceEvent[] = [];
  const add = (event: Omit<TraceEvent, "n">) => events.push({ n: events.length + 1, ...event });
  for (const name of Object.keys(model.actors ?? {})) {
    if (walk.first.find((it) => it.name === name)?.state === "none") continue;
    // Those that are alive from the first state on.
    add({ t: 0, ...nothing(name), type: "$start", note: "" });
    for (const step of model.firstSteps?.() ?? []) {
      if (step.actor === name) add(stepped(step, 0, name));
    }
  }
  walk.legs.forEach(({ move, steps }, i) => {
    const t = i + 1;
    const crashes = /crash$/.test(move.type);
    if (crashes) add({ t, ...nothing(move.to), from: "fault", type: "$crash", note: move.text });
    const quiet = steps.length === 0 && !crashes;
    const lost = / is lost /.test(move.text);
    if (quiet) {
      const type = lost ? "$lost" : move.type;
      add({ t, ...nothing(move.to), from: move.from, type, note: move.text });
    }
    for (const step of steps) {
      if (step.fresh) add({ t, ...nothing(step.actor), type: "$start", note: "" });
      add(stepped(step, t, move.from));
    }
  });
  const header = {
    format: "trunkline-trace",
    version: 1,
    kind: "check",
    build: buildHash(),
    model: model.name,
    ...(mutant === undefined ? {} : { mutant }),
    actors: model.actors ?? {},
    violation: { invariant: walk.rule, message: walk.rule },
  } as const;
  return formatTrace({ header, events });
}

function nothing(name: string): Pick<TraceEvent, "from" | "to" | "state_before" | "state_after"> {
  return { from: name, to: name, state_before: "", state_after: "" };
}

function stepped(step: Leg["steps"][number], t: number, from: string): Omit<TraceEvent, "n"> {
  return {
    t,
    from,
    to: step.actor,
    type: step.event.type,
    state_before: step.before,
    state_after: step.after,
    note: step.effects.map(({ type, params }) =>
      params === undefined ? type : `${type} ${JSON.stringify(params)}`
    ).join("; "),
    event: step.event,
  };
}

/** A Markdown file with a Mermaid sequence diagram, notes saying what is in each state and on disk. */
export function diagram(model: Model, walk: Walk): string {
  const columns = walk.first.map(({ name }) => name);
  for (const { move } of walk.legs) {
    for (const name of [move.from, move.to]) if (!columns.includes(name)) columns.push(name);
  }
  const id = (name: string) => `p${columns.indexOf(name)}`;
  const lines: string[] = [];
  walk.legs.forEach(({ move, shown }, i) => {
    const before = i === 0 ? walk.first : walk.legs[i - 1]!.shown;
    const own = move.from === move.to;
    const arrow = / is lost /.test(move.text) ? "-x" : "->>";
    if (own) lines.push(`  Note over ${id(move.to)}: ${plain(move.text)}`);
    else lines.push(`  ${id(move.from)}${arrow}${id(move.to)}: ${i + 1}: ${plain(move.type)}`);
    shown.forEach((it, at) => {
      if (told(it) === told(before[at]!)) return;
      const disk = it.disk === undefined ? "" : `<br/>disk: ${plain(it.disk)}`;
      lines.push(`  Note over ${id(it.name)}: ${plain(it.state)}${disk}`);
    });
  });
  const [left, right] = [id(columns[0]!), id(columns.at(-1)!)];
  lines.push(`  Note over ${left},${right}: violated: ${plain(walk.rule)}`);
  return [
    `# Model ${model.name}`,
    "",
    `**Violated: ${walk.rule}**`,
    "",
    "```mermaid",
    "sequenceDiagram",
    ...columns.map((name) => `  participant ${id(name)} as ${plain(name)}`),
    ...lines,
    "```",
    "",
    ...(walk.stuck === undefined ? [] : [`There is no way from: ${states(walk.stuck)}`, ""]),
  ].join("\n");
}

/** Without what Mermaid takes for its own. */
function plain(text: string): string {
  return text.replace(/[;#<>]/g, ",").replace(/\s+/g, " ");
}
