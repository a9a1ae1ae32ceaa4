/**
 * The schema of a profile file: what each key may hold. The loader checks how they fit together.
 *
 * @module
 */
import * as v from "valibot";
import { VICTIM_POLICIES } from "../../protocols/deadlock/victims.ts";
import { type Profile, type ProfileInput, roles, tiers } from "./profiles.ts";

const below = (least: number, expected: string) =>
  v.pipe(
    v.number(`must be ${expected}`),
    v.finite(`must be ${expected}`),
    v.minValue(least, `must be ${expected}`),
  );
const amount = below(0, "a number, 0 or more");
const positive = v.pipe(
  below(0, "a number above 0"),
  v.check((value: number) => value > 0, "must be a number above 0"),
);
const whole = v.pipe(
  below(0, "a whole number, 0 or more"),
  v.safeInteger("must be a whole number, 0 or more"),
);
const count = v.pipe(whole, v.minValue(1, "must be a whole number, 1 or more"));
const share = v.pipe(
  below(0, "from 0 to 1"),
  v.maxValue(1, "must be from 0 to 1"),
);
const name = v.pipe(
  v.string("must be a name"),
  v.regex(/^[a-z][a-z0-9-]{0,31}$/, "must be a name of letters, digits and dashes"),
  v.check(
    (text: string) => !(tiers as readonly string[]).includes(text),
    "must not be the name of a tier",
  ),
);
const end = v.pipe(v.string("must be a tier or a node"), v.minLength(1, "must not be empty"));

const nodeSchema = v.strictObject({
  name,
  tier: v.picklist(tiers, `must be one of ${tiers.join(", ")}`),
  roles: v.array(v.picklist(roles, `must be one of ${roles.join(", ")}`), "must be a list"),
  services: v.exactOptional(v.array(v.string(), "must be a list of names")),
  failureMode: v.exactOptional(
    v.picklist(["crash", "omission", "byzantine"], "must be crash, omission or byzantine"),
  ),
  baseline: v.exactOptional(v.strictObject({
    latencyMs: amount,
    bandwidthMbps: positive,
    cpuPercent: amount,
    memoryGb: amount,
    transactionsPerS: amount,
    lockContentionPercent: amount,
  })),
});

const linkSchema = v.strictObject({
  from: end,
  to: end,
  delayMs: amount,
  jitterMs: v.exactOptional(amount, 0),
  bandwidthMbps: positive,
  loss: v.exactOptional(share, 0),
  duplicate: v.exactOptional(share, 0),
  reorder: v.exactOptional(share, 0),
  oneWay: v.exactOptional(v.boolean("must be true or false")),
  use: v.exactOptional(
    v.picklist(["primary", "backup", "replication"], "must be primary, backup or replication"),
  ),
});

const protocol = v.exactOptional(v.picklist(["2pc", "3pc"], "must be 2pc or 3pc"));

const settingsSchema = v.strictObject({
  heartbeatIntervalMs: v.exactOptional(positive, 1000),
  missedLimit: v.exactOptional(count, 3),
  transactionTimeoutMs: v.exactOptional(positive, 5000),
  maxConcurrentTransactions: v.exactOptional(count, 1000),
  lockTimeoutMs: v.exactOptional(amount, 150),
  victimPolicy: v.exactOptional(
    v.picklist(VICTIM_POLICIES, `must be one of ${VICTIM_POLICIES.join(", ")}`),
    "least-work",
  ),
  leaseMs: v.exactOptional(positive, 2000),
  driftPpm: v.exactOptional(amount, 200),
  resendMs: v.exactOptional(positive, 250),
  synchronous: v.exactOptional(v.boolean("must be true or false")),
  protocols: v.exactOptional(v.strictObject({
    "account.debit": protocol,
    "account.credit": protocol,
    "account.transfer": protocol,
    "number.port": protocol,
    "sim.provision": protocol,
    "session.open": protocol,
  })),
  pbft: v.strictObject({ group: v.array(end, "must be a list of nodes"), f: whole }),
  storage: v.strictObject({ copies: count }),
});

/** The schema of a profile file. It fills in what was left out. */
export const profileSchema: import("valibot").GenericSchema<ProfileInput, Profile> = v
  .strictObject({
    name,
    description: v.exactOptional(v.string("must be text")),
    nodes: v.array(nodeSchema, "must be a list"),
    links: v.array(linkSchema, "must be a list"),
    settings: settingsSchema,
  });
