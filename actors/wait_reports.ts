/**
 * What a participant tells the deadlock detector: who has been waiting for whom for a while.
 *
 * As long as nobody waits nothing is done; whoever waits for less than a look's interval is never
 * reported. A look finds what has come and gone since the last one and reports just that. Reports are
 * numbered, and now and then one is sent without any news: so a detector that was restarted, or
 * missed a report, notices and asks for everything.
 *
 * @module
 */
import type { Edge, Refresh, Round, Standing, Wait } from "../protocols/deadlock/messages.ts";
import type { MessageHandler, Services } from "../runtime/role.ts";
import type { Timer } from "../runtime/timers.ts";
import { isIndex, isRecord } from "./guards.ts";
import type { Locks, LockWait } from "./locks.ts";

/** Time between two looks at the lock table while somebody waits, in ms. */
export const LOOK_MS = 20;
/**
 * Who follows another that is not decided has what it wants, and that is no news; so many looks later
 * it may be part of a circle.
 */
const LONG_FOLLOWED = 10;
/** Of so many looks one is reported whether there is news or not. */
const SIGN_EVERY = 25;
/** Most edges in one message: a frame has its limits. */
const MOST_WAITS = 100;
const MOST_RESOURCE = 80;

/** What reports are made from. */
export interface WaitReportParts {
  readonly services: Services;
  readonly locks: Pick<Locks, "waits" | "waiting" | "held">;
  /** Where they go; undefined: nowhere. */
  readonly detector: string | undefined;
  /** What is known of an owner of locks. */
  readonly standing: (owner: string) => Omit<Standing, "id" | "held">;
}

/** Reports the waits of one participant. */
export class WaitReports {
  /** Takes the message `refresh`. */
  readonly messages: Readonly<Record<string, MessageHandler>> = {
    refresh: {
      accepts: isRefresh,
      handle: ({ round, full }: Refresh, envelope) => {
        const { services, detector } = this.parts;
        if (envelope.from !== detector) return services.deadLetter("forbidden", envelope);
        this.#heard = round;
        this.#report(this.parts.locks.waits(), full, true);
        this.contended();
      },
    },
  };
  /** Who was waiting at the last look, by what for, and at how many looks before it. */
  #seen = new Map<string, number>();
  /** By waiter and holder: what the detector has been told. */
  #told = new Map<string, LockWait>();
  #timer: Timer | undefined;
  #heard: Round | undefined;
  #number = 0;
  #looks = 0;

  /** Reports nothing until {@link WaitReports.contended} is called. */
  constructor(private readonly parts: WaitReportParts) {}

  /** Somebody waits: look again in a while. */
  contended(): void {
    const { services, detector } = this.parts;
    if (detector === undefined || this.#timer !== undefined) return;
    this.#timer = services.timers.set(services.clock.now() + LOOK_MS, () => {
      this.#timer = undefined;
      this.#look();
    });
  }

  #look(): void {
    const { locks } = this.parts;
    const waits = locks.waits();
    const seen = this.#seen;
    this.#report(waits, false, ++this.#looks % SIGN_EVERY === 0 && this.#told.size > 0);
    this.#seen = new Map(waits.map((wait) => [name(wait), (seen.get(name(wait)) ?? 0) + 1]));
    if (this.#seen.size > 0 || locks.waiting > 0) this.contended();
  }

  /** Tells what has changed, or everything. @param anyway also where there is nothing to tell */
  #report(waits: readonly LockWait[], full: boolean, anyway: boolean): void {
    const now = new Map<string, LockWait>();
    for (const wait of waits) {
      // Whoever was not there at the last look has not waited for long.
      const least = wait.follows ? LONG_FOLLOWED : 1;
      if ((this.#seen.get(name(wait)) ?? 0) >= least) {
        now.set(`${wait.waiter} ${wait.holder}`, wait);
      }
    }
    const added = [...now].filter(([edge]) => full || !this.#told.has(edge)).map(([, wait]) =>
      wait
    );
    const gone = [...this.#told].filter(([edge]) => !now.has(edge)).map(([, wait]) => wait);
    const removed = full ? [] : gone.map(({ waiter, holder }): Edge => [waiter, holder]);
    this.#told = now;
    if (anyway || added.length > 0 || removed.length > 0) this.#send(full, added, removed);
  }

  #send(full: boolean, added: readonly LockWait[], removed: readonly Edge[]): void {
    const { services, detector } = this.parts;
    const parts = Math.max(1, Math.ceil(Math.max(added.length, removed.length) / MOST_WAITS));
    for (let part = 0; part < parts; part++) {
      const [from, to] = [part * MOST_WAITS, (part + 1) * MOST_WAITS];
      const last = part === parts - 1;
      services.send(detector!, "waits", {
        number: this.#number++,
        full: full && part === 0,
        added: added.slice(from, to).map((wait) => this.#wait(wait)),
        removed: removed.slice(from, to),
        ...(this.#heard === undefined ? {} : { heard: this.#heard }),
        ...(last ? {} : { more: true }),
      }, { urgent: true });
    }
  }

  #wait({ waiter, holder, key }: LockWait): Wait {
    const standing = (id: string): Standing => ({
      id,
      ...this.parts.standing(id),
      held: this.parts.locks.held(id),
    });
    const resource = key.slice(0, MOST_RESOURCE);
    return { waiter: standing(waiter), holder: standing(holder), resource };
  }
}

function name({ waiter, holder, key, follows }: LockWait): string {
  return follows ? `${waiter} after ${holder}` : `${waiter} ${key}`;
}

function isRefresh(body: unknown): boolean {
  return isRecord(body) && typeof body["full"] === "boolean" && isRecord(body["round"]) &&
    isIndex(body["round"]["incarnation"]) &&
    isIndex(body["round"]["number"]);
}
