/** Planted bugs are found: machines that break their word, and hosts of the world that do. */
import { assert, assertEquals } from "@std/assert";
import { type AnyStateMachine, createMachine } from "xstate";
import { coordinator } from "../../protocols/two_phase_commit/coordinator.ts";
import { holder } from "../../protocols/two_phase_commit/holder.ts";
import { participant } from "../../protocols/two_phase_commit/participant.ts";
import { monitor } from "../../protocols/heartbeat/monitor.ts";
import { participant as threePhase } from "../../protocols/three_phase_commit/participant.ts";
import { tryMutant } from "./mutant_hook.ts";

// Charts are changed as plain data.
// deno-lint-ignore no-explicit-any
type Config = any;

/** The machine with its chart changed. */
function mutant(machine: AnyStateMachine, change: (config: Config) => void): AnyStateMachine {
  const config = clone(machine.config) as Config;
  change(config);
  return createMachine(config, machine.implementations as never) as unknown as AnyStateMachine;
}

/** Functions stay what they are. */
function clone(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(clone);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, clone(inner)]));
}

const voteYes = { type: "sendCoordinator", params: { message: "voteYes" } };

const MUTANTS: readonly {
  readonly name: string;
  readonly machine: AnyStateMachine;
  readonly scenario: string;
  readonly by: readonly string[];
  /** The first seed: those before find nothing, slowly. */
  readonly first?: number;
}[] = [
  {
    name: "a participant votes before its promise is durable",
    machine: mutant(participant, ({ states }) => {
      states.preparing.entry = [states.preparing.entry, voteYes];
    }),
    scenario: "crashes",
    by: ["atomic_votes", "events_handled"],
  },
  {
    name: "a coordinator tells of a commit before it is durable",
    machine: mutant(coordinator, ({ states }) => {
      states.deciding.always = {
        target: "committing",
        actions: { type: "reply", params: { outcome: "committed" } },
      };
    }),
    scenario: "crashes",
    by: ["acknowledged_durable", "atomic_agreement", "events_handled"],
  },
  {
    name: "a participant in doubt decides alone",
    machine: mutant(participant, ({ states }) => {
      states.inDoubt.after = { inquire: "aborted" };
    }),
    scenario: "two_phase_commit",
    by: ["atomic_agreement", "events_handled", "money", "number_owner", "atomic_termination"],
  },
  {
    name: "a participant does not apply what it commits",
    machine: mutant(participant, ({ states }) => {
      states.committing.entry = states.committing.entry.slice(1);
    }),
    scenario: "two_phase_commit",
    by: ["money", "acknowledged_durable"],
  },
  {
    name: "a coordinator forgets before all have acknowledged",
    machine: mutant(coordinator, ({ states }) => {
      states.committing.on.ack = { target: "ended", actions: "countAck" };
    }),
    scenario: "partitions",
    by: ["atomic_agreement", "events_handled", "atomic_termination", "money"],
  },
  {
    name: "an edge keeps its copy after a commit",
    machine: mutant(holder, ({ states }) => {
      states.installed.entry = "resume";
      states.expired.entry = "resume";
    }),
    scenario: "leases",
    by: ["sessions_end"],
  },
  {
    name: "a coordinator does not ask edges to hold",
    machine: mutant(coordinator, ({ states }) => {
      states.preparing.on.voteYes.shift();
    }),
    scenario: "leases",
    by: ["sessions_end"],
  },
  {
    name: "a monitor suspects at half of its patience",
    machine: mutant(monitor, ({ states }) => {
      states.alive.after = { 40: states.alive.after.suspicion };
    }),
    scenario: "heartbeat",
    by: ["failure_detector"],
  },
  {
    name: "a monitor never forgives",
    machine: mutant(monitor, ({ states }) => {
      states.failed.on.heartbeat = {};
    }),
    scenario: "heartbeat",
    by: ["failure_detector"],
  },
  {
    name: "a participant rejects what may come twice",
    machine: mutant(participant, ({ states }) => {
      delete states.committed.on.commit;
    }),
    scenario: "two_phase_commit",
    by: ["events_handled"],
  },
  {
    name: "a participant of three-phase commit votes before its promise is durable",
    machine: mutant(threePhase, ({ states }) => {
      const vote = { type: "send", params: { message: "voteYes", to: [-1] } };
      states.preparing.entry = [states.preparing.entry, vote];
    }),
    scenario: "three_phase_asynchronous",
    by: ["durable_first"],
  },
  {
    name: "one that has committed goes by an abort that it hears of",
    machine: mutant(threePhase, ({ states }) => {
      states.committed.on.abort = "aborting";
    }),
    scenario: "three_phase_asynchronous",
    by: ["decisions_stand"],
    first: 8,
  },
  {
    name: "one that is back asks only once",
    machine: mutant(threePhase, ({ states }) => {
      delete states.recovering.after;
    }),
    scenario: "three_phase_asynchronous",
    by: ["atomic_termination", "liveness"],
    first: 14,
  },
  {
    name: "a leader does not expect what others say late",
    machine: mutant(threePhase, ({ states }) => {
      delete states.collecting.on.prepare;
    }),
    scenario: "three_phase_asynchronous",
    by: ["events_handled"],
  },
];

for (const { name, machine, scenario, by, first = 1 } of MUTANTS) {
  Deno.test(`found: ${name}`, async () => {
    const caught = await tryMutant({ machine, scenarios: [scenario], seeds: 40, first });
    assert(caught !== undefined, "nothing was noticed");
    assert(by.includes(caught.invariant), `${caught.invariant}: ${caught.message}`);
  });
}

Deno.test("a machine that is replaced by itself is not found", async () => {
  const machine = mutant(participant, () => {});
  assertEquals(await tryMutant({ machine, scenarios: ["two_phase_commit"], seeds: 3 }), undefined);
});
