/** Transactions a second by number of coordinators and participants; each debits three of them. */
import { CommitSystem } from "./commit_system.ts";
import { type Outcome, round, type Row } from "./figures.ts";

const COORDINATORS = [1, 2, 4, 8] as const;
const PARTICIPANTS = [3, 5, 7] as const;
const LOAD = { pattern: "debits", inFlight: 256, warmUpMs: 1500, forMs: 3000 } as const;

/** Measures every size once. */
export async function growth(
  folder: string,
  progress: (text: string) => void,
): Promise<Outcome> {
  const measured: Record<string, unknown>[] = [];
  const rows: Row[] = [];
  for (const coordinators of COORDINATORS) {
    for (const participants of PARTICIPANTS) {
      const path = `${folder}/${coordinators}-${participants}`;
      await Deno.mkdir(path);
      await using system = await CommitSystem.start(path, { coordinators, participants });
      const { committed, aborted, failed, ms } = await system.load(LOAD);
      const perS = round(committed / ms * 1000);
      const name = `${coordinators} coordinators, ${participants} participants`;
      progress(`${name}: ${perS} transactions/s`);
      rows.push({ name, value: `${perS}`, unit: "1/s" });
      measured.push({ coordinators, participants, txn_per_s: perS, aborted, failed });
    }
  }
  return { report: { in_flight: LOAD.inFlight, growth: measured }, rows };
}
