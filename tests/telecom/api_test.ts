import { assert, assertEquals, assertMatch } from "@std/assert";
import * as v from "valibot";
import fc from "fast-check";
import {
  authorize,
  authorizeResult,
  checkCall,
  isMethod,
  methods,
} from "../../examples/telecom/api.ts";
import { apiError, apiErrors, errorOfRefusal } from "../../examples/telecom/api_errors.ts";
import type { MethodName } from "../../examples/telecom/methods.ts";
import { openRpcDocument } from "../../examples/telecom/openrpc.ts";
import { MAX_CENTS } from "../../examples/telecom/rows.ts";
import { conforms } from "./json_schema.ts";

const msisdn = "254700000000";
const other = "254700000001";
const imsi = "639020000000000";
const idempotencyKey = "k";

const good: { readonly [M in MethodName]: readonly Record<string, unknown>[] } = {
  "session.open": [{ subscriber: msisdn }],
  "session.validate": [{ session: "07-AAAAAAAAAAAAAAAAAAAAAA" }],
  "account.balance": [{ subscriber: msisdn }, { subscriber: "12345678" }],
  "account.debit": [
    { subscriber: msisdn, amount: 1, idempotencyKey },
    { subscriber: msisdn, amount: MAX_CENTS, idempotencyKey: " /~" },
  ],
  "account.credit": [{ subscriber: msisdn, amount: 1, idempotencyKey: "x".repeat(128) }],
  "account.transfer": [{ from: msisdn, to: other, amount: 5, idempotencyKey }],
  "account.batch": [
    { operations: [{ subscriber: msisdn, change: -5 }], idempotencyKey },
    {
      operations: [
        { subscriber: msisdn, change: MAX_CENTS, after: { max: 9 } },
        { subscriber: other, change: 0, before: { min: 1, max: 2 }, after: {} },
      ],
      idempotencyKey,
    },
  ],
  "account.balances": [{ subscribers: [msisdn] }, { subscribers: [msisdn, other] }],
  "number.port": [{ msisdn, toImsi: imsi, idempotencyKey }],
  "sim.provision": [{ imsi: "63902000000000", msisdn, balance: 0, idempotencyKey }],
  "subscriber.get": [{ msisdn }, { imsi }],
  "fault.exit": [{ role: "core-1/coordinator" }],
  "fault.partition": [{ links: [{ from: "edge-1", to: "core-1" }] }],
  "fault.heal": [{ links: [{ from: "edge-1", to: "core-1" }, { from: "core-1", to: "edge-1" }] }],
  "fault.degrade": [
    { links: [{ from: "edge-1", to: "core-1" }], loss: 0.25, delayMs: 40 },
    { links: [{ from: "edge-1", to: "core-1" }] },
  ],
  "fault.crash": [{ node: "edge-1" }],
  "fault.restart": [{ node: "edge-1" }],
  "fault.load": [{ node: "cloud-2", ms: 5000 }],
  "fault.behave": [
    { node: "core-1", behaviours: [] },
    { node: "core-1", behaviours: ["equivocate", "delay"] },
  ],
  "roster.list": [{}],
  "roster.handOver": [{ from: "core-1", to: "core-2" }],
  "roster.cancel": [{ from: "core-1" }],
  "roster.set": [{ maxConcurrentTransactions: 1 }],
  "roster.replace": [{ node: "core-1" }],
  "transactions.list": [{}],
  "transactions.resolve": [
    { id: "0b6c2a1e-0000-4000-8000-000000000000:7", decision: "abort", reason: "its disk is lost" },
  ],
  "rpc.discover": [{}],
};

