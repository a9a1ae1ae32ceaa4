/** The inspector's server: who may connect, and the Stately inspection protocol. */
import { assert, assertEquals, assertThrows } from "@std/assert";
import { createWebSocketReceiver } from "@statelyai/inspect";
import { createMachine } from "xstate";
import { InspectorServer } from "../../runtime/inspector/server.ts";
import { WorkerSystem } from "../../runtime/worker/system.ts";

const COUNTER = {
  module: new URL("./actor_machines.ts", import.meta.url).href,
  name: "counter",
  config: { start: 1 },
};

/** Two counters and an inspector. */
class Scene implements AsyncDisposable {
  private constructor(readonly system: WorkerSystem, readonly server: InspectorServer) {}

  static async start(options: { readonly patienceMs?: number } = {}): Promise<Scene> {
    const system = WorkerSystem.create({ nodes: ["one", "two"] });
    await system.spawn({ address: "one/counter", ...COUNTER });
    await system.spawn({ address: "two/counter", ...COUNTER });
    return new Scene(system, new InspectorServer(system.inspection, { port: 0, ...options }));
  }

  at(path: string): string {
    return new URL(path, this.server.url).href;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.server[Symbol.asyncDispose]();
    await this.system[Symbol.asyncDispose]();
  }
}

/** One event of the protocol, as a client reads it. */
interface StatelyEvent {
  readonly type: string;
  readonly sessionId: string;
  readonly rootId: string;
  readonly parentId?: string;
  readonly name?: string;
  readonly definition?: string;
  readonly event?: { readonly type: string; readonly by?: number };
  readonly snapshot?: { readonly value: unknown; readonly context: { readonly count: number } };
  readonly createdAt: string;
  readonly id: null;
  readonly _version: string;
}

/** A client of the protocol; `until` waits for what it is told. */
class Receiver implements Disposable {
  readonly events: StatelyEvent[] = [];
  readonly #waiting: { readonly found: () => boolean; readonly done: () => void }[] = [];
  readonly #subscription: { unsubscribe(): void };

  constructor(server: string) {
    this.#subscription = createWebSocketReceiver({ server }).subscribe((event) => {
      this.events.push(event as unknown as StatelyEvent);
      for (const { found, done } of this.#waiting) if (found()) done();
    });
  }

  async until(has: (event: StatelyEvent) => boolean): Promise<StatelyEvent> {
    const found = () => this.events.find(has);
    await new Promise<void>((done) => {
      if (found() !== undefined) return done();
      this.#waiting.push({ found: () => found() !== undefined, done });
    });
    return found()!;
  }

  [Symbol.dispose](): void {
    this.#subscription.unsubscribe();
  }
}

// The receiver has no way to be closed: its socket goes with the server.
const unguarded = { sanitizeOps: false, sanitizeResources: false };

Deno.test({
  name: "stately: who comes late is told of every actor, its definition and its present snapshot",
  ...unguarded,
  fn: async () => {
    await using scene = await Scene.start();
    scene.system.tell("one/counter", "add", { by: 41 });
    assertEquals(await scene.system.ask("one/counter", "read"), 42);
    using late = new Receiver(scene.at("/ws").replace("http", "ws"));
    const counter = await late.until(({ type, name }) =>
      type === "@xstate.actor" && name === "counter one/counter"
    );
    assertEquals(counter.sessionId, "one/counter/x:1");
    assertEquals([counter.parentId, counter.rootId], ["one/counter/x:0", "one/counter/x:0"]);
    assertEquals(counter.snapshot!.context.count, 42);
    const copy = createMachine(JSON.parse(counter.definition!));
    assertEquals(Object.keys(copy.states), ["open", "pausing", "done"]);
    await late.until(({ type, sessionId }) =>
      type === "@xstate.snapshot" && sessionId === "two/counter/x:1"
    );
    const actors = late.events.filter(({ type }) => type === "@xstate.actor");
    const ids = actors.map(({ sessionId }) => sessionId);
    assertEquals(new Set(ids).size, ids.length);
    assertEquals(ids.filter((id) => /^(one|two)\//.test(id)).sort(), [
      "one/counter/x:0",
      "one/counter/x:1",
      "two/counter/x:0",
      "two/counter/x:1",
    ]);
  },
});

