import { assert, assertEquals, assertMatch } from "@std/assert";
import fc from "fast-check";
import { builtInProfiles } from "../../examples/telecom/built_in_profiles.ts";
import { checkProfile, loadProfile } from "../../examples/telecom/profile_loader.ts";
import { profileLinks } from "../../examples/telecom/profile_links.ts";
import type { Profile } from "../../examples/telecom/profiles.ts";

function load(name: string): Profile {
  const loaded = loadProfile(name);
  assert(loaded.ok, loaded.ok ? "" : loaded.error);
  return loaded.profile;
}

/** A small profile that is right, to be made wrong. */
const good = {
  name: "small",
  nodes: [
    { name: "edge-1", tier: "edge", roles: ["gateway"] },
    { name: "core-1", tier: "core", roles: ["coordinator"] },
    { name: "cloud-1", tier: "cloud", roles: ["participant", "storage"] },
  ],
  links: [
    { from: "edge", to: "core", delayMs: 4, bandwidthMbps: 100 },
    { from: "core", to: "cloud", delayMs: 10, bandwidthMbps: 100 },
  ],
  settings: { pbft: { group: ["core-1"], f: 0 }, storage: { copies: 1 } },
};

type Loose = ReturnType<typeof structuredClone<typeof good>>;
const [edge, , cloud] = good.nodes;

