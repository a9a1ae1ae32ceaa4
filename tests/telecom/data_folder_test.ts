import { assert, assertEquals, assertNotEquals, assertRejects } from "@std/assert";
import { CommandError } from "../../examples/telecom/command_error.ts";
import { DataFolder } from "../../examples/telecom/data_folder.ts";
import { writeFileDurably } from "../../examples/telecom/durable_file.ts";
import { loadProfile } from "../../examples/telecom/profile_loader.ts";
import type { Profile } from "../../examples/telecom/profiles.ts";
import { exportKeys } from "../../examples/telecom/tokens.ts";

function profileOf(name: string): Profile {
  const loaded = loadProfile(name);
  assert(loaded.ok);
  return loaded.profile;
}

const carrier = profileOf("carrier");

async function withFolder(test: (path: string) => Promise<void>): Promise<void> {
  const parent = await Deno.makeTempDir({ prefix: "trunkline-test-" });
  try {
    await test(`${parent}/data`);
  } finally {
    await Deno.remove(parent, { recursive: true });
  }
}

function open(path: string | undefined, subscribers?: number, profile = carrier) {
  return DataFolder.open({ path, profile, subscribers });
}

async function refused(path: string, words: string, subscribers?: number, profile = carrier) {
  const error = await assertRejects(() => open(path, subscribers, profile), CommandError, words);
  assertEquals(error.message.includes("\n"), false);
  assertEquals(error.code, 2);
}

Deno.test("a data folder keeps its keys, subscribers and money", () =>
  withFolder(async (path) => {
    const first = await open(path, 50);
    assertEquals([first.subscribers, first.expectedCents], [50, 5_000_000n]);
    const keys = await exportKeys(first.keys);
    first.close();
    const { mode } = await Deno.stat(`${path}/keys.json`);
    assertEquals(mode! & 0o777, 0o600);
    const second = await open(path);
    assertEquals([second.subscribers, second.expectedCents], [50, 5_000_000n]);
    assertEquals(await exportKeys(second.keys), keys);
    second.close();
    const left = [...Deno.readDirSync(path)].map(({ name }) => name).sort();
    assertEquals(left, ["cluster.json", "keys.json", "lock", "members.json"]);
  }));

Deno.test("a temporary data folder is removed, and two have different keys", async () => {
  const [a, b] = [await open(undefined), await open(undefined)];
  assertEquals(a.subscribers, 10_000);
  assertNotEquals(await exportKeys(a.keys), await exportKeys(b.keys));
  a.close();
  b.close();
  await assertRejects(() => Deno.stat(a.path), Deno.errors.NotFound);
});

Deno.test("a data folder is not opened by two, with other options, or damaged", () =>
  withFolder(async (path) => {
    const first = await open(path, 50);
    await refused(path, `process ${Deno.pid} is using it`);
    await first.keepStores(["cloud-1.participant.sqlite"]);
    first.close();
    await refused(path, "cloud-1.participant.sqlite is missing");
    await Deno.writeTextFile(`${path}/cloud-1.participant.sqlite`, "");
    await refused(path, "it was made with --subscribers 50, not 60", 60);
    await refused(
      path,
      "it was made with --profile carrier, not reference",
      50,
      profileOf("reference"),
    );
    const grown = { ...carrier, nodes: carrier.nodes.slice(1) };
    await refused(path, "profile carrier had other nodes", 50, grown);
    (await open(path, 50)).close();
    const record = await Deno.readTextFile(`${path}/cluster.json`);
    for (
      const [text, words] of [
        ["", "it is not JSON"],
        [record.slice(0, -5), "it is not JSON"],
        ["null", "cluster.json"],
        [record.replace('"format": 1', '"format": 2'), "format"],
        [record.replace('"5000000"', '"-1"'), "expected"],
        [record.replace('"epoch"', '"era"'), "epoch"],
      ] as const
    ) {
      await Deno.writeTextFile(`${path}/cluster.json`, text);
      await refused(path, words);
    }
    await Deno.writeTextFile(`${path}/cluster.json`, record);
    await Deno.writeTextFile(`${path}/keys.json`, "{}");
    await refused(path, "keys.json");
    await Deno.remove(`${path}/keys.json`);
    await refused(path, "keys.json is missing");
  }));

Deno.test("a data folder that cannot be one is refused", () =>
  withFolder(async (path) => {
    await Deno.writeTextFile(path, "a file");
    await refused(path, "Cannot use the data folder");
    await refused(`${path}/below`, "Cannot use the data folder");
    await Deno.remove(path);
    await Deno.mkdir(path);
    await Deno.writeTextFile(`${path}/old.sqlite`, "");
    await refused(path, "old.sqlite but no cluster.json");
  }));

Deno.test("a folder that was left half made is made again", () =>
  withFolder(async (path) => {
    const first = await open(path, 50);
    const keys = await exportKeys(first.keys);
    first.close();
    await Deno.remove(`${path}/cluster.json`);
    const second = await open(path, 60);
    assertEquals(second.subscribers, 60);
    assertEquals(await exportKeys(second.keys), keys);
    second.close();
  }));

Deno.test("a file is replaced at once or not at all", () =>
  withFolder(async (path) => {
    await Deno.mkdir(path);
    await writeFileDurably(`${path}/a`, "one", 0o600);
    await writeFileDurably(`${path}/a`, "two", 0o600);
    assertEquals(await Deno.readTextFile(`${path}/a`), "two");
    await Deno.mkdir(`${path}/b`);
    await assertRejects(() => writeFileDurably(`${path}/b`, "three"));
    assertEquals([...Deno.readDirSync(path)].map(({ name }) => name).sort(), ["a", "b"]);
  }));
