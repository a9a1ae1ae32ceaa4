import { assert, assertEquals } from "@std/assert";
import { apiError, type ErrorName } from "../../examples/telecom/api_errors.ts";
import { ClientNumbers, History } from "../../examples/telecom/history.ts";
import { createTraffic, defaultMix } from "../../examples/telecom/traffic.ts";
import {
  CLOSED_LOOP_CLIENTS,
  type DriverOptions,
  type EdgeRequest,
  TrafficDriver,
} from "../../examples/telecom/traffic_driver.ts";
import { AskFailed } from "../../runtime/role.ts";
import { seeded } from "./support.ts";

type Gateway = (edge: string, call: { method: string; params: unknown }) => Promise<unknown>;

const answers: Gateway = (_, { method }) => {
  const result = method === "session.open" ? { session: "00-s" } : {};
  return Promise.resolve(JSON.stringify({ jsonrpc: "2.0", id: 1, result }));
};

function refuses(name: ErrorName): Gateway {
  return () => Promise.resolve(JSON.stringify({ jsonrpc: "2.0", id: 1, error: apiError(name) }));
}

function driverOf(gateway: Gateway, options: Partial<DriverOptions> = {}): TrafficDriver {
  const random = seeded(1);
  return new TrafficDriver({
    traffic: createTraffic({ random, subscribers: 10, keyPrefix: "k" }),
    random,
    tokens: {
      operator: () => Promise.resolve("op"),
      subscriber: (msisdn) => Promise.resolve(msisdn),
    },
    edges: ["edge-1", "edge-2", "edge-3"],
    isUp: () => true,
    send: (edge, { body }: EdgeRequest) => gateway(edge, JSON.parse(body)),
    load: 500,
    prefix: "r",
    ...options,
  });
}

async function drive(driver: TrafficDriver, ms = 300, graceMs = 200) {
  driver.start();
  await new Promise((resolve) => setTimeout(resolve, ms));
  await driver.stop(graceMs);
  return driver.figures();
}

Deno.test("an open loop sends about what it was told to, all of it answered", async () => {
  const { sent, ok, failed, latency, open } = await drive(driverOf(answers), 600);
  assert(sent > 150 && sent < 500, `${sent} in 0.6 s at 500/s`);
  assertEquals([ok, failed, open, latency.count], [sent, 0, 0, sent]);
});

Deno.test("a load of 0 sends nothing", async () => {
  assertEquals((await drive(driverOf(answers, { load: 0 }), 50)).sent, 0);
});

Deno.test("a closed loop keeps all its clients busy and no more", async () => {
  let open = 0, most = 0;
  const slow: Gateway = async (edge, call) => {
    most = Math.max(most, ++open);
    await new Promise((resolve) => setTimeout(resolve, 5));
    open--;
    return await answers(edge, call);
  };
  const { sent, ok } = await drive(driverOf(slow, { load: "max" }));
  assertEquals(most, CLOSED_LOOP_CLIENTS);
  assert(ok > CLOSED_LOOP_CLIENTS && ok === sent);
});

Deno.test("time runs from when a request was due, not from when it was sent", async () => {
  let now = 0;
  const driver = driverOf(answers, { load: 100, now: () => now });
  driver.start();
  now = 1000; // The generator was held up for a second.
  await new Promise((resolve) => setTimeout(resolve, 50));
  await driver.stop(100);
  const { latency, late, sent } = driver.figures();
  assert(sent > 50, `${sent} were due`);
  assert(late > 40, `${late} were late`);
  assert(latency.percentile(0.5) > 300, `${latency.percentile(0.5)} ms`);
});

Deno.test("what cannot be sent because too much is under way counts as failed", async () => {
  const driver = driverOf(() => new Promise(() => {}), { limit: 3 });
  const { sent, ok, failed, shed } = await drive(driver, 200, 10);
  assertEquals([ok, failed, shed], [0, sent, sent - 3]);
});

for (
  const name of [
    "insufficient_funds",
    "unknown_subscriber",
    "duplicate_imsi",
    "balance_limit",
  ] as const
) {
  Deno.test(`${name} is an answer`, async () => {
    const { sent, ok } = await drive(driverOf(refuses(name)), 100);
    assert(sent > 0 && ok === sent);
  });
}

