/**
 * Starts roles in workers of this process, sees them end, and keeps everyone's directory up to
 * date.
 *
 * @module
 */
import { MAX_FRAME_BYTES } from "../codec.ts";
import type { InspectionHub } from "../inspection/hub.ts";
import { allocateInbox, Inbox, INBOX_SIZE, type InboxSize } from "../inbox.ts";
import type { Address, RoleSpec, Spawned, Spawner } from "../ports.ts";
import { deriveSeed } from "../random.ts";
import type { LogKind } from "../role.ts";
import { MAX_SLOTS, type Switchboard } from "../switchboard.ts";
import { within } from "../within.ts";
import { ProcessClock } from "./environment.ts";
import type { FromWorker, Init, ToWorker } from "./messages.ts";
import { WorkerStation } from "./station.ts";
import { Directory, type DirectoryEntry } from "./transport.ts";

/** How long a worker may take to import its role. */
const READY_TIMEOUT_MS = 30_000;
/** A thread that was told to end and has not after this long counts as lost. */
const LOST_AFTER_MS = 1000;
/** How long closing waits for threads to end; one that never yields never does. */
const CLOSE_TIMEOUT_MS = 1000;

/** Options of a {@link WorkerSpawner}. */
export interface WorkerSpawnerOptions {
  /** Shared by all roles it starts. */
  readonly switchboard: Switchboard;
  /** Seed of the roles' randomness. */
  readonly seed: number;
  /** Size of every mailbox. */
  readonly inboxSize?: InboxSize;
  /** What roles log. Default: nothing. */
  readonly log?: (address: Address, level: LogKind, text: string) => void;
  /** Where onlookers attach. Default: nowhere. */
  readonly inspection?: InspectionHub;
  /** URL of the script workers run; for tests and bundles. */
  readonly entry?: URL;
}

interface Running {
  readonly worker: Worker;
  readonly address: Address;
  readonly slot: number;
  readonly memory: SharedArrayBuffer;
  readonly station: WorkerStation;
  /** Waits no longer for a word of it. */
  readonly abandon: () => void;
  /** Counted as lost. */
  lost: boolean;
  /** Until it counts as lost. */
  patience: ReturnType<typeof setTimeout> | undefined;
}

/** A {@link Spawner} of Deno workers. */
export class WorkerSpawner implements Spawner {
  /** Where every address is served. */
  readonly directory: Directory = new Directory();
  readonly #entries = new Map<Address, DirectoryEntry>();
  readonly #running = new Map<Address, Running>();
  /** Slots of fenced threads that have ended, for later incarnations of the same address. */
  readonly #spare = new Map<Address, DirectoryEntry[]>();
  readonly #memories: SharedArrayBuffer[] = [];
  readonly #incarnations = new Map<Address, number>();
  /** One for each worker whose thread is not gone. */
  readonly #watches = new Set<Promise<string>>();
  readonly #threads = new Set<Running>();
  readonly #clock = new ProcessClock();
  readonly #session = crypto.randomUUID();
  #slots = 0;
  #lost = 0;

  /** A spawner without roles. @throws {RangeError} if a mailbox could not hold the largest frames */
  constructor(private readonly options: WorkerSpawnerOptions) {
    const { normal, urgent } = options.inboxSize ?? INBOX_SIZE;
    // A frame that can never fit would wait for ever, and hold up all behind it.
    if (Math.min(normal, urgent) < 4 * MAX_FRAME_BYTES) {
      throw new RangeError(`Cannot spawn: inboxes must have ${4 * MAX_FRAME_BYTES} bytes or more`);
    }
  }

  get lostThreads(): number {
    return this.#lost;
  }

  beats(address: Address): number | undefined {
    const running = this.#running.get(address);
    return running === undefined ? undefined : this.options.switchboard.beats(running.slot);
  }

