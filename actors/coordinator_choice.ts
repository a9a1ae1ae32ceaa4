/**
 * Which coordinator a gateway asks: of those that begin transactions and are not believed dead, one
 * with less to do.
 *
 * @module
 */
import { type MessageHandler, nodeOf, type Services } from "../runtime/role.ts";
import { isRecord } from "./guards.ts";
import { RosterListener } from "./roster_listener.ts";

/** Transactions that a coordinator may have under way without being avoided. */
const FAR_MORE = 16;

/** Chooses for one gateway. */
export class CoordinatorChoice {
  /** To be taken up into those of the role. */
  readonly messages: Readonly<Record<string, MessageHandler>>;
  /** Coordinators' nodes that the heartbeat monitor has given up. */
  readonly #failed = new Set<string>();
  readonly #loads = new Map<string, number>();
  readonly #roster: RosterListener;
  #turn = 0;

  /** @param isOrdered whether somebody orders who coordinates */
  constructor(
    services: Services,
    private readonly coordinators: readonly string[],
    private readonly isOrdered: boolean,
  ) {
    this.#roster = new RosterListener(services, () => {});
    this.messages = {
      ...this.#roster.messages,
      peerStatus: {
        accepts: (body) => isRecord(body) && typeof body["node"] === "string",
        handle: ({ node, status }: { node: string; status: string }) => {
          if (status === "failed") this.#failed.add(node);
          else this.#failed.delete(node);
        },
      },
      load: {
        accepts: (body) =>
          isRecord(body) && coordinators.includes(body["coordinator"] as string) &&
          typeof body["open"] === "number",
        handle: (body: { coordinator: string; open: number }) =>
          this.#loads.set(body.coordinator, body.open),
      },
    };
  }

  /** Nodes that are believed dead. */
  get failed(): readonly string[] {
    return [...this.#failed];
  }

  /** Asks who coordinates by now. */
  serve(): void {
    if (this.isOrdered) this.#roster.ask();
  }

  /**
   * Who to ask: of two coordinators in turn the one with less to do, as far as its node said, and
   * those that are believed dead only when all are.
   *
   * @param shard transactions of one shard go to one coordinator, as long as it does not have far
   * more to do than the next: those of one log need not wait for one another's decisions
   */
  chooser(shard?: number): (attempt: number) => string | undefined {
    const { now } = this.#roster;
    const begins = now === undefined
      ? this.coordinators
      : this.coordinators.filter((address) => now.coordinators.includes(nodeOf(address)));
    const alive = begins.filter((address) => !this.#failed.has(nodeOf(address)));
    const candidates = alive.length > 0 ? alive : this.coordinators;
    const first = shard ?? this.#turn++;
    const at = (index: number) => candidates[index % candidates.length];
    const a = at(first), b = at(first + 1);
    const load = (address: string | undefined) => this.#loads.get(address ?? "") ?? 0;
    const most = shard === undefined ? load(b) : 2 * load(b) + FAR_MORE;
    const offset = most < load(a) ? 1 : 0;
    return (attempt) => at(first + offset + attempt);
  }
}
