/**
 * The machines and states of one role as numbers: see `batch.ts`.
 *
 * @module
 */
import type { Effect } from "../engine.ts";
import type { Lives } from "../instances.ts";
import type { AnyMachineSnapshot, EventObject } from "../xstate_types.ts";
import type { KnownMachine, KnownState } from "./batch.ts";
import { definitionOf } from "./definition.ts";
import { Masking } from "./mask.ts";
import type { Texts } from "./texts.ts";

/** States whose snapshots are told; of those beyond, the text alone is. */
const MOST_STATES = 8192;

interface Known {
  readonly masking: Masking;
  /** By the number a table has for it. */
  readonly byNumber: number[];
  readonly byText: Map<string, number>;
}

/** A snapshot as JSON: status, value and context. */
export function snapshotJson(masking: Masking, snapshot: AnyMachineSnapshot): string {
  const { status, value, context, output } = snapshot;
  const shown = `{"status":${JSON.stringify(status)},"value":${JSON.stringify(value)},` +
    `"context":${masking.whole(context)}`;
  return output === undefined ? `${shown}}` : `${shown},"output":${masking.whole(output)}}`;
}

/** The machines of a role. */
export class Machines {
  readonly #known = new Map<Lives | undefined, Known>();
  readonly #effects = new WeakMap<readonly Effect[], number>();
  #states = 0;
  #newStates: KnownState[] = [];
  #newMachines: KnownMachine[] = [];

  /** Machines whose texts are numbered there. */
  constructor(private readonly texts: Texts) {}

  #of(lives: Lives | undefined): Known {
    let known = this.#known.get(lives);
    if (known === undefined) {
      const machine = lives?.machine;
      known = { masking: new Masking(machine), byNumber: [], byText: new Map() };
      this.#known.set(lives, known);
      if (machine !== undefined) {
        this.#newMachines.push({ id: machine.id, definition: definitionOf(machine) });
      }
    }
    return known;
  }

  /** The number of a state. */
  state(lives: Lives | undefined, text: string, state: unknown): number {
    const known = this.#of(lives);
    if (typeof state !== "number" || lives === undefined) return this.#byText(known, text);
    const number = known.byNumber[state];
    if (number !== undefined) return number;
    if (this.#states >= MOST_STATES) return this.#byText(known, text);
    const snapshot = snapshotJson(known.masking, lives.snapshot(state));
    return known.byNumber[state] = this.#add({ text, snapshot });
  }

  #byText(known: Known, text: string): number {
    let number = known.byText.get(text);
    if (number === undefined) {
      number = this.#add({ text, snapshot: undefined });
      known.byText.set(text, number);
    }
    return number;
  }

  #add(state: KnownState): number {
    this.#newStates.push(state);
    return ++this.#states;
  }

  /** The number of the names of some effects. A step table gives the same array each time. */
  effects(effects: readonly Effect[]): number {
    if (effects.length < 2) return effects.length === 0 ? 0 : this.texts.lasting(effects[0]!.type);
    let number = this.#effects.get(effects);
    if (number === undefined) {
      number = this.texts.lasting(effects.map(({ type }) => type).join());
      if (number > 0) this.#effects.set(effects, number);
    }
    return number;
  }

  /** An event as JSON and, where it does not follow from the state, the snapshot in another line. */
  payload(lives: Lives | undefined, event: EventObject, state: unknown): string {
    const { masking } = this.#of(lives);
    const shown = masking.whole(event);
    if (typeof state === "number" || lives === undefined || state === undefined) return shown;
    return `${shown}\n${snapshotJson(masking, lives.snapshot(state))}`;
  }

  /** What is new since it was last asked. */
  take(): { readonly states: KnownState[]; readonly machines: KnownMachine[] } {
    const taken = { states: this.#newStates, machines: this.#newMachines };
    this.#newStates = [];
    this.#newMachines = [];
    return taken;
  }
}
