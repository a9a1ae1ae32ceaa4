/** The roles of the `messaging` bench: one that answers and counts, one that asks and floods. */
import { isRecord } from "../../actors/guards.ts";
import { Histogram, type HistogramData } from "../../runtime/histogram.ts";
import { defineRole, type MessageHandler, type Services } from "../../runtime/role.ts";
import { touch, type Vote, vote } from "./messaging_message.ts";

function isVote(body: unknown): body is Vote {
  return isRecord(body) && isRecord(body["id"]) && typeof body["id"]["log"] === "string" &&
    typeof body["store"] === "string" && isRecord(body["answer"]) && Array.isArray(body["entries"]);
}

/** Takes votes, and says how many there were. */
export const receiver = defineRole<null>({
  name: "receiver",
  create: (services) => {
    let count = 0, sum = 0;
    return {
      messages: {
        vote: {
          accepts: isVote,
          handle: (body: Vote) => {
            count++;
            sum += touch(body);
          },
        },
        echo: {
          accepts: isVote,
          handle: (body: Vote, envelope) => {
            sum += touch(body);
            services.reply(envelope, body);
          },
        },
        count: {
          accepts: () => true,
          handle: (_: unknown, envelope) => services.reply(envelope, { count, sum }),
        },
      },
    };
  },
});

/** How much to send. */
export interface Amount {
  readonly count: number;
}

/** A flood as its sender saw it. */
export interface Flood {
  readonly perSecond: number;
  /** How often the mailbox pushed back. */
  readonly pushedBack: number;
}

const PATIENCE_MS = 30_000;

/** Sends votes to a receiver. */
export const sender = defineRole<{ readonly to: string }>({
  name: "sender",
  create: (services, { to }) => {
    const answering = (work: (amount: Amount) => Promise<unknown>): MessageHandler => ({
      accepts: (body) => isRecord(body) && Number.isSafeInteger(body["count"]),
      handle: async (body: Amount, envelope) => {
        services.reply(envelope, await work(body));
        services.wake();
      },
    });
    return {
      messages: {
        flood: answering(({ count }) => flood(services, to, count)),
        askInTurn: answering(({ count }) => askInTurn(services, to, count)),
      },
    };
  },
});

/** Messages sent in one turn: what a role that answers a batch would send. */
const BURST = 256;

async function flood(services: Services, to: string, count: number): Promise<Flood> {
  const before = await received(services, to);
  const since = performance.now();
  let pushedBack = 0;
  for (let sent = 0; sent < count;) {
    for (let i = 0; i < BURST && sent < count; i++) {
      if (services.send(to, "vote", vote(sent)) !== "accepted") {
        pushedBack++;
        break;
      }
      sent++;
    }
    services.wake();
    await new Promise((resolve) => setImmediate(resolve));
  }
  // Counted when it was handled, not when it was sent.
  while (await received(services, to) - before < count);
  return { perSecond: count / (performance.now() - since) * 1000, pushedBack };
}

async function received(services: Services, to: string): Promise<number> {
  const { count } = await services.ask(to, "count", null, PATIENCE_MS) as { count: number };
  return count;
}

async function askInTurn(services: Services, to: string, count: number): Promise<HistogramData> {
  const latency = new Histogram();
  for (let i = 0; i < count; i++) {
    const since = performance.now();
    await services.ask(to, "echo", vote(i), PATIENCE_MS);
    latency.record(performance.now() - since);
  }
  return latency.toJSON();
}
