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
    enabled,
    nodes: links.nodes,
    links,
    laid: new Map(),
    knows: (role) => role === "core-1/coordinator",
    exit: (role) => void done.push(`exit ${role}`),
    crash: (node) => void done.push(`crash ${node}`),
    restart: (node) => void done.push(`restart ${node}`),
    load: (node, ms) => void done.push(`load ${node} ${ms}`),
    log: (kind, text) => void log.push(`${kind} ${text}`),
  };
  const order = (fault: Fault) => {
    const answer = carryOut({ by: "op", fault }, parts);
    return answer.ok ? "done" : `${answer.reason}: ${answer.message}`;
  };
  return { order, done, log, link: () => links.get("edge-1", "core-1")! };
}

Deno.test("nodes are crashed, started and loaded; what is not there is named", () => {
  const { order, done, log } = stage();
  assertEquals(order({ kind: "crash", node: "core-1" }), "done");
  assertEquals(order({ kind: "restart", node: "core-1" }), "done");
  assertEquals(order({ kind: "load", node: "core-2", ms: 500 }), "done");
  assertEquals(order({ kind: "exit", role: "core-1/coordinator" }), "done");
  assertEquals(done, [
    "crash core-1",
    "restart core-1",
    "load core-2 500",
    "exit core-1/coordinator",
  ]);
  assertMatch(
    order({ kind: "crash", node: "core-9" }),
    /unknown: There is no node core-9: there are/,
  );
  assertMatch(order({ kind: "exit", role: "core-9/x" }), /unknown: There is no role core-9\/x/);
  assertEquals(done.length, 4);
  assertEquals(log[0], "warning op orders crash core-1");
  assertEquals(log.at(-1), "warning op orders exit core-9/x: refused");
});

Deno.test("a degraded link is mended to what it was laid as, however often it was degraded", () => {
  const { order, log, link } = stage();
  order({ kind: "degrade", links: LINK, loss: 0.5 });
  order({ kind: "degrade", links: LINK, delayMs: 70 });
  order({ kind: "partition", links: LINK });
  assertEquals(link(), { ...LAID, up: false, loss: 0.5, delayMs: 70 });
  assertEquals(log[1], "warning op orders degrade edge-1>core-1 to delay 70 ms");
  order({ kind: "heal", links: LINK });
  assertEquals(link(), LAID);
  const unknown = [...LINK, { from: "core-1", to: "core-2" }];
  assertMatch(order({ kind: "partition", links: unknown }), /There is no link core-1>core-2/);
  assertEquals(link(), LAID, "nothing of it was done");
});

Deno.test("without --faults nothing is done, and it is written down", () => {
  const { order, done, log } = stage(false);
  assertMatch(order({ kind: "crash", node: "core-1" }), /^off: Cannot order a fault: .*--faults/);
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
