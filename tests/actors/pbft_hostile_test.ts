/** What a liar could do to the machinery around the protocol: frame, exhaust, speak for others. */
import { assert, assertEquals } from "@std/assert";
import { Buffer } from "node:buffer";
import { keyringOf, makeMemberKeys, publicKeysOf } from "../../actors/configuration_keys.ts";
import { relayHandler, type Via } from "../../actors/configuration_relay.ts";
import { Convictions } from "../../actors/configuration_convictions.ts";
import { Authority } from "../../actors/pbft_authority.ts";
import { type Evidence, isConvicting } from "../../actors/pbft_evidence.ts";
import { type Keyring, Keys, makeKeyrings, sha256 } from "../../actors/pbft_keys.ts";
import { type Handed, pathOf } from "../../actors/pbft_parts.ts";
import { Proofs } from "../../actors/pbft_proofs.ts";
import { digestOfHashes } from "../../actors/pbft_service.ts";
import { Transfer } from "../../actors/pbft_transfer.ts";
import { newViewBytes, type NewViewWire, type ViewChangeWire } from "../../actors/pbft_wire.ts";
import type { Configuration } from "../../protocols/configuration/mod.ts";
import { INITIAL_DIGEST, NULL_DIGEST } from "../../protocols/pbft/messages.ts";
import { encode, type Envelope } from "../../runtime/codec.ts";
import { AskFailed, type Services } from "../../runtime/role.ts";
import { seeded } from "../../runtime/random.ts";
import { Group } from "./pbft_group.ts";

const random = seeded(5);
const bytes = (count: number) =>
  Uint8Array.from({ length: count }, () => Math.floor(random() * 256));
const GROUP = { replicas: 4, faulty: 1 };
const WINDOW = 8;
const INITIAL = { sequence: 0, digest: INITIAL_DIGEST };

type Four = readonly [Authority, Authority, Authority, Authority];

function authorities(change: (rings: Record<string, Keyring>) => void = () => {}): Four {
  const rings = { ...makeKeyrings(["0", "1", "2", "3"], bytes) };
  change(rings);
  const of = (it: string) => new Authority("test", GROUP, new Keys(rings[it]!));
  return [of("0"), of("1"), of("2"), of("3")];
}

function viewChange(authority: Authority, from: number, view: number): ViewChangeWire {
  const content = { type: "viewChange", view, stable: INITIAL, prepared: [] } as const;
  const signature = authority.sign(from, content);
  return { view, stable: INITIAL, stableProof: [], prepared: [], from, signature };
}

function newView(primary: Authority, viewChanges: readonly ViewChangeWire[]): NewViewWire {
  const wire = { view: 1, viewChanges, assigned: [] };
  return { ...wire, signature: primary.keys.sign(newViewBytes("test", wire)) };
}

// Proofs ------------------------------------------------------------------------------------------

Deno.test("a view change shows the proof that is durable, not the one on its way to the disk", () => {
  const [primary, second, third, judge] = authorities();
  const proofs = new Proofs(third, 2);
  const prove = (view: number, leader: Authority, backup: [Authority, number]) => {
    const at = { view, sequence: 1, digest: "d" };
    const signature = leader.sign(view, { type: "prePrepare", ...at });
    proofs.accepted.set(1, { ...at, signature });
    const [voter, from] = backup;
    const vote = voter.sign(from, { type: "prepare", ...at });
    proofs.notePrepare({ ...at, from, signature: vote, primary: signature });
    proofs.prove({ kind: "prepared", ...at });
  };
  prove(0, primary, [second, 1]);
  proofs.begin({ view: 1, viewChanges: [], assigned: [], signature: new Uint8Array() });
  prove(1, second, [judge, 3]);
  const wire = proofs.makeViewChange({
    type: "viewChange",
    view: 2,
    stable: INITIAL,
    prepared: [{ view: 0, sequence: 1, digest: "d" }],
  });
  assert(judge.isProvedViewChange(wire), "others refuse what a correct replica says");
});

// Evidence ----------------------------------------------------------------------------------------

Deno.test("evidence names the offence that its statements show, and no other", () => {
  const [liar, , , judge] = authorities();
  const said = (digest: string) => {
    const message = { type: "prepare", view: 1, sequence: 1, digest } as const;
    return { message, signature: liar.sign(0, message) };
  };
  const evidence = (offence: string) =>
    ({ offence, replica: 0, statements: [said("a"), said("b")] }) as unknown as Evidence;
  assert(isConvicting(evidence("doublePrepare"), judge, WINDOW));
  // Else one pair of statements fills the memory of all, and the log of the group, by any names.
  for (const offence of ["equivocation", "anything", "x".repeat(99)]) {
    assert(!isConvicting(evidence(offence), judge, WINDOW), offence);
  }
});

