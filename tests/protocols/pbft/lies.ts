/** A liar that does to each of its messages, for each receiver anew, whatever comes to its mind. */
import { type Digest, NULL_DIGEST, type ReplicaMessage } from "../../../protocols/pbft/mod.ts";
import { digestOf, type World } from "./world.ts";

type Lie = (message: ReplicaMessage, world: World, liar: number) => readonly ReplicaMessage[];

function digest(world: World): Digest {
  if (world.random() < 0.2 || world.asked.length === 0) return NULL_DIGEST;
  return digestOf([world.pick(world.asked)]);
}

function otherDigest(message: ReplicaMessage, world: World): ReplicaMessage {
  return "digest" in message ? { ...message, digest: digest(world) } : message;
}

function otherView(message: ReplicaMessage, world: World): ReplicaMessage {
  if (!("view" in message)) return message;
  return { ...message, view: Math.max(0, message.view + world.pick([-1, 1, 2])) };
}

function otherNumber(message: ReplicaMessage, world: World): ReplicaMessage {
  if (!("sequence" in message)) return message;
  return { ...message, sequence: message.sequence + world.pick([-1, 1, 5, 100]) };
}

function otherContent(message: ReplicaMessage, world: World): ReplicaMessage {
  switch (message.type) {
    case "viewChange": // It hides what it has prepared, or forgets its stable checkpoint.
      return { ...message, prepared: message.prepared.filter(() => world.random() < 0.5) };
    case "newView": {
      const assigned = world.random() < 0.5
        ? message.assigned.slice(0, -1)
        : message.assigned.map((it) => ({ ...it, digest: digest(world) }));
      return { ...message, assigned };
    }
    case "status":
      return { ...message, executed: 0, stable: 0 };
    case "checkpoint":
      return { ...message, digest: `{${world.random()}}` };
    default:
      return otherDigest(message, world);
  }
}

/** Any vote at all. */
function madeUp(world: World, liar: number): readonly ReplicaMessage[] {
  const { context } = world.members[liar]!;
  const at = {
    view: context.view + world.pick([0, 0, 0, 1]),
    sequence: context.executed + world.pick([1, 1, 2]),
    digest: digest(world),
  };
  return [
    { type: "prePrepare", ...at },
    { type: "prepare", ...at },
    { type: "commit", ...at },
    { type: "viewChange", view: at.view + 1, stable: context.stable, prepared: [] },
  ];
}

const LIES: readonly Lie[] = [
  (message) => [message],
  (message) => [message],
  () => [],
  (message, world) => [otherDigest(message, world)],
  (message, world) => [message, otherContent(message, world)],
  (message, world) => [otherContent(message, world)],
  (message, world) => [otherView(message, world)],
  (message, world) => [otherNumber(message, world)],
  (message, world, liar) => [message, ...madeUp(world, liar)],
];

/** One lie after the other. */
export function lie(world: World, liar: number, _to: number, message: ReplicaMessage) {
  return world.pick(LIES)(message, world, liar);
}

/** Says nothing. */
export function silence(): readonly ReplicaMessage[] {
  return [];
}

/** Says one thing to one half and another to the other, in everything. */
export function twoFaces(world: World, liar: number, to: number, message: ReplicaMessage) {
  const first = digestOf(world.asked.slice(0, 1)), second = digestOf(world.asked.slice(1, 2));
  if (message.type === "prePrepare" || message.type === "prepare" || message.type === "commit") {
    const votes = ["prePrepare", "prepare", "commit"] as const;
    const { view, sequence } = message;
    const digest = to % 2 === 0 ? first : second;
    return votes.map((type) => ({ type, view, sequence, digest }));
  }
  return lie(world, liar, to, message);
}
