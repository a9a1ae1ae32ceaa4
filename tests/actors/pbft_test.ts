/** Groups of replicas as roles: what they do when somebody crashes, lies, or sends nonsense. */
import { assert, assertEquals, assertThrows } from "@std/assert";
import { type Behaviour, BEHAVIOURS, convicts, makeGroup } from "../../actors/mod.ts";
import { Authority, batchDigest } from "../../actors/pbft_authority.ts";
import { Keys, makeKeyrings } from "../../actors/pbft_keys.ts";
import { Assemblies, inParts, isPart, type Part } from "../../actors/pbft_parts.ts";
import { statement } from "../../actors/pbft_wire.ts";
import { encode } from "../../runtime/codec.ts";
import { seeded } from "../../runtime/random.ts";
import { Group } from "./pbft_group.ts";

const random = seeded(3);
const bytes = (count: number) =>
  Uint8Array.from({ length: count }, () => Math.floor(random() * 256));

Deno.test("pbft: four replicas execute operations in one order, and answer reads unordered", async () => {
  await using group = await Group.start(4);
  assertEquals(await group.invoke({ put: "a", value: "1" }), null);
  assertEquals(await group.invoke({ put: "a", value: "2" }), "1");
  assertEquals(await group.invoke({ get: "a" }, true), "2");
  await group.system.advance(200);
  for (let index = 0; index < 4; index++) {
    const { replica, requestsExecuted, evidence } = await group.figures(index);
    assertEquals({ view: replica.view, executed: replica.executed, requestsExecuted, evidence }, {
      view: 0,
      executed: 2, // The read was not ordered.
      requestsExecuted: 2,
      evidence: [],
    });
  }
});

Deno.test("pbft: an operation that throws is refused by all alike, and harms nobody", async () => {
  await using group = await Group.start(4);
  assertEquals(await group.invoke(null), { error: "the operation cannot be executed" });
  assertEquals(await group.count("a", 1), "1");
});

for (const behaviour of BEHAVIOURS) {
  for (const index of [0, 2]) {
    const who = index === 0 ? "primary" : "backup";
    Deno.test(`pbft: a ${who} that is faulty (${behaviour}) is borne`, async () => {
      await using group = await Group.start(4, { [index]: [behaviour] });
      assertEquals(await group.count("a", 10), "10");
      assertEquals(await group.invoke({ get: "a" }, true), "10");
      for (const other of [1, 3]) {
        const { evidence } = await group.figures(other);
        assertEquals(evidence.filter((it) => it.replica !== index), []);
      }
    });
  }
}

/** What a liar leaves behind that convicts it. */
const CONVICTED: readonly (readonly [Behaviour, number, string])[] = [
  ["equivocate", 0, "equivocation"],
  ["voteForBoth", 2, "doublePrepare"],
  ["lyingCheckpoint", 2, "wrongCheckpoint"],
];
for (const [behaviour, index, offence] of CONVICTED) {
  Deno.test(`pbft: ${behaviour} is proved by what was signed`, async () => {
    await using group = await Group.start(4, { [index]: [behaviour] });
    await group.count("a", 5);
    await group.system.advance(500);
    const found = (await Promise.all([1, 3].map((it) => group.evidence(it)))).flat();
    assert(found.length > 0, "nobody has evidence");
    for (const it of found) {
      assertEquals({ replica: it.replica, offence: it.offence }, { replica: index, offence });
      // Anybody can look, the client for one.
      assert(convicts(it, group.config.clients["user"]!), "it does not convict");
      const other = { ...it, replica: 1 };
      assert(!convicts(other, group.config.clients["user"]!), "it convicts whomever it names");
    }
  });
}

