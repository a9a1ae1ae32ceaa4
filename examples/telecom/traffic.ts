/**
 * The traffic model: when requests come, whom they concern, and what they want.
 *
 * Arrivals are a Poisson process, subscribers are Zipf-distributed, operations follow a mix. All
 * randomness comes from a `random` that gives numbers from 0 up to, not including, 1; the same
 * numbers give the same traffic.
 *
 * @module
 */
import type { ReadParams, WriteParams } from "./methods.ts";
import { seedMsisdn } from "./rows.ts";

/** Numbers from 0 up to, not including, 1. */
export type Random = () => number;

/** Milliseconds to the next arrival of a Poisson process. @param perSecond Its mean rate. */
export function nextArrivalMs(random: Random, perSecond: number): number {
  if (!(perSecond > 0)) {
    throw new RangeError(`Cannot draw an arrival: the rate must be above 0, got ${perSecond}`);
  }
  return -Math.log(1 - random()) / perSecond * 1000;
}

/**
 * A sampler of Zipf's law: of n ranks, rank k (from 0) comes up in proportion to 1 / (k + 1)^s.
 *
 * Rejection-inversion (Hoermann and Derflinger 1996, "Rejection-inversion to generate variates from
 * monotone discrete distributions"): no table, constant time for any n, close to one draw a sample.
 *
 * @param n How many ranks.
 * @param s The exponent, above 0; 0.99 is what YCSB uses.
 */
export function zipf(n: number, s: number): (random: Random) => number {
  if (!Number.isSafeInteger(n) || n < 1) {
    throw new RangeError(`Cannot sample ranks: n must be a whole number from 1, got ${n}`);
  }
  if (!(s > 0 && s < Infinity)) {
    throw new RangeError(`Cannot sample ranks: the exponent must be above 0, got ${s}`);
  }
  // The integral of the hat 1 / x^s, and its inverse; both are exact at s = 1 too.
  const integral = (x: number) => {
    const log = Math.log(x);
    return expm1Over((1 - s) * log) * log;
  };
  const inverse = (y: number) => Math.exp(log1pOver(Math.max(-1, y * (1 - s))) * y);
  const low = integral(1.5) - 1;
  const high = integral(n + 0.5);
  const shortcut = 2 - inverse(integral(2.5) - 2 ** -s);
  return (random) => {
    while (true) {
      const u = high + random() * (low - high);
      const x = inverse(u);
      const k = Math.min(n, Math.max(1, Math.round(x)));
      if (k - x <= shortcut || u >= integral(k + 0.5) - k ** -s) return k - 1;
    }
  };
}

/** (e^x - 1) / x, also near zero. */
function expm1Over(x: number): number {
  return Math.abs(x) > 1e-8 ? Math.expm1(x) / x : 1 + x / 2 * (1 + x / 3);
}

/** ln(1 + x) / x, also near zero. */
function log1pOver(x: number): number {
  return Math.abs(x) > 1e-8 ? Math.log1p(x) / x : 1 - x * (0.5 - x / 3);
}

/** What traffic consists of: the weight of each operation, of any sum. */
export type Mix = {
  readonly [
    M in
      | "session.validate"
      | "account.balance"
      | "account.debit"
      | "account.credit"
      | "account.transfer"
      | "number.port"
      | "sim.provision"
  ]: number;
};

/** The default mix, in per cent. */
export const defaultMix: Mix = {
  "session.validate": 60,
  "account.balance": 15,
  "account.debit": 10,
  "account.credit": 5,
  "account.transfer": 8,
  "number.port": 1,
  "sim.provision": 1,
};

/** A request to send. */
export type TrafficRequest = {
  [M in keyof WriteParams | keyof ReadParams]: {
    readonly method: M;
    readonly params: (WriteParams & ReadParams)[M];
    /** Whose token to send it with. */
    readonly as: "subscriber" | "operator";
    /** The built-in subscriber it is about, whose home edge to send it to; from 0. */
    readonly subscriber: number;
  };
}[keyof WriteParams | keyof ReadParams];

/** What traffic is to be like. */
export interface TrafficOptions {
  /** Where chance comes from. */
  readonly random: Random;
  /** How many built-in subscribers there are. */
  readonly subscribers: number;
  /** Zipf's exponent; 0.99 if not given. */
  readonly exponent?: number;
  /** How often each operation comes; `defaultMix` if not given. */
  readonly mix?: Mix;
  /**
   * What idempotency keys start with, different for every run on the same data: two runs must not
   * mistake each other's requests for repeats.
   */
  readonly keyPrefix: string;
  /** Where to go on giving out new numbers and SIMs; 0 if not given. */
  readonly firstSerial?: number;
}