const wrong: readonly (readonly [name: string, change: (p: Loose) => unknown, says: RegExp])[] = [
  ["an unknown key", (p) => Object.assign(p, { color: 1 }), /color is an unknown key/],
  ["one deep", (p) => Object.assign(p.settings, { x: 1 }), /settings.x is an unknown key/],
  ["one in a node", (p) => Object.assign(p.nodes[0]!, { x: 1 }), /nodes.0.x is an unknown key/],
  ["no settings", (p) => Reflect.deleteProperty(p, "settings"), /settings is missing/],
  ["a list for settings", (p) => Object.assign(p, { settings: 5 }), /settings must be an object/],
  ["PBFT without enough", (p) => p.settings.pbft.f = 1, /settings.pbft.f of 1 needs 4 nodes/],
  ["f below zero", (p) => p.settings.pbft.f = -1, /settings.pbft.f must be/],
  ["PBFT on no node", (p) => p.settings.pbft.group = ["x"], /settings.pbft.group.0 must be a node/],
  [
    "PBFT on one node twice",
    (p) => p.settings.pbft.group = ["core-1", "core-1"],
    /settings.pbft.group.1 must be unique/,
  ],
  [
    "money by three-phase commit without synchrony",
    (p) => Object.assign(p.settings, { protocols: { "account.debit": "3pc" } }),
    /settings.protocols.account.debit must be 2pc, got 3pc: .* unless settings.synchronous is true/,
  ],
  [
    "a protocol there is not",
    (p) => Object.assign(p.settings, { protocols: { "number.port": "1pc" } }),
    /settings.protocols.number.port must be 2pc or 3pc/,
  ],
  ["too many copies", (p) => p.settings.storage.copies = 2, /settings.storage.copies of 2 needs/],
  ["no copy", (p) => p.settings.storage.copies = 0, /settings.storage.copies must be/],
  ["a name twice", (p) => p.nodes.push({ ...cloud! }), /nodes.3.name must be unique/],
  ["a tier as a name", (p) => p.nodes[0]!.name = "core", /nodes.0.name must not be/],
  ["no name", (p) => p.nodes[0]!.name = "", /nodes.0.name must be/],
  ["no edge", (p) => p.nodes.shift(), /nodes must have a node of tier edge/],
  ["no core", (p) => p.nodes.splice(1, 1), /nodes must have a node of tier core/],
  ["no cloud", (p) => p.nodes.pop(), /nodes must have a node of tier cloud/],
  ["no gateway", (p) => p.nodes[0]!.roles = [], /nodes must have a node with the role gateway/],
  [
    "a role in the wrong tier",
    (p) => p.nodes[0]!.roles.push("participant"),
    /nodes.0.roles must not have participant/,
  ],
  ["storage on an edge", (p) => p.nodes[0]!.roles.push("storage"), /nodes.0.roles must not/],
  ["an unknown tier", (p) => p.nodes[0]!.tier = "fog", /nodes.0.tier must be one of/],
  ["an unknown role", (p) => p.nodes[0]!.roles = ["cook"], /nodes.0.roles.0 must be one of/],
  [
    "33 nodes",
    (p) => p.nodes.push(...Array.from({ length: 30 }, (_, i) => ({ ...edge!, name: `e-${i}` }))),
    /nodes must be at most 32, got 33/,
  ],
  ["a link to nowhere", (p) => p.links[0]!.to = "core-9", /links.0.to must be a tier or a node/],
  ["a link from nowhere", (p) => p.links[0]!.from = "x", /links.0.from must be a tier or a node/],
  [
    "an edge beside the core, by tier",
    (p) => p.links.push({ ...p.links[0]!, to: "cloud" }),
    /links.2 must not join an edge and a cloud/,
  ],
  [
    "an edge beside the core, by name",
    (p) => p.links.push({ ...p.links[0]!, from: "cloud-1", to: "edge-1" }),
    /links.2 must not join an edge and a cloud/,
  ],
  ["a node on its own", (p) => p.links.pop(), /links must join nodes.2, cloud-1/],
  ["a way in only", (p) => Object.assign(p.links[1]!, { oneWay: true }), /links must join nodes.2/],
  [
    "a link to itself",
    (p) => p.links.push({ ...p.links[0]!, from: "core-1", to: "core-1" }),
    /links.2 must not join core-1 to itself/,
  ],
  ["a delay below zero", (p) => p.links[0]!.delayMs = -1, /links.0.delayMs must be/],
  ["no number", (p) => p.links[0]!.delayMs = NaN, /links.0.delayMs must be/],
  ["an endless delay", (p) => p.links[0]!.delayMs = Infinity, /links.0.delayMs must be/],
  ["no bandwidth", (p) => p.links[0]!.bandwidthMbps = 0, /links.0.bandwidthMbps must be/],
  ["a loss past all", (p) => Object.assign(p.links[0]!, { loss: 1.1 }), /links.0.loss must be/],
  [
    "more jitter than delay",
    (p) => Object.assign(p.links[0]!, { jitterMs: 5 }),
    /links.0.jitterMs must be at most/,
  ],
  [
    "no heartbeat",
    (p) => Object.assign(p.settings, { heartbeatIntervalMs: 0 }),
    /settings.heartbeatIntervalMs must be a number above 0/,
  ],
  [
    "half a miss",
    (p) => Object.assign(p.settings, { missedLimit: 0.5 }),
    /settings.missedLimit must be a whole number/,
  ],
  [
    "a lock timeout that outlives transactions",
    (p) => Object.assign(p.settings, { lockTimeoutMs: 5000 }),
    /settings.lockTimeoutMs must be below transactionTimeoutMs, 5000, got 5000/,
  ],
  [
    "transactions that end before a lock is given up",
    (p) => Object.assign(p.settings, { transactionTimeoutMs: 149, leaseMs: 10, resendMs: 10 }),
    /settings.lockTimeoutMs must be below transactionTimeoutMs, 149, got 150/,
  ],
  [
    "an unknown policy for victims",
    (p) => Object.assign(p.settings, { victimPolicy: "youngest" }),
    /settings.victimPolicy must be one of least-work, lowest-priority, oldest, got "youngest"/,
  ],
  [
    "a lease that outlives transactions",
    (p) => Object.assign(p.settings, { leaseMs: 5000 }),
    /settings.leaseMs must be below transactionTimeoutMs, 5000/,
  ],
];

for (const [name, change, says] of wrong) {
  Deno.test(`a profile refused: ${name}`, () => {
    const profile = structuredClone(good);
    change(profile);
    const loaded = checkProfile(profile);
    assert(!loaded.ok);
    assertMatch(loaded.error, says);
    assert(!loaded.error.includes("\n"));
  });
}

Deno.test("three-phase commit is for what is no money, or for links that keep their times", () => {
  const rows = [{ protocols: { "number.port": "3pc", "account.debit": "2pc" } }, {
    synchronous: true,
    protocols: { "account.debit": "3pc" },
  }];
  for (const more of rows) {
    const loaded = checkProfile({ ...good, settings: { ...good.settings, ...more } });
    assert(loaded.ok, loaded.ok ? "" : loaded.error);
  }
});

Deno.test("a profile refused: what is no profile", () => {
  for (const text of ["", "carrier-big", "{", "null", "[]", "5", '"carrier"', '{"__proto__":{}}']) {
    const loaded = loadProfile(text);
    assert(!loaded.ok, text);
    assertMatch(loaded.error, /^Cannot load the profile: [^\n]+$/);
  }
});