Deno.test("who has chosen a weak key cannot make a correct primary's new view look forged", () => {
  // The neutral element as a public key: R = S * B holds for every message.
  const weak = Buffer.alloc(32);
  weak[0] = 1;
  const signature = Uint8Array.from([...weak, ...new Uint8Array(32)]);
  const all = authorities((rings) => {
    for (const [name, ring] of Object.entries(rings)) {
      const publicKeys = { ...ring.publicKeys, "3": weak.toString("base64") };
      rings[name] = { ...ring, publicKeys };
    }
  });
  const of3: ViewChangeWire = { ...viewChange(all[0], 0, 1), from: 3, signature };
  const words = ([0, 2] as const).map((from) => viewChange(all[from], from, 1));
  const correct = newView(all[1], [...words, of3]);
  assert(all[2].isProvedNewView(correct, WINDOW), "the weak key signs");
  const forged = { ...correct, viewChanges: [...words, { ...of3, view: 2 }] };
  const evidence: Evidence = { offence: "forgedNewView", replica: 1, newView: forged };
  assert(!isConvicting(evidence, all[2], WINDOW), "a correct replica is convicted");
});

Deno.test("a new view longer than any correct one is refused before a signature is looked at", () => {
  const all = authorities();
  const judge = all[2];
  let verified = 0;
  const { keys } = judge;
  const verify = keys.verify.bind(keys);
  keys.verify = (...args) => {
    verified++;
    return verify(...args);
  };
  const words = Array.from({ length: 4000 }, () => viewChange(all[0], 0, 1));
  assert(!judge.isProvedNewView(newView(all[1], words), WINDOW));
  const prepared = Array.from({ length: 4000 }, (_, sequence) => {
    return { view: 0, sequence, digest: "d", signature: new Uint8Array(64), prepares: [] };
  });
  const long = { ...viewChange(all[0], 0, 1), prepared };
  assert(!judge.isProvedNewView(newView(all[1], [long]), WINDOW));
  assertEquals(verified, 0);
});

Deno.test("who leaves one view after the other costs the others a little, not all their time", async () => {
  await using group = await Group.start(4);
  const { system, config } = group;
  const liar = new Authority("test", GROUP, new Keys(config.replicas[2]!.keyring));
  for (let view = 1; view <= 50; view++) {
    system.tell(group.replicas[1]!, "pbft.viewChange", viewChange(liar, 2, view));
  }
  await system.advance(5);
  const { refused, replica } = await group.figures(1);
  assertEquals([refused, replica.view], [{ tooOften: 49 }, 0]);
  assertEquals(await group.count("a", 3), "3");
});

Deno.test("evidence is on the disk: a crash loses none", async () => {
  await using group = await Group.start(4, { 2: ["voteForBoth"] });
  await group.count("a", 3);
  await group.system.advance(500);
  const before = await group.evidence(1);
  assertEquals(before.map(({ offence }) => offence), ["doublePrepare"]);
  group.system.crash(group.replicas[1]!);
  group.cut(2); // Nor is it shown any again.
  await group.spawn(1);
  assertEquals(await group.evidence(1), before);
});

const [X, Y] = [NULL_DIGEST, sha256("another batch")];

/** What replica 1 of a group can prove that has heard this of a primary that told others Y. */
async function provedBy(
  ...heard: readonly ("X" | "Y" | "a vote for Y" | "prepared Y" | "leave")[]
) {
  await using group = await Group.start(4);
  const [primary, , second, third] = group.config.replicas.map(({ keyring }) =>
    new Authority("test", GROUP, new Keys(keyring))
  ) as unknown as Four;
  const of = (digest: string) => ({ view: 0, sequence: 1, digest });
  const signed = (digest: string) => primary.sign(0, { type: "prePrepare", ...of(digest) });
  const votes = ([[second, 2], [third, 3]] as const).map(([authority, from]) =>
    [from, authority.sign(from, { type: "prepare", ...of(Y) })] as const
  );
  const tell = (type: string, body: unknown) => group.system.tell(group.replicas[1]!, type, body);
  const say: Record<typeof heard[number], () => void> = {
    X: () => tell("pbft.prePrepare", { ...of(X), signature: signed(X), batch: [] }),
    Y: () => tell("pbft.prePrepare", { ...of(Y), signature: signed(Y), batch: [] }),
    "a vote for Y": () => {
      const [from, signature] = votes[0]!;
      tell("pbft.prepare", { ...of(Y), from, signature, primary: signed(Y) });
    },
    "prepared Y": () => {
      const prepared = [{ ...of(Y), signature: signed(Y), prepares: votes }];
      const content = { type: "viewChange", view: 1, stable: INITIAL, prepared: [of(Y)] } as const;
      const signature = second.sign(2, content);
      const wire = { view: 1, stable: INITIAL, stableProof: [], prepared, from: 2, signature };
      tell("pbft.viewChange", wire);
    },
    leave: () => {
      tell("pbft.viewChange", viewChange(second, 2, 1));
      group.system.scheduler.at(group.system.now + 30, () => {
        tell("pbft.viewChange", viewChange(third, 3, 1));
      });
    },
  };
  for (const each of heard) {
    say[each]();
    await group.system.advance(40);
  }
  return (await group.evidence(1)).map(({ replica, offence }) => [replica, offence]);
}

