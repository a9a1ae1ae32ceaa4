import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import {
  BATCH_LIMIT,
  BODY_LIMIT_BYTES,
  parseBody,
  respond,
  responseTo,
} from "../../examples/telecom/json_rpc.ts";

const head = '"jsonrpc":"2.0","method":"m"';

/** What a body is answered with if every request comes to `true`. */
function answer(text: string): string | undefined {
  const { batch, entries } = parseBody(text);
  return respond(batch, entries.map((entry) => responseTo(entry, { ok: true, result: true })));
}

const refused: readonly (readonly [name: string, body: string, code: number, id: unknown])[] = [
  ["nothing", "", -32700, null],
  ["half of a body", '{"jsonrpc": "2.0", "method": "foobar, "params": "bar', -32700, null],
  ["half of a batch", `[{${head},"id":1},{"jsonrpc"`, -32700, null],
  ["more than one value", `{${head},"id":1}{}`, -32700, null],
  ["a number", "1", -32600, null],
  ["null", "null", -32600, null],
  ["no member", "{}", -32600, null],
  ["no version", '{"method":"m","id":1}', -32600, 1],
  ["version 1.0", '{"jsonrpc":"1.0","method":"m","id":1}', -32600, 1],
  ["version as a number", '{"jsonrpc":2.0,"method":"m","id":1}', -32600, 1],
  ["a method that is none", '{"jsonrpc":"2.0","method":1,"id":"a"}', -32600, "a"],
  ["no method", '{"jsonrpc":"2.0","id":"a"}', -32600, "a"],
  ["a method only inherited", '{"__proto__":{"method":"m"},"jsonrpc":"2.0","id":1}', -32600, 1],
  ["params as text", `{${head},"params":"bar","id":1}`, -32600, 1],
  ["params as null", `{${head},"params":null,"id":1}`, -32600, 1],
  ["params by position", `{${head},"params":[1],"id":1}`, -32602, 1],
  ["an id that is true", `{${head},"id":true}`, -32600, null],
  ["an id that is an object", `{${head},"id":{}}`, -32600, null],
  ["an id that is a list", `{${head},"id":[1]}`, -32600, null],
  ["an id past 2^53", `{${head},"id":9007199254740993}`, -32600, null],
  ["an endless id", `{${head},"id":1e999}`, -32600, null],
  ["an empty batch", "[]", -32600, null],
  ["a large batch", `[${Array(BATCH_LIMIT + 1).fill("1").join()}]`, -32016, null],
  ["a large body", `"${"x".repeat(BODY_LIMIT_BYTES)}"`, -32015, null],
  ["a body large in bytes only", `"${"€".repeat(BODY_LIMIT_BYTES / 3)}"`, -32015, null],
  ["a deep body", "[".repeat(60_000), -32700, null],
];

for (const [name, body, code, id] of refused) {
  Deno.test(`a body refused: ${name}`, () => {
    const response = JSON.parse(answer(body) ?? "null");
    assertEquals([response.error?.code, response.id], [code, id]);
    assertEquals(typeof response.error.data.reason, "string");
  });
}

Deno.test("a request is answered with its id", () => {
  for (const id of ["1", '"a"', '""', "null", "0", "-7", "1.5", '"\\ud800"']) {
    assertEquals(answer(`{${head},"id":${id}}`), `{"jsonrpc":"2.0","id":${id},"result":true}`);
  }
});

Deno.test("parameters that are left out are none", () => {
  const { entries } = parseBody(`{${head},"id":1}`);
  assertEquals(entries, [{ kind: "request", id: 1, method: "m", params: {} }]);
});

Deno.test("a notification is done and not answered", () => {
  assertEquals(answer(`{${head}}`), undefined);
  assertEquals(answer(`[{${head}},{${head}}]`), undefined);
  assertEquals(answer(`{${head},"params":[1]}`), undefined);
  assertEquals(parseBody(`{${head}}`).entries[0]?.kind, "notification");
});

Deno.test("the batch of the standard's own examples", () => {
  const body = `[{${head},"id":"1"},{${head}},{"foo":"boo"},1,{${head},"id":"9"}]`;
  const responses = JSON.parse(answer(body) ?? "");
  assertEquals(
    responses.map((
      response: { id: unknown; error?: { code: number } },
    ) => [response.id, response.error?.code]),
    [["1", undefined], [null, -32600], [null, -32600], ["9", undefined]],
  );
  assertEquals(JSON.parse(answer("[1]") ?? "").length, 1, "a batch of one is still a batch");
});

Deno.test("at the limits a body is read", () => {
  const filler = "x".repeat(BODY_LIMIT_BYTES - `{${head},"id":""}`.length);
  assertEquals(parseBody(`{${head},"id":"${filler}"}`).entries[0]?.kind, "request");
  const batch = `[${Array(BATCH_LIMIT).fill(`{${head}}`).join()}]`;
  assertEquals(parseBody(batch).entries.length, BATCH_LIMIT);
});

Deno.test("parameters cannot reach a prototype", () => {
  const [entry] = parseBody(`{${head},"id":1,"params":{"__proto__":{"polluted":1}}}`).entries;
  assert(entry?.kind === "request");
  assertEquals(Object.keys(entry.params), ["__proto__"]);
  assertEquals((entry.params as { polluted?: number }).polluted, undefined);
});

Deno.test("a request that nothing became of is still answered", () => {
  const [entry] = parseBody(`{${head},"id":1}`).entries;
  assert(entry !== undefined);
  const response = responseTo(entry);
  assert(response !== undefined && "error" in response);
  assertEquals(response.error.data.outcome, "unknown");
});

function assertValid(text: string | undefined): void {
  if (text === undefined) return;
  const value = JSON.parse(text);
  const responses = Array.isArray(value) ? value : [value];
  assert(responses.length > 0);
  for (const response of responses) {
    assertEquals(response.jsonrpc, "2.0");
    const { id } = response;
    assert(id === null || typeof id === "string" || typeof id === "number");
    assert(("result" in response) !== ("error" in response));
    if (!("error" in response)) continue;
    assert(Number.isInteger(response.error.code) && typeof response.error.message === "string");
  }
}

Deno.test("whatever the body, nothing is thrown and every answer is valid", () => {
  const member = fc.oneof(
    fc.jsonValue(),
    fc.constantFrom<unknown>("2.0", "m", 1, "a", null, [], {}, [1]),
  );
  const request = fc.record({ jsonrpc: member, method: member, id: member, params: member }, {
    requiredKeys: [],
  });
  const body = fc.oneof(
    fc.string({ unit: "binary" }),
    fc.json(),
    fc.oneof(request, fc.array(request)).map((value) => JSON.stringify(value)),
    fc.array(request).map((value) => JSON.stringify(value).slice(1)),
  );
  fc.assert(fc.property(body, (text) => assertValid(answer(text))), { numRuns: 2000 });
});
