/** The console's server: frames, numbers, pages that do not read, tokens without the role. */
import { assert, assertEquals, assertMatch, assertThrows } from "@std/assert";
import { Acts } from "../../examples/telecom/console/acts.ts";
import { Feed } from "../../examples/telecom/console/feed.ts";
import { type FromServer, readFrame } from "../../examples/telecom/console/protocol.ts";
import { ConsoleServer, type Watched } from "../../examples/telecom/console/server.ts";
import { type Desk, UNREAD_LIMIT, Visitor } from "../../examples/telecom/console/visitor.ts";
import { generateKeys, mint } from "../../examples/telecom/tokens.ts";

const bad: readonly (readonly [frame: unknown, says: RegExp])[] = [
  [new ArrayBuffer(3), /binary frame/],
  ["x".repeat(20_000), /frame of 20000 characters: at most 16384/],
  ["{", /not JSON/],
  ["[]", /no object/],
  ["{}", /type no type/],
  ['{"type":"constructor"}', /type "constructor": there are hello, act, story, capture/],
  ['{"type":"hello","n":"7"}', /n is a number/],
  ['{"type":"hello","token":7}', /token are texts/],
  ['{"type":"act","method":"fault.crash","params":{}}', /act: id is a number/],
  ['{"type":"act","id":1,"method":7,"params":{}}', /it takes method, a text/],
  ['{"type":"act","id":1,"method":"fault.crash","params":[]}', /params, an object/],
  ['{"type":"story","id":1}', /it takes transaction, a text/],
  ['{"type":"capture"}', /capture: id is a number/],
];

for (const [frame, says] of bad) {
  Deno.test(`a frame is refused in words: ${String(frame).slice(0, 50)}`, () => {
    const error = assertThrows(() => readFrame(frame), SyntaxError);
    assertMatch((error as Error).message, says);
  });
}

/** A follower that keeps what it is told. */
function follower(operator: boolean) {
  const told: FromServer[] = [];
  return { operator, told, send: (text: string) => void told.push(JSON.parse(text)) };
}

const log = (text: string) => ({ at: 1, kind: "info", who: "", text } as const);

Deno.test("changes are numbered, resumed from the last one seen, and the log is for operators", () => {
  const feed = new Feed();
  const [operator, guest] = [follower(true), follower(false)];
  feed.follow(operator);
  feed.follow(guest);
  feed.publish({ what: "nodes", down: ["edge-1"] });
  feed.publish({ what: "log", entries: [log("one")] });
  feed.publish({ what: "nodes", down: [] });
  const numbers = ({ told }: typeof operator) => told.map((frame) => "n" in frame ? frame.n : 0);
  assertEquals(numbers(operator), [1, 2, 3]);
  assertEquals(numbers(guest), [1, 3]);
  const back = follower(true);
  assert(feed.resume(back, feed.session, 1));
  assertEquals(back.told, operator.told.slice(1));
  assert(feed.resume(follower(true), feed.session, 3), "nothing was missed");
  assert(!feed.resume(back, "another run of the server", 1));
  assert(!feed.resume(back, feed.session, 4), "it has seen what never was");
  assert(!feed.resume(back, feed.session, 0.5));
  for (let i = 0; i < 3000; i++) feed.publish({ what: "nodes", down: [] });
  assert(!feed.resume(back, feed.session, 3), "that is long gone");
  const seen = feed.n;
  for (let i = 0; i < 30; i++) feed.publish({ what: "nodes", down: ["x".repeat(100_000)] });
  assert(!feed.resume(back, feed.session, seen), "that is more than a page may have unread");
  assert(feed.resume(back, feed.session, feed.n - 10));
});

function socketOf() {
  const sent: FromServer[] = [];
  const closed: (number | undefined)[] = [];
  return {
    sent,
    closed,
    bufferedAmount: 0,
    readyState: 1,
    send: (text: string) => void sent.push(JSON.parse(text)),
    close: (code?: number) => void closed.push(code),
  };
}

