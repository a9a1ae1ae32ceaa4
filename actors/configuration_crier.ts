/**
 * Tells those who go by a configuration of every change, until they have said that they heard it.
 *
 * @module
 */
import type { Configuration } from "../protocols/configuration/configuration.ts";
import type { Envelope } from "../runtime/codec.ts";
import type { Address } from "../runtime/ports.ts";
import type { MessageHandler, Services } from "../runtime/role.ts";
import type { Timer } from "../runtime/timers.ts";
import { makeNotice } from "./configuration_group.ts";
import { isIndex, isRecord } from "./guards.ts";
import type { Keys } from "./pbft_keys.ts";

/** What one who is told knows. */
export type Heard = { readonly epoch: number; readonly generation: number };

/** What a crier tells, and to whom. */
export interface CrierParts {
  readonly services: Services;
  /** Epoch that everybody began with. */
  readonly first: number;
  /** Those who are told of every change. */
  readonly subscribers: readonly Address[];
  /** Those who are told of another group only: the rest they execute. */
  readonly members: () => readonly Address[];
  readonly now: () => Configuration;
  /** What the present group began with. */
  readonly start: () => Configuration;
  /** Number in the group, and the keys to tell those with who go by the members of a generation. */
  readonly self: (generation: number) => { readonly index: number; readonly keys: Keys };
}

const TELL_MS = 1000;

/** Tells, and tells again. */
export class Crier {
  readonly messages: Readonly<Record<string, MessageHandler>>;
  readonly #heard = new Map<Address, Heard>();
  #next: Timer | undefined;
  #silent = true;

  constructor(private readonly parts: CrierParts) {
    const heard = (answer: boolean): MessageHandler => ({
      accepts: (body) => isRecord(body) && isIndex(body["epoch"]) && isIndex(body["generation"]),
      handle: (body: Heard, envelope) => this.#hear(body, envelope, answer),
    });
    this.messages = { "configuration.get": heard(true), "configuration.heard": heard(false) };
  }

  /** Those who are told anything. */
  get audience(): readonly Address[] {
    const { subscribers, members, services } = this.parts;
    return [...subscribers, ...members().filter((address) => address !== services.address)];
  }

  /** Says nothing while it is between two groups. */
  set silent(silent: boolean) {
    this.#silent = silent;
    if (!silent) this.tell();
  }

  /** Something has changed: tells all who do not know yet, until they do. */
  tell(): void {
    if (this.#silent) return;
    this.#tellIn(0);
    this.parts.services.wake();
  }

  #tellIn(ms: number): void {
    const { timers, clock } = this.parts.services;
    if (this.#next !== undefined) timers.cancel(this.#next);
    this.#next = timers.set(clock.now() + ms, () => this.#tell());
  }

  #tell(): void {
    this.#next = undefined;
    const behind = this.#behind();
    if (this.#silent || behind.length === 0) return;
    for (const address of behind) this.#notify(address);
    this.#tellIn(TELL_MS);
  }

  #behind(): readonly Address[] {
    const { first, now, start, subscribers } = this.parts;
    const { epoch } = now();
    if (epoch === first) return [];
    const { generation } = start();
    return this.audience.filter((address) => {
      const heard = this.#heard.get(address) ?? { epoch: first, generation: 1 };
      return subscribers.includes(address) ? heard.epoch < epoch : heard.generation < generation;
    });
  }

  #hear(heard: Heard, envelope: Envelope, answer: boolean): void {
    if (!this.audience.includes(envelope.from)) {
      return this.parts.services.deadLetter("forbidden", envelope);
    }
    this.#heard.set(envelope.from, heard);
    if (answer && !this.#silent) this.#notify(envelope.from);
  }

  /** Who goes by the members of an earlier group believes those of them that are members still. */
  #notify(address: Address): void {
    const { services, subscribers, now, start, self } = this.parts;
    const configuration = subscribers.includes(address) ? now() : start();
    const known = this.#heard.get(address)?.generation ?? start().generation - 1;
    const generation = Math.max(1, Math.min(known, start().generation));
    const { index, keys } = self(generation);
    const notice = makeNotice({ generation, from: index, configuration }, keys);
    services.send(address, "configuration.notice", notice);
  }
}
