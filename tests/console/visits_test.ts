/** Pages that come, in numbers, and from where they should not. */
import { assert, assertEquals } from "@std/assert";
import { ConsoleServer, type Watched } from "../../examples/telecom/console/server.ts";
import type { FromServer } from "../../examples/telecom/console/protocol.ts";

const watched: Watched = {
  topology: { profile: "p", api: "", faults: false, behaviours: [], nodes: [] },
  down: () => [],
  links: () => [],
  sample: () => new Promise(() => {}),
  check: (token) =>
    Promise.resolve(token === "good" ? { ok: true, operator: "op" } : { ok: false, message: "no" }),
  act: () => Promise.reject(new Error("nothing acts")),
  story: () => Promise.reject(new Error("nothing happens")),
  capture: () => Promise.resolve(0),
};

function connect(port: number): WebSocket {
  return new WebSocket(`ws://127.0.0.1:${port}/live`);
}

const closing = (socket: WebSocket) =>
  new Promise<CloseEvent>((resolve) => socket.addEventListener("close", resolve));

Deno.test("console: fifty pages are told of everything, the sixty-fifth why it may not stay", async () => {
  await using server = new ConsoleServer(watched, { hostname: "127.0.0.1", port: 0 });
  const told = new Map<WebSocket, string[]>();
  const sockets = Array.from({ length: 64 }, () => connect(server.port));
  const heard = sockets.map((socket) => {
    const lines: string[] = [];
    told.set(socket, lines);
    socket.onopen = () => socket.send('{"type":"hello","token":"good"}');
    return new Promise<void>((resolve) => {
      socket.onmessage = ({ data }) => {
        const frame = JSON.parse(data) as FromServer;
        if (frame.type === "welcome") lines.push("welcome");
        if (frame.type !== "change" || frame.change.what !== "log") return;
        lines.push(...frame.change.entries.map(({ text }) => text));
        if (lines.includes("the end")) resolve();
      };
    });
  });
  while (server.followers < 64) await new Promise((resolve) => setTimeout(resolve, 5));
  const { code, reason } = await closing(connect(server.port));
  assertEquals([code, reason], [1013, "64 pages are connected: close one"]);
  const lines = Array.from({ length: 200 }, (_, i) => `line ${i}`);
  for (const text of [...lines, "the end"]) server.log({ at: 0, kind: "info", who: "", text });
  await Promise.all(heard);
  for (const each of told.values()) assertEquals(each, ["welcome", ...lines, "the end"]);
  // One goes, another may come.
  const gone = closing(sockets[0]!);
  sockets[0]!.close();
  await gone;
  const next = connect(server.port);
  next.onopen = () => next.send('{"type":"hello"}');
  await new Promise((resolve) => next.onmessage = resolve);
  const ends = [...sockets.slice(1), next].map(closing);
  for (const socket of [...sockets.slice(1), next]) socket.close();
  await Promise.all(ends);
});

Deno.test("console: it stops at once while pages are open, and they are told", async () => {
  const server = new ConsoleServer(watched, { hostname: "127.0.0.1", port: 0 });
  const sockets = Array.from({ length: 50 }, () => connect(server.port));
  await Promise.all(sockets.map((socket) => new Promise((resolve) => socket.onopen = resolve)));
  const ends = sockets.map(closing);
  const since = performance.now();
  await server[Symbol.asyncDispose]();
  const ms = performance.now() - since;
  assert(ms < 2000, `it took ${ms} ms`);
  assertEquals(new Set((await Promise.all(ends)).map(({ code }) => code)), new Set([1001]));
});
