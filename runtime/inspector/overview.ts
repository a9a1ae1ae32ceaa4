/**
 * All roles with their machines, asked for again and again while a page is open; and the charts of
 * machines, drawn once.
 *
 * @module
 */
import type { InspectionHub } from "../inspection/hub.ts";
import { createMachine } from "xstate";
import { chartOf } from "./chart.ts";
import { chartSvg } from "./chart_svg.ts";
import { Layouter } from "./layout.ts";
import type { ShownChart, TreeRole } from "./page_protocol.ts";

const PERIOD_MS = 500;

/** What all pages share. */
export class Overview implements Disposable {
  readonly #layouter = new Layouter();
  readonly #charts = new Map<string, Promise<Omit<ShownChart, "role" | "machine">>>();
  #tree: readonly TreeRole[] = [];
  #version = 0;
  #watchers = 0;
  #looking = false;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** Of the roles of a hub. */
  constructor(private readonly hub: InspectionHub) {}

  /** The tree as it is, with a number that grows when it changes. */
  get tree(): { readonly version: number; readonly roles: readonly TreeRole[] } {
    return { version: this.#version, roles: this.#tree };
  }

  /** A page is there: from now on the roles are asked. Dispose of what is returned when it leaves. */
  watch(): Disposable {
    this.#watchers++;
    void this.#look();
    let here = true;
    return {
      [Symbol.dispose]: () => {
        if (here && --this.#watchers === 0) this.#rest();
        here = false;
      },
    };
  }

  /** One look at a time, whoever comes and goes meanwhile. */
  async #look(): Promise<void> {
    if (this.#looking) return;
    this.#looking = true;
    clearTimeout(this.#timer);
    const roles = await Promise.all(
      this.hub.roles().map(async ({ address, incarnation }) => {
        // One that hangs has no machines to tell of; it is there all the same.
        const machines = await this.hub.census(address).catch(() => []);
        return { address, incarnation, machines };
      }),
    );
    roles.sort((a, b) => a.address < b.address ? -1 : 1);
    if (JSON.stringify(roles) !== JSON.stringify(this.#tree)) {
      this.#tree = roles;
      this.#version++;
    }
    this.#looking = false;
    if (this.#watchers > 0) this.#timer = setTimeout(() => void this.#look(), PERIOD_MS);
  }

  /** The chart of a machine of a role. */
  async chart(role: string, machine: string): Promise<ShownChart> {
    const definition = await this.hub.definition(role, machine);
    if (definition === undefined) {
      return { role, machine, problem: "Nothing is known of this machine", anywhere: [] };
    }
    // Who asked has left: no thread is begun for nobody.
    if (this.#watchers === 0) return { role, machine, problem: "Nobody is here", anywhere: [] };
    const drawn = await this.#charts.getOrInsertComputed(definition, () => this.#draw(definition));
    // It may have been given up because the last page left.
    if (drawn.problem !== undefined) this.#charts.delete(definition);
    return { role, machine, ...drawn };
  }

  async #draw(definition: string): Promise<Omit<ShownChart, "role" | "machine">> {
    try {
      const placed = await this.#layouter.place(chartOf(createMachine(JSON.parse(definition))));
      return { svg: chartSvg(placed), anywhere: placed.anywhere };
    } catch (error) {
      return { problem: (error as Error).message, anywhere: [] };
    }
  }

  #rest(): void {
    clearTimeout(this.#timer);
    this.#layouter[Symbol.dispose]();
  }

  /** Asks nobody any more. */
  [Symbol.dispose](): void {
    this.#watchers = 0;
    this.#rest();
  }
}
