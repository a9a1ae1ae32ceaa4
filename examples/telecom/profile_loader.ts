/**
 * From a profile's name or text to a profile that can keep its promises, or to the reason why not.
 *
 * @module
 */
import * as v from "valibot";
import { builtInProfiles } from "./built_in_profiles.ts";
import { movesMoney } from "./methods.ts";
import { linkBetween } from "./profile_links.ts";
import { profileSchema } from "./profile_schema.ts";
import { type LoadedProfile, type NodeRole, type Profile, type Tier, tiers } from "./profiles.ts";

/** The most nodes a cluster may have. */
export const NODE_LIMIT = 32;

/**
 * Load a profile.
 *
 * @param nameOrText The name of a built-in profile, or the text of a profile file, which is JSON.
 * @returns The profile, or one line that names the key at fault.
 */
export function loadProfile(nameOrText: string): LoadedProfile {
  const builtIn = builtInProfiles.find(({ name }) => name === nameOrText);
  if (builtIn !== undefined) return checkProfile(builtIn);
  let value: unknown;
  try {
    value = JSON.parse(nameOrText);
  } catch {
    const names = builtInProfiles.map(({ name }) => name).join(", ");
    return failed(`it is neither JSON nor one of ${names}`);
  }
  return checkProfile(value);
}

/** Check a profile that has been read already. */
export function checkProfile(value: unknown): LoadedProfile {
  const parsed = v.safeParse(profileSchema, value);
  if (!parsed.success) return failed(issueLine(parsed.issues[0]));
  const profile = parsed.output;
  for (const rule of rules) {
    const problem = rule(profile);
    if (problem !== undefined) return failed(problem);
  }
  return { ok: true, profile };
}

function failed(problem: string): LoadedProfile {
  const line = problem.replaceAll(/[\s\p{C}]+/gu, " ").slice(0, 300);
  return { ok: false, error: `Cannot load the profile: ${line}` };
}

function issueLine(issue: v.BaseIssue<unknown>): string {
  const path = v.getDotPath(issue) ?? "it";
  if (issue.type !== "strict_object") return `${path} ${issue.message}, got ${issue.received}`;
  if (issue.expected === "never") return `${path} is an unknown key`;
  if (issue.expected === "Object") return `${path} must be an object, got ${issue.received}`;
  return `${path} is missing`;
}

/** What a schema cannot say: each rule gives the path and what is wrong there. */
type Rule = (profile: Profile) => string | undefined;

const rules: readonly Rule[] = [
  nodesFit,
  linksFit,
  edgesKeepAway,
  everyNodeIsReached,
  pbftHolds,
  groupTalks,
  copiesFit,
  timesFit,
  protocolsFit,
];

function nodesFit({ nodes }: Profile): string | undefined {
  if (nodes.length > NODE_LIMIT) {
    return `nodes must be at most ${NODE_LIMIT}, got ${nodes.length}`;
  }
  const seen = new Set<string>();
  for (const [i, { name }] of nodes.entries()) {
    if (seen.has(name)) return `nodes.${i}.name must be unique, got ${name} again`;
    seen.add(name);
  }
  const missing = tiers.find((tier) => nodes.every((node) => node.tier !== tier));
  if (missing !== undefined) return `nodes must have a node of tier ${missing}`;
  for (const [role, tier] of duties) {
    const stray = nodes.findIndex((node) => node.roles.includes(role) && node.tier !== tier);
    if (stray >= 0) return `nodes.${stray}.roles must not have ${role}: that is for tier ${tier}`;
    if (nodes.some((node) => node.roles.includes(role))) continue;
    return `nodes must have a node with the role ${role}`;
  }
  const volatile = nodes.findIndex(({ roles, tier }) =>
    tier === "edge" && roles.includes("storage")
  );
  return volatile < 0 ? undefined : `nodes.${volatile}.roles must not have storage on an edge`;
}

/** Roles that some node must have, and the one tier that may have them. */
const duties: readonly (readonly [role: NodeRole, tier: Tier])[] = [["gateway", "edge"], [
  "coordinator",
  "core",
], ["participant", "cloud"]];