Deno.test("whatever the text, loading it gives a profile or one line", () => {
  fc.assert(fc.property(fc.oneof(fc.string(), fc.json()), (text) => {
    const loaded = loadProfile(text);
    assert(loaded.ok || /^[^\n]{1,400}$/.test(loaded.error));
  }));
});

Deno.test("a file's profile gets the defaults", () => {
  const loaded = loadProfile(JSON.stringify(good));
  assert(loaded.ok);
  assertEquals(loaded.profile.settings, {
    heartbeatIntervalMs: 1000,
    missedLimit: 3,
    transactionTimeoutMs: 5000,
    maxConcurrentTransactions: 1000,
    lockTimeoutMs: 150,
    victimPolicy: "least-work",
    leaseMs: 2000,
    driftPpm: 200,
    resendMs: 250,
    pbft: { group: ["core-1"], f: 0 },
    storage: { copies: 1 },
  });
  const link = { jitterMs: 0, loss: 0, duplicate: 0, reorder: 0, bandwidthMbps: 100 };
  assertEquals(profileLinks(loaded.profile), [
    { from: "edge-1", to: "core-1", delayMs: 4, ...link },
    { from: "core-1", to: "edge-1", delayMs: 4, ...link },
    { from: "core-1", to: "cloud-1", delayMs: 10, ...link },
    { from: "cloud-1", to: "core-1", delayMs: 10, ...link },
  ]);
});

Deno.test("the built-in profiles keep their promises, and survive being written to a file", () => {
  const sizes = builtInProfiles.map(({ name }) => {
    const profile = load(name);
    assertEquals(load(JSON.stringify(profile)), profile);
    const { pbft, storage } = profile.settings;
    return [name, profile.nodes.length, pbft.group.length, pbft.f, storage.copies];
  });
  assertEquals(sizes, [
    ["carrier", 10, 4, 1, 3],
    ["carrier-small", 7, 7, 2, 3],
    ["reference", 5, 5, 1, 2],
  ]);
});

Deno.test("no built-in profile joins an edge and the cloud, either way", () => {
  for (const { name } of builtInProfiles) {
    for (const { from, to } of profileLinks(load(name))) {
      assert(!/edge.*cloud|cloud.*edge/.test(`${from} ${to}`));
      assert(from !== to);
    }
  }
  // 3 x 2 edge, 4 x 3 core, 3 x 2 cloud; 2 x 3 x 4 edge-core, 2 x 4 x 3 core-cloud.
  assertEquals(profileLinks(load("carrier")).length, 6 + 12 + 6 + 24 + 24);
});

Deno.test("the reference links are half of the document's round trips", () => {
  const delays = new Map(
    profileLinks(load("reference")).map(({ from, to, delayMs }) => [`${from} ${to}`, delayMs]),
  );
  assertEquals(delays.size, 16);
  const trips = [
    ["edge-1", "core-1", 12],
    ["edge-1", "core-2", 14],
    ["edge-2", "core-1", 15],
    ["edge-2", "core-2", 13],
    ["core-1", "cloud-1", 22],
    ["core-2", "cloud-1", 24],
    ["edge-1", "edge-2", 18],
    ["core-1", "core-2", 10],
  ] as const;
  for (const [a, b, ms] of trips) {
    assertEquals([delays.get(`${a} ${b}`), delays.get(`${b} ${a}`)], [ms / 2, ms / 2]);
  }
});

Deno.test("of the links that fit a pair, the closest wins; of equals, the last; one way stays so", () => {
  const profile = structuredClone(good);
  const link = (from: string, to: string, delayMs: number, oneWay?: boolean) => ({
    from,
    to,
    delayMs,
    bandwidthMbps: 1,
    ...(oneWay === undefined ? {} : { oneWay }),
  });
  profile.links.unshift(link("edge-1", "core-1", 1, true), link("edge", "core-1", 2));
  profile.links.push(link("core", "cloud", 3));
  const loaded = checkProfile(profile);
  assert(loaded.ok);
  const delays = profileLinks(loaded.profile).map(({ from, to, delayMs }) => [from, to, delayMs]);
  assertEquals(delays, [
    ["edge-1", "core-1", 1],
    ["core-1", "edge-1", 2],
    ["core-1", "cloud-1", 3],
    ["cloud-1", "core-1", 3],
  ]);
});
