/**
 * Faults that an operator orders of a running cluster: a role or a whole node ends without a word,
 * links are cut, made worse and mended, a node computes in vain. Off unless the plan of the cluster
 * allows them.
 *
 * @module
 */
import type { Address, LinkParameters, Links } from "../runtime/ports.ts";
import type { LogKind } from "../runtime/role.ts";
import { type Behaviour, isBehaviours } from "./byzantine.ts";
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
  | ({ readonly kind: "degrade"; readonly links: readonly DirectedLink[] } & Degradation)
  | { readonly kind: "behave"; readonly node: string; readonly behaviours: readonly Behaviour[] };

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

/** The cluster, as far as faults go. */
export interface FaultyCluster {
  /** Whether it takes orders at all, and its nodes. */
  readonly plan: {
    readonly faults?: boolean;
    readonly nodes: readonly { readonly name: string }[];
  };
  /** What was planned for a role, if there is one of that address. */
  spec(role: Address): unknown;
  /** Ends a role without a word. */
  killRole(role: Address): void;
  /** Ends a node until it is started again. */
  crashNode(node: string): void;
  /** Starts a node that was ended. */
  restartNode(node: string): void;
  /** Knows which node leads the group that orders the configuration; undefined: there is none. */
  readonly roster?: { primary(): Promise<string> } | undefined;
}

/** As the node of `behave`: the one whose replica leads when the order is carried out. */
export const PRIMARY = "primary";

/** What orders are carried out with. */
export interface FaultParts {
  readonly cluster: FaultyCluster;
  readonly links: Links;
  /** What degraded links were like before, by `from>to`; kept between orders. */
  readonly laid: Map<string, LinkParameters>;
  /** Does something a moment later: what is ended may be what has to pass the answer on. */
  readonly soon: (act: () => void) => void;
  /** Asks a role. */
  readonly ask: (role: Address, type: string, body: unknown) => Promise<unknown>;
  /** The operator's log. */
  readonly log: (kind: LogKind, text: string) => void;
}

/** Carries an order out, all of it or nothing, and writes down whose it was. */
export async function carryOut(
  { by, fault }: FaultOrder,
  parts: FaultParts,
): Promise<FaultAnswer> {
  const what = targetOf(fault);
  const audit = (said: string) => parts.log("warning", `${by} orders ${fault.kind} ${what}${said}`);
  if (parts.cluster.plan.faults !== true) {
    audit(": refused, faults are off");
    const message = "Cannot order a fault: the cluster was started without --faults";
    return { ok: false, reason: "off", message };
  }
  try {
    await perform(fault, parts);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    audit(": refused");
    return { ok: false, reason: "unknown", message: error.message };
  }
  audit("");
  return { ok: true };
}

async function perform(fault: Fault, parts: FaultParts): Promise<void> {
  const { cluster, ask, soon } = parts;
  const nodes = cluster.plan.nodes.map(({ name }) => name);
  const isPrimary = fault.kind === "behave" && fault.node === PRIMARY;
  if ("node" in fault && !isPrimary && !nodes.includes(fault.node)) {
    throw new RangeError(`There is no node ${fault.node}: there are ${nodes.join(", ")}`);
  }
  switch (fault.kind) {
    case "exit": {
      const role = known(fault.role, parts);
      return soon(() => cluster.killRole(role));
    }
    case "crash":
      return soon(() => cluster.crashNode(fault.node));
    case "restart":
      return cluster.restartNode(fault.node);
    case "load":
      return void await ask(`${fault.node}/node`, "compute", { ms: fault.ms }).catch(unheard);
    case "behave":
      return await behave(fault.node, fault.behaviours, parts);
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
  { cluster, links }: FaultParts,
): void {
  const nodes = cluster.plan.nodes.map(({ name }) => name);
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
  if (fault.kind === "behave") return `${fault.node} ${fault.behaviours.join(", ") || "correctly"}`;
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

function known(role: Address, { cluster }: FaultParts): Address {
  if (cluster.spec(role) === undefined) throw new RangeError(`There is no role ${role}`);
  return role;
}

/** Has the replica of a node lie in these ways from now on, and in no others. */
async function behave(
  node: string,
  behaviours: readonly Behaviour[],
  parts: FaultParts,
): Promise<void> {
  const { cluster: { roster }, ask, log } = parts;
  const isNamed = node !== PRIMARY || roster === undefined;
  const name = isNamed ? node : await roster.primary();
  const replica = known(`${name}/configuration`, parts);
  if (!isNamed) log("info", `the primary is ${name}`);
  await ask(replica, "pbft.behave", { behaviours }).catch(unheard);
}

/** An order that nobody took was not carried out. */
function unheard(error: Error): never {
  throw new RangeError(error.message);
}

function nameOf({ from, to }: DirectedLink): string {
  return `${from}>${to}`;
}

/** Whether a body is an order. */
export function isFaultOrder(body: unknown): body is FaultOrder {
  if (!isRecord(body) || typeof body["by"] !== "string" || !isRecord(body["fault"])) return false;
  const { kind, role, node, ms, links, loss = 0, delayMs = 0, behaviours } = body["fault"];
  if (kind === "exit") return typeof role === "string";
  if (kind === "crash" || kind === "restart") return typeof node === "string";
  if (kind === "load") return typeof node === "string" && isIndex(ms);
  if (kind === "behave") return typeof node === "string" && isBehaviours(behaviours);
  if (kind === "degrade" && (!isShare(loss) || !isIndex(delayMs))) return false;
  return (kind === "partition" || kind === "heal" || kind === "degrade") && Array.isArray(links) &&
    links.every((link) =>
      isRecord(link) && typeof link["from"] === "string" && typeof link["to"] === "string"
    );
}

function isShare(value: unknown): boolean {
  return typeof value === "number" && value >= 0 && value <= 1;
}
