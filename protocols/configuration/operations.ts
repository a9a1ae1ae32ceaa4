/**
 * What a configuration is, and what may be ordered of it; see `configuration.ts` for what follows.
 *
 * @module
 */

/** The name under which operators order. */
export const OPERATOR = "operator";

/** A member of the group that orders. */
export type Member = {
  /** The node its replica is on. */
  readonly node: string;
  /** Its Ed25519 public key, base64. */
  readonly publicKey: string;
  /** Its X25519 public key, base64: from two of them a pair derives its secret. */
  readonly agreementKey: string;
};

/** Who answers for a log of decisions. */
export type LogOwnership = {
  /** Node whose coordinator owns it. */
  readonly owner: string;
  /** Node it is being handed over to. */
  readonly to?: string;
  /** Digest of its records, once it is sealed. */
  readonly sealed?: string;
};

/** Limits that may change while transactions run. */
export type LiveSettings = {
  /** Transactions a coordinator runs at once. */
  readonly maxConcurrentTransactions: number;
};

/** The configuration. */
export type Configuration = {
  /** Counts changes, from 1. */
  readonly epoch: number;
  /** Counts memberships, from 1: each is a group of its own. */
  readonly generation: number;
  /** Replicas by number. */
  readonly members: readonly Member[];
  /** How many of them may lie. */
  readonly faulty: number;
  /** Tier by node. */
  readonly nodes: Readonly<Record<string, string>>;
  /** Nodes whose coordinators begin transactions. */
  readonly coordinators: readonly string[];
  /** Logs by id. */
  readonly logs: Readonly<Record<string, LogOwnership>>;
  /** The node that keeps each shard. */
  readonly shards: readonly string[];
  readonly settings: LiveSettings;
  /** Nodes that accuse a replica, by its number. */
  readonly accusers: Readonly<Record<string, readonly string[]>>;
  /** What convicted replicas have done, by number. */
  readonly convicted: Readonly<Record<string, string>>;
  /** What members that were replaced had been convicted of, the first first. */
  readonly replaced: readonly { readonly node: string; readonly offence: string }[];
};

/** What may be ordered. */
export type ConfigurationOperation =
  | { readonly op: "register"; readonly log: string; readonly owner: string }
  | {
    readonly op: "handOver";
    readonly epoch: number;
    readonly from: string;
    readonly to: string;
  }
  | { readonly op: "cancel"; readonly epoch: number; readonly from: string }
  | { readonly op: "sealed"; readonly log: string; readonly digest: string }
  | { readonly op: "adopted"; readonly log: string; readonly digest: string }
  | { readonly op: "set"; readonly epoch: number; readonly settings: LiveSettings }
  | {
    readonly op: "accuse";
    readonly generation: number;
    readonly replica: number;
    readonly offence: string;
  }
  | {
    readonly op: "replace";
    readonly epoch: number;
    readonly replica: number;
    readonly member: Member;
  }
  | { readonly op: "get" };

/** Why an operation was refused. */
export type ConfigurationRefusal =
  | "malformed"
  | "forbidden"
  | "stale"
  | "unknown"
  | "impossible"
  | "conflict";

/** What came of an operation. */
export type ConfigurationReply =
  | { readonly ok: true; readonly epoch: number; readonly configuration?: Configuration }
  | {
    readonly ok: false;
    readonly epoch: number;
    readonly reason: ConfigurationRefusal;
    readonly message: string;
  };

const MOST_TRANSACTIONS = 1_000_000;

type Fields = Readonly<Record<string, unknown>>;

function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

const isName = (value: unknown) =>
  typeof value === "string" && value.length > 0 && value.length <= 128;
const isCount = (value: unknown) => Number.isSafeInteger(value) && (value as number) >= 0;

const shapes: Readonly<Record<ConfigurationOperation["op"], (it: Fields) => boolean>> = {
  get: () => true,
  register: (it) => isName(it["log"]) && isName(it["owner"]),
  handOver: (it) => isCount(it["epoch"]) && isName(it["from"]) && isName(it["to"]),
  cancel: (it) => isCount(it["epoch"]) && isName(it["from"]),
  sealed: (it) => isName(it["log"]) && isName(it["digest"]),
  adopted: (it) => isName(it["log"]) && isName(it["digest"]),
  set: (it) => isCount(it["epoch"]) && isLiveSettings(it["settings"]),
  accuse: (it) => isCount(it["generation"]) && isCount(it["replica"]) && isName(it["offence"]),
  replace: (it) => isCount(it["epoch"]) && isCount(it["replica"]) && isMember(it["member"]),
};

/** 32 bytes in base64: what no key can be would stop all who are to verify with it. */
const isKey = (value: unknown) => typeof value === "string" && /^[A-Za-z0-9+/]{43}=$/.test(value);

function isMember(value: unknown): boolean {
  return isFields(value) && isName(value["node"]) && isKey(value["publicKey"]) &&
    isKey(value["agreementKey"]);
}

/** Whether a value is {@link LiveSettings} that can be kept. */
export function isLiveSettings(value: unknown): value is LiveSettings {
  if (!isFields(value)) return false;
  const most = value["maxConcurrentTransactions"];
  return isCount(most) && (most as number) >= 1 && (most as number) <= MOST_TRANSACTIONS;
}

/** Whether a value is an operation: clients may send anything. */
export function isOperation(value: unknown): value is ConfigurationOperation {
  if (!isFields(value) || typeof value["op"] !== "string") return false;
  return Object.hasOwn(shapes, value["op"]) &&
    shapes[value["op"] as ConfigurationOperation["op"]](value);
}