const step = { subscriber: msisdn, change: 1 };
const batch = (...operations: readonly unknown[]) => ({ operations, idempotencyKey });
const debit = { subscriber: msisdn, amount: 1, idempotencyKey };
const bad: readonly (readonly [method: string, params: unknown, says: RegExp])[] = [
  ["fault.behave", { node: "core-1", behaviours: ["lie"] }, /behaviours.*must be one of silent/],
  ["fault.behave", { node: "core-1" }, /behaviours is missing/],
  ["roster.handOver", { from: "core-1" }, /to is missing/],
  ["roster.set", { maxConcurrentTransactions: 0 }, /maxConcurrentTransactions/],
  ["account.debit", { ...debit, amount: -5 }, /amount must be a whole number from 1/],
  ["account.debit", { ...debit, amount: 0 }, /amount/],
  ["account.debit", { ...debit, amount: 1.5 }, /amount .*got 1.5/],
  ["account.debit", { ...debit, amount: "1" }, /amount/],
  ["account.debit", { ...debit, amount: 2 ** 53 }, /amount/],
  ["account.debit", { ...debit, amount: null }, /amount/],
  ["account.debit", { ...debit, idempotencyKey: "" }, /idempotencyKey must be 1 to 128/],
  ["account.debit", { ...debit, idempotencyKey: "x".repeat(129) }, /idempotencyKey/],
  ["account.debit", { ...debit, idempotencyKey: "é" }, /idempotencyKey/],
  ["account.debit", { subscriber: msisdn, amount: 1 }, /idempotencyKey is missing/],
  ["account.debit", { ...debit, currency: "KES" }, /currency is unknown/],
  ["account.debit", JSON.parse('{"__proto__":{}}'), /missing|unknown/],
  ["account.debit", { ...debit, toString: 1 }, /toString is unknown/],
  ["account.debit", { ...debit, constructor: 1 }, /constructor is unknown/],
  ["account.balance", {}, /subscriber is missing/],
  ["account.balance", { subscriber: "+254700000000" }, /subscriber must be 8 to 15 digits/],
  ["account.balance", { subscriber: "0254700000" }, /subscriber/],
  ["account.balance", { subscriber: "1234567" }, /subscriber/],
  ["account.balance", { subscriber: "1234567890123456" }, /subscriber/],
  ["account.balance", { subscriber: 254700000000 }, /subscriber/],
  ["account.balance", { subscriber: `${msisdn}\n` }, /subscriber/],
  ["account.transfer", { from: msisdn, to: msisdn, amount: 1, idempotencyKey }, /two accounts/],
  ["account.batch", { operations: [], idempotencyKey }, /operations must be a list of 1 to 64/],
  ["account.batch", batch(...Array(65).fill(step)), /operations must be a list of 1 to 64/],
  ["account.batch", batch(step, { ...step, change: 2 }), /name each subscriber once/],
  ["account.batch", batch({ ...step, change: 2 ** 53 }), /operations.0.change must be a whole/],
  ["account.batch", batch({ ...step, change: -(2 ** 53) }), /operations.0.change must be a whole/],
  ["account.batch", batch({ ...step, change: 0.5 }), /operations.0.change .*got 0.5/],
  ["account.batch", batch({ ...step, before: { min: -1 } }), /operations.0.before.min must be/],
  ["account.batch", batch({ ...step, after: { most: 1 } }), /operations.0.after.most is unknown/],
  ["account.batch", batch({ subscriber: msisdn }), /operations.0.change is missing/],
  ["account.balances", { subscribers: [] }, /subscribers must be a list of 1 to 64/],
  ["account.balances", { subscribers: [msisdn, msisdn] }, /subscribers must name each once/],
  ["number.port", { msisdn, toImsi: "123", idempotencyKey }, /toImsi must be 14 or 15 digits/],
  ["sim.provision", { imsi, msisdn, balance: -1, idempotencyKey }, /balance/],
  ["subscriber.get", {}, /exactly one of msisdn, imsi/],
  ["subscriber.get", { msisdn, imsi }, /exactly one of msisdn, imsi/],
  ["session.validate", { session: "" }, /session/],
  ["session.validate", { session: "a/b" }, /session/],
  ["fault.exit", { role: "core-1" }, /role must be NODE\/ROLE/],
  ["fault.partition", { links: [] }, /links must be a list of 1 to 1024/],
  ["fault.partition", { links: [{ from: "edge-1" }] }, /links.0.to is missing/],
  ["fault.heal", { links: {} }, /links must be a list/],
  [
    "fault.degrade",
    { links: [{ from: "edge-1", to: "core-1" }], loss: 2 },
    /loss must be a number from 0 to 1, got 2/,
  ],
  ["fault.crash", { node: "../edge-1" }, /node must be a name/],
  ["fault.load", { node: "edge-1", ms: 1e9 }, /ms must be a whole number from 1 to 60000/],
  ["transactions.resolve", { id: "7", decision: "abort", reason: "r" }, /id must be an id/],
  [
    "transactions.resolve",
    { id: `${"0".repeat(36)}:1`, decision: "maybe", reason: "r" },
    /decision/,
  ],
  ["transactions.resolve", { id: `${"0".repeat(36)}:1`, decision: "abort", reason: "" }, /reason/],
  ["rpc.discover", { x: 1 }, /unknown/],
];

