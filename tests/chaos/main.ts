/**
 * `chaos`: breaks a real cluster under load and verifies what it said.
 *
 * @module
 */
import { CommandError, reasonOf } from "../../examples/telecom/command_error.ts";
import { buildHash } from "../simulation/trace.ts";
import { HELP, type Options, parseOptions } from "./options.ts";
import { type ChaosReport, report, table } from "./report.ts";
import { runChaos } from "./run.ts";

const TOLD = 20;

/** Runs a command line and returns the exit code: 0, 1 found something, 2 bad line, 3 given up. */
export async function chaos(args: readonly string[]): Promise<number> {
  const options = parseOptions(args);
  if (typeof options === "string") return complain(options);
  if (options.help) {
    console.log(HELP.trimEnd());
    return 0;
  }
  try {
    return await run(options);
  } catch (error) {
    if (error instanceof CommandError) return complain(reasonOf(error));
    throw error;
  }
}

function complain(text: string): number {
  console.error(`Cannot run chaos: ${text}`);
  return 2;
}

async function run(options: Options): Promise<number> {
  const since = performance.now();
  const progress = (text: string) => {
    const at = ((performance.now() - since) / 1000).toFixed(1).padStart(6);
    console.error(`chaos ${at} s: ${text}`);
  };
  progress(`seed ${options.seed}`);
  const parent = options.data === undefined
    ? await Deno.makeTempDir({ prefix: "trunkline-chaos-" })
    : undefined;
  const data = options.data ?? `${parent}/data`;
  const stop = interrupts();
  const result = await runChaos({ ...options, data, progress, stop: stop.requested })
    .catch(async (error) => {
      if (parent !== undefined) await Deno.remove(parent, { recursive: true });
      throw error;
    })
    .finally(() => stop.close());
  const figures = report(result, {
    seed: options.seed,
    profile: options.profile,
    seconds: (performance.now() - since) / 1000,
    build: buildHash(),
  });
  for (const { invariant, message } of figures.violations.slice(0, TOLD)) {
    console.error(`violation: ${invariant}: ${message}`);
  }
  const more = figures.violations.length - TOLD;
  if (more > 0) console.error(`and ${more} more`);
  const { unfinished } = result;
  if (unfinished !== undefined) console.error(`Not finished: ${unfinished}`);
  // Whoever interrupts it has not found anything that the data would explain.
  const fine = figures.violations.length === 0 &&
    (unfinished === undefined || unfinished === INTERRUPTED);
  if (parent !== undefined && fine) await Deno.remove(parent, { recursive: true });
  else console.error(`The data is in ${data}`);
  console.log(table(figures));
  if (options.json) console.log(JSON.stringify(figures));
  return codeOf(figures, unfinished);
}

function codeOf({ violations }: ChaosReport, unfinished: string | undefined): number {
  if (violations.length > 0) return 1;
  return unfinished === undefined ? 0 : 3;
}

const INTERRUPTED = "it was interrupted";

/** The first Ctrl-C gives the run up; the cluster goes with it. */
function interrupts(): { readonly requested: Promise<string>; close(): void } {
  const { promise: requested, resolve } = Promise.withResolvers<string>();
  const listen = () => resolve(INTERRUPTED);
  const signals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
  for (const signal of signals) Deno.addSignalListener(signal, listen);
  return {
    requested,
    close: () => signals.forEach((signal) => Deno.removeSignalListener(signal, listen)),
  };
}