Deno.test({
  name: "stately: every event and snapshot of two workers arrives, in order",
  ...unguarded,
  fn: async () => {
    await using scene = await Scene.start();
    using receiver = new Receiver(scene.at("/ws").replace("http", "ws"));
    for (const node of ["one", "two"]) {
      await receiver.until(({ type, sessionId }) =>
        type === "@xstate.snapshot" && sessionId === `${node}/counter/x:1`
      );
    }
    const wanted = Array.from({ length: 50 }, (_, i) => i + 1);
    for (const by of wanted) {
      scene.system.tell("one/counter", "add", { by });
      scene.system.tell("two/counter", "add", { by });
    }
    for (const node of ["one", "two"]) {
      const sessionId = `${node}/counter/x:1`;
      const own = ({ type, sessionId: id }: StatelyEvent) =>
        type === "@xstate.event" && id === sessionId;
      const end = 1 + 50 * 51 / 2;
      await receiver.until((it) =>
        it.type === "@xstate.snapshot" && it.sessionId === sessionId &&
        it.snapshot!.context.count === end
      );
      assertEquals(receiver.events.filter(own).map(({ event }) => event!.by), wanted);
    }
    for (const { id, createdAt, _version, rootId } of receiver.events) {
      assertEquals(id, null);
      assert(
        /^\d+$/.test(createdAt) && /^\d+\.\d+\.\d+$/.test(_version) && rootId.endsWith("/x:0"),
      );
    }
  },
});

Deno.test({
  name: "stately: a restarted role is another actor",
  ...unguarded,
  fn: async () => {
    await using scene = await Scene.start();
    using receiver = new Receiver(scene.at("/ws").replace("http", "ws"));
    await receiver.until(({ sessionId }) => sessionId === "one/counter/x:1");
    await scene.system.ask("one/counter", "$stop");
    await scene.system.spawn({ address: "one/counter", ...COUNTER });
    scene.system.tell("one/counter", "add", { by: 1 });
    const again = await receiver.until(({ type, sessionId }) =>
      type === "@xstate.actor" && sessionId.startsWith("one/counter.2/")
    );
    assertEquals(again.rootId, "one/counter.2/x:0");
  },
});

Deno.test("inspector: nobody is attached while nobody is connected", async () => {
  await using scene = await Scene.start();
  assertEquals(scene.system.inspection.attached, 0);
  const socket = new WebSocket(scene.at("/live").replace("http", "ws"));
  const news = await new Promise<string>((resolve) =>
    socket.onmessage = ({ data }) => resolve(data)
  );
  assert("tree" in JSON.parse(news));
  assert(scene.system.inspection.attached > 0);
  const closed = new Promise((resolve) => socket.onclose = resolve);
  socket.close();
  await closed;
  // The server hears of it a moment later.
  while (scene.system.inspection.attached > 0) await new Promise((r) => setTimeout(r, 5));
});

Deno.test("inspector: what is asked in a wrong way is refused with a reason", async () => {
  await using scene = await Scene.start();
  const status = async (path: string, init: RequestInit = {}) => {
    const response = await fetch(scene.at(path), init);
    await response.body?.cancel();
    return response.status;
  };
  assertEquals(await status("/"), 200);
  assertEquals(await status("/nothing"), 404);
  assertEquals(await status("/", { method: "POST" }), 405);
  assertEquals(await status("/ws"), 426);
  assertEquals(await status("/live"), 426);
  const page = await fetch(scene.at("/"));
  await page.body?.cancel();
  assert(page.headers.get("content-security-policy")!.startsWith("default-src 'none'"));
});

