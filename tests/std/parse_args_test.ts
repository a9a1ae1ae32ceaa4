import { assertEquals, assertFalse } from "@std/assert";
import { parseArgs, type ParseOptions } from "@std/cli";

type Row = [args: string, options: ParseOptions, expected: Record<string, unknown>];

/** Each row: the arguments (split at spaces), what is declared, what comes out. */
const ROWS: Row[] = [
  // Undeclared options.
  ["", {}, { _: [] }],
  ["--bool", {}, { bool: true, _: [] }],
  ["--host localhost --port 555", {}, { host: "localhost", port: 555, _: [] }],
  ["--host=localhost --port=555", {}, { host: "localhost", port: 555, _: [] }],
  ["--a=b=c", {}, { a: "b=c", _: [] }],
  ["--a --b", {}, { a: true, b: true, _: [] }],
  ["--no-moo", {}, { "no-moo": true, _: [] }],
  ["-v a -v b", {}, { v: "b", _: [] }],
  ["a -x 1 b", {}, { x: 1, _: ["a", "b"] }],
  // Numbers.
  ["-x 1234 -y 5.67 -z 1e7 -w 10f --hex 0xff 789", {}, {
    x: 1234,
    y: 5.67,
    z: 1e7,
    w: "10f",
    hex: 255,
    _: [789],
  }],
  ["-s 0001 2", { string: ["s", "_"] }, { s: "0001", _: ["2"] }],
  ["--for 10s", {}, { for: "10s", _: [] }],
  // Short options.
  ["-n5", {}, { n: 5, _: [] }],
  ["-cats", {}, { c: true, a: true, t: true, s: true, _: [] }],
  ["-cats meow", {}, { c: true, a: true, t: true, s: "meow", _: [] }],
  ["-123 456", {}, { 1: true, 2: true, 3: 456, _: [] }],
  ["-b=123", {}, { b: 123, _: [] }],
  ["-f=abc=def", {}, { f: "abc=def", _: [] }],
  ["-e==", {}, { e: "=", _: [] }],
  ["-I/foo/bar", {}, { I: "/foo/bar", _: [] }],
  ["-xyz/foo", {}, { x: true, y: true, z: "/foo", _: [] }],
  ["-fp 555 script.js", {}, { f: true, p: 555, _: ["script.js"] }],
  ["-n -", {}, { n: "-", _: [] }],
  ["-", {}, { _: ["-"] }],
  ["-f-", {}, { f: "-", _: [] }],
  ["-n -5", {}, { n: true, 5: true, _: [] }],
  // Strings.
  ["--str", { string: "str" }, { str: "", _: [] }],
  ["--str --other", { string: "str" }, { str: "", other: true, _: [] }],
  ["-art", { string: ["a", "t"] }, { a: "", r: true, t: "", _: [] }],
  ["--http 127.0.0.1:0", { string: "http" }, { http: "127.0.0.1:0", _: [] }],
  // Booleans.
  ["-t moo", { boolean: "t" }, { t: true, _: ["moo"] }],
  ["", { boolean: ["t"] }, { t: false, _: [] }],
  ["--v false moo -t true", { boolean: ["t", "v"] }, { v: false, t: true, _: ["moo"] }],
  ["--b=false --c=true", { boolean: ["b", "c"] }, { b: false, c: true, _: [] }],
  ["moo --honk cow", { boolean: true }, { honk: true, _: ["moo", "cow"] }],
  ["--honk cow -p 55 --t=good", { boolean: true }, { honk: true, t: "good", p: 55, _: ["cow"] }],
  // Defaults.
  ["", { boolean: "a", default: { a: true } }, { a: true, _: [] }],
  ["", { boolean: "a", default: { a: null } }, { a: null, _: [] }],
  ["--load 5", { string: "load", default: { load: "200" } }, { load: "5", _: [] }],
  ["", { default: { "a.b": 11 } }, { a: { b: 11 }, _: [] }],
  // Aliases.
  ["-h derp", { boolean: "herp", alias: { h: "herp" } }, { h: true, herp: true, _: ["derp"] }],
  ["--zoom 5", { alias: { z: ["zm", "zoom"] } }, { z: 5, zm: 5, zoom: 5, _: [] }],
  ["-s 01", { string: "str", alias: { str: "s" } }, { s: "01", str: "01", _: [] }],
  ["", { boolean: "bar", alias: { bar: "b" } }, { bar: false, b: false, _: [] }],
  // Collecting.
  ["--k a --k b", { collect: "k" }, { k: ["a", "b"], _: [] }],
  ["", { string: "k", collect: "k" }, { k: [], _: [] }],
  ["--k a -k b", { string: "key", collect: "key", alias: { key: "k" } }, {
    key: ["a", "b"],
    k: ["a", "b"],
    _: [],
  }],
  ["", { collect: "k", default: { k: ["a"] } }, { k: ["a"], _: [] }],
  // Negation.
  ["--no-foo", { boolean: "foo", negatable: "foo" }, { foo: false, _: [] }],
  ["--no-foo --foo", { boolean: "foo", negatable: "foo" }, { foo: true, _: [] }],
  ["--foo 1 --no-foo", { string: "foo", collect: "foo", negatable: "foo" }, { foo: false, _: [] }],
  // Where options end.
  ["-a -- b --c", {}, { a: true, _: ["b", "--c"] }],
  ["--name John x -- b 7", { "--": true }, { name: "John", _: ["x"], "--": ["b", "7"] }],
  ["--aaa bbb ccc --ddd", { stopEarly: true }, { aaa: "bbb", _: ["ccc", "--ddd"] }],
  // Nesting.
  ["--a.b 3 --a.c.d", {}, { a: { b: 3, c: { d: true } }, _: [] }],
  ["--toString --valueOf foo", {}, { toString: true, valueOf: "foo", _: [] }],
];

