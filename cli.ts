/**
 * The one entry of the tasks: `cluster`, `transactions`, `roster`, `bench`, `simulate`, `check`, `chaos` and
 * `help`.
 *
 * @module
 */
import { clusterCommand } from "./examples/telecom/cluster_command.ts";
import { EXIT_USAGE, reasonOf } from "./examples/telecom/command_error.ts";
import { rosterCommand } from "./examples/telecom/roster_command.ts";
import { transactionsCommand } from "./examples/telecom/transactions_command.ts";
import { writeAll } from "./examples/telecom/status_display.ts";

/** A command: takes its arguments, answers with the exit code. */
type Command = (args: string[]) => Promise<number>;

const HELP = `Usage: deno task COMMAND [OPTIONS]

  cluster   start a cluster, serve its API and drive traffic
  transactions
            what is open in a running cluster; decide about what is in doubt
  roster    who coordinates in a running cluster, and who orders that; changes of it
  bench     measure something beside its baseline
  simulate  play scenarios in virtual time, with faults, and watch what must hold
  chaos     kill roles and processes of a real cluster, cut its links, and verify what it said
  check     search every state of a model of the machines that ship, or look for mutants of them
  help      print this

deno task COMMAND --help tells the options of a command.
`;

const COMMANDS: Readonly<Record<string, Command>> = {
  cluster: clusterCommand,
  transactions: transactionsCommand,
  roster: rosterCommand,
  // Not loaded with the rest: benches, simulations and models are no part of the published package.
  bench: async (args) => {
    const { bench } = await import("./tests/bench/main.ts");
    return await bench(args);
  },
  simulate: async (args) => {
    const { simulate } = await import("./tests/simulation/main.ts");
    return await simulate(args);
  },
  check: async (args) => {
    const { check } = await import("./tests/model/main.ts");
    return await check(args);
  },
  chaos: async (args) => {
    const { chaos } = await import("./tests/chaos/main.ts");
    return await chaos(args);
  },
  help: () => {
    writeAll(Deno.stdout, HELP);
    return Promise.resolve(0);
  },
};

/** Runs a command line; answers with the exit code. */
export async function main(args: readonly string[]): Promise<number> {
  const [name = "help", ...rest] = args;
  const wanted = name === "--help" || name === "-h" ? "help" : name;
  if (!Object.hasOwn(COMMANDS, wanted)) {
    const known = Object.keys(COMMANDS).join(", ");
    writeAll(Deno.stderr, `Unknown command ${JSON.stringify(name)}: there are ${known}\n`);
    return EXIT_USAGE;
  }
  try {
    return await COMMANDS[wanted]!(rest);
  } catch (error) {
    writeAll(Deno.stderr, `Cannot finish ${wanted}: ${reasonOf(error)}\n`);
    return 1;
  }
}

// Threads that never yield must not keep the process.
if (import.meta.main) Deno.exit(await main(Deno.args));