Deno.test("pbft: a forged new view convicts the new primary, and the next one leads", async () => {
  await using group = await Group.start(4, { 1: ["forgedNewView"] });
  await group.count("a", 2);
  group.cut(0);
  assertEquals(await group.count("a", 2), "4");
  const { replica, evidence } = await group.figures(3);
  assert(replica.view >= 2, `it is in view ${replica.view}`);
  assertEquals(evidence, [{ replica: 1, offence: "forgedNewView" }]);
  const [found] = await group.evidence(3);
  assert(convicts(found!, group.config.replicas[2]!), "it does not convict");
});

Deno.test("pbft: one that was away fetches the state by its digest, and no other", async () => {
  await using group = await Group.start(7, { 0: ["lyingCheckpoint"] });
  await group.count("a", 1);
  group.cut(6);
  assertEquals(await group.count("a", 12), "13");
  group.cut(6, true);
  await group.system.advance(3000);
  const { replica, requestsExecuted, wrongStates } = await group.figures(6);
  assertEquals(replica.executed, 13);
  assert(requestsExecuted < 5, `it has executed ${requestsExecuted} requests of 13 itself`);
  assertEquals(wrongStates, 1); // It asked 0 first.
  assertEquals(await group.invoke({ get: "a" }, true), "13");
});

Deno.test("pbft: what is on disk is enough to go on, and a wiped replica catches up", async () => {
  await using group = await Group.start(4);
  await group.count("a", 10);
  for (const index of [0, 1, 2, 3]) group.system.crash(group.replicas[index]!);
  for (const index of [0, 1, 2, 3]) await group.spawn(index);
  assertEquals(await group.invoke({ get: "a" }, true), "10");
  assertEquals(await group.count("a", 1), "11");
  for (const index of [0, 1, 2, 3]) {
    const { replica } = await group.figures(index);
    assert(replica.stable >= 8, `the stable checkpoint is ${replica.stable}`);
  }
  // A crash without its disk counts towards f.
  group.system.crash(group.replicas[2]!);
  await group.system.spawn({
    address: group.replicas[2]!,
    module: new URL("../../examples/key_value_actor.ts", import.meta.url).href,
    name: "keyValueReplica",
    config: group.config.replicas[2]!,
    store: "another disk",
  });
  await group.count("a", 2);
  await group.system.advance(2000);
  const { replica, wrongStates } = await group.figures(2);
  assertEquals([replica.executed, wrongStates], [(await group.figures(1)).replica.executed, 0]);
});

Deno.test("pbft: a silent primary is replaced in less than twice the patience", async () => {
  await using group = await Group.start(4);
  await group.count("a", 1);
  const { system } = group;
  await system.until(system.ask("n0/replica", "pbft.behave", { behaviours: ["silent"] }));
  const before = system.now;
  const answered = group.invoke({ add: "a", by: 1 });
  assertEquals(await answered, "2");
  // The client's own patience (500 ms) comes before it.
  const pause = system.now - before - 500;
  assert(pause < 2 * 300, `it takes ${pause} ms`);
});

Deno.test("pbft: nobody but its own process makes a replica lie", async () => {
  await using group = await Group.start(4);
  const { system } = group;
  await system.spawn({
    address: "stranger/asker",
    module: new URL("./pbft_asker.ts", import.meta.url).href,
    name: "asker",
    config: { to: "n0/replica" },
  });
  const asked = system.until(system.ask("stranger/asker", "behave", { behaviours: ["silent"] }));
  assertEquals(await asked, "forbidden");
  assertEquals((await group.figures(0)).refused, { operator: 1 });
});

// Bad input -------------------------------------------------------------------------------------

