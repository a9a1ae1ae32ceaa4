/** Roles that the contract suite runs in every implementation. */
import type { Envelope } from "../../../runtime/codec.ts";
import { defineRole, type MessageHandler } from "../../../runtime/role.ts";

/** This module, for a role's spec. */
export const ROLES = import.meta.url;

function on<T>(handle: (body: T, envelope: Envelope) => void): MessageHandler {
  return { accepts: () => true, handle: handle as MessageHandler["handle"] };
}

/** One message as a sink saw it. */
export interface Seen {
  readonly value: unknown;
  readonly sentAt: number;
  readonly receivedAt: number;
}

/** Keeps what it is sent; answers `whenSeen` once there are so many. */
export const sink = defineRole<undefined>({
  name: "sink",
  create(services) {
    const seen: Seen[] = [];
    const waiting: { readonly count: number; readonly envelope: Envelope }[] = [];
    const answer = () => {
      for (const { count, envelope } of waiting) {
        if (seen.length >= count) services.reply(envelope, seen);
      }
    };
    return {
      messages: {
        note: on<{ value: unknown; sentAt: number }>(({ value, sentAt }) => {
          seen.push({ value, sentAt, receivedAt: services.clock.now() });
          answer();
        }),
        whenSeen: on<number>((count, envelope) => {
          waiting.push({ count, envelope });
          answer();
        }),
      },
    };
  },
});

/** What a source is told to send: one note for each value, all in one turn. */
export interface Burst {
  readonly to: string;
  readonly values: readonly unknown[];
  readonly urgent?: boolean;
}

/** Sends notes when told to; answers with what came of each send. */
export const source = defineRole<undefined>({
  name: "source",
  create: (services) => ({
    messages: {
      burst: on<Burst>(({ to, values, urgent = false }, envelope) => {
        const sentAt = services.clock.now();
        const results = values.map((value) => {
          return services.send(to, "note", { value, sentAt }, { urgent });
        });
        services.reply(envelope, results);
      }),
    },
  }),
});

/** Answers, throws, draws and stalls on demand. */
export const subject = defineRole<{ readonly stall?: SharedArrayBuffer } | undefined>({
  name: "subject",
  create: (services, config) => ({
    messages: {
      echo: on((body, envelope) => services.reply(envelope, body)),
      draw: on<number>((count, envelope) => {
        services.reply(envelope, Array.from({ length: count }, () => services.random.next()));
      }),
      throw: on<string>((text) => {
        throw new Error(text);
      }),
      refuse: on<string>((reason, envelope) => services.fail(envelope, reason)),
      stall: on(() => {
        // Only a thread of its own can be held up like this.
        const gate = new Int32Array(config!.stall!);
        Atomics.store(gate, 1, 1);
        Atomics.notify(gate, 1);
        Atomics.wait(gate, 0, 0, 10_000);
        if (Atomics.load(gate, 0) === 2) throw new Error("killed");
      }),
    },
  }),
});

/** Journals what it is given and tells what it finds after a restart. */
export const keeper = defineRole<undefined>({
  name: "keeper",
  create(services) {
    const recovered: unknown[] = [];
    return {
      recover() {
        recovered.push(...services.openStore().records());
      },
      messages: {
        keep: on<unknown>((record, envelope) => {
          services.store.put("last", record as never);
          services.journal(record, true, () => services.reply(envelope, services.store.durable));
        }),
        recovered: on((_, envelope) => services.reply(envelope, recovered)),
      },
    };
  },
});
