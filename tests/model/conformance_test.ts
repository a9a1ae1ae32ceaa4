/**
 * The hosts of the model do what the roles that ship do: what happened to each transaction of a
 * simulated run is played to them, and the same comes of it, message by message and record by
 * record.
 */
import { assert, assertEquals, assertInstanceOf } from "@std/assert";
import { coordinator } from "../../protocols/two_phase_commit/coordinator.ts";
import { participant } from "../../protocols/two_phase_commit/participant.ts";
import { mutantsOf } from "../../runtime/checker/mutants.ts";
import type { AnyStateMachine } from "../../runtime/xstate_types.ts";
import { Coverage } from "../simulation/coverage.ts";
import { runSeed } from "../simulation/run.ts";
import { between, pick, type Scenario } from "../simulation/scenario.ts";
import { stageKeys } from "../simulation/stage.ts";
import { Conformance, Differs, leftOut } from "./two_phase_commit/conformance.ts";
import { type Notes, noting } from "./two_phase_commit/witnessed.ts";
import type { Rules } from "./two_phase_commit/world.ts";

const SEEDS = 4;

/** Rules of the model's hosts that are not those of the roles. */
const BROKEN: readonly Partial<Rules>[] = [
  { answerUnknown: () => "unknown" },
  { answerUnknownInquiry: () => "uncertain" },
  { mayAckUnknownCommit: () => false },
];

/** Mutants in the roles that the model's machines are not. */
const OTHERWISE = [
  "twoPhaseCommit.participant inDoubt.on.prepare deleted",
  "twoPhaseCommit.participant preparing.on.journaled not waited for",
  "twoPhaseCommit.coordinator ended.entry.0 journal left out",
  "twoPhaseCommit.coordinator aborted.entry.1 send left out",
];

const scenario: Scenario = {
  name: "conformance",
  summary: "few roles and much that goes wrong, for a look at each transaction",
  roles: ["coordinator", "participant", "gateway"],
  faults: {
    maybe: ["loss", "duplicate", "delay", "reorder", "crash", "exit", "torn", "partition"],
  },
  cast: (random) => ({
    profile: "carrier",
    safetyMs: 1500,
    settings: {
      transactionTimeoutMs: pick(random, [300, 1000]),
      lockTimeoutMs: pick(random, [20, 150]),
      resendMs: pick(random, [20, 50]),
      leaseMs: 50,
    },
    load: {
      perSecond: between(random, 20, 40),
      subscribers: 8,
      mix: { "account.transfer": 80, "account.debit": 20 },
    },
  }),
};

const keys = await stageKeys();
const coverage = new Coverage();

/** What happened to each transaction of a seed. */
async function noted(seed: number, machine?: AnyStateMachine): Promise<Notes["of"]> {
  const notes: Notes = { of: new Map() };
  const { violations } = await runSeed(scenario, seed, {
    coverage: machine === undefined ? coverage : new Coverage(),
    definitions: [noting(notes)],
    ...(machine === undefined ? {} : { replaced: new Map([[machine.id, machine]]) }),
    ...keys,
  });
  if (machine === undefined) assertEquals(violations, []);
  return notes.of;
}

/** Plays all transactions, and says how many there were of what. @throws {Differs} */
function playAll(notes: Notes["of"], rules?: Partial<Rules>) {
  const sum = { transactions: 0, steps: 0, messages: 0, crashed: 0, left: 0 };
  for (const [key, list] of notes) {
    if (leftOut(list) !== undefined) {
      sum.left++;
      continue;
    }
    const { steps, messages } = new Conformance(key, list, rules).play();
    sum.transactions++;
    sum.steps += steps;
    sum.messages += messages;
    if (list.some(({ kind }) => kind === "gone")) sum.crashed++;
  }
  return sum;
}

Deno.test("hosts of the model do what the roles that ship do", async () => {
  const sums: ReturnType<typeof playAll>[] = [];
  for (let seed = 1; seed <= SEEDS; seed++) sums.push(playAll(await noted(seed)));
  const total = (of: keyof ReturnType<typeof playAll>) =>
    sums.reduce((sum, each) => sum + each[of], 0);
  assert(total("transactions") > 500, `${total("transactions")} transactions`);
  assert(total("crashed") > 50, `${total("crashed")} met a crash`);
  assert(total("steps") > 5000 && total("messages") > 3000);
  assert(total("left") < total("transactions") / 10, `${total("left")} left out`);
});

/** Plays seeds until two differ. */
async function differs(machine?: AnyStateMachine, rules?: Partial<Rules>): Promise<boolean> {
  for (let seed = 1; seed <= SEEDS; seed++) {
    const notes = await noted(seed, machine);
    try {
      playAll(notes, rules);
    } catch (error) {
      assertInstanceOf(error, Differs);
      return true;
    }
  }
  return false;
}

Deno.test("a host of the model that answers otherwise is found out", async () => {
  for (const rules of BROKEN) assert(await differs(undefined, rules), Object.keys(rules).join());
});

Deno.test("a machine that does otherwise in the roles is found out", async () => {
  const mutants = [...mutantsOf(coordinator), ...mutantsOf(participant)];
  for (const wanted of OTHERWISE) {
    const mutant = mutants.find(({ id }) => id === wanted);
    assert(mutant !== undefined && await differs(mutant.machine()), wanted);
  }
});