for (
  const name of [
    "timeout",
    "unavailable",
    "overloaded",
    "internal_error",
    "conflict",
    "invalid_params",
  ] as const
) {
  Deno.test(`${name} is no answer`, async () => {
    const { sent, ok, failures } = await drive(driverOf(refuses(name)), 100);
    assertEquals([ok, failures.get(name)], [0, sent]);
  });
}

Deno.test("a session that has ended is opened again", async () => {
  const only = { ...defaultMix };
  for (const name of Object.keys(only)) Object.assign(only, { [name]: 0 });
  const random = seeded(2);
  const mix = { ...only, "session.validate": 1 };
  const called: string[] = [];
  const gateway: Gateway = (edge, call) => {
    called.push(call.method);
    return call.method === "session.open" ? answers(edge, call) : refuses("forbidden")(edge, call);
  };
  const traffic = createTraffic({ random, subscribers: 2, keyPrefix: "k", mix });
  const { sent, ok } = await drive(driverOf(gateway, { traffic }), 200);
  assertEquals(ok, sent);
  assert(called.filter((method) => method === "session.open").length > 2, called.join());
});

Deno.test("subscribers go to their home edge, and to others while it is down", async () => {
  const seen = new Map<string, Set<string>>();
  const gateway: Gateway = (edge, call) => {
    const { subscriber, from, msisdn } = call.params as Record<string, string>;
    const who = subscriber ?? from ?? msisdn;
    if (call.method !== "sim.provision" && who !== undefined) {
      const edges = seen.get(who) ?? new Set();
      seen.set(who, edges.add(edge));
    }
    return answers(edge, call);
  };
  await drive(driverOf(gateway, { isUp: (edge) => edge !== "edge-2" }));
  for (const [msisdn, edges] of seen) {
    const home = Number(BigInt(msisdn) - 254_700_000_000n) % 3;
    if (home !== 1) assertEquals([...edges], [`edge-${home + 1}`]);
    else assert(!edges.has("edge-2"));
  }
  assert(seen.size > 5);
});

Deno.test("a request that never left goes to another edge, one that may have does not", async () => {
  const gone: Gateway = (edge, call) =>
    edge === "edge-1"
      ? Promise.reject(new AskFailed("unreachable", edge, "request"))
      : answers(edge, call);
  const first = await drive(driverOf(gone), 200);
  assertEquals(first.ok, first.sent);
  const silent: Gateway = (edge) => Promise.reject(new AskFailed("timeout", edge, "request"));
  const second = await drive(driverOf(silent), 100);
  assertEquals(second.failures.get("timeout"), second.sent);
});

Deno.test("the history has each invocation before it is sent, and its return", async () => {
  const path = await Deno.makeTempFile({ prefix: "trunkline-test-" });
  try {
    const history = new History(path, () => performance.now());
    const lines = () => Deno.readTextFileSync(path).trimEnd().split("\n").map((l) => JSON.parse(l));
    const gateway: Gateway = (edge, call) => {
      const { id } = call as unknown as { id: string };
      const written = lines().find((line) => line.id === id);
      assertEquals([written.op, written.args], [call.method, call.params]);
      return written.client === 0 ? new Promise(() => {}) : answers(edge, call);
    };
    const { sent } = await drive(driverOf(gateway, { history, load: 200 }), 200, 10);
    history.close();
    const told = lines();
    const begun = told.filter((line) => "op" in line),
      done = told.filter((line) => "result" in line);
    assertEquals([begun.length, done.length], [sent, sent - 1]);
    assertEquals(new Set(begun.map(({ id }) => id)).size, sent);
    for (const line of done) {
      const { at_us } = begun.find(({ id }) => id === line.id);
      assert(Number.isInteger(at_us) && at_us <= line.at_us);
    }
  } finally {
    await Deno.remove(path);
  }
});

Deno.test("a client does one thing at a time and is gone after an unknown outcome", () => {
  const clients = new ClientNumbers();
  const [a, b] = [clients.take(), clients.take()];
  clients.giveBack(a);
  assertEquals(clients.take(), a);
  assertEquals([b, clients.take()], [1, 2]);
});
