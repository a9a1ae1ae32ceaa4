/**
 * Participants are interchangeable: of all states that differ only in which is which, one stands for
 * all. Holders stay in place.
 *
 * @module
 */
import type { Lives } from "../../../runtime/checker/lives.ts";
import { compareWords, permutations } from "../../../runtime/checker/permutations.ts";
import type { Words } from "../../../runtime/checker/model.ts";
import type { Hosts } from "./rules.ts";
import { COORDINATOR, FACTS, LOG, PER_HOLDER, PER_PARTICIPANT } from "./world.ts";

const HOLDERS = new Set(["hold", "releaseCommit", "releaseAbort", "held"]);

/** Replaces a state by its representative: participants in the order of what they are, ties tried. */
export function canonizer(hosts: Hosts): (state: Words) => void {
  const { world, coordinator, participant } = hosts;
  const { participants, holders } = world.options;
  const orders = permutations(participants);
  const permuters = orders.map((order) =>
    world.network.permuter(
      world.messages.map(({ type, index, asker }) =>
        HOLDERS.has(type)
          ? world.number(type, index)
          : world.number(type, order[index]!, asker === undefined ? undefined : order[asker]!)
      ),
    )
  );
  const kindOf = lifeKinds(participant.lives, orders);
  const keys = new Float64Array(participants);
  const image = new Uint16Array(world.width);
  const least = new Uint16Array(world.width);
  const first = world.holder(0);

  const permute = (
    state: Words,
    order: readonly number[],
    network: (a: Words, b: Words) => void,
  ) => {
    const life = state[COORDINATOR]!;
    image[COORDINATOR] = life === 0 ? 0 : coordinator.lives.permuted(life - 1, order) + 1;
    image[LOG] = state[LOG]!;
    image[FACTS] = state[FACTS]!;
    for (let i = 0; i < participants; i++) {
      const [from, to] = [world.life(i), world.life(order[i]!)];
      const own = state[from]!;
      image[to] = own === 0 ? 0 : participant.lives.permuted(own - 1, order) + 1;
      for (let word = 1; word < PER_PARTICIPANT; word++) image[to + word] = state[from + word]!;
    }
    for (let word = first; word < first + PER_HOLDER * holders; word++) image[word] = state[word]!;
    network(state, image);
  };

  return (state) => {
    for (let i = 0; i < participants; i++) {
      const life = state[world.life(i)]!;
      const kind = life === 0 ? 0 : kindOf(life - 1) + 1;
      keys[i] = (kind * 65536 + state[world.disk(i)]!) * 65536 + state[world.pending(i)]!;
    }
    let found = false;
    for (let at = 0; at < orders.length; at++) {
      const order = orders[at]!;
      if (!sorts(keys, order)) continue;
      permute(state, order, permuters[at]!);
      if (!found || compareWords(image, least) < 0) least.set(image);
      found = true;
    }
    state.set(least);
  };
}

/** Whether an order puts smaller keys first. */
function sorts(keys: Float64Array, order: readonly number[]): boolean {
  for (let i = 1; i < keys.length; i++) {
    for (let j = 0; j < i; j++) {
      const difference = keys[i]! - keys[j]!;
      if (difference !== 0 && (difference > 0) !== (order[i]! > order[j]!)) return false;
    }
  }
  return true;
}

/** A number that is the same for all lives that differ only in which peer is which. */
function lifeKinds(
  lives: Lives,
  orders: readonly (readonly number[])[],
): (life: number) => number {
  const kinds: (number | undefined)[] = [];
  return (life) =>
    kinds[life] ??= orders.reduce(
      (least, order) => Math.min(least, lives.permuted(life, order)),
      life,
    );
}
