/**
 * A copy of the sources with a bug planted, to see whether chaos finds it.
 *
 * @module
 */
import { ROOT } from "../telecom/real_cluster.ts";

/** A bug: in a file, what stands there and what is put in its place. */
export interface Bug {
  readonly file: string;
  readonly from: string;
  readonly to: string;
}

const SOURCES = ["actors", "examples", "protocols", "runtime", "tools"];
const FILES = ["cli.ts", "deno.json", "deno.lock"];

/**
 * A vote is given before the record that it promises to keep is on disk. (`synchronous=OFF` would be
 * no bug that killing processes shows: what was written stays with the kernel.)
 */
export const VOTE_BEFORE_DISK: Bug = {
  file: "actors/participant_effects.ts",
  from: "this.#parts.services.journal(record, forced, forced ? durable : undefined);",
  to: `if (kind !== "prepared") {
      this.#parts.services.journal(record, forced, forced ? durable : undefined);
    } else {
      this.#parts.services.journal(record, false);
      queueMicrotask(durable);
    }`,
};

/** A client is answered, and participants are told, before the decision is on disk. */
export const ANSWER_BEFORE_DISK: Bug = {
  file: "actors/coordinator_effects.ts",
  from: "this.#parts.services.journal(record, forced, forced ? durable : undefined);",
  to: `this.#parts.services.journal(record, false);
    if (forced) queueMicrotask(durable);`,
};

/** After a restart the transactions that are in doubt are forgotten. */
export const FORGETS_DOUBTS: Bug = {
  file: "actors/participant.ts",
  from: "for (const record of found.inDoubt) {",
  to: "for (const record of found.inDoubt.slice(0, 0)) {",
};

/** Copies the sources to a folder and plants a bug there. */
export async function plant(bug: Bug, folder: string): Promise<string> {
  for (const name of SOURCES) await copy(`${ROOT}/${name}`, `${folder}/${name}`);
  for (const name of FILES) await Deno.copyFile(`${ROOT}/${name}`, `${folder}/${name}`);
  const file = `${folder}/${bug.file}`;
  const text = await Deno.readTextFile(file);
  if (!text.includes(bug.from)) throw new Error(`Cannot plant a bug: ${bug.file} has changed`);
  await Deno.writeTextFile(file, text.replace(bug.from, () => bug.to));
  return folder;
}

async function copy(from: string, to: string): Promise<void> {
  await Deno.mkdir(to, { recursive: true });
  for await (const { name, isDirectory } of Deno.readDir(from)) {
    if (isDirectory) await copy(`${from}/${name}`, `${to}/${name}`);
    else await Deno.copyFile(`${from}/${name}`, `${to}/${name}`);
  }
}