function linksFit({ nodes, links }: Profile): string | undefined {
  const ends = new Set<string>([...tiers, ...nodes.map(({ name }) => name)]);
  for (const [i, link] of links.entries()) {
    if (!ends.has(link.from)) return `links.${i}.from must be a tier or a node, got ${link.from}`;
    if (!ends.has(link.to)) return `links.${i}.to must be a tier or a node, got ${link.to}`;
    const itself = link.from === link.to && nodes.some(({ name }) => name === link.from);
    if (itself) return `links.${i} must not join ${link.from} to itself`;
    if (link.jitterMs > link.delayMs) {
      return `links.${i}.jitterMs must be at most delayMs, ${link.delayMs}, got ${link.jitterMs}`;
    }
  }
  return undefined;
}

/** Edges reach the cloud through the core only: a link beside it would let them write there. */
function edgesKeepAway({ nodes, links }: Profile): string | undefined {
  const tierOf = (end: string) => nodes.find(({ name }) => name === end)?.tier ?? end;
  const at = links.findIndex(({ from, to }) => {
    const joined = [tierOf(from), tierOf(to)];
    return joined.includes("edge") && joined.includes("cloud");
  });
  return at < 0 ? undefined : `links.${at} must not join an edge and a cloud node`;
}

function everyNodeIsReached({ nodes, links }: Profile): string | undefined {
  const core = nodes.filter(({ tier }) => tier === "core");
  for (const [i, node] of nodes.entries()) {
    const others = core.filter((other) => other !== node);
    const reached = others.some((other) =>
      linkBetween(links, other, node) !== undefined && linkBetween(links, node, other) !== undefined
    );
    if (reached || others.length === 0) continue;
    return `links must join nodes.${i}, ${node.name}, with a core node both ways`;
  }
  return undefined;
}

function pbftHolds({ nodes, settings: { pbft } }: Profile): string | undefined {
  for (const [i, member] of pbft.group.entries()) {
    const path = `settings.pbft.group.${i}`;
    if (nodes.every(({ name }) => name !== member)) return `${path} must be a node, got ${member}`;
    if (pbft.group.indexOf(member) < i) return `${path} must be unique, got ${member} again`;
  }
  const needed = 3 * pbft.f + 1;
  if (pbft.group.length >= needed) return undefined;
  return `settings.pbft.f of ${pbft.f} needs ${needed} nodes (3f + 1), the group has ` +
    `${pbft.group.length}`;
}

/** Members without a link between them need a third that is linked to both, and hands messages on. */
function groupTalks({ nodes, links, settings: { pbft } }: Profile): string | undefined {
  const members = nodes.filter(({ name }) => pbft.group.includes(name));
  const joined = (a: Profile["nodes"][number], b: typeof a) =>
    a === b || linkBetween(links, a, b) !== undefined && linkBetween(links, b, a) !== undefined;
  for (const a of members) {
    const b = members.find((it) => !members.some((by) => joined(a, by) && joined(by, it)));
    if (b === undefined) continue;
    return `settings.pbft.group must have a node that is linked to ${a.name} and ${b.name} both ways`;
  }
  return undefined;
}

function copiesFit({ nodes, settings: { storage } }: Profile): string | undefined {
  const keeping = nodes.filter(({ roles }) => roles.includes("storage")).length;
  if (storage.copies <= keeping) return undefined;
  return `settings.storage.copies of ${storage.copies} needs as many nodes with the role ` +
    `storage, there are ${keeping}`;
}

function timesFit({ settings }: Profile): string | undefined {
  const most = settings.transactionTimeoutMs;
  for (const key of ["lockTimeoutMs", "leaseMs", "resendMs"] as const) {
    if (settings[key] < most) continue;
    return `settings.${key} must be below transactionTimeoutMs, ${most}, got ${settings[key]}`;
  }
  return undefined;
}

/** A partition splits the decision of three-phase commit: money would be made or lost. */
function protocolsFit(
  { settings: { protocols = {}, synchronous = false } }: Profile,
): string | undefined {
  if (synchronous) return undefined;
  const methods = Object.keys(protocols) as (keyof typeof protocols)[];
  const method = methods.find((name) => protocols[name] === "3pc" && movesMoney(name));
  if (method === undefined) return undefined;
  return `settings.protocols.${method} must be 2pc, got 3pc: a partition would split its ` +
    `decision, unless settings.synchronous is true`;
}