Deno.test("pbft: what is not authentic is refused and counted, and harms nobody", async () => {
  await using group = await Group.start(4);
  const { system, config } = group;
  await group.count("a", 1);
  const to = group.replicas[1]!;
  const signature = new Uint8Array(64);
  const mac = new Uint8Array(16);
  const view = 0, sequence = 2, digest = "d";
  const stable = { sequence: 0, digest: "initial" };
  const bad: readonly (readonly [string, unknown])[] = [
    ["pbft.prePrepare", { view, sequence, digest, signature, batch: [] }],
    ["pbft.prepare", { view, sequence, digest, from: 2, signature, primary: signature }],
    ["pbft.prepare", { view, sequence, digest, from: 77, signature, primary: signature }],
    ["pbft.commit", { view, sequence, digest, from: 2, mac }],
    ["pbft.commit", { view, sequence, digest, from: 99, mac }],
    ["pbft.checkpoint", { sequence: 4, digest, from: 2, signature }],
    ["pbft.viewChange", { view: 1, stable, stableProof: [], prepared: [], from: 2, signature }],
    ["pbft.newView", { view: 1, viewChanges: [], assigned: [], signature }],
    ["pbft.status", { view, active: true, stable: 0, executed: 0, from: 2, mac }],
    ["pbft.request", { bytes: encode("nonsense"), signature }],
    ["pbft.request", { bytes: new Uint8Array([255, 1, 2]), signature }],
    ["pbft.request", { bytes: new Uint8Array(20_000), signature }],
    ["pbft.prePrepare", { view, sequence: 99, digest, signature, batch: [] }],
    ["pbft.part", { of: "pbft.newView", id: 1, index: 0, count: 1, bytes: new Uint8Array(3) }],
  ];
  for (const [type, body] of bad) system.tell(to, type, body);
  // A client with a key of its own that is no member's, and a member that asks twice.
  const strangers = makeKeyrings(["0", "1", "2", "3", "user"], bytes);
  const forged = new Authority("test", { replicas: 4, faulty: 1 }, new Keys(strangers["user"]!));
  const operation = encode({ put: "b", value: "x" });
  const content = {
    client: "user/0",
    timestamp: Number.MAX_SAFE_INTEGER,
    readOnly: false,
    operations: [operation],
  };
  system.tell(to, "pbft.request", forged.request(content));
  const keys = new Keys(config.clients["user"]!.keyring);
  const real = new Authority("test", { replicas: 4, faulty: 1 }, keys);
  system.tell(to, "pbft.request", real.request({ ...content, timestamp: 1, client: "user/15" }));
  system.tell(to, "pbft.request", real.request({ ...content, timestamp: 1, client: "stranger/0" }));
  system.tell(to, "pbft.request", real.request({ ...content, client: "user/64" }));
  // An operation that changes something is no read.
  system.tell(to, "pbft.request", real.request({ ...content, client: "user/1", readOnly: true }));
  await system.advance(500);
  assertEquals(await group.count("a", 2), "3");
  const { refused, replica } = await group.figures(1);
  assertEquals(replica.view, 0);
  assertEquals(refused, {
    signature: 8,
    authenticator: 3,
    proof: 2,
    oversized: 1,
    misplaced: 1,
    notMember: 1,
    lane: 1,
    notReadOnly: 1,
  });
});

Deno.test("pbft: an operation that no request can hold is refused at the client", async () => {
  await using group = await Group.start(4);
  const refused = group.invoke({ put: "a", value: "x".repeat(17_000) }).catch((it) => it.reason);
  assertEquals(await refused, "oversized");
  assertEquals(await group.invoke({ put: "a", value: "x".repeat(15_000) }), null);
});

