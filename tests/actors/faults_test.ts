/** Orders of faults: all of it or nothing, mended as it was laid, written down whoever asks. */
import { assertEquals, assertMatch } from "@std/assert";
import { carryOut, type Fault, type FaultParts, isFaultOrder } from "../../actors/faults.ts";
import type { LinkParameters } from "../../runtime/ports.ts";
import { Switchboard } from "../../runtime/switchboard.ts";

const LAID: LinkParameters = {
  up: true,
  delayMs: 4,
  jitterMs: 0,
  bandwidthMbps: 0,
  loss: 0.01,
  duplicate: 0,
  reorder: 0,
};
const LINK = [{ from: "edge-1", to: "core-1" }];

function stage(enabled = true) {
  const links = new Switchboard(["edge-1", "core-1", "core-2"]);
  links.connect("edge-1", "core-1", LAID);
  const done: string[] = [], log: string[] = [];
  const parts: FaultParts = {
    cluster: {
      plan: { faults: enabled, nodes: links.nodes.map((name) => ({ name })) },
      spec: (role) => ["core-1/coordinator", "core-2/configuration"].includes(role) || undefined,
      roster: { primary: () => Promise.resolve("core-2") },
      killRole: (role) => void done.push(`exit ${role}`),
      crashNode: (node) => void done.push(`crash ${node}`),
      restartNode: (node) => void done.push(`restart ${node}`),
    },
    links,
    laid: new Map(),
    soon: (act) => act(),
    ask: (role, type, body) => {
      if (role.startsWith("core-1/")) return Promise.reject(new Error(`Cannot ask ${role}`));
      done.push(`${role} ${type} ${JSON.stringify(body)}`);
      return Promise.resolve(true);
    },
    log: (kind, text) => void log.push(`${kind} ${text}`),
  };
  const order = async (fault: Fault) => {
    const answer = await carryOut({ by: "op", fault }, parts);
    return answer.ok ? "done" : `${answer.reason}: ${answer.message}`;
  };
  return { order, done, log, link: () => links.get("edge-1", "core-1")! };
}

Deno.test("nodes are crashed, started and loaded; what is not there is named", async () => {
  const { order, done, log } = stage();
  assertEquals(await order({ kind: "crash", node: "core-1" }), "done");
  assertEquals(await order({ kind: "restart", node: "core-1" }), "done");
  assertEquals(await order({ kind: "load", node: "core-2", ms: 500 }), "done");
  assertEquals(await order({ kind: "exit", role: "core-1/coordinator" }), "done");
  assertEquals(done, [
    "crash core-1",
    "restart core-1",
    'core-2/node compute {"ms":500}',
    "exit core-1/coordinator",
  ]);
  assertMatch(
    await order({ kind: "crash", node: "core-9" }),
    /unknown: There is no node core-9: there are/,
  );
  assertMatch(
    await order({ kind: "exit", role: "core-9/x" }),
    /unknown: There is no role core-9\/x/,
  );
  assertMatch(await order({ kind: "load", node: "core-1", ms: 1 }), /Cannot ask core-1\/node/);
  assertEquals(done.length, 4);
  assertEquals(log[0], "warning op orders crash core-1");
  assertEquals(log.at(-2), "warning op orders exit core-9/x: refused");
});

Deno.test("who is to lie is named, or whoever leads", async () => {
  const { order, done, log } = stage();
  const lie = (node: string) => order({ kind: "behave", node, behaviours: ["silent"] });
  assertEquals(await lie("primary"), "done");
  assertEquals(done, ['core-2/configuration pbft.behave {"behaviours":["silent"]}']);
  assertEquals(log, ["info the primary is core-2", "warning op orders behave primary silent"]);
  assertMatch(await lie("edge-1"), /There is no role edge-1\/configuration/);
  assertMatch(await order({ kind: "crash", node: "primary" }), /There is no node primary/);
});

Deno.test("a degraded link is mended to what it was laid as, however often it was degraded", async () => {
  const { order, log, link } = stage();
  await order({ kind: "degrade", links: LINK, loss: 0.5 });
  await order({ kind: "degrade", links: LINK, delayMs: 70 });
  await order({ kind: "partition", links: LINK });
  assertEquals(link(), { ...LAID, up: false, loss: 0.5, delayMs: 70 });
  assertEquals(log[1], "warning op orders degrade edge-1>core-1 to delay 70 ms");
  await order({ kind: "heal", links: LINK });
  assertEquals(link(), LAID);
  const unknown = [...LINK, { from: "core-1", to: "core-2" }];
  assertMatch(await order({ kind: "partition", links: unknown }), /There is no link core-1>core-2/);
  assertEquals(link(), LAID, "nothing of it was done");
});

Deno.test("without --faults nothing is done, and it is written down", async () => {
  const { order, done, log } = stage(false);
  assertMatch(
    await order({ kind: "crash", node: "core-1" }),
    /^off: Cannot order a fault: .*--faults/,
  );
  assertEquals([done, log], [[], ["warning op orders crash core-1: refused, faults are off"]]);
});

const malformed: readonly unknown[] = [
  {},
  { by: "op", fault: { kind: "melt" } },
  { by: "op", fault: { kind: "crash" } },
  { by: "op", fault: { kind: "load", node: "core-1" } },
  { by: "op", fault: { kind: "load", node: "core-1", ms: -1 } },
  { by: "op", fault: { kind: "degrade", links: LINK, loss: 1.5 } },
  { by: "op", fault: { kind: "degrade", links: [{ from: "edge-1" }] } },
];

Deno.test("what is no order is told from what is one", () => {
  assertEquals(malformed.filter(isFaultOrder), []);
  assertEquals(isFaultOrder({ by: "op", fault: { kind: "degrade", links: LINK, loss: 1 } }), true);
  assertEquals(isFaultOrder({ by: "op", fault: { kind: "load", node: "core-1", ms: 5 } }), true);
});
