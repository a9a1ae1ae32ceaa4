/**
 * `console`: what an open console costs. The transactions of the `commit` bench, in turns with no page
 * connected and with one that reads everything it is told: figures of every role and all links, once
 * a second. The page is a socket without a browser: what a browser does with it is done elsewhere.
 */
import type { FromServer, State } from "../../examples/telecom/console/protocol.ts";
import { Sampler } from "../../examples/telecom/console/sampler.ts";
import { ConsoleServer, type Watched } from "../../examples/telecom/console/server.ts";
import { nodeOf } from "../../runtime/role.ts";
import { CommitSystem, type Round } from "./commit_system.ts";
import { atLeast, type Bench, type BenchOptions, type Outcome, round } from "./figures.ts";
import { rounded, spread, spreadOf } from "./figures.ts";
import { scratch } from "./mesh.ts";

const ROUNDS = 5;
const SHARDS = 3;
const LOAD = { pattern: "debits", inFlight: 256, warmUpMs: 1000, forMs: 3000 } as const;
const WANTED = 0.95;
const POLL_MS = 10;

/** The bench. */
export const console: Bench = {
  summary: "durable two-phase commits with an operator console open, and without",
  run,
};

async function run({ rounds = ROUNDS, progress }: BenchOptions): Promise<Outcome> {
  await using folder = await scratch();
  await using system = await CommitSystem.start(folder.path, {
    coordinators: 1,
    participants: SHARDS,
  });
  const closed: Round[] = [], open: Round[] = [];
  const measure = () => system.round(LOAD);
  let told = 0;
  await measure(); // Warms it up.
  for (let i = 1; i <= rounds; i++) {
    // Which of the two comes first changes, so that neither gains from its place.
    for (const side of i % 2 === 1 ? [closed, open] : [open, closed]) {
      if (side === closed) closed.push(await measure());
      else {
        await using server = await serve(system);
        using page = await Page.open(server.port);
        open.push(await measure());
        told += page.samples;
      }
    }
    progress(
      `round ${i} of ${rounds}: ${round(closed.at(-1)!.perS)}, open ${
        round(open.at(-1)!.perS)
      } txn/s`,
    );
  }
  if (told < rounds) throw new Error(`The page was told of ${told} seconds only`);
  const committed = await system.counted("committed");
  await system.settle(committed * SHARDS);
  const base = spreadOf(closed, ({ perS }) => perS), on = spreadOf(open, ({ perS }) => perS);
  const ratio = spread(open.map(({ perS }, i) => perS / closed[i]!.perS));
  const dearer = spread(open.map(({ cpuUs }, i) => cpuUs / closed[i]!.cpuUs));
  return {
    report: {
      txn_per_s: rounded(base),
      open_txn_per_s: rounded(on),
      open_ratio: round(ratio.median),
      open_processor_ratio: round(dearer.median),
      samples: told,
      money_lost: 0,
    },
    rows: [
      { name: "no console", value: base, unit: "transactions/s" },
      { name: "console open", value: on, unit: "transactions/s" },
      { name: "open / not", value: ratio, goal: atLeast(ratio.median, WANTED) },
      { name: "processor time a transaction, open / not", value: dearer },
      { name: "seconds told", value: `${told}` },
    ],
  };
}

/** The console of that system: the same server and sampler as a cluster's, without acts. */
async function serve(system: CommitSystem): Promise<ConsoleServer> {
  const { stats, links } = await system.figures();
  const nodes = [...new Set(Object.keys(stats).map(nodeOf))];
  const sampler = new Sampler();
  const usage = { cpuMs: 0, memoryBytes: 0, machineBytes: undefined, processors: 1 };
  const none = () => Promise.reject(new Error("This console only looks"));
  const watched: Watched = {
    topology: {
      profile: "bench",
      api: "",
      faults: false,
      behaviours: [],
      nodes: nodes.map((name) => ({ name, tier: name.split("-")[0]!, roles: [] })),
    },
    down: () => [],
    links: () => links,
    sample: () => {
      const ask = async () => (await system.figures()).stats;
      return sampler.look(ask, nodes, () => usage, () => performance.now());
    },
    check: () => Promise.resolve({ ok: true, operator: "bench" }),
    act: none,
    story: none,
    capture: none,
  };
  return new ConsoleServer(watched, { hostname: "127.0.0.1", port: 0 });
}

/** A page that reads and keeps what it is told. */
class Page implements Disposable {
  samples = 0;
  state: State | undefined;

  private constructor(private readonly socket: WebSocket) {
    socket.onmessage = ({ data }) => {
      const frame = JSON.parse(data) as FromServer;
      if (frame.type === "welcome") this.state = frame.state;
      else if (frame.type === "change" && frame.change.what === "sample") this.samples++;
    };
  }

  static async open(port: number): Promise<Page> {
    const socket = new WebSocket(`ws://127.0.0.1:${port}/live`);
    const page = new Page(socket);
    await new Promise((resolve) => socket.onopen = resolve);
    socket.send('{"type":"hello","token":"any"}');
    while (page.state === undefined) await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    return page;
  }

  [Symbol.dispose](): void {
    this.socket.close();
  }
}