for (
  const heard of [
    ["X", "Y"],
    ["X", "a vote for Y"],
    ["a vote for Y", "X"],
    ["X", "leave", "Y"],
    ["X", "leave", "a vote for Y"],
    ["X", "prepared Y"],
  ] as const
) {
  Deno.test(`an equivocation is proved, heard in this order: ${heard.join(", ")}`, async () => {
    assertEquals(await provedBy(...heard), [[0, "equivocation"]]);
  });
}
Deno.test("one word of a primary proves nothing against it, however often it is heard", async () => {
  assertEquals(await provedBy("X", "X", "leave", "X"), []);
  assertEquals(await provedBy("a vote for Y", "leave", "a vote for Y"), []);
});

// Convictions -------------------------------------------------------------------------------------

type Sent = readonly [to: string, type: string];

function conviction() {
  const members = ["a", "b", "c", "d"].map((node) => {
    return { node, publicKey: "", agreementKey: "" };
  });
  let now = { generation: 1, members, accusers: {}, convicted: {} } as unknown as Configuration;
  let sent: Sent[] = [];
  const due: (() => void)[] = [];
  let heard = 0, dead = 0;
  const services = {
    address: "b/configuration",
    node: "b",
    send: (to: string, type: string) => void sent.push([to, type]),
    timers: { set: (_: number, work: () => void) => void due.push(work) },
    clock: { now: () => 0 },
    deadLetter: () => void dead++,
  } as unknown as Services;
  const convictions = new Convictions({
    services,
    index: 1,
    start: now,
    now: () => now,
    hear: () => heard++ >= 0,
  });
  return {
    convictions,
    /** What is said after a while. */
    next: (change: Partial<Configuration> = {}): Sent[] => {
      now = { ...now, ...change };
      sent = [];
      for (const work of due.splice(0)) work();
      return sent;
    },
    show: (node: string) => {
      const { handle } = convictions.messages["configuration.evidence"]!;
      handle({ replica: 3 } as never, { from: `${node}/configuration` } as Envelope);
      return { heard, dead };
    },
    first: (evidence: Evidence): Sent[] => {
      convictions.accuse(evidence);
      return sent;
    },
  };
}

Deno.test("evidence is shown again to those who have not accused, until the group has convicted", () => {
  const { first, next } = conviction();
  const evidence = { replica: 0, offence: "equivocation" } as Evidence;
  const shown = ["a", "c", "d"].map((node) => [`${node}/configuration`, "configuration.evidence"]);
  assertEquals<unknown>(first(evidence), [...shown, ["b/node", "order"]]);
  assertEquals<unknown>(next(), [...shown, ["b/node", "order"]]);
  assertEquals<unknown>(next({ accusers: { "0": ["b", "c"] } }), [shown[0], shown[2]]);
  assertEquals<unknown>(next({ convicted: { "0": "equivocation" } }), []);
  assertEquals<unknown>(next(), []);
});

Deno.test("who is convicted shows no evidence, and nobody shows it all the time", () => {
  const { convictions, first, show } = conviction();
  show("c");
  show("c");
  show("stranger");
  assertEquals(show("d"), { heard: 2, dead: 2 });
  first({ replica: 0, offence: "equivocation" } as Evidence);
  assert(convictions.isIsolated("a/configuration"));
  assertEquals(show("a"), { heard: 2, dead: 3 });
});

