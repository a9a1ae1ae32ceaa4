/**
 * The profiles that come with the application.
 *
 * | name | nodes | promises |
 * |---|---|---|
 * | `carrier` | 3 edge, 4 core, 3 cloud | PBFT with f = 1 in the core, 3 copies in the cloud |
 * | `carrier-small` | 3 edge, 2 core, 2 cloud | PBFT with f = 2 over all 7, third copy on a core |
 * | `reference` | 2 edge, 2 core, 1 cloud | PBFT with f = 1 over all 5, 2 copies |
 *
 * @module
 */
import type { NodeRole, ProfileInput, Tier } from "./profiles.ts";

type Node = ProfileInput["nodes"][number];
type Link = ProfileInput["links"][number];

/** Jitter of the built-in links, as a share of the delay. */
const JITTER = 0.1;

const duties: Readonly<Record<Tier, readonly NodeRole[]>> = {
  edge: ["gateway"],
  core: ["coordinator", "monitor"],
  cloud: ["participant", "storage"],
};

function node(name: string, tier: Tier, extra: readonly NodeRole[] = []): Node {
  return { name, tier, roles: [...duties[tier], ...extra] };
}

function row(tier: Tier, count: number): Node[] {
  return Array.from({ length: count }, (_, i) => node(`${tier}-${i + 1}`, tier));
}

function link(from: string, to: string, delayMs: number, bandwidthMbps: number): Link {
  return { from, to, delayMs, jitterMs: delayMs * JITTER, bandwidthMbps };
}

/**
 * The documents give the carrier no link figures of its own. Chosen here, one way: 4 ms to the
 * core, 2 ms within it, 10 ms on to the cloud, 5 ms between edges, 2 ms within the cloud. A
 * transaction then takes its two rounds over the core-cloud link in some 50 ms, the document's own
 * bound for core work. A link is as wide as the narrower of its ends in the reference figures.
 */
const carrierLinks: Link[] = [
  link("edge", "core", 4, 500),
  link("core", "core", 2, 1000),
  link("core", "cloud", 10, 1000),
  link("edge", "edge", 5, 500),
  link("cloud", "cloud", 2, 1250),
];

const carrier: ProfileInput = {
  name: "carrier",
  description: "The smallest cluster that keeps every promise within its own tiers",
  nodes: [...row("edge", 3), ...row("core", 4), ...row("cloud", 3)],
  links: carrierLinks,
  settings: {
    pbft: { group: ["core-1", "core-2", "core-3", "core-4"], f: 1 },
    storage: { copies: 3 },
  },
};

const carrierSmall: ProfileInput = {
  name: "carrier-small",
  description: "3 edge, 2 core and 2 cloud nodes; the third copy is on a core node",
  nodes: [
    ...row("edge", 3),
    node("core-1", "core", ["storage"]),
    node("core-2", "core"),
    ...row("cloud", 2),
  ],
  links: carrierLinks,
  settings: {
    pbft: {
      group: ["edge-1", "edge-2", "edge-3", "core-1", "core-2", "cloud-1", "cloud-2"],
      f: 2,
    },
    storage: { copies: 3 },
  },
};

type Figures = readonly [
  latencyMs: number,
  bandwidthMbps: number,
  cpuPercent: number,
  memoryGb: number,
  transactionsPerS: number,
  lockContentionPercent: number,
];

function measured(
  base: Node,
  services: string[],
  failureMode: NonNullable<Node["failureMode"]>,
  figures: Figures,
): Node {
  const [latencyMs, bandwidthMbps, cpuPercent, memoryGb, transactionsPerS, lockContentionPercent] =
    figures;
  const baseline = {
    latencyMs,
    bandwidthMbps,
    cpuPercent,
    memoryGb,
    transactionsPerS,
    lockContentionPercent,
  };
  return { ...base, services, failureMode, baseline };
}

/** The document gives round trips: half of one is the delay one way. */
function roundTrip(
  from: string,
  to: string,
  roundTripMs: number,
  bandwidthMbps: number,
  use: NonNullable<Link["use"]> = "primary",
): Link {
  return { ...link(from, to, roundTripMs / 2, bandwidthMbps), use };
}

const reference: ProfileInput = {
  name: "reference",
  description: "Five nodes with the figures, services and failure modes of the reference document",
  nodes: [
    measured(
      node("edge-1", "edge"),
      ["rpc-handler", "replication"],
      "crash",
      [12, 500, 45, 8, 150, 8],
    ),
    measured(
      node("edge-2", "edge"),
      ["migration", "recovery"],
      "omission",
      [15, 470, 50, 4.5, 100, 12],
    ),
    measured(
      node("core-1", "core", ["storage"]),
      ["transaction-coordinator", "commit"],
      "byzantine",
      [8, 1000, 60, 12, 250, 5],
    ),
    measured(
      node("core-2", "core"),
      ["load-balancer", "deadlock-detector"],
      "crash",
      [10, 950, 55, 10, 200, 10],
    ),
    measured(
      node("cloud-1", "cloud"),
      ["analytics", "shared-memory"],
      "omission",
      [22, 1250, 72, 16, 300, 15],
    ),
  ],
  links: [
    roundTrip("edge-1", "core-1", 12, 500, "replication"),
    roundTrip("edge-1", "core-2", 14, 500),
    roundTrip("edge-2", "core-1", 15, 470),
    roundTrip("edge-2", "core-2", 13, 470, "replication"),
    roundTrip("core-1", "cloud-1", 22, 1000, "replication"),
    roundTrip("core-2", "cloud-1", 24, 950),
    roundTrip("edge-1", "edge-2", 18, 470, "backup"),
    roundTrip("core-1", "core-2", 10, 950, "backup"),
  ],
  settings: {
    pbft: { group: ["edge-1", "edge-2", "core-1", "core-2", "cloud-1"], f: 1 },
    storage: { copies: 2 },
  },
};

/** All of them, the default first. */
export const builtInProfiles: readonly ProfileInput[] = [carrier, carrierSmall, reference];
