/** The reader and writer of the usual against the package that reads and writes everything. */
import { assert, assertEquals } from "@std/assert";
import { Decoder } from "cbor-x/decode";
import { Encoder } from "cbor-x/encode";
import fc from "fast-check";
import { CborReader } from "../../runtime/cbor_reader.ts";
import { CborWriter } from "../../runtime/cbor_writer.ts";
import { Chunks } from "../../runtime/chunks.ts";

const OPTIONS = { useRecords: false, variableMapSize: true, mapsAsObjects: true } as const;
const encoder = new Encoder(OPTIONS);
const decoder = new Decoder(OPTIONS);
const writer = new CborWriter(4096);
const reader = new CborReader();

const ascii = fc.string({ unit: "binary-ascii", maxLength: 700 });
const name = ascii.filter((text) => text !== "__proto__");
const number = fc.oneof(
  fc.integer(),
  fc.maxSafeInteger(),
  fc.double(),
  fc.constantFrom(23, 24, 255, 256, 65535, 65536, 2 ** 32 - 1, 2 ** 32, -24, -25, -(2 ** 32)),
);
const { usual } = fc.letrec<{ usual: unknown }>((tie) => ({
  usual: fc.oneof(
    { maxDepth: 5 },
    number,
    ascii,
    fc.boolean(),
    fc.constantFrom(null, undefined),
    fc.array(tie("usual"), { maxLength: 30 }),
    fc.dictionary(name, tie("usual"), { maxKeys: 30, noNullPrototype: true }),
  ),
}));

function write(value: unknown): Uint8Array | undefined {
  writer.begin();
  writer.value(value);
  return writer.end();
}

function read(bytes: Uint8Array): unknown {
  return reader.all(bytes, (from) => ({ value: from.value() }));
}

Deno.test("cbor: usual values are written in the bytes that the package writes", () => {
  fc.assert(fc.property(usual, (value) => {
    const bytes = write(value);
    const wanted = encoder.encode(value);
    if (bytes === undefined) assert(wanted.length > 4096 - 700, "it would have had room");
    else assertEquals([...bytes], [...wanted]);
  }));
});

Deno.test("cbor: usual values are read as the package reads them", () => {
  fc.assert(fc.property(usual, (value) => {
    const bytes = encoder.encode(value);
    assertEquals(read(bytes), { value: decoder.decode(bytes) });
  }));
});

Deno.test("cbor: what it reads, in any bytes, the package reads alike", () => {
  const some = fc.oneof(
    fc.uint8Array({ maxLength: 40 }),
    fc.tuple(usual, fc.nat(), fc.nat()).map(([value, at, bit]) => {
      const bytes = new Uint8Array(encoder.encode(value));
      bytes[at % bytes.length]! ^= 1 << (bit & 7);
      return bytes;
    }),
  );
  fc.assert(
    fc.property(some, (bytes) => {
      const found = read(bytes);
      if (found !== undefined) assertEquals(found, { value: decoder.decode(bytes) });
    }),
    { numRuns: 3000 },
  );
});

Deno.test("cbor: what is not usual is left alone", () => {
  const deep = Array.from({ length: 100 }).reduce<unknown>((inner) => [inner], 0);
  const unusual = [deep, "\u00fc", { "\u00fc": 1 }, new Map(), new Date(0), 1n, new Uint8Array(3)];
  for (const value of unusual) {
    assertEquals(write(value), undefined);
    assertEquals(write([value]), undefined);
  }
  const foreign = [deep, "\u00fc", new Map([[1, 2]]), new Date(0), 2n ** 60n, { ["__proto__"]: 1 }];
  for (const value of foreign) assertEquals(read(encoder.encode(value)), undefined);
  for (const bytes of [[0x9f, 0xff], [0xf9, 0, 0], [0x81], [0x00, 0x00], []]) {
    assertEquals(read(new Uint8Array(bytes)), undefined, `${bytes}`);
  }
});

Deno.test("cbor: what does not fit its buffer is left alone, and the next item is not", () => {
  const small = new CborWriter(64);
  for (const value of ["x".repeat(60), Array.from({ length: 70 }).fill(1), { a: "x".repeat(60) }]) {
    small.begin();
    small.value(value);
    assertEquals(small.end(), undefined);
    small.begin();
    small.value([1]);
    assertEquals([...small.end()!], [0x81, 1]);
  }
});

Deno.test("cbor: what is taken stays what it was, small and large", () => {
  fc.assert(fc.property(fc.array(usual, { maxLength: 30 }), (all) => {
    const growing = new CborWriter(256, 32 * 1024);
    const coded = all.map((value) => [...encoder.encode(value)]);
    const wanted = coded.map((bytes) => bytes.length > 30 * 1024 ? undefined : bytes);
    const taken = all.map((value, i) => {
      growing.begin();
      if (i % 3 === 0) {
        growing.value([new Date(0), value, "x".repeat(300), { a: new Date(0), value }, value]);
        assertEquals(growing.take(), undefined);
        growing.begin();
      }
      growing.value(value);
      return growing.take();
    });
    taken.forEach((bytes, i) => wanted[i] && assertEquals([...bytes!], wanted[i]));
  }));
});

Deno.test("cbor: a map of any size, wherever the buffer ends", () => {
  for (let size = 22; size < 27; size++) {
    const map = Object.fromEntries(Array.from({ length: size }, (_, i) => [`name ${i}`, i]));
    const wanted = [...encoder.encode([map, map])];
    for (let buffer = 16; buffer < 300; buffer += 7) {
      const growing = new CborWriter(buffer, 4096);
      growing.begin();
      growing.value([map, map]);
      assertEquals([...growing.take()!], wanted);
    }
  }
});

Deno.test("chunks: copies stay what they were", () => {
  fc.assert(fc.property(fc.array(fc.uint8Array({ maxLength: 3000 }), { maxLength: 40 }), (all) => {
    const chunks = new Chunks();
    const copies = all.map((bytes) => chunks.copy(bytes));
    const wanted = all.map((bytes) => [...bytes]);
    for (const bytes of all) bytes.fill(0xff);
    assertEquals(copies.map((bytes) => [...bytes]), wanted);
  }));
});
