/**
 * The script every worker runs: waits for its first message, imports the role, hosts it.
 *
 * @module
 */
/// <reference lib="deno.worker" />
import { Host } from "../host.ts";
import { Inbox } from "../inbox.ts";
import type { Filter } from "../inspection/filter.ts";
import { Overseer } from "../inspection/overseer.ts";
import { nodeOf, type RoleDefinition } from "../role.ts";
import { Switchboard } from "../switchboard.ts";
import { drive, type Driver } from "./driver.ts";
import { ProcessClock, ProcessRandom, threadUsage } from "./environment.ts";
import type { FromWorker, Init, ToWorker } from "./messages.ts";
import { SqliteStore } from "./sqlite_store.ts";
import { Directory, WorkerTransport } from "./transport.ts";

const directory = new Directory();
let overseer: Overseer | undefined;
/** Of an onlooker that came before there was anything to look at. */
let filter: Filter | undefined;

function tell(message: FromWorker): void {
  self.postMessage(message);
}

async function run(init: Init): Promise<void> {
  for (const entry of init.directory) directory.add(entry);
  const inbox = new Inbox(init.directory.find((e) => e.slot === init.slot)!.memory);
  const switchboard = new Switchboard(init.nodes, init.switchboard);
  const clock = new ProcessClock(init.clockStepMs);
  const module = await import(init.module) as Record<string, unknown>;
  const definition = module[init.name] as RoleDefinition<never> | undefined;
  if (typeof definition?.create !== "function") {
    throw new TypeError(
      `Cannot start ${init.address}: ${init.module} exports no role ${init.name}`,
    );
  }
  const loop: { driver?: Driver } = {};
  const host = new Host(init.address, definition, init.config, {
    clock,
    random: new ProcessRandom(init.seed),
    transport: new WorkerTransport(init.slot, init.incarnation, inbox, directory, switchboard),
    links: switchboard,
    nodeClock: switchboard.nodeClock(nodeOf(init.address)),
    openStore: () => {
      if (init.store === undefined) throw new Error(`${init.address} was given no store`);
      return new SqliteStore(init.store);
    },
  }, {
    wake: () => loop.driver?.wake(),
    log: (level, text) => tell({ kind: "log", level, text }),
    epoch: () => switchboard.epoch,
    usage: threadUsage,
    ended: (error) => {
      loop.driver?.stop();
      overseer?.close();
      tell({ kind: "ended", error: error === undefined ? undefined : error.stack });
      // Let the last frames and this message leave first.
      setTimeout(() => self.close(), 0);
    },
  });
  overseer = new Overseer(host, (batch) => {
    self.postMessage({ kind: "batch", batch } satisfies FromWorker, [batch.rows.buffer]);
  });
  if (filter !== undefined) overseer.watch(filter);
  host.discardOldMail();
  // From here on mail is for this incarnation, unless it was fenced while it started.
  if (switchboard.incarnation(init.slot) === init.incarnation) switchboard.setRuns(init.slot, true);
  loop.driver = drive(host, inbox, clock, () => switchboard.beat(init.slot));
}

self.onmessage = (event: MessageEvent<ToWorker>) => {
  const message = event.data;
  switch (message.kind) {
    case "directory":
      return directory.add(message.entry);
    case "watch":
      filter = message.filter;
      return overseer?.watch(filter);
    case "taken":
      return overseer?.taken(message.number);
    case "question":
      return tell({
        kind: "answer",
        call: message.call,
        answer: overseer?.answer(message.question),
      });
  }
  // Granted to the spawner when this worker is gone, however it goes.
  locks().request(message.lock, () => {
    tell({ kind: "locked" });
    run(message).then(() => tell({ kind: "ready" }), (error: unknown) => {
      tell({ kind: "ended", error: (error as Error | undefined)?.stack ?? String(error) });
      self.close();
    });
    return new Promise(() => {});
  });
};

interface LockManager {
  request(name: string, held: () => Promise<unknown>): Promise<unknown>;
}

function locks(): LockManager {
  return (navigator as unknown as { locks: LockManager }).locks;
}
