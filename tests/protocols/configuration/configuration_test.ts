/** What may be ordered of a configuration, as rows; and what is believed of what replicas tell. */
import { assert, assertEquals } from "@std/assert";
import {
  applyConfiguration,
  believable,
  type Configuration,
  type ConfigurationOperation,
} from "../../../protocols/configuration/mod.ts";

const key = (text: string) => text.replaceAll(/[^a-z0-9]/g, "").padEnd(43, "A") + "=";
const member = (node: string) => {
  return { node, publicKey: key(`${node}p`), agreementKey: key(`${node}a`) };
};
const first: Configuration = {
  epoch: 7,
  generation: 2,
  members: ["core-1", "core-2", "core-3", "core-4"].map(member),
  faulty: 1,
  nodes: { "core-1": "core", "core-2": "core", "core-3": "core", "core-4": "core", "edge": "edge" },
  coordinators: ["core-1", "core-2", "core-3"],
  logs: { one: { owner: "core-1" }, two: { owner: "core-2" } },
  shards: ["cloud-1"],
  settings: { maxConcurrentTransactions: 1000 },
  accusers: {},
  convicted: {},
  replaced: [],
};
const at = (logs: Configuration["logs"], coordinators = ["core-2", "core-3"]): Configuration => ({
  ...first,
  coordinators,
  logs: { ...first.logs, ...logs },
});
const moving = at({ one: { owner: "core-1", to: "core-2" } });
const sealed = at({ one: { owner: "core-1", to: "core-2", sealed: "d" } });
const orphan = at({ one: { owner: "core-1", sealed: "d" } });
const accused = { ...first, accusers: { "0": ["core-2"] } };

type Expected = Partial<Configuration> | "nothing" | { readonly refused: string };
type Row = readonly [
  description: string,
  now: Configuration,
  operation: unknown,
  client: string,
  expected: Expected,
];
const no = (refused: string): Expected => ({ refused });
const move = { op: "handOver", epoch: 7, from: "core-1", to: "core-2" };
const seal = { op: "sealed", log: "one", digest: "d" };
const adopt = { op: "adopted", log: "one", digest: "d" };
const accuse = { op: "accuse", generation: 2, replica: 0, offence: "equivocation" };
const replace = {
  op: "replace",
  epoch: 7,
  replica: 0,
  member: { ...member("core-1"), publicKey: key("new") },
};