for (const [line, options, expected] of ROWS) {
  Deno.test(`parseArgs reads "${line}" under ${JSON.stringify(options)}`, () => {
    assertEquals(parseArgs(line === "" ? [] : line.split(" "), options), expected as never);
  });
}

Deno.test("parseArgs keeps blanks and line ends", () => {
  assertEquals(parseArgs(["-s", "X\nX", "  "]), { s: "X\nX", _: ["  "] });
  assertEquals(parseArgs(["--s=X\nX"]), { s: "X\nX", _: [] });
});

Deno.test("unknown sees what was not declared, and drops it", () => {
  const seen: unknown[] = [];
  const args = parseArgs(["--known", "a", "-u", "1", "--bad", "stray", "x"], {
    string: "known",
    unknown: (arg, key, value) => {
      seen.push([arg, key, value]);
      return false;
    },
  });
  assertEquals(seen, [
    ["-u", "u", "1"],
    ["--bad", "bad", "stray"],
    ["x", undefined, undefined],
  ]);
  assertEquals(args, { known: "a", _: [] } as never);
});

Deno.test("unknown is not asked about aliases and declared booleans", () => {
  const unknown = () => false;
  assertEquals<unknown>(
    parseArgs(["-h", "a", "--v"], { alias: { h: "help" }, boolean: "v", unknown }),
    { h: "a", help: "a", v: true, _: [] },
  );
});

Deno.test("the declared names are typed", () => {
  const args = parseArgs(["--profile", "carrier"], {
    string: ["profile", "load", "mode"],
    boolean: ["fast", "color"],
    collect: ["mode"],
    negatable: ["color"],
    alias: { profile: "p" },
    default: { load: "200" },
  });
  const profile: string | undefined = args.profile;
  const same: string | undefined = args.p;
  const load: string = args.load;
  const modes: string[] = args.mode;
  const fast: boolean = args.fast;
  const other: unknown = args.other;
  assertEquals([profile, same, load, modes], ["carrier", "carrier", "200", []]);
  assertFalse(fast);
  assertEquals(other, undefined);
});