/** Traffic, and what it must remember. */
export interface Traffic {
  /** The next request. A subscriber without a session opens one before it has one validated. */
  nextOperation(): TrafficRequest;
  /** Tell the session a subscriber was given, or that it is gone: `undefined`. */
  setSession(subscriber: number, session: string | undefined): void;
  /** How many new numbers and SIMs have been given out, with those of `firstSerial`. */
  readonly serial: number;
}

/**
 * Make traffic. Debits are 1 to 1,000 cents and credits, half as many, 1 to 2,000, so that balances
 * neither drain nor grow on the average; transfers are 1 to 1,000.
 *
 * @throws {RangeError} If there are fewer than 2 subscribers, or the mix is empty.
 */
export function createTraffic(options: TrafficOptions): Traffic {
  const { random, subscribers, exponent = 0.99, mix = defaultMix, keyPrefix } = options;
  if (!(subscribers >= 2)) {
    throw new RangeError(`Cannot make traffic: needs 2 subscribers or more, got ${subscribers}`);
  }
  const rank = zipf(subscribers, exponent);
  const pickMethod = weighted(mix);
  const sessions = new Map<number, string>();
  let serial = options.firstSerial ?? 0;
  let keys = 0;
  const cents = (most: number) => 1 + Math.floor(random() * most);
  const key = () => `${keyPrefix}-${++keys}`;
  /** SIMs and numbers apart from those of the built-in subscribers. */
  const newImsi = () => String(639_030_000_000_000 + serial);
  const newMsisdn = () => String(254_800_000_000 + serial);

  function nextOperation(): TrafficRequest {
    const method = pickMethod(random);
    const who = rank(random);
    const msisdn = seedMsisdn(who);
    const own = { as: "subscriber", subscriber: who } as const;
    const ops = { as: "operator", subscriber: who } as const;
    switch (method) {
      case "session.validate": {
        const session = sessions.get(who);
        return session === undefined
          ? { method: "session.open", params: { subscriber: msisdn }, ...own }
          : { method, params: { session }, ...own };
      }
      case "account.balance":
        return { method, params: { subscriber: msisdn }, ...own };
      case "account.debit": {
        const params = { subscriber: msisdn, amount: cents(1000), idempotencyKey: key() };
        return { method, params, ...own };
      }
      case "account.credit": {
        const params = { subscriber: msisdn, amount: cents(2000), idempotencyKey: key() };
        return { method, params, ...ops };
      }
      case "account.transfer": {
        const other = rank(random);
        const to = seedMsisdn(other === who ? (who + 1) % subscribers : other);
        const params = { from: msisdn, to, amount: cents(1000), idempotencyKey: key() };
        return { method, params, ...own };
      }
      case "number.port": {
        const params = { msisdn, toImsi: newImsi(), idempotencyKey: key() };
        serial++;
        return { method, params, ...ops };
      }
      case "sim.provision": {
        const names = { imsi: newImsi(), msisdn: newMsisdn() };
        serial++;
        return { method, params: { ...names, balance: 100_000, idempotencyKey: key() }, ...ops };
      }
    }
  }

  return {
    nextOperation,
    setSession(subscriber, session) {
      if (session === undefined) sessions.delete(subscriber);
      else sessions.set(subscriber, session);
    },
    get serial() {
      return serial;
    },
  };
}

function weighted(mix: Mix): (random: Random) => keyof Mix {
  const entries = Object.entries(mix) as [keyof Mix, number][];
  const total = entries.reduce((sum, [, weight]) => sum + weight, 0);
  if (!(total > 0 && total < Infinity) || entries.some(([, weight]) => !(weight >= 0))) {
    throw new RangeError("Cannot make traffic: the mix must have weights of 0 or more, and one");
  }
  return (random) => {
    let left = random() * total;
    for (const [method, weight] of entries) {
      left -= weight;
      if (left < 0) return method;
    }
    // Rounding can leave a hair above zero: the last that has a weight.
    return entries.findLast(([, weight]) => weight > 0)?.[0] ?? "session.validate";
  };
}