function deskOf(change: Partial<Desk> = {}): Desk {
  return {
    feed: new Feed(),
    state: () => ({
      topology: { profile: "p", api: "", faults: false, behaviours: [], nodes: [] },
      down: [],
      links: [],
      samples: [],
      log: [],
    }),
    check: (token) =>
      Promise.resolve(
        token === "good" ? { ok: true, operator: "op" } : { ok: false, message: "no operator's" },
      ),
    act: (_, method) => Promise.resolve(method),
    story: () => Promise.reject(new Error("Nothing is known")),
    capture: () => Promise.resolve(0),
    ...change,
  };
}

Deno.test("an act without a good token is refused in words, with one it is done", async () => {
  const socket = socketOf();
  const visitor = new Visitor(socket, deskOf());
  const act = JSON.stringify({ type: "act", id: 7, method: "fault.crash", params: {} });
  await visitor.receive(act);
  assertMatch(
    JSON.stringify(socket.sent.at(-1)),
    /"id":7,"error":"This needs the operator's token/,
  );
  await visitor.receive('{"type":"hello","token":"bad"}');
  assertEquals((socket.sent.at(-1) as { problem?: string }).problem, "no operator's");
  await visitor.receive(act);
  assertMatch(JSON.stringify(socket.sent.at(-1)), /This needs the operator's token/);
  await visitor.receive('{"type":"hello","token":"good"}');
  await visitor.receive(act);
  assertEquals(socket.sent.at(-1), { type: "done", id: 7, result: "fault.crash" });
  await visitor.receive('{"type":"story","id":8,"transaction":"x"}');
  assertEquals(socket.sent.at(-1), { type: "done", id: 8, error: "Nothing is known" });
});

Deno.test("a page that makes no sense is told so, and then shown the door", async () => {
  const socket = socketOf();
  const visitor = new Visitor(socket, deskOf());
  for (let i = 0; i < 8; i++) await visitor.receive("nonsense");
  assertEquals(socket.sent[0], {
    type: "refused",
    message: "Cannot read a frame that is not JSON",
  });
  assertEquals(socket.closed, [1008]);
  await visitor.receive('{"type":"hello"}');
  assertEquals(socket.sent.length, 8, "it is told no more");
});

Deno.test("a page that says hello over and over is refused, and then shown the door", async () => {
  const socket = socketOf();
  let states = 0;
  const { state } = deskOf();
  const visitor = new Visitor(socket, deskOf({ state: (it) => (states++, state(it)) }));
  for (let i = 0; i < 1000; i++) await visitor.receive('{"type":"hello","token":"bad"}');
  assertEquals(socket.closed[0], 1008);
  assert(states < 20, `everything was told ${states} times`);
});

Deno.test("a page that does not read is cut, and the others are not held up", async () => {
  const desk = deskOf();
  const [slow, quick] = [socketOf(), socketOf()];
  for (const socket of [slow, quick]) await new Visitor(socket, desk).receive('{"type":"hello"}');
  slow.bufferedAmount = UNREAD_LIMIT + 1;
  desk.feed.publish({ what: "nodes", down: [] });
  assertEquals([slow.closed, quick.closed], [[1013], []]);
  assertEquals([slow.sent.length, quick.sent.length], [1, 2]);
  assertEquals(desk.feed.followers, 1);
});

const watched: Watched = {
  topology: deskOf().state(true).topology,
  down: () => [],
  links: () => [],
  sample: () => Promise.reject(new Error("a role is gone")),
  check: deskOf().check,
  act: deskOf().act,
  story: deskOf().story,
  capture: deskOf().capture,
};

Deno.test("it serves its own files under a strict policy, and only to its own pages", async () => {
  await using server = new ConsoleServer(watched, { hostname: "127.0.0.1", port: 0 });
  const url = `http://127.0.0.1:${server.port}`;
  const page = await fetch(url);
  assertMatch(await page.text(), /<title>Trunkline console/);
  const policy = page.headers.get("content-security-policy")!;
  assertMatch(policy, /default-src 'none'; script-src 'self'; style-src 'self'/);
  assert(!/unsafe|\*/.test(policy), policy);
  for (const path of ["/console.js", "/console.css"]) {
    const response = await fetch(url + path);
    assertEquals(response.status, 200);
    assert((await response.text()).length > 1000);
  }
  const status = async (path: string, headers: Record<string, string>, method = "GET") => {
    const response = await fetch(url + path, { headers, method });
    return `${response.status} ${(await response.text()).slice(0, 60)}`;
  };
  assertMatch(await status("/../deno.json", {}), /^404 There is nothing here/);
  assertMatch(await status("/", {}, "POST"), /^405/);
  assertMatch(await status("/live", {}), /^426 This is the console's socket/);
  const foreign = { upgrade: "websocket", connection: "upgrade", origin: "http://evil.example" };
  assertMatch(await rawStatus(server.port, { host: "evil.example", path: "/" }), /403/);
  assertMatch(await rawStatus(server.port, { ...foreign, path: "/live" }), /403/);
});

Deno.test("on any address of loopback it answers to no other name", async () => {
  for (const hostname of ["127.0.0.1", "127.0.0.2", "localhost"]) {
    await using server = new ConsoleServer(watched, { hostname, port: 0 });
    const { port } = server;
    const evil = { host: `rebound.example:${port}`, path: "/" };
    assertMatch(await rawStatus(port, evil, hostname), /403/, hostname);
    assertMatch(
      await rawStatus(port, { host: `127.0.0.1.example:${port}`, path: "/" }, hostname),
      /403/,
    );
    assertMatch(await rawStatus(port, { host: `localhost:${port}`, path: "/" }, hostname), /200/);
  }
});

/** What the first line of an answer says; `fetch` does not let one set these headers. */
async function rawStatus(
  port: number,
  { path, ...headers }: Record<string, string>,
  hostname = "127.0.0.1",
) {
  using socket = await Deno.connect({ hostname, port });
  const lines = Object.entries({ host: `127.0.0.1:${port}`, ...headers });
  const head = lines.map(([name, value]) => `${name}: ${value}\r\n`).join("");
  await socket.write(new TextEncoder().encode(`GET ${path} HTTP/1.1\r\n${head}\r\n`));
  const buffer = new Uint8Array(200);
  const size = await socket.read(buffer) ?? 0;
  return new TextDecoder().decode(buffer.subarray(0, size)).split("\r\n")[0]!;
}

Deno.test("a peer that never reads costs a bounded amount and is cut; figures that fail are told", async () => {
  const big = Array.from({ length: 2000 }, (_, i) => `a-node-with-a-long-name-${i}`);
  let turn = 0;
  await using server = new ConsoleServer({
    ...watched,
    down: () => [...big, `${turn++}`],
  }, { hostname: "127.0.0.1", port: 0 });
  const deaf = await Deno.connect({ hostname: "127.0.0.1", port: server.port });
  const head = ["GET /live HTTP/1.1", `host: 127.0.0.1:${server.port}`, "upgrade: websocket"];
  head.push(
    "connection: upgrade",
    "sec-websocket-version: 13",
    `sec-websocket-key: ${btoa("k".repeat(16))}`,
  );
  await deaf.write(new TextEncoder().encode(head.join("\r\n") + "\r\n\r\n"));
  // A masked text frame, as a browser sends it; its mask is zero.
  const hello = new TextEncoder().encode('{"type":"hello","token":"good"}');
  await deaf.write(new Uint8Array([0x81, 0x80 | hello.length, 0, 0, 0, 0, ...hello]));
  await until(() => server.followers === 1);
  // Changes go on until it has more unread than it may.
  for (let i = 0; i < 400 && server.followers === 1; i++) {
    server.log({ at: 0, kind: "info", who: "", text: "x".repeat(100_000) });
    if (i % 20 === 0) await new Promise((resolve) => setTimeout(resolve, 0));
  }
  assertEquals(server.followers, 0, "it is cut");
  deaf.close();
  const socket = new WebSocket(`ws://127.0.0.1:${server.port}/live`);
  const frames: FromServer[] = [];
  socket.onmessage = ({ data }) => void frames.push(JSON.parse(data));
  await new Promise((resolve) => socket.onopen = resolve);
  socket.send('{"type":"hello","token":"good"}');
  await until(() =>
    frames.some((frame) => /no figures: a role is gone/.test(JSON.stringify(frame)))
  );
  const gone = new Promise((resolve) => socket.onclose = resolve);
  socket.close();
  await gone;
});

async function until(holds: () => boolean): Promise<void> {
  const deadline = performance.now() + 10_000;
  while (!holds()) {
    assert(performance.now() < deadline, `it never was: ${holds}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

Deno.test("acts: faults go to the cluster, other methods through a gateway, errors are words", async () => {
  const { publicKey, privateKey } = await generateKeys();
  const token = (role: "operator" | "subscriber") =>
    mint(privateKey, {
      subject: role,
      role,
      ...(role === "subscriber" ? { msisdn: "254700000000" } : {}),
      ttlMs: 60_000,
      id: crypto.randomUUID(),
    }, Date.now());
  const orders: unknown[] = [], asked: string[] = [], audit: string[] = [];
  const followed: (string | undefined)[] = [];
  let edges = ["edge-1"];
  const acts = new Acts({
    publicKey,
    edges: () => edges,
    coordinators: () => ["core-1/coordinator"],
    ask: (role, type, body) => {
      asked.push(`${role} ${type}`);
      if (type === "transact") {
        assert((body as { readonly named?: boolean }).named);
        return Promise.resolve({ outcome: "committed", answer: null, transaction: "log:7" });
      }
      assertMatch(JSON.stringify(body), /"authorization":"Bearer /);
      return Promise.resolve('{"jsonrpc":"2.0","id":1,"result":{"balance":5}}');
    },
    order: (order) => {
      orders.push(order);
      return Promise.resolve({ ok: true });
    },
    observed: async (work, of) => {
      const value = await work();
      followed.push(of(value));
      return value;
    },
    log: (_, text) => void audit.push(text),
  });
  const operator = await token("operator"), subscriber = await token("subscriber");
  assertEquals(await acts.check(operator), { ok: true, operator: "operator" });
  assertMatch(JSON.stringify(await acts.check(subscriber)), /subscriber's: the console takes/);
  assertMatch(JSON.stringify(await acts.check("x.y.z")), /not a signed JWT/);
  assertEquals(await acts.act(operator, "fault.crash", { node: "edge-1" }), { done: true });
  assertEquals(orders, [{ by: "operator", fault: { kind: "crash", node: "edge-1" } }]);
  assertEquals(await acts.act(operator, "account.balance", { subscriber: "254700000000" }), {
    balance: 5,
  });
  const transfer = { from: "254700000000", to: "254700000001", amount: 1, idempotencyKey: "k" };
  assertEquals(await acts.act(operator, "account.transfer", transfer), {
    outcome: "committed",
    transaction: "log:7",
  });
  assertEquals(asked, ["edge-1/gateway request", "core-1/coordinator transact"]);
  assertEquals(followed, ["log:7"]);
  assertEquals(audit, ["operator asks for account.transfer at the console"]);
  const refused = async (token: string, method: string, params: Record<string, unknown>) =>
    await acts.act(token, method, params).then(() => "done", (error: Error) => error.message);
  assertMatch(await refused(subscriber, "fault.crash", { node: "edge-1" }), /is for the operator/);
  assertMatch(await refused(operator, "fault.crash", {}), /node is missing/);
  assertMatch(await refused(operator, "fault.melt", {}), /There is no method "fault.melt"/);
  assertMatch(
    await refused(operator, "account.transfer", { ...transfer, to: transfer.from }),
    /two/,
  );
  edges = [];
  assertMatch(await refused(operator, "transactions.list", {}), /No edge serves: start one first/);
});
