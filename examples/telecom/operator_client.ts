/**
 * How the commands of operators reach a running cluster.
 *
 * @module
 */
import type { ApiError } from "./api_errors.ts";
import { CommandError, reasonOf } from "./command_error.ts";

const DEFAULT_URL = "http://127.0.0.1:8080";
const TIMEOUT_MS = 15_000;

/** Options that all these commands have, each with a value. */
export const ACCESS_VALUES = ["url", "token", "token-file", "report"] as const;

/** What `--help` says of them. */
export const ACCESS_HELP: string = `  --url URL          of the cluster (default ${DEFAULT_URL})
  --token TOKEN      an operator's token
  --token-file FILE  what cluster --token-file wrote
  --report json      print one JSON object as the last line of standard output
`;

/** Where a cluster is, and what opens it. */
export interface Access {
  readonly url: string;
  readonly token: string;
  /** Whether the answer is printed as JSON. */
  readonly json: boolean;
}

/** Reads the options. @throws {CommandError} for a value that cannot be used */
export async function readAccess(
  given: { readonly [N in typeof ACCESS_VALUES[number]]?: string },
): Promise<Access> {
  const { report, url = DEFAULT_URL } = given;
  if (report !== undefined && report !== "json") {
    throw new CommandError(`Cannot read --report: it must be json, got ${JSON.stringify(report)}`);
  }
  if (!URL.canParse(url) || !/^https?:/.test(url)) {
    throw new CommandError(`Cannot read --url: it must be like ${DEFAULT_URL}, got ${url}`);
  }
  const token = given.token ?? await readToken(given["token-file"]);
  return { url: url.replace(/\/+$/, ""), token, json: report === "json" };
}

async function readToken(file: string | undefined): Promise<string> {
  if (file === undefined) {
    throw new CommandError("Cannot ask without an operator's token: --token or --token-file");
  }
  try {
    const { operator } = JSON.parse(await Deno.readTextFile(file));
    if (typeof operator === "string") return operator;
  } catch (error) {
    throw new CommandError(`Cannot read the token file ${file}: ${reasonOf(error)}`);
  }
  throw new CommandError(`Cannot read the token file ${file}: it names no operator`);
}

/**
 * Calls a method of a cluster's API as its operator.
 *
 * @throws {CommandError} if it cannot be reached, or refuses
 */
export async function callCluster(
  { url, token }: Access,
  request: { readonly method: string; readonly params: unknown },
): Promise<unknown> {
  let response: Response;
  try {
    response = await fetch(`${url}/rpc`, {
      method: "POST",
      headers: { authorization: `Bearer ${token}` },
      body: JSON.stringify({ jsonrpc: "2.0", id: 1, ...request }),
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
  } catch (error) {
    throw new CommandError(`Cannot reach the cluster at ${url}: ${reasonOf(error)}`, 1);
  }
  const text = await response.text();
  let answer: { readonly result?: unknown; readonly error?: ApiError };
  try {
    answer = JSON.parse(text);
  } catch {
    throw new CommandError(`${url} is no cluster: it answers ${response.status} ${text}`, 1);
  }
  const { error, result } = answer;
  if (error === undefined) return result;
  const usage = error.code === -32602;
  throw new CommandError(`Refused: ${error.message}`, usage ? 2 : 1);
}
