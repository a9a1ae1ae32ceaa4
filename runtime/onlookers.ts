/**
 * Who looks on at one role: attached and detached while it runs. Detached, a step and a message
 * cost one look at an undefined field.
 *
 * @module
 */
import type { Engine } from "./engine.ts";
import type { Lives, Observer } from "./instances.ts";
import type { Role } from "./role.ts";
import type { Witness } from "./witness.ts";

/** The onlookers of a role, and what they can look at. */
export class Onlookers {
  /** Told of steps. */
  observer: Observer | undefined;
  /** Told of messages and records. */
  witness: Witness | undefined;
  readonly #engines: Engine<unknown>[] = [];
  readonly #permanent: Witness | undefined;

  /** Nobody looks on yet. @param witness who sees messages unless another is attached */
  constructor(
    witness: Witness | undefined,
    private readonly parts: { readonly life: () => Lives; readonly role: () => Role },
  ) {
    this.#permanent = this.witness = witness;
  }

  /** The present {@link Onlookers.observer}. */
  readonly looking = (): Observer | undefined => this.observer;

  /** The present {@link Onlookers.witness}. */
  readonly seen = (): Witness | undefined => this.witness;

  /** See `Role.about`. */
  readonly about = (content: unknown): string | undefined => this.parts.role().about?.(content);

  /** Attaches onlookers in place of those before; undefined detaches. */
  set(observer: Observer | undefined, witness: Witness | undefined = this.#permanent): void {
    this.observer = observer;
    this.witness = witness;
  }

  /** Takes note of an engine the role steps machines with. */
  sees(engine: Engine<unknown>): Engine<unknown> {
    this.#engines.push(engine);
    return engine;
  }

  /** The lives of all machines of the role. */
  lives(): Lives[] {
    const stepped = this.#engines.flatMap((engine) => [...engine.lives ?? []]);
    const { life, role } = this.parts;
    const { lives } = role();
    return [life(), ...(lives === undefined ? [] : [lives]), ...stepped];
  }
}
