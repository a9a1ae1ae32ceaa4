/** A group of replicas of a counter, some of which lie, under every fault there is. */
import { type Behaviour, BEHAVIOURS, makeGroup } from "../../../actors/mod.ts";
import type { RolePlan } from "../../../actors/cluster_plan.ts";
import { mostFaulty } from "../../../protocols/pbft/rules.ts";
import { AskFailed } from "../../../runtime/role.ts";
import type { Request } from "../invariant.ts";
import { between, type Extras, pick, type Scenario } from "../scenario.ts";
import type { Stage } from "../stage.ts";

const module = new URL("../../../examples/key_value_actor.ts", import.meta.url).href;
const actors = new URL("../../../actors/mod.ts", import.meta.url).href;
const NODES = ["core-1", "core-2", "core-3", "core-4", "cloud-1", "cloud-2", "cloud-3"];
const CLIENTS = ["core-1/client", "core-3/client"];
const KEYS = ["a", "b", "c"];
const ANSWER_MS = 20_000;
const PAUSE_MS = 80;
/** Share of the seeds in which liars change their ways while it runs. */
const SWITCHED = 0.7;

/** Casts a group. @param lies of each liar, by number */
export function castGroup(
  random: () => number,
  replicas: number,
  lies: ReadonlyMap<number, readonly Behaviour[]>,
  maxInFlight = 4,
): Extras {
  const bytes = (count: number) =>
    Uint8Array.from({ length: count }, () => Math.floor(random() * 256));
  const addresses = NODES.slice(0, replicas).map((node) => `${node}/replica`);
  const names = CLIENTS.map((address, index) => [`user${index}`, address] as const);
  const group = makeGroup({
    group: "counters",
    replicas: addresses,
    clients: Object.fromEntries(names),
    settings: {
      checkpointInterval: 8,
      window: 16,
      // Batches of one request are full at once: only those go on side by side.
      maxBatch: maxInFlight === 1 ? 4 : pick(random, [1, 4]),
      maxInFlight,
      viewTimeoutMs: 300,
      maxBackoff: 4,
      statusMs: 100,
      fetchTimeoutMs: 200,
    },
  }, bytes);
  const roles = addresses.map((address, index): RolePlan => {
    const behaviours = lies.get(index) ?? [];
    const member = group.replicas[index]!;
    const config = { ...member, behaviours, faults: true, checkpointBytes: 50_000 };
    const store = `disks/${index}.replica`;
    return { kind: "replica", spec: { address, module, name: "keyValueReplica", config, store } };
  });
  const clients = names.map(([name, address]): RolePlan => {
    const config = { ...group.clients[name]!, resendMs: 250, readTimeoutMs: 100 };
    return { kind: "client", spec: { address, module: actors, name: "pbftClientRole", config } };
  });
  const cast = new Map([...lies].map(([index, ways]) => [addresses[index]!, ways] as const));
  return {
    roles: [...roles, ...clients],
    liars: new Set(cast.keys()),
    lies: { kinds: BEHAVIOURS, message: "pbft.behave", cast: Object.fromEntries(cast) },
  };
}

/** Draws up to f liars, and how each lies: in one way, or in two. */
function drawLies(random: () => number, replicas: number): Map<number, readonly Behaviour[]> {
  const lies = new Map<number, readonly Behaviour[]>();
  const count = random() < 0.15 ? 0 : mostFaulty(replicas);
  // The first primaries lie more often: with them something is at stake.
  while (lies.size < count) {
    const index = Math.floor(random() * random() * replicas);
    const ways = random() < 0.7
      ? [pick(random, BEHAVIOURS)]
      : [pick(random, BEHAVIOURS), pick(random, BEHAVIOURS)];
    lies.set(index, ways);
  }
  return lies;
}

/** Asks for something, and tells the invariants what came of it. */
async function invoke(stage: Stage, client: string, key: string, reads: boolean): Promise<void> {
  const { system, hub } = stage;
  const sentAt = system.now;
  const [method, params] = reads ? ["pbft.get", { key }] as const : ["pbft.add", { key }] as const;
  const operation = reads ? { get: key } : { add: key, by: 1 };
  const request: Request = { method, params, sentAt, begunAt: sentAt, edge: client };
  try {
    const value = await system.ask(client, "invoke", { operation, readOnly: reads }, ANSWER_MS);
    hub.invariants.acknowledged(request, { value });
  } catch (error) {
    if (!(error instanceof AskFailed)) throw error; // The client crashed: nobody knows.
  }
}

function pause({ system }: Stage, ms: number): Promise<void> {
  return new Promise((resolve) => system.scheduler.at(system.now + ms, resolve));
}

/** Each client asks for one thing after the other, `abreast` at a time. */
export function work(stage: Stage, until: number, abreast = 2): void {
  const random = stage.random("work");
  for (const client of CLIENTS) {
    for (let lane = 0; lane < abreast; lane++) {
      void (async () => {
        while (stage.system.now < until) {
          await invoke(stage, client, pick(random, KEYS), random() < 0.3);
          await pause(stage, PAUSE_MS * random());
        }
      })();
    }
  }
}

/** Up to f liars of every kind, and everything else that can go wrong. */
export const pbft: Scenario = {
  name: "pbft",
  summary: "4, 5 or 7 replicas with f liars of every kind, switched on and off, and every fault",
  faults: {},
  cast: (random) => {
    const replicas = pick(random, [4, 4, 5, 7]);
    const lies = drawLies(random, replicas);
    return {
      profile: "carrier",
      safetyMs: between(random, 1500, 3000),
      extras: castGroup(random, replicas, lies),
      surely: lies.size > 0 && random() < SWITCHED ? ["lie"] : [],
    };
  },
  act: work,
};

/** Only partitions and liars that lead: view changes, one after the other. */
export const pbftViews: Scenario = {
  name: "pbft_views",
  summary: "primaries that lie and partitions: view changes, state transfers, convictions",
  faults: { always: ["partition"], maybe: ["loss", "crash", "delay"], often: { partition: 3 } },
  cast: (random) => {
    const replicas = pick(random, [4, 4, 7]);
    const ways: readonly Behaviour[] = [
      "equivocate",
      "silent",
      "forgedNewView",
      "skipRequests",
      "lyingCheckpoint",
      "delay",
    ];
    const liars = replicas === 4 ? [pick(random, [0, 1])] : [0, pick(random, [1, 2])];
    const lies = new Map(liars.map((index) => [index, [pick(random, ways)]] as const));
    return {
      profile: "carrier",
      safetyMs: between(random, 1500, 3000),
      extras: castGroup(random, replicas, lies),
      surely: random() < SWITCHED ? ["lie"] : [],
    };
  },
  act: work,
};

/** What is not promised: f + 1 liars, who are of one mind. */
export const pbftBroken: Scenario = {
  name: "pbft_broken",
  summary: "f + 1 liars of 4 replicas: two correct ones must be made to disagree",
  faults: { maybe: [] },
  mustBreak: "pbft_agreement",
  cast: (random) => ({
    profile: "carrier",
    safetyMs: 4000,
    // Replicas with odd numbers are told another batch; who votes for both completes both.
    extras: castGroup(random, 4, new Map([[0, ["equivocate"]], [3, ["voteForBoth"]]]), 1),
  }),
  act: (stage, until) => work(stage, until, 4),
};
