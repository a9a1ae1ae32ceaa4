/** A group of replicas, its clients, and one actor with the same state machine, on links of one delay. */
import { makeGroup, REPLICA_SETTINGS } from "../../actors/mod.ts";
import { LOCAL_LINK } from "../../runtime/link_model.ts";
import { WorkerSystem } from "../../runtime/worker/system.ts";
import { type Load, LOOK, type Measured } from "./pbft_roles.ts";

const PATIENCE_MS = 60_000;
const CALLERS = "edge-1/callers";
const SERVER = "server/unreplicated";
const OWN = new URL("./pbft_roles.ts", import.meta.url).href;
const ACTORS = new URL("../../actors/mod.ts", import.meta.url).href;

/** What a system is made of. */
export interface Size {
  readonly replicas: number;
  /** One way, between all nodes, in ms. */
  readonly delayMs: number;
  /** Clients with keys of their own; callers go to them in turn. */
  readonly clients: number;
}

/** Replicas with stores on the disk, clients, and the unreplicated server. */
export class PbftSystem implements AsyncDisposable {
  readonly #replicas: readonly string[];
  readonly #clients: readonly string[];
  readonly #system: WorkerSystem;
  #answered = 0;

  private constructor(private readonly folder: string, size: Size) {
    const count = (name: string, n: number) => Array.from({ length: n }, (_, i) => `${name}${i}`);
    const nodes = count("core-", size.replicas);
    this.#replicas = nodes.map((node) => `${node}/replica`);
    this.#clients = count("edge-1/client-", size.clients);
    const all = [...nodes, "server", "edge-1"];
    const links = all.flatMap((from) =>
      all.filter((to) => to !== from).map((to) => {
        return { from, to, ...LOCAL_LINK, delayMs: size.delayMs };
      })
    );
    this.#system = WorkerSystem.create({ nodes: all, links, log: tell });
  }

  /** Starts all of it, with stores in a folder. */
  static async start(folder: string, size: Size): Promise<PbftSystem> {
    await Deno.mkdir(folder, { recursive: true });
    const system = new PbftSystem(folder, size);
    await system.#start();
    return system;
  }

  async #start(): Promise<void> {
    const names = this.#clients.map((address, i) => [`client${i}`, address] as const);
    const group = makeGroup({
      group: "bench",
      replicas: this.#replicas,
      clients: Object.fromEntries(names),
    }, (count) => crypto.getRandomValues(new Uint8Array(count)));
    await Promise.all([
      ...this.#replicas.map((address, index) =>
        this.#system.spawn({
          address,
          module: OWN,
          name: "replica",
          config: { ...group.replicas[index]!, faults: true },
          store: `${this.folder}/${index}.sqlite`,
        })
      ),
      ...names.map(([name, address]) =>
        this.#system.spawn({
          address,
          module: ACTORS,
          name: "pbftClientRole",
          config: group.clients[name]!,
        })
      ),
      this.#system.spawn({ address: SERVER, module: OWN, name: "unreplicated", config: null }),
      this.#system.spawn({ address: CALLERS, module: OWN, name: "callers", config: null }),
    ]);
  }

  /** Calls the group, or the one actor. */
  async load(whom: "group" | "unreplicated", load: Omit<Load, "to">): Promise<Measured> {
    const to = whom === "group" ? this.#clients : [SERVER];
    const asked = this.#system.ask(CALLERS, "load", { ...load, to }, PATIENCE_MS);
    const measured = await asked as Measured;
    if (whom === "group" && !load.readOnly) this.#answered += measured.answeredInAll;
    return measured;
  }

  /** Makes the primary of view 0 say nothing any more, after some milliseconds. */
  async silenceAfter(ms: number): Promise<void> {
    await new Promise((resolve) => setTimeout(resolve, ms));
    await this.#system.ask(this.#replicas[0]!, "pbft.behave", { behaviours: ["silent"] });
  }

  /** Every operation was executed once. @throws {Error} if not. */
  async verify(): Promise<void> {
    const body = { operation: LOOK, readOnly: true };
    const count = await this.#system.ask(this.#clients[0]!, "invoke", body, PATIENCE_MS);
    if (count === this.#answered) return;
    throw new Error(`${this.#answered} operations were answered, the count is ${count}`);
  }

  /** Messages that replicas and clients have sent so far. */
  async sent(): Promise<number> {
    const all = [...this.#replicas, ...this.#clients].map(async (role) => {
      const stats = await this.#system.ask(role, "$stats", null, PATIENCE_MS);
      return (stats as { readonly messages: { readonly sent: number } }).messages.sent;
    });
    return (await Promise.all(all)).reduce((sum, it) => sum + it, 0);
  }

  /** How long backups wait for a request, in ms. */
  static readonly viewTimeoutMs: number = REPLICA_SETTINGS.viewTimeoutMs;

  [Symbol.asyncDispose](): Promise<void> {
    return this.#system[Symbol.asyncDispose]();
  }
}

function tell(address: string, kind: string, text: string): void {
  if (kind !== "info" && kind !== "success") console.error(`${address}: ${text}`);
}
