/**
 * The configuration of a cluster as a replicated state machine: who may order what, when it applies,
 * and what follows. Replicas execute its operations in the order of their group (see `pbft/`), so all
 * correct ones have the same configuration in the same epoch.
 *
 * Every operation has a precondition and is idempotent: who did not hear the answer orders it again.
 *
 * | operation  | who                   | what follows                                              |
 * | ---------- | --------------------- | --------------------------------------------------------- |
 * | `register` | the log's owner       | the log has an owner                                      |
 * | `handOver` | operator              | the owner is to seal its log, and begins nothing more     |
 * | `cancel`   | operator              | a hand-over that is not sealed has not been ordered       |
 * | `sealed`   | the owner             | its records have that digest; the successor may take them |
 * | `adopted`  | the successor         | it is the owner                                           |
 * | `set`      | operator              | limits that may change while transactions run             |
 * | `accuse`   | a member's node       | f + 1 of them convict a replica                           |
 * | `replace`  | operator              | another member in the place of one, with its keys         |
 * | `get`      | anyone                | nothing                                                   |
 *
 * @module
 */
import {
  type Configuration,
  type ConfigurationOperation,
  type ConfigurationRefusal,
  type ConfigurationReply,
  isOperation,
  type LogOwnership,
  OPERATOR,
} from "./operations.ts";

export * from "./operations.ts";

type Of<K extends ConfigurationOperation["op"]> = Extract<
  ConfigurationOperation,
  { readonly op: K }
>;
type Outcome = Partial<Configuration> | { readonly refused: ConfigurationRefusal; why: string };

/** Most logs, offences and the like that are kept: an honest cluster comes nowhere near. */
const MOST_LOGS = 1024;
const MOST_REPLACED = 32;

function refuse(refused: ConfigurationRefusal, why: string): Outcome {
  return { refused, why };
}

const nothing: Outcome = {};

/** What each operation makes of a configuration; nothing changed: it had been done before. */
const rules: {
  readonly [K in ConfigurationOperation["op"]]: (
    now: Configuration,
    operation: Of<K>,
    client: string,
  ) => Outcome;
} = {
  get: () => nothing,
  register: (now, { log, owner }, client) => {
    if (client !== owner) return refuse("forbidden", `${client} does not own the log of ${owner}`);
    if (now.nodes[owner] === undefined) return refuse("unknown", `there is no node ${owner}`);
    if (now.logs[log] !== undefined) return nothing;
    if (Object.keys(now.logs).length >= MOST_LOGS) return refuse("impossible", "too many logs");
    return { logs: { ...now.logs, [log]: { owner } } };
  },
  handOver: (now, { from, to }) => {
    const open = logsOf(now, from).filter(([, { to: successor }]) => successor !== to);
    if (logsOf(now, from).length === 0) return refuse("unknown", `${from} owns no log`);
    if (open.length === 0) return nothing;
    if (from === to) return refuse("impossible", `${from} has its logs already`);
    if (!now.coordinators.includes(to)) return refuse("impossible", `${to} does not coordinate`);
    if (logsOf(now, to).some(([, log]) => log.to !== undefined)) {
      return refuse("conflict", `${to} is handing its own logs over`);
    }
    const moved = open.map(([id, log]) => [id, { ...log, to }] as const);
    return {
      coordinators: now.coordinators.filter((node) => node !== from),
      logs: { ...now.logs, ...Object.fromEntries(moved) },
    };
  },
  cancel: (now, { from }) => {
    const open = logsOf(now, from).filter(([, { to }]) => to !== undefined);
    if (open.length === 0) return nothing;
    if (open.some(([, { sealed }]) => sealed !== undefined)) {
      return refuse("conflict", `a log of ${from} is sealed: it can only be handed over`);
    }
    const kept = open.map(([id, { owner }]) => [id, { owner }] as const);
    return {
      coordinators: [...now.coordinators, from].sort(),
      logs: { ...now.logs, ...Object.fromEntries(kept) },
    };
  },
  sealed: (now, { log: id, digest }, client) => {
    const log = now.logs[id];
    if (log === undefined) return refuse("unknown", `there is no log ${id}`);
    if (log.owner !== client) return refuse("forbidden", `${client} does not own ${id}`);
    if (log.sealed === digest) return nothing;
    if (log.sealed !== undefined) return refuse("conflict", `${id} is sealed with other records`);
    // Also where it was canceled meanwhile: it is sealed for good, and has to be handed over again.
    return {
      coordinators: now.coordinators.filter((node) => node !== client),
      logs: { ...now.logs, [id]: { ...log, sealed: digest } },
    };
  },
  adopted: (now, { log: id, digest }, client) => {
    const log = now.logs[id];
    if (log === undefined) return refuse("unknown", `there is no log ${id}`);
    if (log.owner === client && log.to === undefined) return nothing;
    if (log.to !== client) return refuse("forbidden", `${id} is not handed over to ${client}`);
    if (log.sealed !== digest) return refuse("conflict", `${id} is not sealed with these records`);
    return { logs: { ...now.logs, [id]: { owner: client } } };
  },
  set: (now, { settings }) => {
    const { maxConcurrentTransactions: most } = settings;
    return most === now.settings.maxConcurrentTransactions
      ? nothing
      : { settings: { maxConcurrentTransactions: most } };
  },
  accuse: (now, { generation, replica, offence }, client) => {
    const accused = now.members[replica]?.node;
    const isMember = now.members.some(({ node }) => node === client);
    if (generation !== now.generation) return refuse("stale", "that group has been replaced");
    if (accused === undefined) return refuse("unknown", `there is no replica ${replica}`);
    if (!isMember || accused === client) return refuse("forbidden", `${client} may not accuse`);
    if (now.convicted[replica] !== undefined) return nothing;
    const accusers = now.accusers[replica] ?? [];
    if (accusers.includes(client)) return nothing;
    const all = [...accusers, client].sort();
    const named = { accusers: { ...now.accusers, [replica]: all } };
    // One of f + 1 is correct, and has seen the evidence.
    if (all.length <= now.faulty) return named;
    return { ...named, convicted: { ...now.convicted, [replica]: offence } };
  },
  replace: (now, { replica, member }) => {
    const before = now.members[replica];
    if (before === undefined) return refuse("unknown", `there is no replica ${replica}`);
    if (now.nodes[member.node] === undefined) {
      return refuse("unknown", `there is no node ${member.node}`);
    }
    if (now.members.some(({ node }, index) => index !== replica && node === member.node)) {
      return refuse("conflict", `${member.node} has a replica already`);
    }
    if (before.publicKey === member.publicKey) return nothing;
    const offence = now.convicted[replica];
    const { node } = before;
    return {
      replaced: offence === undefined
        ? now.replaced
        : [...now.replaced, { node, offence }].slice(-MOST_REPLACED),
      generation: now.generation + 1,
      members: now.members.map((it, index) => index === replica ? member : it),
      // Evidence is of one group; what a group has convicted another member of stays said.
      accusers: {},
      convicted: Object.fromEntries(
        Object.entries(now.convicted).filter(([index]) => Number(index) !== replica),
      ),
    };
  },
};