for (const [method, params, says] of bad) {
  Deno.test(`parameters refused: ${method} ${JSON.stringify(params).slice(0, 60)}`, () => {
    const checked = checkCall(method, params);
    assert(!checked.ok);
    assertEquals(checked.error.code, -32602);
    assertEquals(checked.error.data, {
      outcome: "none",
      retryable: false,
      reason: "invalid_params",
    });
    assertMatch(checked.error.message, says);
    assert(checked.error.message.length < 500);
  });
}

Deno.test("methods that there are not", () => {
  for (const name of ["", "account.mint", "toString", "__proto__", "x".repeat(9999)]) {
    assertEquals(isMethod(name), false);
    const checked = checkCall(name, {});
    assert(!checked.ok);
    assertEquals(checked.error.code, -32601);
    assert(checked.error.message.length < 200);
  }
});

Deno.test("good parameters of every method come out as they went in", () => {
  for (const [method, examples] of Object.entries(good)) {
    for (const params of examples) {
      const checked = checkCall(method, params);
      assert(checked.ok, method);
      assertEquals(checked.call.params as Record<string, unknown>, params);
      assertEquals(checked.call.method as string, method);
    }
  }
});

Deno.test("schema and JSON Schema agree, on the examples and on what is nearly right", () => {
  const values = fc.oneof(
    fc.constantFrom<unknown>(
      0,
      1,
      -1,
      1.5,
      MAX_CENTS,
      2 ** 53,
      "",
      msisdn,
      imsi,
      "a b",
      null,
      true,
    ),
    fc.string(),
    fc.double(),
    fc.stringMatching(/^\d{7,16}$/),
  );
  const names = [...new Set(Object.values(good).flat().flatMap(Object.keys)), "more"];
  const change = fc.dictionary(fc.constantFrom(...names), fc.option(values, { nil: undefined }), {
    maxKeys: 2,
  });
  const method = fc.constantFrom(...Object.keys(good) as MethodName[]);
  let refusals = 0;
  let runs = 0;
  fc.assert(
    fc.property(method, fc.nat(1), change, (name, i, changes) => {
      const example = good[name][i] ?? good[name][0] ?? {};
      const value = Object.fromEntries(
        Object.entries({ ...example, ...changes }).filter(([, member]) => member !== undefined),
      );
      if (name === "account.transfer" && value.from === value.to) return; // Beyond JSON Schema.
      const { params } = methods[name];
      const accepted = v.safeParse(params.schema, value).success;
      runs++;
      if (!accepted) refusals++;
      assertEquals(conforms(value, params.json), accepted, JSON.stringify(value));
    }),
    { numRuns: 3000, seed: 1 },
  );
  assert(refusals > runs * 0.2 && refusals < runs * 0.95, `${refusals} of ${runs} refused`);
});

const own = { role: "subscriber", msisdn } as const;
const operator = { role: "operator" } as const;
const foreign: { readonly [M in MethodName]?: Record<string, unknown> } = {
  "session.open": { subscriber: other },
  "account.balance": { subscriber: other },
  "account.debit": { ...debit, subscriber: other },
  "account.transfer": { from: other, to: msisdn, amount: 1, idempotencyKey },
  "subscriber.get": { msisdn: other },
};

function errorFor(method: string, params: unknown, caller?: Parameters<typeof authorize>[1]) {
  const checked = checkCall(method, params);
  assert(checked.ok, method);
  return authorize(checked.call, caller)?.data.reason;
}

