/**
 * What a hand-over does to the transactions of a coordinator: which are decided, which records are
 * needed, what goes on at the successor.
 *
 * @module
 */
import type { CoordinatorEvent } from "../protocols/two_phase_commit/coordinator.ts";
import type { CoordinatorRecord } from "../protocols/two_phase_commit/messages.ts";
import { recoverCoordinator } from "../protocols/two_phase_commit/rules.ts";
import { isThreePhaseRecord } from "../protocols/three_phase_commit/rules.ts";
import type { Instance, Instances } from "../runtime/instances.ts";
import type { Services } from "../runtime/role.ts";
import {
  type CoordinatorConfig,
  type CoordinatorFacts,
  recoveredFacts,
} from "./coordinator_facts.ts";
import { LogKeeper } from "./log_keeper.ts";
import type { Pauses } from "./retries.ts";
import type { Sequences } from "./sequences.ts";
import type { ThreePhaseCoordinator } from "./three_phase_coordinator.ts";

/** The coordinator's parts that hold transactions. */
export interface CoordinatorLogsParts {
  readonly services: Services;
  readonly config: CoordinatorConfig;
  readonly instances: Instances<CoordinatorFacts, CoordinatorEvent>;
  readonly threePhase: ThreePhaseCoordinator;
  readonly sequences: Sequences<Instance<CoordinatorFacts>>;
  readonly pauses: Pauses;
  /** Makes an instance of a transaction. */
  readonly create: (facts: CoordinatorFacts) => Instance<CoordinatorFacts>;
  /** A record was added to the journal. */
  readonly written: () => void;
}

/** Makes the keeper of a coordinator's logs. */
export function coordinatorLogs(parts: CoordinatorLogsParts): LogKeeper {
  const { services, config, instances, threePhase, sequences, pauses, written } = parts;
  const isDecided = (each: Instance<CoordinatorFacts>) =>
    instances.describe(each).startsWith("committing");
  return new LogKeeper({
    services,
    roster: config.roster ?? false,
    drainMs: 2 * config.voteTimeoutMs,
    retryMs: 4 * config.resendMs,
    written,
    goOn: (log, records) => goOn(log, records, parts),
    records: (log) => recordsOfLog(log, parts),
    stopBeginning: () => pauses.cutShort(),
    undecided: (hard) => {
      const others = hard ? 0 : threePhase.size + pauses.size;
      return others > 0 || [...instances].some((each) => !isDecided(each));
    },
    abort: () => {
      for (const instance of [...instances]) {
        if (!isDecided(instance)) instances.step(instance, { type: "abort", retryable: true });
      }
      threePhase.abort();
    },
    drop: (log) => {
      for (const instance of [...instances]) {
        if (sequences.home(instance.facts.id.log) === log) instances.drop(instance);
      }
      threePhase.drop(log);
      sequences.seal(log);
    },
  });
}

/** What stands in for all that was journaled of a log. */
function recordsOfLog(
  log: string,
  { instances, sequences, threePhase }: CoordinatorLogsParts,
): readonly unknown[] {
  const commits = [...instances].flatMap(({ facts }) =>
    facts.record === undefined || sequences.home(facts.id.log) !== log ? [] : [facts.record]
  );
  return [sequences.record(log), ...commits, ...threePhase.records(log)];
}

/** Goes on with the transactions of a log, after a restart or a hand-over. */
function goOn(log: string, records: readonly unknown[], parts: CoordinatorLogsParts): void {
  const { services, instances, threePhase, sequences, create } = parts;
  const own = records.filter((record) => !isThreePhaseRecord(record));
  const found = recoverCoordinator(own as CoordinatorRecord[]);
  const others = threePhase.open(records);
  const open = [...found.committing, ...others.map(({ began }) => began)];
  sequences.recover(log, found, open.map(({ id }) => id.sequence));
  threePhase.recover(others);
  for (const record of found.committing) {
    const facts = recoveredFacts(record, services.clock.now());
    const holders = record.holders.map((_, index) => index);
    instances.step(create(facts), { type: "recovered", holders });
  }
  const said = `${open.length} transactions go on after recovery`;
  if (open.length > 0) services.log("warning", said);
  if (log === sequences.log) sequences.reserve();
}
