/**
 * Batches of one role as records: keeps what was said once, and reads a row when it is asked for.
 *
 * @module
 */
import type { DeadLetterReason } from "../ports.ts";
import {
  ABOUT,
  AFTER,
  AT,
  type Batch,
  BEFORE,
  EFFECTS,
  type KnownMachine,
  type KnownState,
  PAYLOAD,
  ROW,
  TYPE,
  WHOM,
} from "./batch.ts";
import { type Kind, KINDS } from "./filter.ts";
import type { InspectionRecord } from "./records.ts";

const NONE: readonly string[] = [];

/** What was said once, by one probe. */
export class Vocabulary {
  readonly texts: string[] = [""];
  readonly states: KnownState[] = [{ text: "", snapshot: undefined }];
  readonly machines = new Map<string, KnownMachine>();
  readonly #effects = new Map<string, readonly string[]>();

  /** Takes what is new with a batch. */
  add({ lasting, states, machines }: Batch): void {
    this.texts.push(...lasting);
    this.states.push(...states);
    for (const machine of machines) this.machines.set(machine.id, machine);
  }

  /** Names of effects, out of the text that holds them all. */
  effects(text: string): readonly string[] {
    if (text === "") return NONE;
    let names = this.#effects.get(text);
    if (names === undefined) this.#effects.set(text, names = Object.freeze(text.split(",")));
    return names;
  }
}

/** One batch, and what it takes to read it. */
export class ReadableBatch {
  /** A batch of the role whose vocabulary this is. */
  constructor(readonly batch: Batch, private readonly words: Vocabulary) {}

  /** How many records it has. */
  get count(): number {
    return this.batch.count;
  }

  /** Number of the kind of a row. */
  kind(row: number): number {
    return this.batch.rows[row * ROW]!;
  }

  /** What a row is about. */
  about(row: number): string | undefined {
    const text = this.#text(this.batch.rows[row * ROW + ABOUT]!);
    return text === "" ? undefined : text;
  }

  #text(number: number): string {
    return number >= 0 ? this.words.texts[number]! : this.batch.fleeting[-number - 1]!;
  }

  /** A row as a record. */
  read(row: number): InspectionRecord {
    const { role, incarnation, base, rows } = this.batch;
    const at = row * ROW;
    const kind = KINDS[rows[at]!]!;
    const head = { at: base + rows[at + AT]! / 1000, role, incarnation };
    switch (kind) {
      case "began":
      case "step":
      case "ended":
        return this.#step(kind, head, at);
      case "sent":
      case "lost":
      case "received":
        return this.#message(kind, head, at);
      case "dead":
        return {
          kind,
          ...head,
          ...this.#aboutOf(at),
          reason: this.#text(rows[at + EFFECTS]!) as DeadLetterReason,
          from: this.#text(rows[at + WHOM]!),
          to: this.#text(rows[at + PAYLOAD]!),
          type: this.#text(rows[at + TYPE]!),
          state: this.#text(rows[at + BEFORE]!),
          count: rows[at + AFTER]!,
        };
      case "journaled":
        return {
          kind,
          ...head,
          ...this.#aboutOf(at),
          type: this.#text(rows[at + TYPE]!),
          number: rows[at + BEFORE]!,
          forced: rows[at + AFTER] === 1,
        };
      default:
        return { kind: "durable", ...head, number: rows[at + BEFORE]! };
    }
  }

  #aboutOf(at: number): { about?: string } {
    const about = this.#text(this.batch.rows[at + ABOUT]!);
    return about === "" ? {} : { about };
  }

  #step(kind: Kind & ("began" | "step" | "ended"), head: Head, at: number): InspectionRecord {
    const { rows } = this.batch;
    const machine = this.#text(rows[at + WHOM]!), about = this.#text(rows[at + ABOUT]!);
    const { text: state, snapshot: fixed } = this.words.states[rows[at + AFTER]!]!;
    if (kind === "ended") return { kind, ...head, machine, about, state };
    const effects = this.words.effects(this.#text(rows[at + EFFECTS]!));
    const [payload = "", carried] = this.#text(rows[at + PAYLOAD]!).split("\n");
    const snapshot = carried ?? fixed;
    const shown = snapshot === undefined ? {} : { snapshot };
    if (kind === "began") return { kind, ...head, machine, about, state, effects, ...shown };
    return {
      kind,
      ...head,
      machine,
      about,
      event: this.#text(rows[at + TYPE]!),
      before: this.#text(rows[at + BEFORE]!),
      after: state,
      effects,
      ...shown,
      ...(payload === "" ? {} : { payload }),
    };
  }

  #message(kind: "sent" | "lost" | "received", head: Head, at: number): InspectionRecord {
    const { rows } = this.batch;
    const whom = this.#text(rows[at + WHOM]!), type = this.#text(rows[at + TYPE]!);
    const about = this.#aboutOf(at), bytes = rows[at + BEFORE]!;
    if (kind === "received") return { kind, ...head, from: whom, type, ...about, bytes };
    return { kind, ...head, to: whom, type, ...about, bytes, copies: rows[at + AFTER]! };
  }
}

interface Head {
  readonly at: number;
  readonly role: string;
  readonly incarnation: number;
}
