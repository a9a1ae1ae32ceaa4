/**
 * Faults that an operator orders of a running cluster: a role or a whole node ends without a word,
 * links are cut, made worse and mended, a node computes in vain. Off unless the plan of the cluster
 * allows them.
 *
 * @module
 */
import type { Address, LinkParameters, Links } from "../runtime/ports.ts";
import type { LogKind } from "../runtime/role.ts";
import { isIndex, isRecord } from "./guards.ts";

/** A link in one direction, by the names of its nodes. */
export interface DirectedLink {
  /** The node that sends. */
  readonly from: string;
  /** The node that receives. */
  readonly to: string;
}

/** What an operator may order. */
export type Fault =
  | { readonly kind: "exit"; readonly role: Address }
  | { readonly kind: "crash" | "restart"; readonly node: string }
  | { readonly kind: "load"; readonly node: string; readonly ms: number }
  | { readonly kind: "partition" | "heal"; readonly links: readonly DirectedLink[] }
  | ({ readonly kind: "degrade"; readonly links: readonly DirectedLink[] } & Degradation);

/** How links are made worse; what is not given stays as it is. */
export interface Degradation {
  /** The share of messages lost, from 0 to 1. */
  readonly loss?: number;
  /** One way, in ms. */
  readonly delayMs?: number;
}

/** An order, and whose it is. */
export type FaultOrder = { readonly by: string; readonly fault: Fault };

/** What became of an order. */
export type FaultAnswer =
  | { readonly ok: true }
  | { readonly ok: false; readonly reason: "off" | "unknown"; readonly message: string };

/** What orders are carried out with. */
export interface FaultParts {
  /** Whether the cluster takes orders at all. */
  readonly enabled: boolean;
  /** Nodes whose links may be changed: those of the plan. */
  readonly nodes: readonly string[];
  readonly links: Links;
  /** What degraded links were like before, by `from>to`; kept between orders. */
  readonly laid: Map<string, LinkParameters>;
  /** Whether there is a role of that address. */
  readonly knows: (role: Address) => boolean;
  /** Ends a role, soon: it may be the one that has to pass the answer on. */
  readonly exit: (role: Address) => void;
  /** Ends a node, soon, until it is started again. */
  readonly crash: (node: string) => void;
  /** Starts a node that was ended. */
  readonly restart: (node: string) => void;
  /** Lets a node compute in vain. */
  readonly load: (node: string, ms: number) => void;
  /** The operator's log. */
  readonly log: (kind: LogKind, text: string) => void;
}

/** Carries an order out, all of it or nothing, and writes down whose it was. */
export function carryOut({ by, fault }: FaultOrder, parts: FaultParts): FaultAnswer {
  const what = targetOf(fault);
  const audit = (said: string) => parts.log("warning", `${by} orders ${fault.kind} ${what}${said}`);
  if (!parts.enabled) {
    audit(": refused, faults are off");
    const message = "Cannot order a fault: the cluster was started without --faults";
    return { ok: false, reason: "off", message };
  }
  try {
    perform(fault, parts);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    audit(": refused");
    return { ok: false, reason: "unknown", message: error.message };
  }
  audit("");
  return { ok: true };
}

function perform(fault: Fault, parts: FaultParts): void {
  if ("role" in fault && !parts.knows(fault.role)) {
    throw new RangeError(`There is no role ${fault.role}`);
  }
  if ("node" in fault && !parts.nodes.includes(fault.node)) {
    const names = parts.nodes.join(", ");
    throw new RangeError(`There is no node ${fault.node}: there are ${names}`);
  }
  switch (fault.kind) {
    case "exit":
      return parts.exit(fault.role);
    case "crash":
    case "restart":
      return parts[fault.kind](fault.node);
    case "load":
      return parts.load(fault.node, fault.ms);
    case "partition":
      return change(fault.links, () => ({ up: false }), parts);
    case "heal":
      return change(fault.links, (link) => mended(link, parts), parts);
    case "degrade":
      return change(fault.links, (link) => degraded(link, fault, parts), parts);
  }
}

/** Changes all links, or none if one of them is not there. */
function change(
  wanted: readonly DirectedLink[],
  how: (link: DirectedLink) => Partial<LinkParameters>,
  { nodes, links }: FaultParts,
): void {
  for (const link of wanted) {
    const known = nodes.includes(link.from) && nodes.includes(link.to) &&
      links.get(link.from, link.to) !== undefined;
    if (!known) throw new RangeError(`There is no link ${nameOf(link)}`);
  }
  for (const link of wanted) links.set(link.from, link.to, how(link));
}

function degraded(
  link: DirectedLink,
  { loss, delayMs }: Degradation,
  { links, laid }: FaultParts,
): Partial<LinkParameters> {
  const before = links.get(link.from, link.to)!;
  if (!laid.has(nameOf(link))) laid.set(nameOf(link), before);
  return { ...(loss === undefined ? {} : { loss }), ...(delayMs === undefined ? {} : { delayMs }) };
}

/** As it was before it was degraded; one that was only cut is whole again. */
function mended(link: DirectedLink, { laid }: FaultParts): Partial<LinkParameters> {
  const before = laid.get(nameOf(link));
  laid.delete(nameOf(link));
  return { ...before, up: true };
}

function targetOf(fault: Fault): string {
  if (fault.kind === "exit") return fault.role;
  if (fault.kind === "load") return `${fault.node} for ${fault.ms} ms`;
  if ("node" in fault) return fault.node;
  const names = fault.links.map(nameOf).join(" ");
  if (fault.kind !== "degrade") return names;
  const { loss, delayMs } = fault;
  const how = [
    ...(loss === undefined ? [] : [`loss ${Math.round(100 * loss)} %`]),
    ...(delayMs === undefined ? [] : [`delay ${delayMs} ms`]),
  ];
  return `${names} to ${how.join(", ")}`;
}

function nameOf({ from, to }: DirectedLink): string {
  return `${from}>${to}`;
}

/** Whether a body is an order. */
export function isFaultOrder(body: unknown): body is FaultOrder {
  if (!isRecord(body) || typeof body["by"] !== "string" || !isRecord(body["fault"])) return false;
  const { kind, role, node, ms, links, loss = 0, delayMs = 0 } = body["fault"];
  if (kind === "exit") return typeof role === "string";
  if (kind === "crash" || kind === "restart") return typeof node === "string";
  if (kind === "load") return typeof node === "string" && isIndex(ms);
  if (kind === "degrade" && (!isShare(loss) || !isIndex(delayMs))) return false;
  return (kind === "partition" || kind === "heal" || kind === "degrade") && Array.isArray(links) &&
    links.every((link) =>
      isRecord(link) && typeof link["from"] === "string" && typeof link["to"] === "string"
    );
}

function isShare(value: unknown): boolean {
  return typeof value === "number" && value >= 0 && value <= 1;
}
