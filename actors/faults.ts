/**
 * Faults that an operator orders of a running cluster: a role ends without a word, links are cut
 * and mended. Off unless the plan of the cluster allows them.
 *
 * @module
 */
import type { Address, Links } from "../runtime/ports.ts";
import type { LogKind } from "../runtime/role.ts";
import { type Behaviour, isBehaviours } from "./byzantine.ts";
import { isRecord } from "./guards.ts";

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
  | { readonly kind: "partition" | "heal"; readonly links: readonly DirectedLink[] }
  | { readonly kind: "behave"; readonly node: string; readonly behaviours: readonly Behaviour[] };

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
  /** Whether there is a role of that address. */
  readonly knows: (role: Address) => boolean;
  /** Ends a role, soon. */
  readonly exit: (role: Address) => unknown;
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
  const what = nameOfFault(fault);
  const audit = (said: string) => parts.log("warning", `${by} orders ${fault.kind} ${what}${said}`);
  if (!parts.enabled) {
    audit(": refused, faults are off");
    const message = "Cannot order a fault: the cluster was started without --faults";
    return { ok: false, reason: "off", message };
  }
  try {
    if (fault.kind === "exit") parts.exit(known(fault.role, parts));
    else if (fault.kind === "behave") await behave(fault.node, fault.behaviours, parts);
    else change(fault.links, fault.kind === "heal", parts);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    audit(": refused");
    return { ok: false, reason: "unknown", message: error.message };
  }
  audit("");
  return { ok: true };
}

function change(wanted: readonly DirectedLink[], up: boolean, { nodes, links }: FaultParts): void {
  for (const link of wanted) {
    const known = nodes.includes(link.from) && nodes.includes(link.to) &&
      links.get(link.from, link.to) !== undefined;
    if (!known) throw new RangeError(`There is no link ${nameOf(link)}`);
  }
  for (const { from, to } of wanted) links.set(from, to, { up });
}

function known(role: Address, { knows }: FaultParts): Address {
  if (!knows(role)) throw new RangeError(`There is no role ${role}`);
  return role;
}

/** Has the replica of a node lie in these ways from now on, and in no others. */
async function behave(
  node: string,
  behaviours: readonly Behaviour[],
  parts: FaultParts,
): Promise<void> {
  const replica = known(`${node}/configuration`, parts);
  await parts.ask(replica, "pbft.behave", { behaviours }).catch((error: Error) => {
    throw new RangeError(error.message);
  });
}

function nameOfFault(fault: Fault): string {
  switch (fault.kind) {
    case "exit":
      return fault.role;
    case "behave":
      return `${fault.node} ${fault.behaviours.join(", ") || "correctly"}`;
    default:
      return fault.links.map(nameOf).join(" ");
  }
}

function nameOf({ from, to }: DirectedLink): string {
  return `${from}>${to}`;
}

/** Whether a body is an order. */
export function isFaultOrder(body: unknown): body is FaultOrder {
  if (!isRecord(body) || typeof body["by"] !== "string" || !isRecord(body["fault"])) return false;
  const { kind, role, links, node, behaviours } = body["fault"];
  if (kind === "exit") return typeof role === "string";
  if (kind === "behave") return typeof node === "string" && isBehaviours(behaviours);
  return (kind === "partition" || kind === "heal") && Array.isArray(links) &&
    links.every((link) =>
      isRecord(link) && typeof link["from"] === "string" && typeof link["to"] === "string"
    );
}
