/** Each story runs as its header says, with those permissions and no other, and tells its story. */
import { assert, assertEquals } from "@std/assert";

import { lackingPostgres, startServer } from "../actors/postgres_server.ts";

const ROOT = new URL("../../", import.meta.url);
/** Needs a PostgreSQL server. */
const WITH_POSTGRES = "postgres_participant";
const lacking = await lackingPostgres();

const stories: Readonly<Record<string, readonly string[]>> = {
  start_a_cluster: [
    "5 nodes serve",
    "Alice has 99750 cents left",
    "Alice may not read Bob's balance: not_own_data, changed: none",
    "Bob has 100250 cents",
    "with edge-1 down, the session is valid",
    "edge-1 is up again",
    "stopped cleanly",
  ],
  counter_in_a_worker: [
    "accepted",
    "42",
    "invalidBody",
    "unhandled: read in state resting",
    '{"value":"counting","context":{"count":42},"status":"active"}',
    "exited without a word",
    "unreachable",
  ],
  protocol_alone: [
    "before journals prepared, forced",
    "before says voteYes",
    "it is inDoubt: it may not decide alone",
    "after the crash, 1 transaction is in doubt",
    "after says inquiry",
    "after journals committed, forced",
    "after says ack",
    "after says ack",
    "it is committed, the balance is 70",
  ],
  own_machine_beside_ours: [
    "the account begins with 100000 cents",
    "it ran low, was topped up, and has 51000 cents",
    "stopped cleanly",
  ],
  [WITH_POSTGRES]: [
    "2500 cents: committed",
    "2500 cents: aborted: violated",
    "1000000 cents: aborted: insufficient_funds",
    "97500 cents: committed",
    "{ count: 1 }",
  ],
  replicated_key_value: [
    "hello",
    "1",
    "2",
    "replica 0: equivocation",
    "another leads",
  ],
  inspect_your_own: [
    "served to 127.0.0.1",
    "here/door xstate.after.pause.door.closed: open",
    "here/door close: closed",
    "here/counter add: counting",
    '{ keypadPin: "•••" }',
  ],
  virtual_time: [
    "0.0 s: right is alive",
    "1.0 s: left is alive",
    "301.0 s: left is suspected",
    "302.0 s: left is failed",
    "450.0 s: left is alive",
    "the same seed gives the same run",
    "another seed gives another run",
  ],
};

for (const [name, expected] of Object.entries(stories)) {
  const ignore = name === WITH_POSTGRES && lacking !== undefined;
  const title = `examples/${name}.ts${ignore ? ` (no server: ${lacking})` : ""}`;
  Deno.test({ name: title, ignore }, async () => {
    await using postgres = name === WITH_POSTGRES ? await startServer() : undefined;
    const source = await Deno.readTextFile(new URL(`examples/${name}.ts`, ROOT));
    const [, command = ""] = /^ \* Run: deno (run .+)$/m.exec(source) ?? [];
    const args = command.split(" ");
    assertEquals(args.at(-1), `examples/${name}.ts`, "the header names its command");
    assert(!args.includes("-A") && !args.includes("--allow-all"), "permissions are narrow");
    // Nobody is there to be asked for more.
    const { code, stdout, stderr } = await new Deno.Command("deno", {
      args: ["run", "--no-prompt", ...args.slice(1)],
      cwd: ROOT,
      stdin: "null",
      env: postgres === undefined ? {} : {
        PGHOST: postgres.address.host,
        PGPORT: String(postgres.address.port),
        PGUSER: postgres.address.user,
        PGDATABASE: "postgres",
      },
    }).output();
    const text = new TextDecoder();
    assertEquals(text.decode(stderr), "");
    const lines = text.decode(stdout).trim().split("\n");
    assertEquals(lines.map((line) => line.trim()), expected);
    assertEquals(code, 0);
  });
}

Deno.test("every story is run", async () => {
  const found: string[] = [];
  for await (const { name, isFile } of Deno.readDir(new URL("examples/", ROOT))) {
    // What ends in _actor is imported by a story's worker.
    if (isFile && name.endsWith(".ts") && !name.endsWith("_actor.ts")) {
      found.push(name.slice(0, -".ts".length));
    }
  }
  assertEquals(found.sort(), Object.keys(stories).sort());
});
