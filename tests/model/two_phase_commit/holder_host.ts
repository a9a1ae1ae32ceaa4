/**
 * What an edge does around the machine of a hold: it serves its copy or lets readers wait. Its lease
 * runs out at any time, and no later than the coordinator has waited for it: that is what the rules
 * for lease lengths promise, and the only thing said about time here.
 *
 * @module
 */
import { Lives, type ModelEvent } from "../../../runtime/checker/lives.ts";
import type { Words } from "../../../runtime/checker/model.ts";
import { Copy, type World } from "./world.ts";

/** The edges' side of a state. */
export class HolderHost {
  readonly lives: Lives;

  constructor(private readonly world: World) {
    this.lives = new Lives(world.options.machines.holder, { leaseMs: 5 }, undefined, [
      { event: { type: "stray" }, expect: "rejected" },
    ]);
  }

  describe(state: Words, index: number): string {
    const life = state[this.world.holder(index)]!;
    return life === 0 ? "none" : this.lives.describe(life - 1);
  }

  /** Whether readers may still be given the old entry. */
  servesOld(state: Words, index: number): boolean {
    const copy = state[this.world.holder(index) + 1]!;
    return (copy & (Copy.OLD | Copy.LEASE | Copy.SUSPENDED)) === (Copy.OLD | Copy.LEASE);
  }

  receive(state: Words, type: string, index: number): string | undefined {
    if (type === "hold") return this.#hold(state, index);
    const outcome = type === "releaseCommit" ? "commit" : "abort";
    const held = this.describe(state, index) === "held";
    const place = this.world.holder(index) + 1;
    const kept = outcome === "abort" ? state[place]! & Copy.OLD : 0;
    const broken = this.step(state, index, { type: "release", outcome });
    if (broken !== undefined || !held) return broken;
    if (state[place]! & Copy.SUSPENDED) return "readers go on when the hold is released";
    return (state[place]! & Copy.OLD) === kept
      ? undefined
      : "an edge keeps its copy after an abort, and loses it after a commit";
  }

  #hold(state: Words, index: number): string | undefined {
    const before = state[this.world.holder(index)]!;
    const event = this.lives.event({ type: "hold" });
    const { effects } = this.lives.step(before === 0 ? this.lives.start : before - 1, event);
    return effects.some(({ type }) => type === "sendCoordinator")
      ? this.stepNumber(state, index, event)
      : "who is asked to hold says so";
  }

  step(state: Words, index: number, event: ModelEvent): string | undefined {
    return this.stepNumber(state, index, this.lives.event(event));
  }

  stepNumber(state: Words, index: number, event: number): string | undefined {
    const place = this.world.holder(index);
    const before = state[place] === 0 ? this.lives.start : state[place]! - 1;
    const outcome = this.lives.step(before, event);
    const { life, effects } = outcome;
    const fresh = state[place] === 0;
    this.world.recorder.note(`holder ${index}`, this.lives, fresh, before, event, outcome);
    state[place] = life + 1;
    let broken: string | undefined;
    for (const { type } of effects) {
      const copy = state[place + 1]!;
      if (type === "suspend") state[place + 1] = copy | Copy.SUSPENDED;
      if (type === "resume") state[place + 1] = copy & ~Copy.SUSPENDED;
      if (type === "drop") state[place + 1] = copy & ~(Copy.OLD | Copy.NEW);
      if (type === "install") state[place + 1] = copy & ~Copy.OLD | Copy.NEW;
      if (type === "sendCoordinator") {
        this.world.send(state, "held", index);
        if (!(copy & Copy.SUSPENDED)) broken ??= "nobody says held while it still serves";
      }
      if (type === "reject") {
        const { type: got } = this.lives.eventOf(event);
        broken ??= `no message is unexpected: a holder in ${
          this.lives.describe(before)
        } got ${got}`;
      }
    }
    if (this.lives.done(life) || this.lives.describe(life) === "idle") {
      state[place] = 0;
      if (state[place + 1]! & Copy.SUSPENDED) broken ??= "no reader waits for a hold that is over";
    }
    return broken;
  }

  /** No lease of before the hold is left. */
  timeOut(state: Words, index: number, event: number): string | undefined {
    const broken = this.stepNumber(state, index, event);
    return broken ??
      (state[this.world.holder(index) + 1]! & Copy.OLD
        ? "a copy whose lease has run out in a hold is dropped"
        : undefined);
  }

  /** The lease is over: the copy may not be served, nor the next hold outlast it. */
  expire(state: Words, index: number): void {
    state[this.world.holder(index) + 1]! &= ~Copy.LEASE;
  }

  /** Its copy dies with it. */
  crash(state: Words, index: number): void {
    state[this.world.holder(index)] = 0;
    state[this.world.holder(index) + 1] = 0;
  }
}