const ROWS: readonly Row[] = [
  ["a convicted member is replaced", { ...first, convicted: { "0": "lie" } }, replace, "operator", {
    generation: 3,
    members: [replace.member, ...first.members.slice(1)],
    convicted: {},
    replaced: [{ node: "core-1", offence: "lie" }],
  }],
  ["a node registers its log", first, { op: "register", log: "x", owner: "core-3" }, "core-3", {
    logs: { ...first.logs, x: { owner: "core-3" } },
  }],
  ["it does so again", first, { op: "register", log: "one", owner: "core-1" }, "core-1", "nothing"],
  ["for another", first, { op: "register", log: "x", owner: "core-3" }, "core-1", no("forbidden")],
  ["of nowhere", first, { op: "register", log: "x", owner: "core-9" }, "core-9", no("unknown")],

  ["a hand-over", first, move, "operator", {
    coordinators: moving.coordinators,
    logs: moving.logs,
  }],
  ["ordered twice", moving, { ...move, epoch: 6 }, "operator", "nothing"],
  ["by a node", first, move, "core-1", no("forbidden")],
  ["in an earlier epoch", first, { ...move, epoch: 6 }, "operator", no("stale")],
  ["to itself", first, { ...move, to: "core-1" }, "operator", no("impossible")],
  [
    "to one that does not coordinate",
    first,
    { ...move, to: "core-4" },
    "operator",
    no("impossible"),
  ],
  ["of what it does not have", first, { ...move, from: "core-4" }, "operator", no("unknown")],
  [
    "to one that leaves",
    moving,
    { ...move, from: "core-2", to: "core-1" },
    "operator",
    no("impossible"),
  ],
  ["to another than before, sealed", sealed, { ...move, to: "core-3" }, "operator", {
    logs: { ...first.logs, one: { owner: "core-1", to: "core-3", sealed: "d" } },
  }],

  ["it is taken back", moving, { op: "cancel", epoch: 7, from: "core-1" }, "operator", {
    coordinators: first.coordinators,
    logs: first.logs,
  }],
  [
    "taken back when sealed",
    sealed,
    { op: "cancel", epoch: 7, from: "core-1" },
    "operator",
    no("conflict"),
  ],
  ["taken back twice", first, { op: "cancel", epoch: 1, from: "core-1" }, "operator", "nothing"],

  ["the owner seals", moving, seal, "core-1", { logs: sealed.logs }],
  ["seals twice", sealed, seal, "core-1", "nothing"],
  ["seals with other records", sealed, { ...seal, digest: "e" }, "core-1", no("conflict")],
  ["another seals", moving, seal, "core-2", no("forbidden")],
  ["an unknown log is sealed", moving, { ...seal, log: "x" }, "core-1", no("unknown")],
  ["sealed when it was taken back", first, seal, "core-1", {
    coordinators: orphan.coordinators,
    logs: orphan.logs,
  }],
  ["handed over then", orphan, move, "operator", { logs: sealed.logs }],

  ["the successor adopts", sealed, adopt, "core-2", {
    logs: { ...first.logs, one: { owner: "core-2" } },
  }],
  ["adopts twice", at({ one: { owner: "core-2" } }), adopt, "core-2", "nothing"],
  ["adopts what is not sealed", moving, adopt, "core-2", no("conflict")],
  ["adopts other records", sealed, { ...adopt, digest: "e" }, "core-2", no("conflict")],
  ["another adopts", sealed, adopt, "core-3", no("forbidden")],
  ["the owner cannot take it back", sealed, adopt, "core-1", no("forbidden")],

  [
    "a limit",
    first,
    { op: "set", epoch: 7, settings: { maxConcurrentTransactions: 5 } },
    "operator",
    {
      settings: { maxConcurrentTransactions: 5 },
    },
  ],
  [
    "no limit",
    first,
    { op: "set", epoch: 7, settings: { maxConcurrentTransactions: 0 } },
    "operator",
    no("malformed"),
  ],
  [
    "a node's limit",
    first,
    { op: "set", epoch: 7, settings: { maxConcurrentTransactions: 5 } },
    "core-1",
    no("forbidden"),
  ],

  ["one accuses", first, accuse, "core-2", { accusers: accused.accusers }],
  ["one accuses twice", accused, accuse, "core-2", "nothing"],
  ["f + 1 convict", accused, accuse, "core-3", {
    accusers: { "0": ["core-2", "core-3"] },
    convicted: { "0": "equivocation" },
  }],
  ["one accuses itself", first, accuse, "core-1", no("forbidden")],
  ["a stranger accuses", first, accuse, "edge", no("forbidden")],
  ["in another group", first, { ...accuse, generation: 1 }, "core-2", no("stale")],
  ["nobody is accused", first, { ...accuse, replica: 4 }, "core-2", no("unknown")],

  ["a member is replaced", accused, replace, "operator", {
    generation: 3,
    members: [replace.member, ...first.members.slice(1)],
    accusers: {},
  }],
  [
    "by one that is a member",
    first,
    { ...replace, member: { ...replace.member, node: "core-2" } },
    "operator",
    no("conflict"),
  ],
  ["by itself", first, { ...replace, member: member("core-1") }, "operator", "nothing"],
  ["by a node", first, replace, "core-1", no("forbidden")],
  ["by nobody", first, { ...replace, member: "core-1" }, "operator", no("malformed")],
  [
    "by one whose key is none",
    first,
    { ...replace, member: { ...replace.member, publicKey: "lie" } },
    "operator",
    no("malformed"),
  ],
  [
    "what another member was convicted of stays said",
    { ...first, convicted: { "0": "lie", "2": "doublePrepare" } },
    replace,
    "operator",
    {
      generation: 3,
      members: [replace.member, ...first.members.slice(1)],
      convicted: { "2": "doublePrepare" },
      replaced: [{ node: "core-1", offence: "lie" }],
    },
  ],

  ["no operation", first, { op: "constructor" }, "operator", no("malformed")],
  ["no object", first, null, "operator", no("malformed")],
];

for (const [description, now, operation, client, expected] of ROWS) {
  Deno.test(`configuration: ${description}`, () => {
    const [next, reply] = applyConfiguration(now, operation as ConfigurationOperation, client);
    if (expected !== "nothing" && "refused" in expected) {
      assert(!reply.ok);
      assertEquals(reply.reason, expected.refused);
      assert(next === now);
      return;
    }
    const change = expected === "nothing" ? {} : { ...expected, epoch: 8 };
    assertEquals(next, { ...now, ...change });
    assertEquals(reply, { ok: true, epoch: next.epoch });
    // Whoever did not hear the answer orders it again, in whatever epoch that is.
    assertEquals(applyConfiguration(next, operation as ConfigurationOperation, client)[0], next);
  });
}

Deno.test("configuration: it is given to whoever asks", () => {
  const [next, reply] = applyConfiguration(first, { op: "get" }, "edge");
  assert(next === first);
  assertEquals(reply, { ok: true, epoch: 7, configuration: first });
});

Deno.test("configuration: f + 1 alike are believed, later than what is known, the latest of them", () => {
  const said = (epoch: number, digest: string) => ({ epoch, digest });
  assertEquals(believable({ 0: said(3, "a") }, 1, 2), undefined);
  assertEquals(believable({ 0: said(3, "a"), 1: said(3, "b") }, 1, 2), undefined);
  assertEquals(believable({ 0: said(3, "a"), 1: said(3, "a") }, 1, 3), undefined);
  assertEquals(believable({ 0: said(3, "a"), 1: said(3, "a"), 2: said(9, "x") }, 1, 2), "a");
  const two = { 0: said(3, "a"), 1: said(3, "a"), 2: said(4, "b"), 3: said(4, "b") };
  assertEquals(believable(two, 1, 2), "b");
  assertEquals(believable(two, 2, 2), undefined);
});
