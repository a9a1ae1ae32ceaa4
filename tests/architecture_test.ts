/**
 * The walls of the design, as tests: which folder imports which, that protocols stay pure, that
 * files and functions stay short, that every machine answers strays and every message is handled.
 *
 * Sources are read through the parser of `Deno.lint`, not with expressions; the rows at the end feed
 * it bad ones, so that each rule is seen to fail.
 */
import { assert, assertEquals } from "@std/assert";
import { type AnyStateMachine, type AnyStateNode, createMachine, StateMachine } from "xstate";

const ROOT = new URL("../", import.meta.url);
const LAYERS = ["protocols", "runtime", "actors", "examples"] as const;
const SKIPPED = new Set([".git", ".data", "node_modules", "coverage", "dist"]);
/** About 300: what is longer is asking to be split. */
const MAX_FILE_LINES = 330;
const MAX_FUNCTION_LINES = 70;

/** What may be longer, `path` or `path#function`, and why. */
const LONG: Readonly<Record<string, string>> = {};

/** Message types, `folder/type`, that no machine of their folder has to handle, and who does. */
const HANDLED_ELSEWHERE: Readonly<Record<string, string>> = {
  "deadlock/refresh": "a participant's host answers it from its table of locks, without a machine",
  "deadlock/victim": "a coordinator's host gives the transaction's machine an abort",
};

/** What gives a protocol a clock, chance, input or output. */
const IMPURE = new Set(
  ("Date Temporal performance setTimeout setInterval setImmediate clearTimeout clearInterval " +
    "clearImmediate queueMicrotask requestAnimationFrame Deno process Buffer require crypto console " +
    "fetch XMLHttpRequest WebSocket EventSource Worker SharedWorker BroadcastChannel MessageChannel " +
    "navigator location localStorage sessionStorage caches indexedDB Atomics SharedArrayBuffer " +
    "WeakRef FinalizationRegistry WebAssembly eval globalThis self window global prompt alert confirm")
    .split(" "),
);

