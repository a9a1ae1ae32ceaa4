// What the stand-in promises must hold of the real @std/assert too: no test here reads past the
// first line of a failure message.
import {
  assert,
  assertAlmostEquals,
  assertArrayIncludes,
  assertEquals,
  assertExists,
  assertFalse,
  assertGreater,
  assertGreaterOrEqual,
  assertInstanceOf,
  AssertionError,
  assertLess,
  assertLessOrEqual,
  assertMatch,
  assertNotEquals,
  assertNotStrictEquals,
  assertRejects,
  assertStrictEquals,
  assertStringIncludes,
  assertThrows,
  equal,
  fail,
  unreachable,
} from "@std/assert";

class Point {
  constructor(readonly x: number) {}
}
class Pixel {
  constructor(readonly x: number) {}
}
class Hidden {
  readonly #x: number;
  constructor(x: number) {
    this.#x = x;
  }
  get x(): number {
    return this.#x;
  }
}

const cycle = (): { self?: unknown } => {
  const it: { self?: unknown } = {};
  it.self = it;
  return it;
};

const EQUAL: [string, unknown, unknown][] = [
  ["NaN and NaN", NaN, NaN],
  ["0 and -0", 0, -0],
  ["nested 0 and -0", { a: [0] }, { a: [-0] }],
  ["key order", { a: 1, b: 2 }, { b: 2, a: 1 }],
  ["an object without a prototype and a plain one", Object.assign(Object.create(null), { a: 1 }), {
    a: 1,
  }],
  ["sets in another order", new Set([1, 2, 3]), new Set([3, 2, 1])],
  ["sets of objects", new Set([{ a: 1 }, { b: 2 }]), new Set([{ b: 2 }, { a: 1 }])],
  ["sets in sets", new Set([1, new Set([2, 3])]), new Set([new Set([3, 2]), 1])],
  ["maps in another order", new Map([["a", 1], ["b", 2]]), new Map([["b", 2], ["a", 1]])],
  ["maps with object keys", new Map([[{ a: 1 }, 1]]), new Map([[{ a: 1 }, 1]])],
  ["bytes", new Uint8Array([1, 2]), new Uint8Array([1, 2])],
  ["buffers", new Uint8Array([1, 2]).buffer, new Uint8Array([1, 2]).buffer],
  ["dates", new Date(5), new Date(5)],
  ["invalid dates", new Date(NaN), new Date(NaN)],
  ["expressions", /a/g, /a/g],
  ["URLs", new URL("http://h/a"), new URL("http://h/a")],
  ["instances", new Point(1), new Point(1)],
  ["cycles", cycle(), cycle()],
  ["symbol keys", { [Symbol.for("a")]: 1 }, { [Symbol.for("a")]: 1 }],
];

const DIFFERENT: [string, unknown, unknown][] = [
  ["a number and its text", 1, "1"],
  ["null and undefined", null, undefined],
  ["a key holding undefined and a missing key", { a: undefined }, {}],
  ["undefined under other keys", { a: undefined }, { b: undefined }],
  ["array order", [1, 2], [2, 1]],
  ["array lengths", [1, 2], [1]],
  ["an array and an object", [], {}],
  ["constructors", new Point(1), new Pixel(1)],
  ["an instance and a plain object", new Point(1), { x: 1 }],
  ["getters", new Hidden(1), new Hidden(2)],
  ["set sizes", new Set([1]), new Set([1, 2])],
  ["map values", new Map([["a", 1]]), new Map([["a", 2]])],
  ["map keys", new Map([["a", undefined]]), new Map([["b", undefined]])],
  ["bytes", new Uint8Array([1, 2]), new Uint8Array([1, 3])],
  ["kinds of bytes", new Uint8Array([1]), new Int8Array([1])],
  ["buffers", new Uint8Array([1]).buffer, new Uint8Array([2]).buffer],
  ["dates", new Date(5), new Date(6)],
  ["expression flags", /a/g, /a/i],
  ["functions", () => 1, () => 1],
  ["symbols", { [Symbol("a")]: 1 }, { [Symbol("a")]: 1 }],
];

for (const [name, a, b] of EQUAL) {
  Deno.test(`assertEquals takes as equal: ${name}`, () => {
    assertEquals(a, b);
    assertEquals(b, a);
    assertThrows(() => assertNotEquals(a, b), AssertionError);
  });
}

for (const [name, a, b] of DIFFERENT) {
  Deno.test(`assertEquals tells apart: ${name}`, () => {
    assertThrows(() => assertEquals(a, b), AssertionError, "Values are not equal");
    assertThrows(() => assertEquals(b, a), AssertionError, "Values are not equal");
    assertNotEquals(a, b);
  });
}

Deno.test("equal cannot compare weak collections", () => {
  assertThrows(() => equal(new WeakMap(), new WeakMap()), TypeError);
  assertThrows(() => equal(new WeakSet(), new WeakSet()), TypeError);
  assertFalse(equal(new WeakMap(), new WeakSet()));
});