Deno.test("roles: operators may all, subscribers reach their own, nobody only discovers", () => {
  const faults = Object.keys(good).filter((method) => method.startsWith("fault."));
  const changes = ["roster.handOver", "roster.cancel", "roster.set", "roster.replace"];
  const forOperators = [
    "account.credit",
    "account.batch",
    "account.balances",
    "number.port",
    "sim.provision",
    ...faults,
    "roster.list",
    ...changes,
    "transactions.list",
    "transactions.resolve",
  ];
  for (const [method, [params]] of Object.entries(good)) {
    const open = method === "rpc.discover";
    assertEquals(errorFor(method, params), open ? undefined : "token_missing", method);
    assertEquals(errorFor(method, params, operator), undefined, method);
    const reason = forOperators.includes(method) ? "role" : undefined;
    assertEquals(errorFor(method, params, own), reason, method);
  }
  for (const [method, params] of Object.entries(foreign)) {
    assertEquals(errorFor(method, params, own), "not_own_data", method);
    assertEquals(errorFor(method, params, { role: "subscriber" }), "not_own_data", method);
    assertEquals(errorFor(method, params, operator), undefined, method);
  }
});

Deno.test("what a call reaches by session or SIM is checked in its result", () => {
  const byResult = [["session.validate", "subscriber"], ["subscriber.get", "msisdn"]] as const;
  for (const [method, name] of byResult) {
    const checked = checkCall(method, method === "subscriber.get" ? { imsi } : good[method][0]);
    assert(checked.ok);
    const reason = (result: Record<string, unknown> | undefined, caller = own) =>
      authorizeResult(checked.call, result, caller)?.data.reason;
    assertEquals(reason({ [name]: msisdn }), undefined);
    assertEquals(reason({ [name]: other }), "not_own_data");
    assertEquals(reason(undefined), "not_own_data", "no more is told than of another's");
    assertEquals(authorizeResult(checked.call, { [name]: other }, operator), undefined);
    const nameless = authorizeResult(checked.call, undefined, { role: "subscriber" });
    assertEquals(nameless?.data.reason, "not_own_data");
  }
  const balance = checkCall("account.balance", { subscriber: msisdn });
  assert(balance.ok);
  assertEquals(authorizeResult(balance.call, undefined, own), undefined);
});

Deno.test("errors: every code once, and every one carries outcome, retryable and reason", () => {
  const codes = Object.values(apiErrors).map(({ code }) => code);
  assertEquals(new Set(codes).size, codes.length);
  for (const code of codes) {
    const standard = code === -32700 || (code <= -32600 && code >= -32603);
    assert(standard || (code <= -32000 && code >= -32099), `${code} is not for applications`);
  }
  assertEquals(apiError("timeout").data, {
    outcome: "unknown",
    retryable: true,
    reason: "timeout",
  });
  assertEquals(apiError("unauthenticated", "No", "token_expired"), {
    code: -32001,
    message: "No",
    data: { outcome: "none", retryable: false, reason: "token_expired" },
  });
});

Deno.test("refusals become errors", () => {
  const rows = [
    [{ code: "insufficient_funds", message: "m" }, -32005, "insufficient_funds"],
    [{ code: "stale_read", message: "m", retryable: true }, -32013, "stale_read"],
    [{ code: "same_account", message: "m" }, -32602, "same_account"],
    [{ code: "toString", message: "m" }, -32603, "unknown_refusal"],
  ] as const;
  for (const [refusal, code, reason] of rows) {
    const error = errorOfRefusal(refusal);
    assertEquals([error.code, error.data.reason], [code, reason]);
  }
});

Deno.test("rpc.discover: an OpenRPC document of every method, whose references resolve", () => {
  const document = JSON.parse(JSON.stringify(openRpcDocument("0.1.0")));
  assertMatch(document.openrpc, /^1\.3\.\d$/);
  assertEquals(document.info.version, "0.1.0");
  assertEquals(
    document.methods.map((method: { name: string }) => method.name),
    Object.keys(methods),
  );
  for (const method of document.methods) {
    assertEquals(method.paramStructure, "by-name");
    for (const param of method.params) assert(param.name && param.schema.type);
    assertEquals(typeof method.result.schema.type, "string");
    for (const { $ref } of method.errors) {
      const name = $ref.replace("#/components/errors/", "");
      assert(Number.isInteger(document.components.errors[name].code), $ref);
    }
  }
});