/** Text that belongs in the tracker or on one machine. Written so that it does not match itself. */
const FORBIDDEN_TEXT: readonly (readonly [RegExp, string])[] = [
  [/\bissues?\s*#\s*\d*|\bissue\s+\d+\b/gi, "an issue number"],
  [/\b[RXZ]-[ABCD]{1,2}\d+\b/g, "a requirement id"],
  [/registry\.npmjs\.org|npm\.jsr\.io|\/\/jsr\.io/g, "a registry host"],
  [/(?<![\w.~-])\/(?:work|root)\//g, "an absolute machine path"],
];

type Source = { readonly path: string; readonly text: string };
type Fault = { readonly rule: "imports" | "purity" | "size" | "text"; readonly text: string };
// The parser's nodes, read by field name: their types differ too much to be worth telling apart.
// deno-lint-ignore no-explicit-any
type Node = any;

type Facts = {
  readonly imports: { readonly specifier: string | undefined; readonly line: number }[];
  readonly names: { readonly name: string; readonly line: number }[];
  readonly functions: { readonly name: string; readonly line: number; readonly lines: number }[];
  /** Type aliases: the `type` literals of their variants, and the aliases they refer to. */
  readonly aliases: Map<string, { readonly types: string[]; readonly refs: string[] }>;
};

function parse({ path, text }: Source): Facts {
  const facts: Facts = { imports: [], names: [], functions: [], aliases: new Map() };
  const bound = new Set<string>();
  const lineAt = (offset: number) => text.slice(0, offset).split("\n").length;
  const imported = (node: Node, from: Node) => {
    facts.imports.push({ specifier: literal(from), line: lineAt(node.range[0]) });
  };
  const measured = (node: Node) => {
    const [line, last] = [lineAt(node.range[0]), lineAt(node.range[1])];
    const name = (node.id ?? node.parent.key ?? node.parent.id)?.name ?? "a function";
    facts.functions.push({ name, line, lines: last - line + 1 });
  };
  const visitor: Record<string, (node: Node) => void> = {
    ImportDeclaration: (node) => imported(node, node.source),
    ExportAllDeclaration: (node) => imported(node, node.source),
    ExportNamedDeclaration: (node) => node.source && imported(node, node.source),
    ImportExpression: (node) => imported(node, node.source),
    TSImportType: (node) => imported(node, node.argument),
    TSExternalModuleReference: (node) => imported(node, node.expression),
    // `new URL("./worker.ts", import.meta.url)` and `import.meta.resolve("./worker.ts")`.
    NewExpression: (node) => isModuleUrl(node) && imported(node, node.arguments[0]),
    CallExpression: (node) => isResolve(node) && imported(node, node.arguments[0]),
    FunctionDeclaration: measured,
    FunctionExpression: measured,
    ArrowFunctionExpression: measured,
    TSTypeAliasDeclaration: (node) => {
      facts.aliases.set(node.id.name, variants(node.typeAnnotation));
    },
    Identifier: (node) => {
      if (isBinding(node)) bound.add(node.name);
      else if (!isKey(node)) {
        facts.names.push({ name: qualified(node), line: lineAt(node.range[0]) });
      }
    },
  };
  const plugin = { name: "walls", rules: { walls: { create: () => visitor } } };
  // A file that opts out of linting must not opt out of the walls.
  const seen = text.replaceAll("deno-lint-ignore-file", "deno-lint-ignored-file");
  Deno.lint.runPlugin(plugin as Deno.lint.Plugin, path.split("/").at(-1)!, seen);
  return { ...facts, names: facts.names.filter(({ name }) => !bound.has(name)) };
}

/** The text of a literal, or `undefined` if it is computed. */
function literal(node: Node): string | undefined {
  if (node?.type === "TSLiteralType") return literal(node.literal);
  if (node?.type === "TemplateLiteral" && node.quasis.length === 1) return node.quasis[0].cooked;
  return node?.type === "Literal" && typeof node.value === "string" ? node.value : undefined;
}

function isModuleUrl(node: Node): boolean {
  return node.callee.name === "URL" && node.arguments[1]?.object?.type === "MetaProperty" &&
    literal(node.arguments[0]) !== undefined;
}

function isResolve(node: Node): boolean {
  return node.callee.object?.type === "MetaProperty" && node.callee.property?.name === "resolve" &&
    literal(node.arguments[0]) !== undefined;
}

/** Whether an identifier introduces its name. */
function isBinding(node: Node): boolean {
  const { parent } = node;
  const at = (...places: Node[]) => places.some((place) => isSame(place, node));
  if (/Pattern$|^RestElement$/.test(parent.type)) return !at(parent.right);
  if (parent.type === "Property" && parent.parent.type === "ObjectPattern") return at(parent.value);
  if (/^Import.*Specifier$/.test(parent.type)) return at(parent.local);
  if (parent.type === "VariableDeclarator" || /Declaration$/.test(parent.type)) {
    if (at(parent.id)) return true;
  }
  return at(...(parent.params ?? []), parent.param);
}

/** Whether an identifier is a key or a label, not a name looked up in a scope. */
function isKey(node: Node): boolean {
  const { parent } = node;
  if (/^(Import|Export).*Specifier$/.test(parent.type)) return true;
  const isField = isSame(parent.property, node) || isSame(parent.key, node);
  if (isField) return !parent.computed && !parent.shorthand;
  return isSame(parent.right, node) && parent.type === "TSQualifiedName" ||
    isSame(parent.label, node);
}

function isSame(a: Node, b: Node): boolean {
  return a?.type === b.type && a.range[0] === b.range[0] && a.range[1] === b.range[1];
}

/** `Math.random` for that member, taken apart or computed; the bare name for all others. */
function qualified(node: Node): string {
  if (node.name !== "Math") return node.name;
  const { parent } = node;
  const isPlain = parent.type === "MemberExpression" && !parent.computed;
  return isPlain && parent.property.name !== "random" ? "Math" : "Math.random";
}

function variants(node: Node): { types: string[]; refs: string[] } {
  if (node.type === "TSTypeReference") {
    const inner = (node.typeArguments?.params ?? []).map(variants);
    return merge([{ types: [], refs: [node.typeName.name] }, ...inner]);
  }
  if (node.type === "TSUnionType" || node.type === "TSIntersectionType") {
    return merge(node.types.map(variants));
  }
  const member = node.members?.find((it: Node) => it.key?.name === "type");
  const type = member?.typeAnnotation?.typeAnnotation;
  const types = (type?.type === "TSUnionType" ? type.types : [type]).map(literal);
  return { types: types.filter((it: unknown) => it !== undefined), refs: [] };
}

function merge(parts: { types: string[]; refs: string[] }[]) {
  return { types: parts.flatMap((it) => it.types), refs: parts.flatMap((it) => it.refs) };
}

/** Every message type a `messages.ts` declares: those of its aliases named `...Message`. */
function messageTypes({ aliases }: Facts): Set<string> {
  const found = new Set<string>();
  const visited = new Set<string>();
  const visit = (name: string) => {
    if (visited.has(name)) return;
    visited.add(name);
    const alias = aliases.get(name);
    alias?.types.forEach((type) => found.add(type));
    alias?.refs.forEach(visit);
  };
  [...aliases.keys()].filter((name) => name.endsWith("Message")).forEach(visit);
  return found;
}

/** A project path for a relative specifier, `package:...` for any other. */
function resolve(from: string, specifier: string): string {
  if (specifier.startsWith("@trunkline/trunkline")) return "mod.ts";
  if (!/^\.{0,2}\//.test(specifier)) return `package:${specifier}`;
  return new URL(specifier, `file:///${from}`).pathname.slice(1);
}

/** Which wall, if any, stands between `from` and `to`. */
function wall(from: string, to: string): string | undefined {
  const [layer] = from.split("/");
  const isLocal = !to.startsWith("package:");
  const into = /^runtime\/(?:worker|simulated|nats)\//.exec(to)?.[0];
  if (layer === "protocols" && to !== "package:xstate" && !to.startsWith("protocols/")) {
    return "protocols/ imports only xstate and protocols/";
  }
  if (layer === "runtime" && isLocal && !to.startsWith("runtime/")) {
    return "runtime/ knows no protocol, actor or example";
  }
  if (layer === "actors" && isLocal && !/^(actors|runtime|protocols)\//.test(to)) {
    return "actors/ imports only protocols/ and runtime/";
  }
  const mayChoose = /^(mod\.ts|cli\.ts|(examples|tests)\/)/.test(from);
  if (into && !mayChoose && !from.startsWith(into)) {
    return "only mod.ts, cli.ts, examples/ and tests/ choose an implementation";
  }
  // The command line reaches the benchmarks and searches that live beside the tests.
  const mayTest = layer === "tests" || from === "cli.ts";
  return to.startsWith("tests/") && !mayTest ? "only tests/ and cli.ts import tests/" : undefined;
}

function checkCode(source: Source): Fault[] {
  const { path, text } = source;
  const facts = parse(source);
  const faults: Fault[] = [];
  for (const { specifier, line } of facts.imports) {
    const why = specifier !== undefined
      ? wall(path, resolve(path, specifier))
      : path.startsWith("protocols/") && "protocols/ imports nothing computed";
    if (why) faults.push({ rule: "imports", text: `${path}:${line} ${specifier}: ${why}` });
  }
  for (const { name, line } of path.startsWith("protocols/") ? facts.names : []) {
    if (!IMPURE.has(name) && name !== "Math.random") continue;
    faults.push({ rule: "purity", text: `${path}:${line} ${name}: protocols are pure` });
  }
  const lines = text.trimEnd().split("\n").length;
  if (lines > MAX_FILE_LINES && !LONG[path]) {
    faults.push({ rule: "size", text: `${path}: ${lines} lines, ${MAX_FILE_LINES} allowed` });
  }
  for (const { name, line, lines } of facts.functions) {
    if (lines <= MAX_FUNCTION_LINES || LONG[`${path}#${name}`]) continue;
    faults.push({ rule: "size", text: `${path}:${line} ${name}: ${lines} lines` });
  }
  return faults;
}

function checkText({ path, text }: Source): Fault[] {
  return FORBIDDEN_TEXT.flatMap(([pattern, what]) =>
    [...text.matchAll(pattern)].map((match): Fault => {
      const line = text.slice(0, match.index).split("\n").length;
      return { rule: "text", text: `${path}:${line} "${match[0]}" is ${what}` };
    })
  );
}

/** A stray must be answered: without a root `"*"` XState drops it in silence. */
function answersStrays(machine: AnyStateMachine): boolean {
  const stray = (machine.config.on as Record<string, unknown> | undefined)?.["*"];
  return JSON.stringify(stray ?? null).includes('"reject"');
}

/** Every event some state names, also those it names to ignore (`machine.events` leaves these out). */
function events(node: AnyStateNode): string[] {
  return [...Object.keys(node.config.on ?? {}), ...Object.values(node.states).flatMap(events)];
}

function handles(machine: AnyStateMachine, type: string): boolean {
  return events(machine.root).some((it) =>
    it === type || (it.endsWith(".*") && type.startsWith(it.slice(0, -1)))
  );
}

async function* files(folder = ""): AsyncGenerator<Source> {
  for await (const { name, isDirectory } of Deno.readDir(new URL(folder, ROOT))) {
    if (SKIPPED.has(name) || /\.sqlite|\.(png|jpe?g|ico|woff2?)$/.test(name)) continue;
    const path = folder + name;
    if (isDirectory) yield* files(`${path}/`);
    else yield { path, text: await Deno.readTextFile(new URL(path, ROOT)) };
  }
}

async function machines(folder: string): Promise<[string, AnyStateMachine][]> {
  const found = new Map<AnyStateMachine, string>();
  for (const { path } of all.filter(({ path }) => path.startsWith(folder) && isCode(path))) {
    const module: Record<string, unknown> = await import(new URL(path, ROOT).href);
    for (const [name, value] of Object.entries(module)) {
      if (value instanceof StateMachine) found.set(value, `${path} ${name}`);
    }
  }
  return [...found].map(([machine, name]) => [name, machine]);
}

const isCode = (path: string) => /\.(ts|tsx|js|mjs)$/.test(path);
const all = (await Array.fromAsync(files())).sort((a, b) => a.path < b.path ? -1 : 1);
const code = all.filter(({ path }) =>
  isCode(path) && /^(mod\.ts|cli\.ts|(protocols|runtime|actors|examples|tools)\/)/.test(path)
);
const faults = [...code.flatMap(checkCode), ...all.flatMap(checkText)];
const faultsOf = (rule: Fault["rule"]) =>
  faults.filter((it) => it.rule === rule).map(({ text }) => text);

for (const layer of LAYERS) {
  Deno.test(`${layer}/ is looked at`, () => {
    assert(code.some(({ path }) => path.startsWith(`${layer}/`)), `no sources in ${layer}/`);
  });
}

Deno.test("imports point one way", () => assertEquals(faultsOf("imports"), []));
Deno.test("protocols have no clock, chance, input or output", () => {
  assertEquals(faultsOf("purity"), []);
});
Deno.test("files and functions are short", () => assertEquals(faultsOf("size"), []));
Deno.test("no text names the tracker, a registry or a machine", () => {
  assertEquals(faultsOf("text"), []);
});

Deno.test("tasks name their permissions, and every export has its documentation checked", () => {
  const config = JSON.parse(all.find(({ path }) => path === "deno.json")!.text);
  const commands: string[] = Object.values<{ command: string }>(config.tasks).map((it) =>
    it.command
  );
  // What drives the browser asks for every permission there is, so its tests are run by themselves.
  const others = commands.flatMap((it) => it.split(" && ")).filter((it) =>
    !/ tests\/browser$/.test(it)
  );
  assertEquals(others.filter((it) => /\s(-A|--allow-all)\b/.test(it)), []);
  const checked = / doc --lint ([^&]*)/.exec(config.tasks.verify.command)?.[1]?.split(" ") ?? [];
  const exported = Object.values<string>(config.exports).map((it) => it.replace("./", ""));
  assertEquals(exported.filter((it) => !checked.includes(it)), []);
});

Deno.test("every machine answers strays", async () => {
  const found = await machines("protocols/");
  assert(found.length > 0, "no machine exported from protocols/");
  assertEquals(found.filter(([, machine]) => !answersStrays(machine)).map(([name]) => name), []);
});

Deno.test("every message type is handled by a machine of its protocol", async () => {
  const unhandled: string[] = [];
  for (const source of code.filter(({ path }) => /^protocols\/.*\bmessages\.ts$/.test(path))) {
    const folder = source.path.slice(0, source.path.lastIndexOf("/") + 1);
    const found = await machines(folder);
    for (const type of messageTypes(parse(source))) {
      const name = `${folder.slice("protocols/".length)}${type}`;
      const isHandled = found.some(([, machine]) => handles(machine, type));
      if (isHandled === name in HANDLED_ELSEWHERE) unhandled.push(name);
    }
  }
  assertEquals(unhandled, []);
});

/** Sources that break a rule, or look as if they did: path, text, the rules broken. */
const ROWS: readonly (readonly [path: string, text: string, rules: string])[] = [
  ["protocols/p/a.ts", 'import { setup } from "xstate"; import "./b.ts"; import "../c.ts";', ""],
  ["protocols/p/a.ts", 'import "node:fs";', "imports"],
  ["protocols/p/a.ts", 'import type { X } from "../../runtime/ports.ts";', "imports"],
  ["protocols/p/a.ts", 'export * from "../../runtime/ports.ts";', "imports"],
  ["protocols/p/a.ts", 'export type { X } from "../../runtime/ports.ts";', "imports"],
  ["protocols/p/a.ts", 'const m = await import("../../actors/a.ts");', "imports"],
  ["protocols/p/a.ts", "const m = await import(name);", "imports"],
  ["protocols/p/a.ts", 'type X = import("../../runtime/ports.ts").X;', "imports"],
  ["protocols/p/a.ts", '/* import "node:fs" */ const text = `import "node:fs"`;', ""],
  ["runtime/a.ts", 'import "../protocols/p/a.ts";', "imports"],
  ["runtime/a.ts", 'import "../mod.ts";', "imports"],
  ["runtime/a.ts", 'import "./worker/a.ts";', "imports"],
  ["runtime/a.ts", 'const url = new URL("./worker/a.ts", import.meta.url);', "imports"],
  ["runtime/worker/a.ts", 'import "./b.ts"; import "../ports.ts"; import "node:net";', ""],
  ["runtime/worker/a.ts", 'import "../simulated/a.ts";', "imports"],
  ["actors/a.ts", 'import "../protocols/p/a.ts"; import "../runtime/a.ts"; import "xstate";', ""],
  ["actors/a.ts", 'import "elkjs/lib/elk.bundled.js"; import "node:fs";', ""],
  ["actors/a.ts", 'import "../runtime/worker/a.ts";', "imports"],
  ["actors/a.ts", 'import("../runtime/simulated/a.ts");', "imports"],
  ["actors/a.ts", 'import.meta.resolve("../examples/a.ts");', "imports"],
  ["actors/a.ts", 'import "@trunkline/trunkline";', "imports"],
  ["examples/a.ts", 'import "../runtime/worker/a.ts"; import "../mod.ts";', ""],
  ["mod.ts", 'export * from "./runtime/worker/a.ts";', ""],
  ["mod.ts", 'import "./tests/kit.ts";', "imports"],
  ["protocols/p/a.ts", "const now = Date.now();", "purity"],
  ["protocols/p/a.ts", "const at = { Date }.Date;", "purity"],
  ["protocols/p/a.ts", "// deno-lint-ignore-file\nsetTimeout(() => {}, 1);", "purity"],
  ["protocols/p/a.ts", "const x = Math.random();", "purity"],
  ["protocols/p/a.ts", "const { random } = Math;", "purity"],
  ["protocols/p/a.ts", 'const x = Math["random"]();', "purity"],
  ["protocols/p/a.ts", "const x = globalThis.crypto;", "purity"],
  ["protocols/p/a.ts", "const f = (clock = performance) => clock;", "purity"],
  ["protocols/p/a.ts", "const x = Math.max(1, 2); const y = { Date: 1, fetch() {} }.Date;", ""],
  ["protocols/p/a.ts", "// Date.now()\nconst text = 'Date';", ""],
  ["protocols/p/a.ts", "const f = ({ self }: { self: number }) => self;", ""],
  ["actors/a.ts", "const now = Date.now();", ""],
  ["runtime/a.ts", "\n".repeat(330) + "const x = 1;", "size"],
  ["runtime/a.ts", "\n".repeat(299) + "const x = 1;\n", ""],
  ["runtime/a.ts", `function f() {${"\n".repeat(70)}}`, "size"],
  ["runtime/a.ts", `const f = () => {${"\n".repeat(70)}};`, "size"],
  ["runtime/a.ts", `class C {\n  f() {${"\n".repeat(70)}}\n}`, "size"],
  ["runtime/a.ts", `class C {\n  f() {${"\n".repeat(69)}}\n}`, ""],
  ["runtime/a.ts", `// see issue ${"#"}12`, "text"],
  ["runtime/a.ts", `// settles ${"R-"}A12`, "text"],
  ["runtime/a.ts", `// settles ${"X-"}AB2`, "text"],
  ["runtime/a.ts", `// from ${"https://jsr"}.io/@std/assert`, "text"],
  ["runtime/a.ts", `const path = "${"/wo"}rk/main";`, "text"],
  ["runtime/a.ts", "// the client issues 3 requests; tests/work/a.ts; a JSR-A12 part", ""],
];

for (const [path, text, rules] of ROWS) {
  Deno.test(`${rules || "nothing"} is found in ${path}: ${text.trim().slice(0, 60)}`, () => {
    const found = [...checkCode({ path, text }), ...checkText({ path, text })];
    assertEquals([...new Set(found.map(({ rule }) => rule))].join(), rules, JSON.stringify(found));
  });
}

Deno.test("a machine that drops strays, or ignores a message, is found", () => {
  const on = { prepare: {}, "vote.*": {} };
  assert(!answersStrays(createMachine({ on })));
  assert(!answersStrays(createMachine({ initial: "a", states: { a: { on: { "*": {} } } } })));
  assert(!answersStrays(createMachine({ on: { "*": {} } })));
  assert(answersStrays(createMachine({ on: { "*": { actions: "reject" } } })));
  const machine = createMachine({ initial: "a", states: { a: { on } }, on: { "*": {} } });
  assertEquals(["prepare", "vote.yes", "commit"].filter((it) => handles(machine, it)), [
    "prepare",
    "vote.yes",
  ]);
});

Deno.test("the message types of a file are those of its messages", () => {
  const text = `type A = { readonly type: "a"; readonly body: { type: "inner" } };
    export type OneMessage = A | Readonly<{ type: "b" | "c" }>;
    export type Record = { type: "record" };`;
  assertEquals(messageTypes(parse({ path: "messages.ts", text })), new Set(["a", "b", "c"]));
});
