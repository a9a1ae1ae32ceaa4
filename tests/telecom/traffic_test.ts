import { assert, assertEquals, assertThrows } from "@std/assert";
import { checkCall } from "../../examples/telecom/api.ts";
import {
  createTraffic,
  defaultMix,
  nextArrivalMs,
  type TrafficOptions,
  zipf,
} from "../../examples/telecom/traffic.ts";
import { seeded } from "./support.ts";

function assertNear(actual: number, expected: number, share: number, what: string): void {
  const message = `${what}: ${actual} is not within ${share * 100} % of ${expected}`;
  assert(Math.abs(actual - expected) <= share * expected, message);
}

Deno.test("arrivals: exponential, with the mean and the deviation of their rate", () => {
  const random = seeded(1);
  const gaps = Array.from({ length: 100_000 }, () => nextArrivalMs(random, 200));
  const mean = gaps.reduce((sum, gap) => sum + gap, 0) / gaps.length;
  const variance = gaps.reduce((sum, gap) => sum + (gap - mean) ** 2, 0) / gaps.length;
  assertNear(mean, 5, 0.02, "mean");
  assertNear(Math.sqrt(variance), 5, 0.02, "deviation");
  const short = gaps.filter((gap) => gap < 5 * Math.LN2).length;
  assertNear(short, 50_000, 0.02, "below the median");
  assertEquals(nextArrivalMs(() => 0, 200), 0);
  assert(Number.isFinite(nextArrivalMs(() => 1 - 2 ** -53, 200)));
});

Deno.test("Zipf: every rank in proportion to 1 / (k + 1)^s", () => {
  for (
    const [n, s] of [[1, 1], [2, 1], [10, 0.5], [10, 0.99], [10, 1], [10, 2], [1000, 1]] as const
  ) {
    const random = seeded(n * 100 + s * 10);
    const sample = zipf(n, s);
    const draws = 200_000;
    const counts = new Array<number>(n).fill(0);
    for (let i = 0; i < draws; i++) counts[sample(random)]! += 1;
    let norm = 0;
    for (let k = 1; k <= n; k++) norm += k ** -s;
    let chiSquare = 0;
    for (const [k, count] of counts.entries()) {
      const expected = draws * (k + 1) ** -s / norm;
      chiSquare += (count - expected) ** 2 / expected;
    }
    // Five deviations of chi-square with n - 1 degrees of freedom above its mean.
    assert(chiSquare <= n - 1 + 5 * Math.sqrt(2 * n), `n ${n}, s ${s}: chi-square ${chiSquare}`);
  }
});

Deno.test("Zipf: ranks stay in range at the ends of chance and for many ranks", () => {
  for (const n of [1, 2, 10_000_000]) {
    for (const s of [0.1, 0.99, 1, 3]) {
      const sample = zipf(n, s);
      let first = true;
      for (const edge of [0, 1 - 2 ** -53]) {
        first = true;
        const rank = sample(() => first ? (first = false, edge) : 0.5);
        assert(Number.isInteger(rank) && rank >= 0 && rank < n, `n ${n}, s ${s}: ${rank}`);
      }
    }
  }
});

const options = (seed: number, change: Partial<TrafficOptions> = {}): TrafficOptions => ({
  random: seeded(seed),
  subscribers: 1000,
  keyPrefix: "run",
  ...change,
});

Deno.test("the mix comes as asked, and every request is one the API takes", () => {
  const traffic = createTraffic(options(3));
  const counts = new Map<string, number>();
  const keys = new Set<string>();
  const draws = 50_000;
  for (let i = 0; i < draws; i++) {
    const { method, params, subscriber } = traffic.nextOperation();
    if (method === "session.open") traffic.setSession(subscriber, `07-${subscriber}`);
    const kind = method === "session.open" ? "session.validate" : method;
    counts.set(kind, (counts.get(kind) ?? 0) + 1);
    const checked = checkCall(method, params);
    assert(checked.ok, checked.ok ? "" : checked.error.message);
    if ("idempotencyKey" in params) {
      assert(!keys.has(params.idempotencyKey));
      keys.add(params.idempotencyKey);
    }
  }
  for (const [method, percent] of Object.entries(defaultMix)) {
    assertNear(counts.get(method) ?? 0, draws * percent / 100, 0.15, method);
  }
});

Deno.test("a session is opened before it is validated, and again once it is gone", () => {
  const mix = { ...defaultMix };
  for (const key of Object.keys(mix) as (keyof typeof mix)[]) {
    Object.assign(mix, { [key]: key === "session.validate" ? 1 : 0 });
  }
  const traffic = createTraffic(options(4, { mix, subscribers: 2 }));
  const open = new Map<number, string>();
  for (let i = 0; i < 100; i++) {
    const request = traffic.nextOperation();
    const session = open.get(request.subscriber);
    if (request.method === "session.validate") {
      assertEquals(request.params.session, session);
      traffic.setSession(request.subscriber, undefined);
      open.delete(request.subscriber);
    } else {
      assertEquals([request.method, session], ["session.open", undefined]);
      traffic.setSession(request.subscriber, `s${i}`);
      open.set(request.subscriber, `s${i}`);
    }
  }
});

Deno.test("the same seed gives the same traffic; new numbers and SIMs never come twice", () => {
  const requests = (firstSerial: number) => {
    const traffic = createTraffic(options(5, { firstSerial }));
    const made = Array.from({ length: 5000 }, () => traffic.nextOperation());
    return { made, serial: traffic.serial };
  };
  const first = requests(0);
  assertEquals(requests(0), first);
  const next = requests(first.serial);
  const sims = [...first.made, ...next.made].flatMap((request) => {
    if (request.method === "number.port") return [request.params.toImsi];
    return request.method === "sim.provision" ? [request.params.imsi] : [];
  });
  assert(sims.length > 100);
  assertEquals(new Set(sims).size, sims.length);
});

Deno.test("what makes no traffic is told", () => {
  assertThrows(() => nextArrivalMs(() => 0, 0), RangeError);
  assertThrows(() => nextArrivalMs(() => 0, NaN), RangeError);
  assertThrows(() => zipf(0, 1), RangeError);
  assertThrows(() => zipf(10, 0), RangeError);
  assertThrows(() => zipf(10, NaN), RangeError);
  assertThrows(() => createTraffic(options(1, { subscribers: 1 })), RangeError);
  const none = Object.fromEntries(Object.keys(defaultMix).map((key) => [key, 0]));
  assertThrows(() => createTraffic(options(1, { mix: none as typeof defaultMix })), RangeError);
});
