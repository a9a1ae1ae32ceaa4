import { assertEquals, assertThrows } from "@std/assert";
import {
  type ClusterOptions,
  parseClusterOptions,
} from "../../examples/telecom/cluster_options.ts";
import { CommandError } from "../../examples/telecom/command_error.ts";

const defaults: ClusterOptions = {
  profile: "carrier",
  forMs: undefined,
  load: 200,
  subscribers: undefined,
  data: undefined,
  http: { hostname: "127.0.0.1", port: 8080 },
  console: undefined,
  tokenFile: undefined,
  seed: undefined,
  fast: false,
  faults: false,
  faultSchedule: undefined,
  json: false,
  history: undefined,
  inspect: undefined,
  settings: {},
  salvage: false,
};

const rows: readonly (readonly [args: string, Partial<ClusterOptions>])[] = [
  ["", {}],
  ["--profile reference", { profile: "reference" }],
  ["--profile=./my.json", { profile: "./my.json" }],
  ["--for 10s", { forMs: 10_000 }],
  ["--for 500ms", { forMs: 500 }],
  ["--for 2m", { forMs: 120_000 }],
  ["--for 1h", { forMs: 3_600_000 }],
  ["--for 1.5s", { forMs: 1500 }],
  ["--load 0", { load: 0 }],
  ["--load max", { load: "max" }],
  ["--load 5 --load 7", { load: 7 }],
  ["--subscribers 2", { subscribers: 2 }],
  ["--data some/folder", { data: "some/folder" }],
  ["--data 123", { data: "123" }],
  ["--http localhost:0", { http: { hostname: "localhost", port: 0 } }],
  ["--http [::1]:0", { http: { hostname: "::1", port: 0 } }],
  ["--http 0.0.0.0:65535", { http: { hostname: "0.0.0.0", port: 65_535 } }],
  ["--token-file t.json", { tokenFile: "t.json" }],
  ["--seed 4294967295", { seed: 4_294_967_295 }],
  ["--fast", { fast: true }],
  ["--faults", { faults: true }],
  ["--fault-schedule f.json", { faults: true, faultSchedule: "f.json" }],
  ["--fast --for 1s", { fast: true, forMs: 1000 }],
  ["--report json", { json: true }],
  ["--history h.jsonl", { history: "h.jsonl" }],
  ["--max-transactions 50", { settings: { maxConcurrentTransactions: 50 } }],
  ["--transaction-timeout 2s", { settings: { transactionTimeoutMs: 2000 } }],
  ["--data d --salvage", { data: "d", salvage: true }],
];

for (const [args, expected] of rows) {
  Deno.test(`cluster ${args || "without options"} is understood`, () => {
    const options = parseClusterOptions(args.split(" ").filter((arg) => arg !== ""));
    assertEquals(options, { ...defaults, ...expected });
  });
}

Deno.test("cluster --help asks for help, whatever else is there", () => {
  assertEquals(parseClusterOptions(["--help"]), "help");
  assertEquals(parseClusterOptions(["-h", "--load", "many"]), "help");
});

const bad: readonly (readonly [args: readonly string[], message: string])[] = [
  [["--bogus"], 'Unknown option "--bogus"'],
  [["extra"], 'Unknown argument "extra"'],
  [["12"], 'Unknown argument "12"'],
  [["--fast=maybe"], 'Unknown option "--fast=maybe"'],
  [["--no-fast"], 'Unknown option "--no-fast"'],
  [["--for"], "Cannot read --for: it needs a value"],
  [["--for", "-5s"], "Cannot read --for: it needs a value"],
  [["--data", ""], "Cannot read --data: it needs a value"],
  [["--for", "0s"], "Cannot read --for: it must be a duration above 0"],
  [["--for", "10"], "Cannot read --for: it must be a duration above 0"],
  [["--for", "10 s"], "Cannot read --for: it must be a duration above 0"],
  [["--for", "1e3s"], "Cannot read --for: it must be a duration above 0"],
  [["--load", "1.5"], "Cannot read --load: it must be a whole number from 0"],
  [["--load", "many"], "Cannot read --load: it must be a whole number from 0"],
  [["--load", "0x10"], "Cannot read --load: it must be a whole number from 0"],
  [["--load", "1000001"], "Cannot read --load: it must be a whole number from 0"],
  [["--subscribers", "1"], "Cannot read --subscribers: it must be a whole number from 2"],
  [["--seed", "4294967296"], "Cannot read --seed: it must be a whole number from 0"],
  [["--http", "8080"], "Cannot read --http: it must be HOST:PORT"],
  [["--http", "::1:80"], "Cannot read --http: it must be HOST:PORT"],
  [["--http", "a b:80"], "Cannot read --http: it must be HOST:PORT"],
  [["--http", "localhost:65536"], "Cannot read --http: it must be HOST:PORT"],
  [["--http", "http://localhost:80"], "Cannot read --http: it must be HOST:PORT"],
  [["--report", "xml"], "Cannot read --report: it must be json"],
  [["--max-transactions", "0"], "Cannot read --max-transactions: it must be a whole number from 1"],
  [["--transaction-timeout", "5"], "Cannot read --transaction-timeout: it must be a duration"],
  [["--salvage"], "Cannot salvage without --data"],
];

for (const [args, message] of bad) {
  Deno.test(`cluster ${args.join(" ")} is refused: ${message}`, () => {
    const error = assertThrows(() => parseClusterOptions(args), CommandError, message);
    assertEquals(error.message.includes("\n"), false);
    assertEquals(error.code, 2);
  });
}

Deno.test("what is refused stays on one line, whatever was typed", () => {
  const error = assertThrows(() => parseClusterOptions(["--a\nb\x1b[31m"]), CommandError);
  // deno-lint-ignore no-control-regex -- that is what must not get through
  assertEquals(/[\x00-\x1f]/.test(error.message), false);
});