Deno.test("assertEquals shows the message and the difference", () => {
  const error = assertThrows(() => assertEquals({ a: 1 }, { a: 2 }, "why"), AssertionError);
  assert(error.message.startsWith("Values are not equal: why\n"), error.message);
  assertMatch(error.message, /a: 1/);
  assertMatch(error.message, /a: 2/);
});

Deno.test("assertStrictEquals compares as Object.is", () => {
  assertStrictEquals(NaN, NaN);
  assertThrows(() => assertStrictEquals(0, -0), AssertionError, "Values are not strictly equal");
  assertThrows(() => assertStrictEquals({}, {}), AssertionError);
  assertNotStrictEquals({}, {});
  assertThrows(() => assertNotStrictEquals(1, 1), AssertionError);
});

const PASSES_AND_FAILS: [string, () => void, () => void, string][] = [
  ["assert", () => assert(1), () => assert("", "why"), "why"],
  ["assertFalse", () => assertFalse(0), () => assertFalse(1, "why"), "why"],
  ["assertExists", () => assertExists(0), () => assertExists(null), '"null"'],
  ["assertGreater", () => assertGreater(2, 1), () => assertGreater(1, 1), "Expect 1 > 1"],
  [
    "assertGreaterOrEqual",
    () => assertGreaterOrEqual(1, 1),
    () => assertGreaterOrEqual(0, 1),
    ">=",
  ],
  ["assertLess", () => assertLess(1, 2), () => assertLess(1, 1), "Expect 1 < 1"],
  ["assertLessOrEqual", () => assertLessOrEqual(1, 1), () => assertLessOrEqual(2, 1), "<="],
  ["a comparison with NaN", () => assertLess(1, 2), () => assertLess(NaN, 1), "<"],
  ["assertMatch", () => assertMatch("abc", /b/), () => assertMatch("abc", /d/), "to match"],
  [
    "assertStringIncludes",
    () => assertStringIncludes("abc", "b"),
    () => assertStringIncludes("abc", "d"),
    "to contain",
  ],
  [
    "assertArrayIncludes",
    () => assertArrayIncludes([{ a: 1 }, { a: 2 }], [{ a: 2 }]),
    () => assertArrayIncludes([1, 2], [2, 3]),
    "missing",
  ],
  [
    "assertInstanceOf",
    () => assertInstanceOf(new Point(1), Point),
    () => assertInstanceOf(new Point(1), Pixel),
    'instance of "Pixel" but was "Point"',
  ],
  ["assertAlmostEquals", () => assertAlmostEquals(0.1 + 0.2, 0.3), () => {
    assertAlmostEquals(1, 2);
  }, "to be close to"],
  ["a tolerance", () => assertAlmostEquals(1, 2, 1), () => assertAlmostEquals(1, 2, 0.9), "delta"],
];

for (const [name, passes, fails, text] of PASSES_AND_FAILS) {
  Deno.test(`${name} passes and fails`, () => {
    passes();
    assertThrows(fails, AssertionError, text);
  });
}

Deno.test("fail and unreachable always throw", () => {
  assertThrows(() => fail("why"), AssertionError, "Failed assertion: why");
  assertThrows(() => unreachable("why"), AssertionError, "Unreachable");
});

const boom = () => {
  throw new RangeError("too far");
};

Deno.test("assertThrows returns what was thrown", () => {
  assertEquals(assertThrows(boom, RangeError, "far").message, "too far");
  assertEquals(assertThrows(boom, Error).name, "RangeError");
  const thrown = assertThrows(() => {
    throw "text";
  });
  assertEquals(thrown, "text");
});

const WRONG_THROWS: [string, () => void, string][] = [
  ["nothing", () => assertThrows(() => 1, "why"), "Expected function to throw: why"],
  ["another class", () => assertThrows(boom, TypeError), 'instance of "TypeError"'],
  ["another text", () => assertThrows(boom, RangeError, "near"), '"near"'],
  ["no error", () => {
    assertThrows(() => {
      throw "text";
    }, Error);
  }, "A non-Error object was thrown"],
];

for (const [name, call, text] of WRONG_THROWS) {
  Deno.test(`assertThrows fails on ${name}`, () => {
    let failure: unknown;
    try {
      call();
    } catch (error) {
      failure = error;
    }
    assertInstanceOf(failure, AssertionError);
    assertStringIncludes(failure.message, text);
  });
}

Deno.test("assertRejects returns the reason", async () => {
  const error = await assertRejects(() => Promise.reject(new RangeError("too far")), RangeError);
  assertEquals(error.message, "too far");
  assertEquals(await assertRejects(() => Promise.reject("text")), "text");
});

const WRONG_REJECTIONS: [string, () => Promise<unknown>, string][] = [
  ["a promise that resolves", () => assertRejects(() => Promise.resolve()), "to reject"],
  ["a throw before any promise", () => assertRejects(boom, RangeError), "throws when expected"],
  ["another class", () => assertRejects(() => Promise.reject(new Error()), TypeError), "instance"],
  ["no error", () => assertRejects(() => Promise.reject("text"), Error), "A non-Error object"],
];

for (const [name, call, text] of WRONG_REJECTIONS) {
  Deno.test(`assertRejects fails on ${name}`, async () => {
    await assertRejects(call, AssertionError, text);
  });
}
