/**
 * Takes one protocol machine out of the box: a two-phase commit participant in a plain XState
 * program, with an array for a journal and a function for a network. No worker, no runtime.
 *
 * Run: deno run examples/protocol_alone.ts
 *
 * @module
 */
import {
  participant,
  type ParticipantRecord,
  recoverParticipant,
} from "@trunkline/trunkline/protocols/two_phase_commit";
import { createActor } from "xstate";

const id = { log: "7a0f1c9e-demo", sequence: 0 };
const input = { lockTimeoutMs: 100, inquireMs: 1000, maxBackoff: 4 };
const journal: ParticipantRecord[] = [];
let balance = 100;

/** Binds the machine's effects to this program. */
function bind(name: string) {
  const actor = createActor(
    participant.provide({
      actions: {
        acquire: ({ self }) => self.send({ type: "granted" }),
        apply: () => void (balance -= 30),
        journal: ({ self }, { record, forced }) => {
          journal.push(record === "prepared" ? prepared : { kind: record, id });
          console.log(`${name} journals ${record}${forced ? ", forced" : ""}`);
          // What depends on the record is said only when it is durable.
          if (record !== "aborted") self.send({ type: "journaled", record });
        },
        sendCoordinator: (_, { message }) => console.log(`${name} says ${message}`),
        reject: ({ event }) => console.log(`${name} rejects ${event.type}`),
      },
    }),
    { input },
  );
  actor.subscribe({ error: (error) => console.error(error) });
  return actor.start();
}

const prepared: ParticipantRecord = {
  kind: "prepared",
  id,
  coordinator: "core-1/coordinator",
  peers: ["cloud-1/participant"],
  you: 0,
  epoch: 1,
  effect: { take: 30 },
  entries: [],
  holders: [],
};

const before = bind("before");
before.send({ type: "prepare" });
console.log(`it is ${before.getSnapshot().value}: it may not decide alone`);
before.stop(); // A crash: all that is left is the journal.

const { inDoubt } = recoverParticipant(journal);
console.log(`after the crash, ${inDoubt.length} transaction is in doubt`);
const after = bind("after");
after.send({ type: "recovered", as: "inDoubt" });
after.send({ type: "commit", sameStore: true });
after.send({ type: "commit", sameStore: true }); // A duplicate changes nothing.
console.log(`it is ${after.getSnapshot().value}, the balance is ${balance}`);
after.stop();
