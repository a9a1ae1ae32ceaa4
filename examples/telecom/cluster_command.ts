/**
 * The command `cluster`: starts a profile, serves its API, drives traffic, stops in order and
 * reports.
 *
 * @module
 */
import { builtInProfiles } from "./built_in_profiles.ts";
import { CLUSTER_HELP, type ClusterOptions, parseClusterOptions } from "./cluster_options.ts";
import { ClusterRun, type RunResult } from "./cluster_run.ts";
import { CommandError, EXIT_AGAIN, EXIT_INTERRUPTED, reasonOf } from "./command_error.ts";
import { clusterReport, reportText } from "./cluster_report.ts";
import { DataFolder } from "./data_folder.ts";
import { writeFileDurably } from "./durable_file.ts";
import { readSchedule } from "./fault_schedule.ts";
import { History } from "./history.ts";
import { reserveAddress, type Reserved } from "./listen_address.ts";
import { checkProfile, loadProfile } from "./profile_loader.ts";
import type { Profile } from "./profiles.ts";
import { seedMsisdn } from "./rows.ts";
import { salvageStores } from "./salvage.ts";
import { chooseScreen, StatusDisplay, writeAll } from "./status_display.ts";
import { StopSignals } from "./stop_signals.ts";
import { TokenSource } from "./token_source.ts";

/**
 * Runs the command.
 *
 * @returns The exit code.
 */
export async function clusterCommand(args: readonly string[]): Promise<number> {
  try {
    const options = parseClusterOptions(args);
    if (options !== "help") return await runCluster(options);
    writeAll(Deno.stdout, CLUSTER_HELP);
    return 0;
  } catch (error) {
    writeAll(Deno.stderr, `${reasonOf(error)}\n`);
    return error instanceof CommandError ? error.code : 1;
  }
}

async function runCluster(options: ClusterOptions): Promise<number> {
  const profile = adjust(await readProfile(options.profile), options.settings);
  const { data: path, subscribers, faultSchedule } = options;
  const schedule = faultSchedule === undefined ? [] : await readSchedule(faultSchedule, profile);
  const folder = await DataFolder.open({ path, profile, subscribers });
  const signals = new StopSignals(() => {
    folder.close();
    Deno.exit(EXIT_INTERRUPTED);
  });
  const display = new StatusDisplay(chooseScreen(options.json));
  try {
    if (options.salvage) salvage(folder);
    const tokens = new TokenSource(folder.keys.privateKey);
    const address = reserveAddress(options.http.hostname, options.http.port);
    if (options.tokenFile !== undefined) await writeTokens(options.tokenFile, tokens);
    const history = options.history === undefined ? undefined : openHistory(options.history);
    const shown = { display, console: reserveConsole(options) };
    const made = { options, profile, folder, tokens, address, history, schedule, ...shown };
    const run = new ClusterRun(made);
    const result = await run.run(signals.requested);
    if (result === "interrupted") return EXIT_INTERRUPTED;
    history?.close();
    display.clear();
    return tell(options, profile, folder, result);
  } finally {
    display.clear();
    signals.close();
    folder.close();
  }
}

/** @throws {CommandError} if an address that was asked for cannot be had */
function reserveConsole({ console, http }: ClusterOptions): Reserved | undefined {
  if (console === "off") return undefined;
  if (console !== undefined) return reserveAddress(console.hostname, console.port);
  const { hostname, port } = http;
  try {
    return reserveAddress(hostname, port === 0 ? 0 : port + 1);
  } catch {
    return reserveAddress(hostname, 0); // Nobody asked for that port.
  }
}

/** A profile by its name, or from a file. @throws {CommandError} if there is none */
export async function readProfile(nameOrFile: string): Promise<Profile> {
  const names = builtInProfiles.map(({ name }) => name);
  let text = nameOrFile;
  if (!names.includes(nameOrFile)) {
    try {
      text = await Deno.readTextFile(nameOrFile);
    } catch (error) {
      throw new CommandError(
        `Cannot read the profile ${JSON.stringify(nameOrFile)}: it is none of ` +
          `${names.join(", ")} and no file that can be read (${reasonOf(error)})`,
      );
    }
  }
  const loaded = loadProfile(text);
  if (loaded.ok) return loaded.profile;
  throw new CommandError(loaded.error);
}

function salvage(folder: DataFolder): void {
  const lines = salvageStores(folder.path, folder.stores, Date.now());
  if (lines.length === 0) lines.push("nothing is damaged");
  for (const line of lines) writeAll(Deno.stderr, `salvage: ${line}\n`);
}

/** A profile with other settings, checked like one that was written so. */
function adjust(profile: Profile, settings: ClusterOptions["settings"]): Profile {
  const checked = checkProfile({ ...profile, settings: { ...profile.settings, ...settings } });
  if (checked.ok) return checked.profile;
  throw new CommandError(checked.error);
}

async function writeTokens(file: string, tokens: TokenSource): Promise<void> {
  const msisdn = seedMsisdn(0);
  const [operator, subscriber] = await Promise.all([tokens.operator(), tokens.subscriber(msisdn)]);
  try {
    await writeFileDurably(file, JSON.stringify({ operator, subscriber, msisdn }) + "\n", 0o600);
  } catch (error) {
    throw new CommandError(`Cannot write the tokens to ${file}: ${reasonOf(error)}`);
  }
}

function openHistory(file: string): History {
  try {
    return new History(file, () => performance.now());
  } catch (error) {
    throw new CommandError(`Cannot write the history to ${file}: ${reasonOf(error)}`);
  }
}

/** Prints the report; answers with the exit code. */
function tell(
  { json }: ClusterOptions,
  profile: Profile,
  folder: DataFolder,
  result: RunResult,
): number {
  const { traffic, problems } = result;
  const report = clusterReport({
    ...result,
    profile: profile.name,
    nodes: profile.nodes.length,
    group: profile.settings.pbft.group,
    expectedCents: folder.expectedCents,
    clean: problems.length === 0,
  });
  for (const problem of problems) writeAll(Deno.stderr, `problem: ${problem}\n`);
  writeAll(Deno.stdout, (json ? JSON.stringify(report) : reportText(report, traffic)) + "\n");
  if (result.again) return EXIT_AGAIN;
  const kept = result.actualCents === folder.expectedCents;
  return problems.length === 0 && kept ? 0 : 1;
}
