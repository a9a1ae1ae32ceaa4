/**
 * Calls a host's turns from the event loop of a thread, and sleeps in between. The loop yields a
 * macrotask at least every few turns; otherwise timers, HTTP and `terminate()` would starve.
 *
 * @module
 */
import { setImmediate } from "node:timers";
import type { Host } from "../host.ts";
import type { Inbox } from "../inbox.ts";
import type { Clock } from "../ports.ts";

/** A sleeping role still takes a turn this often: its beat tells the supervisor that it is well. */
export const BEAT_MS = 1000;

// Waking a sleeper takes about 10 us a side. A role in a conversation therefore looks on for a
// moment before it sleeps; one whose last looks were in vain does not.
const SPIN_MS = 0.05;
const MOST_LUCK = 8;
const SLEEPS_BETWEEN_LOOKS = 32;
const TURNS_WITHOUT_YIELD = 32;

/** A running loop. */
export interface Driver {
  /** Something was done outside of a turn: take one. */
  wake(): void;
  stop(): void;
}

/**
 * Starts the loop of a host.
 *
 * @param holds a process whose other threads are all gone must still live until the host's next
 * timer: a sleep on shared memory alone does not keep it
 */
export function drive(
  host: Host,
  inbox: Inbox,
  clock: Clock,
  beat: () => void,
  holds = false,
): Driver {
  const loop = new Loop(host, inbox, clock, beat, holds);
  loop.run().catch((error) => {
    // Not a role's error (those end the role): nothing sensible can go on.
    queueMicrotask(() => {
      throw error;
    });
  });
  return loop;
}

class Loop implements Driver {
  #stopped = false;
  #woken = false;
  #call: () => void = () => {};
  /** Looks that may still fail in a row. */
  #luck = 0;
  /** Quick wake-ups until the next look is tried. */
  #looksOff = 0;

  constructor(
    private readonly host: Host,
    private readonly inbox: Inbox,
    private readonly clock: Clock,
    private readonly beat: () => void,
    private readonly holds: boolean,
  ) {}

  wake(): void {
    this.#woken = true;
    this.#call();
  }

  stop(): void {
    this.#stopped = true;
    this.wake();
  }

  async run(): Promise<void> {
    for (let turns = 1; !this.#stopped; turns++) {
      this.beat();
      this.#woken = false;
      const { again, next, deaf } = this.host.turn();
      // What the role left to promises in this turn comes before any wait.
      await undefined;
      if (again || this.#woken || turns % TURNS_WITHOUT_YIELD === 0) await immediate();
      else if (deaf || !this.#spin()) await this.#sleep(next, deaf);
    }
  }

  /** Looks on for a moment; true if something came. */
  #spin(): boolean {
    if (this.#luck <= 0) return false;
    const until = performance.now() + SPIN_MS;
    while (performance.now() < until) {
      if (!this.inbox.empty) {
        this.#luck = Math.min(MOST_LUCK, this.#luck + 1);
        return true;
      }
    }
    // On a machine with more to run than processors, looking on keeps the very thread from running
    // that would answer: then one look is tried now and then only.
    if (--this.#luck === 0) this.#looksOff = SLEEPS_BETWEEN_LOOKS;
    return false;
  }

  async #sleep(next: number | undefined, deaf: boolean): Promise<void> {
    const timeout = next === undefined ? BEAT_MS : Math.min(BEAT_MS, next - this.clock.now());
    if (timeout <= 0) return await immediate();
    if (deaf) return await this.#doze(timeout);
    const since = performance.now();
    const bell = this.inbox.sleep(timeout);
    if (bell === undefined) return;
    const hold = this.holds && next !== undefined
      ? setTimeout(() => this.#call(), timeout)
      : undefined;
    // Atomics.notify from this very thread would not stir its event loop: a wake from here is a
    // promise of its own.
    await Promise.race([bell, new Promise<void>((resolve) => this.#call = resolve)]);
    clearTimeout(hold);
    this.inbox.awake();
    if (this.inbox.empty || performance.now() - since >= 2 * SPIN_MS) return;
    if (--this.#looksOff <= 0) this.#luck = Math.max(this.#luck, 1);
  }

  /** Sleeps whatever arrives, until its time or a wake from this thread. */
  async #doze(timeoutMs: number): Promise<void> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    await new Promise<void>((resolve) => {
      this.#call = resolve;
      timer = setTimeout(resolve, timeoutMs);
    });
    clearTimeout(timer);
  }
}

function immediate(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