  /**
   * Gives an address a mailbox; the main thread uses this for roles of its own. Mail is accepted
   * once the slot is set to run.
   */
  register(address: Address): DirectoryEntry & { readonly incarnation: number } {
    const { switchboard } = this.options;
    const old = this.#entries.get(address);
    // A thread that was fenced while alive may still hold its inbox: its successor gets a new one.
    const reuse = old !== undefined && !this.#running.has(address);
    const entry = reuse ? old : this.#spare.get(address)?.pop() ?? this.#allocate(address);
    if (!reuse) {
      this.#entries.set(address, entry);
      this.directory.add(entry);
      this.#broadcast({ kind: "directory", entry });
    }
    // In a new slot too an address goes on counting: its incarnations can be compared.
    const incarnation = switchboard.incarnate(entry.slot, this.#incarnations.get(address));
    this.#incarnations.set(address, incarnation);
    return { ...entry, incarnation };
  }

  #allocate(address: Address): DirectoryEntry {
    if (this.#slots >= MAX_SLOTS) throw new RangeError("Cannot spawn: no slot is left");
    const memory = allocateInbox(this.options.inboxSize ?? INBOX_SIZE);
    this.#memories.push(memory);
    return { address, slot: this.#slots++, memory };
  }

  #broadcast(message: ToWorker): void {
    for (const { worker } of this.#threads) worker.postMessage(message);
  }

  async spawn(spec: RoleSpec): Promise<Spawned> {
    const former = this.#running.get(spec.address);
    if (former !== undefined) this.#setAside(former); // Two must never speak.
    const { slot, incarnation, memory } = this.register(spec.address);
    const worker = new Worker(this.options.entry ?? new URL("./entry.ts", import.meta.url), {
      type: "module",
      name: spec.address,
    });
    const { address } = spec;
    const station = new WorkerStation(address, incarnation, worker);
    const { locked, ready, reason, dismiss, abandon } = this.#listen(station, worker);
    const running: Running = {
      worker,
      address,
      slot,
      memory,
      station,
      abandon,
      lost: false,
      patience: undefined,
    };
    this.#running.set(address, running);
    this.#threads.add(running);
    const init: Init = {
      kind: "init",
      address: spec.address,
      module: spec.module,
      name: spec.name,
      config: spec.config,
      store: spec.store,
      slot,
      incarnation,
      // A restarted role must not draw the same numbers again.
      seed: deriveSeed(this.options.seed, `${spec.address}#${incarnation}`),
      clockStepMs: this.#clock.step(),
      nodes: this.options.switchboard.nodes,
      switchboard: this.options.switchboard.memory,
      directory: [...this.#entries.values()],
      lock: `trunkline:${this.#session}:${slot}:${incarnation}`,
    };
    worker.postMessage(init);
    this.options.inspection?.began(station);
    const exited = this.#watch(running, init.lock, locked, reason);
    this.#watches.add(exited);
    exited.finally(() => this.#watches.delete(exited));
    try {
      const early = exited.then((how) => Promise.reject(new Error(`${spec.address}: ${how}`)));
      await Promise.race([ready, early]);
      early.catch(() => {});
    } catch (error) {
      // Should it live on, it must not speak.
      if (this.#running.get(address) === running) this.#setAside(running);
      abandon();
      throw error;
    } finally {
      dismiss();
    }
    return {
      address: spec.address,
      incarnation,
      exited,
      terminate: () => worker.terminate(),
    };
  }

  /** Listens to a worker's control messages. */
  #listen(station: WorkerStation, worker: Worker): Listening {
    const { address } = station;
    let reason = "exited without a word";
    let timer: ReturnType<typeof setTimeout> | undefined;
    const locked = Promise.withResolvers<void>();
    const ready = new Promise<void>((resolve, reject) => {
      timer = setTimeout(
        () => reject(new Error(`${address} was not ready after ${READY_TIMEOUT_MS / 1000} s`)),
        READY_TIMEOUT_MS,
      );
      worker.onmessage = ({ data }: MessageEvent<FromWorker>) => {
        if (data.kind === "log") return this.options.log?.(address, data.level, data.text);
        if (data.kind === "batch") return this.options.inspection?.take(data.batch);
        if (data.kind === "answer") return station.answered(data.call, data.answer);
        if (data.kind === "locked") return locked.resolve();
        if (data.kind === "ready") return resolve();
        reason = data.error ?? "stopped";
        reject(new Error(reason)); // Of no effect once it was ready.
      };
      worker.onerror = (event) => {
        // Without this an error in a worker ends the whole process.
        event.preventDefault();
        reason = event.message;
        locked.resolve(); // Or it never will be.
        reject(new Error(`${address}: ${event.message}`));
      };
    });
    const dismiss = () => clearTimeout(timer);
    // One that is terminated before it holds its lock says nothing any more.
    const abandon = () => locked.resolve();
    return { locked: locked.promise, ready, reason: () => reason, dismiss, abandon };
  }

  /** Resolves when the worker's thread is gone: its Web Lock is granted to us then. */
  async #watch(
    running: Running,
    lock: string,
    locked: Promise<void>,
    reason: () => string,
  ): Promise<string> {
    const { locks } = navigator as unknown as { locks: LockManager };
    await locked; // Asked for earlier, the lock would be ours.
    await locks.request(lock, () => Promise.resolve());
    this.#forget(running);
    this.#gone(running, reason());
    return reason();
  }

  #gone({ address, station }: Running, reason: string): void {
    station.close();
    this.options.inspection?.ended(address, station.incarnation, reason);
  }

  #forget(running: Running): void {
    const { address, slot, memory } = running;
    this.#threads.delete(running);
    clearTimeout(running.patience);
    if (running.lost) this.#lost--;
    for (const inbox of this.#memories.map((memory) => new Inbox(memory))) {
      // Whatever it was writing when it ended stays invisible; give the locks back, and ring where
      // it may have ended before it could.
      inbox.seal(slot);
      inbox.ring();
    }
    if (this.#running.get(address) === running) {
      this.#running.delete(address);
      this.options.switchboard.setRuns(slot, false);
    } else {
      this.#spare.set(address, [...this.#spare.get(address) ?? [], { address, slot, memory }]);
    }
  }

  fence(address: Address): void {
    const running = this.#running.get(address);
    if (running === undefined) return;
    this.#setAside(running);
    clearTimeout(running.patience);
    this.#lose(running);
  }

  /** Ends it, and takes its right to speak: it may live on. */
  #setAside(running: Running): void {
    const { switchboard } = this.options;
    const { address, slot, worker } = running;
    switchboard.incarnate(slot);
    switchboard.setRuns(slot, false);
    // Kept out of #running, so that a successor gets a slot and an inbox of its own.
    this.#running.delete(address);
    this.#entries.delete(address);
    worker.terminate(); // Ends it at its next yield, if ever.
    running.patience = setTimeout(() => this.#lose(running), LOST_AFTER_MS);
    this.#gone(running, "replaced");
  }

  #lose(running: Running): void {
    running.lost = true;
    this.#lost++;
  }

  /** Ends all workers at once; resolves when their threads are gone, or will not go. */
  async close(): Promise<void> {
    for (const { worker, abandon, patience } of this.#threads) {
      clearTimeout(patience);
      worker.terminate();
      abandon();
    }
    await within(Promise.allSettled(this.#watches), CLOSE_TIMEOUT_MS);
  }
}

interface Listening {
  /** The worker holds its Web Lock. */
  readonly locked: Promise<void>;
  /** It takes messages. */
  readonly ready: Promise<void>;
  /** Why it ended, as far as it said. */
  readonly reason: () => string;
  /** Waits no longer for it to be ready. */
  readonly dismiss: () => void;
  /** Waits no longer for a word of it. */
  readonly abandon: () => void;
}

interface LockManager {
  request(name: string, held: () => Promise<unknown>): Promise<unknown>;
}
