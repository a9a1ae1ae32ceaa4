/**
 * One page that is connected. What it says is checked, what it is told is bounded: a page that does
 * not read is cut off, and can come back.
 *
 * @module
 */
import type { Feed, Follower } from "./feed.ts";
import { type FromPage, type FromServer, readFrame, type State } from "./protocol.ts";

/** The part of a `WebSocket` that is used. */
export interface Socket {
  readonly bufferedAmount: number;
  readonly readyState: number;
  send(text: string): void;
  close(code?: number, reason?: string): void;
}

/** Who a token is for, or why it was not taken. */
export type Checked =
  | { readonly ok: true; readonly operator: string }
  | { readonly ok: false; readonly message: string };

/** What a visitor may ask for. */
export interface Desk {
  readonly feed: Feed;
  /** Everything as it is, for an operator or for anyone. */
  state(operator: boolean): State;
  /** Whether a token is an operator's. */
  check(token: string): Promise<Checked>;
  /** Carries out a method of the API. Rejects with an `Error` whose message is for people. */
  act(token: string, method: string, params: Readonly<Record<string, unknown>>): Promise<unknown>;
  /** What is known of a transaction. Rejects likewise. */
  story(transaction: string): Promise<unknown>;
  /** Follows all transactions for a moment; answers how many the log tells of. */
  capture(): Promise<number>;
}

const OPEN = 1;
/** What may wait to be read by one page, in bytes. */
export const UNREAD_LIMIT: number = 4 * 1024 * 1024;
/** Acts that one page may have under way. */
const ACTS_LIMIT = 16;
/** Each may cost a signature and a megabyte: so many at once, then one each pause. */
const HELLOS_LIMIT = 8, HELLO_PAUSE_MS = 500;
/** Frames that are not understood until a page is shown the door. */
const PATIENCE = 8;
const TOO_SLOW = 1013, POLICY = 1008, GOING_AWAY = 1001;

/** A page at the other end of a socket. */
export class Visitor implements Follower {
  #token: string | undefined;
  #operator: string | undefined;
  #acts = 0;
  #strays = 0;
  #hellos = HELLOS_LIMIT;
  #greeted = performance.now();
  #gone = false;

  constructor(private readonly socket: Socket, private readonly desk: Desk) {}

  get operator(): boolean {
    return this.#operator !== undefined;
  }

  /** Takes a frame. Never throws. */
  async receive(data: unknown): Promise<void> {
    if (this.#gone) return;
    let frame: FromPage;
    try {
      frame = readFrame(data);
    } catch (error) {
      return this.#refuse((error as Error).message);
    }
    if (frame.type === "hello") {
      if (!this.#mayGreet()) return this.#refuse("That was enough of hello: wait for a moment");
      await this.#hello(frame);
    } else if (frame.type === "act") {
      const { id, method, params } = frame;
      await this.#answer(id, (token) => this.desk.act(token, method, params));
    } else if (frame.type === "capture") {
      await this.#answer(frame.id, () => this.desk.capture());
    } else {
      const { id, transaction } = frame;
      await this.#answer(id, () => this.desk.story(transaction));
    }
  }

  /** It is not there any more. */
  leave(): void {
    this.#gone = true;
    this.desk.feed.leave(this);
  }

  #mayGreet(): boolean {
    const now = performance.now();
    const earned = (now - this.#greeted) / HELLO_PAUSE_MS;
    this.#greeted = now;
    this.#hellos = Math.min(HELLOS_LIMIT, this.#hellos + earned);
    if (this.#hellos < 1) return false;
    this.#hellos--;
    return true;
  }

  async #hello({ session, n, token }: Extract<FromPage, { type: "hello" }>): Promise<void> {
    const { feed } = this.desk;
    feed.leave(this);
    const checked = token === undefined ? undefined : await this.desk.check(token);
    if (this.#gone) return;
    this.#operator = checked?.ok ? checked.operator : undefined;
    this.#token = checked?.ok ? token : undefined;
    const welcome = {
      type: "welcome" as const,
      session: feed.session,
      n: feed.n,
      ...(checked === undefined
        ? {}
        : checked.ok
        ? { operator: checked.operator }
        : { problem: checked.message }),
    };
    // A page that comes back with another token does not say what it has seen.
    const missed: string[] = [];
    const collector = { operator: this.operator, send: (text: string) => void missed.push(text) };
    if (feed.resume(collector, session, n)) {
      this.#tell({ ...welcome, resumed: true });
      for (const text of missed) this.send(text);
    } else {
      this.#tell({ ...welcome, resumed: false, state: this.desk.state(this.operator) });
    }
    feed.follow(this);
  }

  async #answer(id: number, ask: (token: string) => Promise<unknown>): Promise<void> {
    const refuse = (error: string) => this.#tell({ type: "done", id, error });
    if (this.#token === undefined) {
      return refuse("This needs the operator's token: paste it, or open the link printed at start");
    }
    if (this.#acts >= ACTS_LIMIT) {
      return refuse(`${ACTS_LIMIT} acts are under way already: wait for one to end`);
    }
    this.#acts++;
    try {
      this.#tell({ type: "done", id, result: await ask(this.#token) });
    } catch (error) {
      refuse((error as Error).message);
    } finally {
      this.#acts--;
    }
  }

  #refuse(message: string): void {
    this.#tell({ type: "refused", message });
    if (++this.#strays >= PATIENCE) this.#cut(POLICY, "too many frames that make no sense");
  }

  #tell(frame: FromServer): void {
    this.send(JSON.stringify(frame));
  }

  send(text: string): void {
    if (this.#gone || this.socket.readyState !== OPEN) return;
    if (this.socket.bufferedAmount > UNREAD_LIMIT) return this.#cut(TOO_SLOW, "you do not read");
    this.socket.send(text);
  }

  /** The server goes: it may come back. */
  dismiss(): void {
    this.#cut(GOING_AWAY, "the server stops");
  }

  #cut(code: number, reason: string): void {
    this.leave();
    this.socket.close(code, reason);
  }
}
