/**
 * Who said what about one transaction: the roles that ship, and the hosts of the model.
 *
 * @module
 */

/** What participants say to their coordinator. */
export const TO_COORDINATOR: ReadonlySet<string> = new Set([
  "voteYes",
  "voteNo",
  "ack",
  "inquiry",
]);

interface Said {
  readonly from: string;
  readonly to: string;
  readonly type: string;
  /** The role may leave it out: whoever does not know its coordinator does. */
  readonly optional: boolean;
}

/** Both sides of it. */
export class Conversation {
  readonly #real: Said[] = [];
  readonly #model: Said[] = [];
  /** Messages that had nobody to go to. */
  readonly #unreachable: string[] = [];
  /** Participants that do not know their coordinator. */
  readonly strangers: Set<string> = new Set();

  /** @param owner address of the coordinator @param peers those of the participants */
  constructor(private readonly owner: string, private readonly peers: readonly string[]) {}

  /** How many messages the roles have sent. */
  get length(): number {
    return this.#real.length;
  }

  /** A role sent a message. */
  real(from: string, to: string, type: string): void {
    this.#real.push({ from, to, type, optional: false });
  }

  /** A role would have sent one. */
  unreachable(from: string, to: string, type: string): void {
    this.#unreachable.push(`${from}>${to}:${type}`);
  }

  /** The host of a model sent a message to or from a participant. */
  model(from: string, type: string, index: number): void {
    if (type === "announce") return; // It travels with prepares of later transactions.
    const upwards = from !== this.owner && TO_COORDINATOR.has(type);
    const to = upwards ? this.owner : this.peers[index]!;
    const named = type === "ask" ? "inquiry" : type.replace(/^peer/, "").toLowerCase();
    const plain = type === "ask" || type.startsWith("peer") ? named : type;
    // A coordinator may ask participants one by one, and its model asks them all.
    const optional = type === "prepare" || upwards && this.strangers.has(from);
    this.#model.push({ from, to, type: plain, optional });
  }

  /** The first receiver that they told different things, or in another order. */
  difference(): string | undefined {
    const all = [this.owner, ...this.peers];
    for (const from of all) {
      for (const to of all) {
        const of = (said: readonly Said[]) => said.filter((it) => it.from === from && it.to === to);
        const [real, model] = [of(this.#real), of(this.#model)];
        if (this.#agree(real, model)) continue;
        const list = (said: readonly Said[]) => said.map(({ type }) => type).join(" ");
        return `${from} said to ${to}: ${list(real)}; its model: ${list(model)}`;
      }
    }
    return undefined;
  }

  #agree(real: readonly Said[], model: readonly Said[]): boolean {
    const left = [...this.#unreachable];
    const skips = ({ from, to, type, optional }: Said): boolean => {
      const found = left.indexOf(`${from}>${to}:${type}`);
      if (found >= 0) left.splice(found, 1);
      return optional || found >= 0;
    };
    let at = 0;
    for (const { type } of real) {
      while (at < model.length && model[at]!.type !== type && skips(model[at]!)) at++;
      if (model[at++]?.type !== type) return false;
    }
    return model.slice(at).every((it) => skips(it));
  }
}
