/**
 * The folder a cluster keeps its data in: who may open it, what it was made for, and the keys its
 * tokens are signed with.
 *
 * | file | what it holds |
 * |---|---|
 * | `cluster.json` | {@linkcode ClusterRecord}: what the folder was made for |
 * | `keys.json` | the key pair, readable by its owner alone |
 * | `members.json` | keys of those who order the configuration, readable by the owner alone |
 * | `lock` | locked by the process that uses the folder; the system lets go when that ends |
 * | `NODE.ROLE.sqlite` | the store of a role |
 *
 * @module
 */
import * as v from "valibot";
import { CommandError, reasonOf } from "./command_error.ts";
import type { ConfigurationKeys } from "../../actors/mod.ts";
import { namesOf, newConfigurationKeys } from "./start.ts";
import type { Profile } from "./profiles.ts";
import { SHARDS } from "./rows.ts";
import { type ExportedKeys, exportKeys, generateKeys, importKeys, type Keys } from "./tokens.ts";
import { writeFileDurably } from "./durable_file.ts";

/** Built-in subscribers of a new folder. */
export const DEFAULT_SUBSCRIBERS = 10_000;

/** Cents of each built-in subscriber. */
const INITIAL_CENTS = 100_000n;
const FORMAT = 1;

const schema = v.strictObject({
  format: v.literal(FORMAT),
  profile: v.string(),
  topology: v.string(),
  subscribers: v.pipe(v.number(), v.safeInteger(), v.minValue(2)),
  epoch: v.pipe(v.number(), v.safeInteger(), v.minValue(1)),
  expected: v.pipe(v.string(), v.regex(/^\d{1,20}$/)),
  created: v.string(),
  stores: v.array(v.string()),
});

/** What `cluster.json` says. */
export interface ClusterRecord {
  readonly format: 1;
  /** Name of the profile. */
  readonly profile: string;
  /** Hash of the nodes, their durable roles and the number of shards. */
  readonly topology: string;
  readonly subscribers: number;
  /** Epoch of the roster. */
  readonly epoch: number;
  /** All money in it, in cents; text, so that no reader rounds it. */
  readonly expected: string;
  readonly created: string;
  /** Stores that exist since the first start was complete; a missing one is lost data. */
  readonly stores: readonly string[];
}

/** What to open. */
export interface DataFolderOptions {
  /** Undefined: a fresh folder that is removed at the end. */
  readonly path: string | undefined;
  readonly profile: Profile;
  /** Undefined: what the folder has, or the default. */
  readonly subscribers: number | undefined;
}

/** An open data folder. Nobody else can open it until it is closed or the process ends. */
export class DataFolder {
  private constructor(
    readonly path: string,
    private readonly ours: boolean,
    private readonly lock: Deno.FsFile,
    readonly keys: Keys,
    /** Of those who order the configuration. */
    readonly configurationKeys: ConfigurationKeys,
    private record: ClusterRecord,
  ) {}

  /** Opens or makes a folder. @throws {CommandError} if it cannot be used. */
  static async open(options: DataFolderOptions): Promise<DataFolder> {
    const ours = options.path === undefined;
    const path = options.path ?? await makeTemporary();
    try {
      return await openFolder(path, ours, options);
    } catch (error) {
      if (ours) await Deno.remove(path, { recursive: true }).catch(() => {});
      if (error instanceof CommandError) throw error;
      throw new CommandError(`Cannot use the data folder ${path}: ${reasonOf(error)}`);
    }
  }

  /** Made by {@linkcode DataFolder.open} alone. @ignore */
  static of(
    path: string,
    ours: boolean,
    lock: Deno.FsFile,
    keys: Keys,
    configurationKeys: ConfigurationKeys,
    record: ClusterRecord,
  ): DataFolder {
    return new DataFolder(path, ours, lock, keys, configurationKeys, record);
  }

  get subscribers(): number {
    return this.record.subscribers;
  }

  /** All money there is to be, in cents. */
  get expectedCents(): bigint {
    return BigInt(this.record.expected);
  }

  /** Names of the stores that are kept in it. */
  get stores(): readonly string[] {
    return this.record.stores;
  }

  /** The cluster has started: from now on a store that is missing is a loss. */
  async keepStores(files: readonly string[]): Promise<void> {
    const stores = [...files].sort();
    if (JSON.stringify(stores) === JSON.stringify(this.record.stores)) return;
    this.record = { ...this.record, stores };
    await writeRecord(this.path, this.record);
  }

  /** Lets others have it, or removes it if it was a temporary one. Never throws. */
  close(): void {
    try {
      this.lock.close();
    } catch {
      // It was closed before.
    }
    if (!this.ours) return;
    try {
      Deno.removeSync(this.path, { recursive: true });
    } catch {
      // Left to whoever tidies the folder of temporary files.
    }
  }
}

async function makeTemporary(): Promise<string> {
  try {
    return await Deno.makeTempDir({ prefix: "trunkline-" });
  } catch (error) {
    throw new CommandError(`Cannot make a temporary data folder: ${reasonOf(error)}`);
  }
}

async function openFolder(
  path: string,
  ours: boolean,
  options: DataFolderOptions,
): Promise<DataFolder> {
  await Deno.mkdir(path, { recursive: true });
  const lock = await takeLock(path);
  try {
    const kept = await readJson(`${path}/cluster.json`);
    const record = kept === undefined
      ? await newRecord(path, options)
      : await check(path, kept, options);
    const keys = await openKeys(path, kept === undefined);
    const configurationKeys = await openConfigurationKeys(path, options.profile);
    // Last: a folder that was left half made is made again.
    if (kept === undefined) await writeRecord(path, record);
    for (const name of record.stores) await Deno.stat(`${path}/${name}`).catch(missing(path, name));
    return DataFolder.of(path, ours, lock, keys, configurationKeys, record);
  } catch (error) {
    lock.close();
    throw error;
  }
}

