/**
 * Traces of the simulator and the checker, and the hashes that say of which sources they are.
 *
 * @module
 */
export * from "../../runtime/trace.ts";

/**
 * Hash of what is simulated and checked: every source below `protocols/`, `runtime/` and `actors/`.
 * Two builds with the same hash give the same traces.
 */
export function buildHash(): string {
  return hashSources(["protocols/", "runtime/", "actors/"]);
}

/** Hash of what a simulated trace depends on besides: the application, scenarios and faults. */
export function stageHash(): string {
  return hashSources(["examples/telecom/", "tests/simulation/"]);
}

/** Hash of the TypeScript sources below folders of the project, tests left out: 16 hex digits. */
export function hashSources(folders: readonly string[]): string {
  const root = new URL("../../", import.meta.url);
  const paths = folders.flatMap((folder) => sourcesIn(folder, root)).sort();
  const hash = new TraceHash();
  for (const path of paths) {
    hash.text(path);
    hash.text(Deno.readTextFileSync(new URL(path, root)));
  }
  return hash.digest;
}

function sourcesIn(folder: string, root: URL): string[] {
  return [...Deno.readDirSync(new URL(folder, root))].flatMap(({ name, isDirectory }) => {
    if (isDirectory) return sourcesIn(`${folder}${name}/`, root);
    return name.endsWith(".ts") && !name.endsWith("_test.ts") ? [folder + name] : [];
  });
}

/** A running hash: two lanes of 32 bits (FNV-1a with different offsets). */
export class TraceHash {
  #a = 0x811c9dc5;
  #b = 0x9747b28c;
  readonly #float = new Float64Array(1);
  readonly #words = new Uint32Array(this.#float.buffer);

  /** Takes 32 bits in. */
  word(word: number): void {
    this.#a = Math.imul(this.#a ^ word, 0x01000193);
    this.#a ^= this.#a >>> 15;
    this.#b = Math.imul(this.#b ^ word, 0x85ebca6b);
    this.#b ^= this.#b >>> 13;
  }

  /** Takes a number in, all of its bits. */
  number(value: number): void {
    this.#float[0] = value;
    this.word(this.#words[0]!);
    this.word(this.#words[1]!);
  }

  /** Takes a text in, and where it ends. */
  text(text: string): void {
    for (let i = 0; i < text.length; i++) this.word(text.charCodeAt(i));
    this.word(-1);
  }

  /** The hash so far: 16 hex digits. */
  get digest(): string {
    return [this.#a, this.#b].map((lane) => (lane >>> 0).toString(16).padStart(8, "0")).join("");
  }
}
