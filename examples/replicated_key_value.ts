/**
 * A key-value store on four workers that goes on as one correct server while any one of them lies:
 * practical Byzantine fault tolerance with a state machine of one's own.
 *
 * Run: deno run --allow-read --allow-write examples/replicated_key_value.ts
 *
 * The state machine is in `key_value_actor.ts`: a worker imports it by URL and name.
 *
 * @module
 */
import { type LinkParameters, WorkerSystem } from "@trunkline/trunkline";
import { type Evidence, makeGroup } from "@trunkline/trunkline/actors";

const NODES = ["one", "two", "three", "four"];
const LINK: LinkParameters = {
  up: true,
  delayMs: 2,
  jitterMs: 0.5,
  bandwidthMbps: 0,
  loss: 0,
  duplicate: 0,
  reorder: 0,
};

const stores = await Deno.makeTempDir();
{
  await using system = WorkerSystem.create({
    nodes: [...NODES, "user"],
    links: [...NODES, "user"].flatMap((from) =>
      [...NODES, "user"].filter((to) => to !== from).map((to) => ({ from, to, ...LINK }))
    ),
  });

  // Keys are made once; each member is given its own, and the public ones of the others.
  const replicas = NODES.map((node) => `${node}/replica`);
  const CLIENT = "user/client";
  const group = makeGroup({
    group: "settings",
    replicas,
    clients: { user: CLIENT },
    settings: { viewTimeoutMs: 400 },
  }, (count) => crypto.getRandomValues(new Uint8Array(count)));

  await Promise.all(replicas.map((address, index) =>
    system.spawn({
      address,
      module: new URL("./key_value_actor.ts", import.meta.url).href,
      name: "keyValueReplica",
      config: { ...group.replicas[index]!, faults: true },
      store: `${stores}/${index}.sqlite`,
    })
  ));
  await system.spawn({
    address: CLIENT,
    module: import.meta.resolve("@trunkline/trunkline/actors"),
    name: "pbftClientRole",
    config: group.clients["user"],
  });

  const invoke = (operation: unknown, readOnly = false) =>
    system.ask(CLIENT, "invoke", { operation, readOnly }, 20_000);

  await invoke({ put: "greeting", value: "hello" });
  console.log(await invoke({ get: "greeting" }, true));

  // The primary begins to tell some replicas one thing, and the others another.
  await system.ask("one/replica", "pbft.behave", { behaviours: ["equivocate"] });
  console.log(await invoke({ add: "count", by: 1 }));
  console.log(await invoke({ add: "count", by: 1 }));

  // It is convicted by what it has signed, and no longer the primary.
  const found = await system.ask("three/replica", "pbft.evidence") as readonly Evidence[];
  for (const { replica, offence } of found) console.log(`replica ${replica}: ${offence}`);
  const { replica } = await system.ask("three/replica", "$stats") as {
    readonly replica: { readonly view: number };
  };
  console.log(replica.view > 0 ? "another leads" : "it still leads");
}
await Deno.remove(stores, { recursive: true });
