/**
 * A machine as what is drawn of it: boxes in boxes, and arrows between them.
 *
 * @module
 */
import type { AnyStateNode, AnyTransitionDefinition } from "xstate";
import type { AnyStateMachine } from "../xstate_types.ts";

/** A state. */
export interface ChartState {
  /** Its path: `running.fresh`. */
  readonly path: string;
  /** Its own name. */
  readonly name: string;
  /** Path of the state it is part of; empty at the top. */
  readonly parent: string;
  /** What kind it is. */
  readonly type: "atomic" | "compound" | "parallel" | "final" | "history";
  /** Its parent begins with it. */
  readonly initial: boolean;
  /** What it does without leaving: entry, exit, and events that are handled on the spot. */
  readonly lines: readonly string[];
}

/** What may take a machine along an arrow. */
export interface ChartLabel {
  /** Type of the event, as XState has it. */
  readonly event: string;
  /** The same for people, with its guard. */
  readonly text: string;
}

/** An arrow: all transitions from one state to another. */
export interface ChartEdge {
  /** Path of the state it leaves. */
  readonly from: string;
  /** Path of the state it enters. */
  readonly to: string;
  /** What takes it, one or more. */
  readonly labels: readonly ChartLabel[];
}

/** A machine. */
export interface Chart {
  /** Its id. */
  readonly id: string;
  /** All its states, parents before their children. */
  readonly states: readonly ChartState[];
  /** All arrows. */
  readonly edges: readonly ChartEdge[];
  /** What is handled in every state, for people. */
  readonly anywhere: readonly string[];
}

/** What is drawn of a machine. */
export function chartOf(machine: AnyStateMachine): Chart {
  const root = machine.root as AnyStateNode;
  const states: ChartState[] = [];
  const edges = new Map<string, { from: string; to: string; labels: ChartLabel[] }>();
  const visit = (node: AnyStateNode) => {
    for (const child of Object.values(node.states) as AnyStateNode[]) {
      states.push(stateOf(child, node));
      for (const transition of transitionsOf(child)) {
        for (const target of transition.target ?? []) {
          const from = pathOf(child), to = pathOf(target);
          const key = JSON.stringify([from, to]);
          const edge = edges.get(key) ?? { from, to, labels: [] };
          edges.set(key, edge);
          const label = { event: transition.eventType, text: told(transition) };
          if (!edge.labels.some(({ text }) => text === label.text)) edge.labels.push(label);
        }
      }
      visit(child);
    }
  };
  visit(root);
  const anywhere = transitionsOf(root).map((transition) => {
    const target = transition.target?.map(pathOf).join(", ");
    return told(transition) + (target === undefined ? done(transition) : ` → ${target}`);
  });
  return { id: machine.id, states, edges: [...edges.values()], anywhere };
}

function stateOf(node: AnyStateNode, parent: AnyStateNode): ChartState {
  const still = transitionsOf(node).filter(({ target }) => target === undefined);
  const idle = still.filter(({ actions }) => actions.length === 0).map(told);
  const lines = [
    ...actionsOf("entry", node.entry),
    ...still.filter(({ actions }) => actions.length > 0).map((it) => told(it) + done(it)),
    ...actionsOf("exit", node.exit),
    ...ignored(idle),
  ];
  return {
    path: pathOf(node),
    name: node.key,
    parent: pathOf(parent),
    type: node.type,
    initial: parent.initial?.target?.includes(node) ?? false,
    lines: lines.filter((line, i) => lines.indexOf(line) === i),
  };
}

/** Expected, and nothing to be done about: a few on a line. */
function ignored(events: readonly string[]): string[] {
  const lines: string[] = [];
  for (let at = 0; at < events.length; at += 3) {
    lines.push(`${at === 0 ? "ignores" : "  "} ${events.slice(at, at + 3).join(", ")}`);
  }
  return lines;
}

function pathOf(node: AnyStateNode): string {
  return node.path.join(".");
}

function transitionsOf(node: AnyStateNode): AnyTransitionDefinition[] {
  return [...[...node.transitions.values()].flat(), ...(node.always ?? [])];
}

/** `vote [last]`, `after timeout`, `always`. */
function told({ eventType, guard }: AnyTransitionDefinition): string {
  const [, delay] = /^xstate\.after\.(.*?)\./.exec(`${eventType}.`) ?? [];
  const done = /^xstate\.(done|error)\.(?:actor|state)\./.exec(eventType)?.[1];
  const event = delay !== undefined
    ? `after ${/^\d+$/.test(delay) ? `${delay} ms` : delay}`
    : eventType === ""
    ? "always"
    : done ?? eventType;
  return guard === undefined ? event : `${event} [${nameOf(guard)}]`;
}

function done({ actions }: AnyTransitionDefinition): string {
  const names = namesOf(actions);
  return names.length === 0 ? "" : ` / ${names.join(", ")}`;
}

function actionsOf(when: string, actions: readonly unknown[]): string[] {
  const names = namesOf(actions);
  return names.length === 0 ? [] : [`${when} / ${names.join(", ")}`];
}

/** Names of what is performed; what XState does for itself is left out. */
function namesOf(actions: readonly unknown[]): string[] {
  return actions.map(nameOf).filter((name) => !/^xstate\.|^inline$|^$/.test(name));
}

function nameOf(named: unknown): string {
  if (typeof named === "string") return named;
  const { type, name, params } = (named ?? {}) as Named;
  const text = typeof type === "string" ? type : typeof name === "string" ? name : "inline";
  // `send voteYes` tells more than `send`.
  const detail = Object.values(typeof params === "object" && params !== null ? params : {})
    .find((value) => typeof value === "string");
  return detail === undefined ? text : `${text} ${detail}`;
}

interface Named {
  readonly type?: unknown;
  readonly name?: unknown;
  readonly params?: unknown;
}