function missing(path: string, name: string): () => never {
  return () => {
    throw new CommandError(`Cannot use the data folder ${path}: ${name} is missing; restore it`);
  };
}

/** Locks the folder for as long as this process lives: no crash leaves it locked. */
async function takeLock(path: string): Promise<Deno.FsFile> {
  const lock = await Deno.open(`${path}/lock`, { read: true, write: true, create: true });
  if (!await lock.tryLock(true)) {
    const holder = (await Deno.readTextFile(`${path}/lock`).catch(() => "")).trim();
    lock.close();
    const who = /^\d+$/.test(holder) ? `process ${holder}` : "another process";
    throw new CommandError(`Cannot use the data folder ${path}: ${who} is using it`);
  }
  await lock.truncate(0);
  await lock.write(new TextEncoder().encode(`${Deno.pid}\n`));
  return lock;
}

async function readJson(file: string): Promise<unknown> {
  let text: string;
  try {
    text = await Deno.readTextFile(file);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
  try {
    return JSON.parse(text);
  } catch {
    throw new CommandError(`Cannot use ${file}: it is not JSON`);
  }
}

async function newRecord(path: string, options: DataFolderOptions): Promise<ClusterRecord> {
  for await (const { name } of Deno.readDir(path)) {
    if (!name.endsWith(".sqlite")) continue;
    throw new CommandError(
      `Cannot use the data folder ${path}: it has stores such as ${name} but no cluster.json`,
    );
  }
  const { profile, subscribers = DEFAULT_SUBSCRIBERS } = options;
  return {
    format: FORMAT,
    profile: profile.name,
    topology: await topologyOf(profile),
    subscribers,
    epoch: 1,
    expected: String(BigInt(subscribers) * INITIAL_CENTS),
    created: new Date().toISOString(),
    stores: [],
  };
}

async function check(
  path: string,
  kept: unknown,
  { profile, subscribers }: DataFolderOptions,
): Promise<ClusterRecord> {
  const parsed = v.safeParse(schema, kept);
  if (!parsed.success) {
    const [issue] = parsed.issues;
    const where = v.getDotPath(issue) ?? "it";
    throw new CommandError(`Cannot use ${path}/cluster.json: ${where}: ${issue.message}`);
  }
  const record = parsed.output;
  if (record.profile !== profile.name) {
    throw new CommandError(
      `Cannot use the data folder ${path}: it was made with --profile ${record.profile}, ` +
        `not ${profile.name}`,
    );
  }
  if (record.topology !== await topologyOf(profile)) {
    throw new CommandError(
      `Cannot use the data folder ${path}: profile ${profile.name} had other nodes when it was made`,
    );
  }
  if (subscribers !== undefined && subscribers !== record.subscribers) {
    throw new CommandError(
      `Cannot use the data folder ${path}: it was made with --subscribers ${record.subscribers}, ` +
        `not ${subscribers}`,
    );
  }
  return record;
}

/** What of a profile decides where data is kept. */
async function topologyOf(profile: Profile): Promise<string> {
  const facts = {
    shards: SHARDS,
    gateways: namesOf(profile, "gateway"),
    coordinators: namesOf(profile, "coordinator"),
    participants: namesOf(profile, "participant"),
  };
  const bytes = new TextEncoder().encode(JSON.stringify(facts));
  const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return hash.subarray(0, 16).toHex();
}

async function writeRecord(path: string, record: ClusterRecord): Promise<void> {
  await writeFileDurably(`${path}/cluster.json`, JSON.stringify(record, null, 2) + "\n");
}

async function openKeys(path: string, isNew: boolean): Promise<Keys> {
  const file = `${path}/keys.json`;
  const kept = await readJson(file);
  if (kept !== undefined) {
    try {
      return await importKeys(kept as ExportedKeys);
    } catch (error) {
      throw new CommandError(`Cannot use ${file}: ${reasonOf(error)}`);
    }
  }
  if (!isNew) throw new CommandError(`Cannot use the data folder ${path}: keys.json is missing`);
  const keys = await generateKeys();
  await writeFileDurably(file, JSON.stringify(await exportKeys(keys)) + "\n", 0o600);
  return keys;
}

const seed = v.pipe(v.string(), v.regex(/^[A-Za-z0-9+/]{43}=$/, "must be 32 bytes in base64"));
const memberKeys = v.record(
  v.string(),
  v.strictObject({ privateKey: seed, agreementSecret: seed }),
);
const configurationSchema = v.strictObject({ replicas: memberKeys, clients: memberKeys });

/** Keys of the profile's group; a folder of before there was one is given them. */
async function openConfigurationKeys(path: string, profile: Profile): Promise<ConfigurationKeys> {
  const file = `${path}/members.json`;
  const kept = await readJson(file);
  if (kept === undefined) {
    const bytes = (count: number) => crypto.getRandomValues(new Uint8Array(count));
    const keys = newConfigurationKeys(profile, bytes);
    await writeFileDurably(file, JSON.stringify(keys) + "\n", 0o600);
    return keys;
  }
  const parsed = v.safeParse(configurationSchema, kept);
  const issue = parsed.success ? undefined : v.getDotPath(parsed.issues[0]) ?? "it";
  if (!parsed.success) throw new CommandError(`Cannot use ${file}: ${issue} is no key`);
  const wanted = [...profile.settings.pbft.group.map((node) => parsed.output.replicas[node])];
  if (wanted.includes(undefined as never)) {
    throw new CommandError(
      `Cannot use ${file}: settings.pbft.group had other nodes when it was made`,
    );
  }
  return parsed.output;
}
