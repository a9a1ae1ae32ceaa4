/**
 * Numbers in place of texts, for one role: see `batch.ts`.
 *
 * @module
 */

/** Texts that are kept for good; those beyond are said anew in each batch. */
const MOST_LASTING = 4096;

/** The texts of a role. */
export class Texts {
  readonly #lasting = new Map<string, number>();
  readonly #fleeting = new Map<string, number>();
  #newLasting: string[] = [];
  #newFleeting: string[] = [];
  #last = "";
  #lastNumber = 0;

  /** The number of a text that comes again. */
  lasting(text: string): number {
    if (text === "") return 0;
    const known = this.#lasting.get(text);
    if (known !== undefined) return known;
    if (this.#lasting.size >= MOST_LASTING) return this.fleeting(text);
    const number = this.#lasting.size + 1;
    this.#lasting.set(text, number);
    this.#newLasting.push(text);
    return number;
  }

  /** The number of a text in this batch. */
  fleeting(text: string | undefined): number {
    if (text === undefined || text === "") return 0;
    if (text === this.#last) return this.#lastNumber;
    let number = this.#fleeting.get(text);
    if (number === undefined) {
      number = -this.#newFleeting.push(text);
      this.#fleeting.set(text, number);
    }
    this.#last = text;
    return this.#lastNumber = number;
  }

  /** The number of a text that does not come again, not even in this batch. */
  once(text: string): number {
    return -this.#newFleeting.push(text);
  }

  /** What is new since it was last asked; begins a new batch. */
  take(): { readonly lasting: string[]; readonly fleeting: string[] } {
    const taken = { lasting: this.#newLasting, fleeting: this.#newFleeting };
    this.#newLasting = [];
    this.#newFleeting = [];
    this.#fleeting.clear();
    this.#last = "";
    this.#lastNumber = 0;
    return taken;
  }
}