const OPERATORS: ReadonlySet<string> = new Set(["handOver", "cancel", "set", "replace"]);

function logsOf({ logs }: Configuration, owner: string): [string, LogOwnership][] {
  return Object.entries(logs).filter(([, log]) => log.owner === owner);
}

/**
 * Executes an operation.
 *
 * @param client member of the group that ordered it, by name: a node, or {@link OPERATOR}
 */
export function applyConfiguration(
  now: Configuration,
  operation: ConfigurationOperation,
  client: string,
): readonly [next: Configuration, reply: ConfigurationReply] {
  const { epoch } = now;
  const refused = (reason: ConfigurationRefusal, message: string) =>
    [now, { ok: false, epoch, reason, message }] as const;
  if (!isOperation(operation)) return refused("malformed", "that is no operation");
  if (operation.op === "get") return [now, { ok: true, epoch, configuration: now }];
  if (OPERATORS.has(operation.op) && client !== OPERATOR) {
    return refused("forbidden", `${operation.op} is for operators`);
  }
  const outcome = (rules[operation.op] as (...args: unknown[]) => Outcome)(now, operation, client);
  if ("refused" in outcome) return refused(outcome.refused, outcome.why);
  // What has been done is not stale: the answer to the first time may have been lost.
  if (Object.keys(outcome).length === 0) return [now, { ok: true, epoch }];
  if ("epoch" in operation && operation.epoch !== epoch) {
    return refused("stale", `the epoch is ${epoch}, not ${operation.epoch}: look again`);
  }
  const next = { ...now, ...outcome, epoch: epoch + 1 };
  return [next, { ok: true, epoch: next.epoch }];
}

/** The node whose coordinator answers for a log; undefined: it is not registered. */
export function ownerOf({ logs }: Configuration, log: string): string | undefined {
  return Object.hasOwn(logs, log) ? logs[log]!.owner : undefined;
}

/**
 * What may be believed of what replicas say: the latest epoch that f + 1 of them tell alike, since
 * one of those is correct. Older than what is known is never believed.
 *
 * @param told digest and epoch by replica
 * @returns the digest to believe, or undefined
 */
export function believable(
  told: Readonly<Record<string, { readonly epoch: number; readonly digest: string }>>,
  faulty: number,
  known: number,
): string | undefined {
  const voices = new Map<string, { readonly epoch: number; count: number }>();
  for (const { epoch, digest } of Object.values(told)) {
    const key = `${epoch} ${digest}`;
    const voice = voices.get(key) ?? { epoch, count: 0 };
    voice.count++;
    voices.set(key, voice);
  }
  let best: string | undefined;
  let latest = known;
  for (const [key, { epoch, count }] of voices) {
    if (count <= faulty || epoch <= latest) continue;
    latest = epoch;
    best = key.slice(key.indexOf(" ") + 1);
  }
  return best;
}