Deno.test("evidence of a group that has been replaced is shown to nobody", () => {
  const { first, next, convictions } = conviction();
  first({ replica: 0, offence: "equivocation" } as Evidence);
  assertEquals(next({ generation: 2 }), []);
  const other = conviction();
  other.first({ replica: 0, offence: "equivocation" } as Evidence);
  other.convictions.stop();
  assertEquals(other.next(), []);
  assert(convictions.isIsolated("a/configuration"));
});

// Speaking for others -----------------------------------------------------------------------------

function relay(via: Via) {
  const heard: Handed[] = [];
  const dead: string[] = [];
  const services = {
    address: "a/configuration",
    deadLetter: (reason: string) => void dead.push(reason),
    send: () => "accepted",
  } as unknown as Services;
  const nodes = ["a", "b", "c", "d"].map((node) => `${node}/configuration`);
  const handler = relayHandler(services, via, () => nodes, () => ({
    "pbft.part": { accepts: () => true, handle: (_, envelope) => void heard.push(envelope) },
  }));
  const hand = (from: string, by: string) =>
    handler.handle(
      { from, to: "a/configuration", type: "pbft.part", body: encode({}) } as never,
      { from: by, metadata: {} } as Handed,
    );
  return { heard, dead, hand };
}

Deno.test("nobody speaks under another name but who hands on where no link leads", () => {
  const { heard, dead, hand } = relay({ d: ["b/configuration", "c/configuration"] });
  // One that is isolated would be heard as another, or as itself.
  hand("c/configuration", "b/configuration");
  hand("b/configuration", "b/configuration");
  hand("d/configuration", "e/configuration");
  assertEquals([heard.length, dead], [0, ["forbidden", "forbidden", "forbidden"]]);
  hand("d/configuration", "b/configuration");
  hand("d/configuration", "c/configuration");
  // What one hands on is not mixed with what another does: it may spoil its own way alone.
  assertEquals(heard.map(({ from }) => from), ["d/configuration", "d/configuration"]);
  assertEquals(new Set(heard.map(pathOf)).size, 2);
});

// States ------------------------------------------------------------------------------------------

Deno.test("a state that moves on while it is fetched goes on from the chunks that are the same", async () => {
  const chunk = (text: string) => new TextEncoder().encode(text);
  const texts = new Map(["same", "old", "new"].map((text) => [sha256(chunk(text)), text]));
  const [same, old, later] = [...texts.keys()] as [string, string, string];
  const manifests = [[same, old], [same, later]];
  const asked: string[] = [];
  let isCut = true;
  const services = {
    ask: (_: string, type: string, { sequence, index }: { sequence: number; index: number }) => {
      const hashes = manifests[sequence - 1]!;
      if (type === "pbft.manifest") return Promise.resolve(hashes);
      const text = texts.get(hashes[index]!)!;
      if (text === "old" && isCut) return Promise.reject(new AskFailed("timeout", "b", type));
      asked.push(text);
      return Promise.resolve(chunk(text));
    },
  } as unknown as Services;
  const transfer = new Transfer({
    services,
    replicas: ["a", "b"],
    service: {} as never,
    timeoutMs: 1,
    handOut: (it) => it,
  });
  const at = (sequence: number) => ({ sequence, digest: digestOfHashes(manifests[sequence - 1]!) });
  assertEquals(await transfer.fetch(at(1), 1), { failed: "silent" });
  assertEquals(await transfer.fetch(at(2), 1), { chunks: [chunk("same"), chunk("new")] });
  assertEquals(asked, ["same", "new"]);
  isCut = false; // What no later state has is not kept.
  await transfer.fetch(at(1), 1);
  assertEquals(asked, ["same", "new", "old"]);
});

// Keys --------------------------------------------------------------------------------------------

Deno.test("a member with keys that are none stops nobody: it is not heard, that is all", () => {
  const secrets = [0, 1, 2].map(() => makeMemberKeys(bytes));
  const [first, second, third] = secrets.map(publicKeysOf);
  for (const junk of ["", "lie", Buffer.alloc(32).toString("base64"), "Ag".padEnd(43, "A") + "="]) {
    const members = {
      "0": first!,
      "1": second!,
      "2": { publicKey: junk, agreementKey: junk },
      "3": third!,
    };
    const keys = new Keys(keyringOf("g", "0", secrets[0]!, members));
    const other = new Keys(keyringOf("g", "1", secrets[1]!, members));
    const text = new TextEncoder().encode("text");
    assert(other.isFrom("0", text, keys.mac("1", text)));
    assert(other.verify("0", text, keys.sign(text)));
    assert(!other.verify("2", text, keys.sign(text)));
    assert(!other.isFrom("2", text, keys.mac("2", text)), junk);
  }
});
