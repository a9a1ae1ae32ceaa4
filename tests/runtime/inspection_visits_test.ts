/** Onlookers that come and go, many of them, while the roles run. */
import { assert, assertEquals } from "@std/assert";
import { InspectionHub } from "../../runtime/inspection/hub.ts";
import type { Question } from "../../runtime/inspection/questions.ts";
import { InspectorServer } from "../../runtime/inspector/server.ts";
import { Overview } from "../../runtime/inspector/overview.ts";
import { WorkerSystem } from "../../runtime/worker/system.ts";

const COUNTER = {
  address: "here/counter",
  module: new URL("./actor_machines.ts", import.meta.url).href,
  name: "counter",
  config: { start: 0 },
};
const VISITS = 100;

Deno.test("inspection: attached and detached a hundred times while it runs, nothing is lost", async () => {
  await using system = WorkerSystem.create({ nodes: ["here"] });
  await system.spawn(COUNTER);
  const { inspection } = system;
  let whole = 0, begun = 0;
  const all = Promise.withResolvers<void>();
  using always = inspection.attach({ kinds: ["step"], roles: ["here/counter"] }, (records) => {
    whole += records.filter((it) => it.kind === "step" && it.event === "add").length;
    if (whole === VISITS) all.resolve();
  });
  await always.ready();
  for (let i = 1; i <= VISITS; i++) {
    using visit = inspection.attach({ payloads: true }, () => begun++);
    if (i % 2 === 0) await visit.ready();
    system.tell("here/counter", "add", { by: 1 });
    assertEquals(await system.ask("here/counter", "read"), i);
  }
  await all.promise;
  assert(begun > 0, "those who came and went were told of something");
  assertEquals(inspection.attached, 1);
  assertEquals(inspection.figures.dropped, 0);
});

Deno.test("inspection: a role is killed under its onlookers, and is another life after", async () => {
  await using system = WorkerSystem.create({ nodes: ["here"] });
  const { inspection } = system;
  const told: string[] = [];
  let heard = () => {};
  using _ = inspection.attach({}, (records) => {
    for (const it of records) {
      if (it.role !== "here/counter") continue;
      if (it.kind === "roleStarted" || it.kind === "roleEnded") told.push(it.kind);
      else if (it.kind === "step" && it.event === "add") told.push("add");
    }
    heard();
  });
  const until = async (has: () => boolean) => {
    while (!has()) await new Promise<void>((resolve) => heard = resolve);
  };
  for (let life = 0; life < 3; life++) {
    const { terminate } = await system.spawn(COUNTER);
    system.tell("here/counter", "add", { by: 1 });
    await until(() => told.at(-1) === "add");
    const asked = inspection.census("here/counter").then(() => "answered", () => "gone");
    terminate();
    await until(() => told.at(-1) === "roleEnded");
    assert(["answered", "gone"].includes(await asked), "who asked is not left waiting");
  }
  assertEquals(told, Array(3).fill(["roleStarted", "add", "roleEnded"]).flat());
  assertEquals(inspection.roles().map(({ address }) => address), ["main/client"]);
});

Deno.test("inspector: however many pages come and go, the roles are asked by one at a time", async () => {
  const hub = new InspectionHub(() => 0);
  let asked = 0, release = () => {};
  hub.began({
    address: "here/slow",
    incarnation: 1,
    watch: () => {},
    taken: () => {},
    ask: (_: Question) => {
      asked++;
      return new Promise((resolve) => release = () => resolve([]));
    },
  });
  using overview = new Overview(hub);
  for (let i = 0; i < VISITS; i++) overview.watch()[Symbol.dispose]();
  assertEquals(asked, 1);
  {
    using _ = overview.watch();
    release();
    while (overview.tree.roles.length === 0) await Promise.resolve();
    assertEquals(asked, 1);
  }
  using _again = overview.watch();
  assertEquals(asked, 2, "who comes back is not kept waiting");
  release();
});

Deno.test("inspector: the sixty-fifth client is told why it may not stay", async () => {
  await using system = WorkerSystem.create({ nodes: ["here"] });
  await using server = new InspectorServer(system.inspection, { port: 0 });
  const url = new URL("/live", server.url).href.replace("http", "ws");
  const sockets = Array.from({ length: 65 }, () => new WebSocket(url));
  const closed = await Promise.race(
    sockets.map((socket) => new Promise<CloseEvent>((resolve) => socket.onclose = resolve)),
  );
  assertEquals([closed.code, closed.reason], [1013, "64 clients are connected: close one"]);
  const rest = sockets.filter(({ readyState }) => readyState !== WebSocket.CLOSED);
  assertEquals(rest.length, 64);
  const left = rest.map((socket) => new Promise((resolve) => socket.onclose = resolve));
  for (const socket of rest) {
    if (socket.readyState === WebSocket.OPEN) socket.close();
    else socket.onopen = () => socket.close();
  }
  await Promise.all(left);
  while (system.inspection.attached > 0) await new Promise((resolve) => setTimeout(resolve, 5));
});