Deno.test("pbft: a batch longer than any is refused, and a status is not answered all the time", async () => {
  await using group = await Group.start(4, {}, { maxBatch: 2 });
  const { system, config } = group;
  await system.advance(50); // What they say when they begin is heard.
  const size = { replicas: 4, faulty: 1 };
  const primary = new Authority("test", size, new Keys(config.replicas[0]!.keyring));
  const client = new Authority("test", size, new Keys(config.clients["user"]!.keyring));
  const batch = [1, 2, 3].map((timestamp) =>
    client.request({ client: "user/9", timestamp, readOnly: false, operations: [encode(null)] })
  );
  const at = { view: 0, sequence: 1, digest: batchDigest(batch) };
  const signature = primary.sign(0, { type: "prePrepare", ...at });
  system.tell(group.replicas[1]!, "pbft.prePrepare", { ...at, signature, batch });
  const status = { view: 0, active: true, stable: 0, executed: 0 };
  const mac = primary.mac(1, 0, { type: "status", ...status });
  for (let i = 0; i < 10; i++) {
    system.tell(group.replicas[1]!, "pbft.status", { ...status, from: 0, mac });
  }
  await system.advance(5);
  const { refused } = await group.figures(1);
  assertEquals(refused, { batch: 1, tooOften: 9 });
});

Deno.test("pbft: a request with an old timestamp is not executed again, the last is answered again", async () => {
  await using group = await Group.start(4);
  const { system, config } = group;
  const keys = new Keys(config.clients["stranger"]!.keyring);
  const authority = new Authority("test", { replicas: 4, faulty: 1 }, keys);
  const request = (timestamp: number) =>
    authority.request({
      client: "stranger/0",
      timestamp,
      readOnly: false,
      operations: [encode({ add: "a", by: 1 })],
    });
  for (const timestamp of [5, 5, 4]) {
    for (const to of group.replicas) system.tell(to, "pbft.request", request(timestamp));
    await system.advance(300);
  }
  assertEquals(await group.invoke({ get: "a" }, true), "1");
  assertEquals((await group.figures(2)).refused, { outdated: 1 });
});

Deno.test("pbft: a group that is too small is refused with the reason", () => {
  const members = { group: "g", replicas: ["a/r", "b/r", "c/r"], clients: {} };
  assertThrows(() => makeGroup(members, bytes), RangeError, "0 is no number of faulty replicas");
  assertThrows(
    () => makeGroup({ ...members, faulty: 1 }, bytes),
    RangeError,
    "3 replicas cannot bear 1 faulty ones: that takes 4",
  );
  const four = { ...members, replicas: [...members.replicas, "d/r"], clients: { "7": "x/c" } };
  assertThrows(() => makeGroup(four, bytes), RangeError, '"7" is no name of a client');
});

Deno.test("pbft: what is said in one group means nothing in another", () => {
  const rings = makeKeyrings(["0", "1", "2", "3"], bytes);
  const size = { replicas: 4, faulty: 1 };
  const one = new Authority("one", size, new Keys(rings["0"]!));
  const other = new Authority("other", size, new Keys(rings["1"]!));
  const message = { type: "prepare", view: 0, sequence: 1, digest: "d" } as const;
  const signature = one.sign(0, message);
  assert(new Authority("one", size, new Keys(rings["1"]!)).isSigned(0, message, signature));
  assert(!other.isSigned(0, message, signature));
  // Nor is one kind of statement another.
  assert(
    encode(statement("one", 0, message)).join() !==
      encode(statement("one", 0, { ...message, type: "commit" })).join(),
  );
});

Deno.test("pbft: long messages travel in parts, in any order, and only the last one counts", () => {
  const body = { text: "x".repeat(100_000) };
  const parts = inParts("pbft.batch", 1, body)!;
  assertEquals(parts.map(isPart), [true, true, true]);
  const assemblies = new Assemblies();
  const add = (part: Part, from = "a") => assemblies.add(from, part);
  assertEquals(add(parts[2]!), undefined);
  assertEquals(add(parts[0]!), undefined);
  assertEquals(add(parts[1]!, "b"), undefined);
  assertEquals(add(parts[1]!), body);
  const [first, second, third] = inParts("pbft.batch", 3, body)!;
  add(first!);
  add(inParts("pbft.batch", 2, body)![1]!); // Of one that was given up.
  assertEquals([add(second!), add(third!)], [undefined, body]);
  assertEquals(inParts("pbft.batch", 1, { text: "x" }), undefined);
});