/** Shakes hands by hand; answers with the first line. The browser's own rules do not apply. */
async function handshake(url: string, headers: Readonly<Record<string, string>>): Promise<string> {
  const { hostname, port, pathname, search } = new URL(url);
  using connection = await Deno.connect({ hostname, port: Number(port) });
  const lines = Object.entries({
    host: `${hostname}:${port}`,
    upgrade: "websocket",
    connection: "Upgrade",
    "sec-websocket-version": "13",
    "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
    ...headers,
  }).map(([name, value]) => `${name}: ${value}\r\n`);
  const request = `GET ${pathname}${search} HTTP/1.1\r\n${lines.join("")}\r\n`;
  await connection.write(new TextEncoder().encode(request));
  const answer = new Uint8Array(1024);
  const size = await connection.read(answer) ?? 0;
  return new TextDecoder().decode(answer.subarray(0, size)).split("\r\n")[0]!;
}

Deno.test({
  name: "inspector: a page of another origin, or of another name of this machine, is refused",
  ...unguarded,
  fn: async () => {
    await using scene = await Scene.start();
    const url = scene.at("/ws");
    const { host, origin } = new URL(url);
    assert((await handshake(url, { origin })).includes("101"));
    assert((await handshake(url, { origin: "https://evil.example" })).includes("403"));
    assert((await handshake(url, { origin: "null" })).includes("403"));
    assert((await handshake(url, { host: `evil.example:${host.split(":")[1]}` })).includes("403"));
  },
});

Deno.test({
  name: "inspector: off loopback there must be a token, and a socket must bring it",
  ...unguarded,
  fn: async () => {
    await using scene = await Scene.start();
    const { inspection } = scene.system;
    assertThrows(
      () => new InspectorServer(inspection, { hostname: "0.0.0.0", port: 0 }),
      RangeError,
    );
    await using server = new InspectorServer(inspection, {
      hostname: "0.0.0.0",
      port: 0,
      token: "sesame",
    });
    const bare = new URL("/ws", server.url).href;
    assertEquals(new URL(server.url).searchParams.get("token"), "sesame");
    assert((await handshake(bare, {})).includes("401"));
    assert((await handshake(`${bare}?token=wrong!`, {})).includes("401"));
    assert((await handshake(`${bare}?token=sesame`, {})).includes("101"));
  },
});

Deno.test("inspector: a wish that is not understood closes that page's socket, with the reason", async () => {
  await using scene = await Scene.start();
  const rows: readonly (readonly [string | Uint8Array<ArrayBuffer>, RegExp])[] = [
    ["nonsense", /JSON/],
    ['{"wish":1}', /show, open or log/],
    ["null", /object/],
    [new Uint8Array(3), /text/],
    [`"${"x".repeat(5000)}"`, /4096/],
  ];
  for (const [frame, expected] of rows) {
    const socket = new WebSocket(scene.at("/live").replace("http", "ws"));
    const closed = new Promise<CloseEvent>((resolve) => socket.onclose = resolve);
    socket.onopen = () => socket.send(frame);
    const { code, reason } = await closed;
    assertEquals(code, 1008);
    assert(expected.test(reason), reason);
  }
});

Deno.test({
  name: "inspector: a client that never reads is cut off; the roles and the others do not notice",
  ...unguarded,
  fn: async () => {
    await using scene = await Scene.start({ patienceMs: 300 });
    const { hostname, port } = new URL(scene.server.url);
    using lazy = await Deno.connect({ hostname, port: Number(port) });
    const request = `GET /ws HTTP/1.1\r\nhost: ${hostname}:${port}\r\nupgrade: websocket\r\n` +
      "connection: Upgrade\r\nsec-websocket-version: 13\r\n" +
      "sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    await lazy.write(new TextEncoder().encode(request));
    using quick = new Receiver(scene.at("/ws").replace("http", "ws"));
    await quick.until(({ sessionId }) => sessionId === "one/counter/x:1");
    let told = 0;
    while (scene.server.cut === 0) {
      for (let i = 0; i < 500; i++) scene.system.tell("one/counter", "add", { by: 1 });
      told += 500;
      assertEquals(await scene.system.ask("one/counter", "read"), 1 + told);
    }
    await quick.until(({ type, snapshot }) =>
      type === "@xstate.snapshot" && snapshot!.context?.count === 1 + told
    );
  },
});
