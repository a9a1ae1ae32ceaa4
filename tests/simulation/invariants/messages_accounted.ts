/** No message vanishes. */
import type { Process } from "../../../runtime/simulated/process.ts";
import type { InvariantDefinition } from "../invariant.ts";

interface Receiver {
  /** Taken by the mailbox. */
  taken: number;
  /** Given to the role, or a dead letter before that. */
  handled: number;
  /** Lost with incarnations that ended. */
  lost: number;
}

interface Sender {
  /** Copies that links made. */
  copies: number;
  /** Of these, taken by mailboxes or refused for good. */
  arrived: number;
}

/**
 * What a mailbox took is in it, on the wire, handled, a dead letter, or lost with a crash; what a
 * link passed on was taken, refused, or waits for a full mailbox.
 */
export const invariant: InvariantDefinition = {
  name: "messages_accounted",
  says: "no message is lost but by a link, a crash, a fence or as a dead letter",
  create(watched) {
    const receivers = new Map<string, Receiver>();
    const senders = new Map<string, Sender>();
    const receiver = (address: string) => {
      let it = receivers.get(address);
      if (it === undefined) receivers.set(address, it = { taken: 0, handled: 0, lost: 0 });
      return it;
    };
    const sender = (address: string) => {
      let it = senders.get(address);
      if (it === undefined) senders.set(address, it = { copies: 0, arrived: 0 });
      return it;
    };
    const check = ({ address, host }: Process, depth: number) => {
      const { taken, handled, lost } = receiver(address);
      const { held, parked } = host.inHand;
      const left = taken - handled - lost;
      if (left !== depth + held) {
        watched.fail(
          `${address} took ${left} messages that it has not handled; it has ` +
            `${depth} in its mailbox and ${held} on the wire`,
        );
      }
      const { copies, arrived } = sender(address);
      if (copies - arrived === parked) return;
      watched.fail(`${address} sent ${copies} messages, ${arrived} arrived, ${parked} wait`);
    };
    return {
      sent: (from, _to, envelopes, copies) => {
        sender(from).copies += envelopes.length * copies;
      },
      transmitted(from, to, count, result) {
        if (result === "full") return;
        sender(from).arrived += count;
        if (result === "accepted") receiver(to).taken += count;
      },
      delivered: (to) => {
        receiver(to).handled++;
      },
      dead(at, { reason, from }, count) {
        // Of others' messages, these never reach the role.
        const before = reason === "malformed" || reason === "oldIncarnation" ||
          (reason === "unreachable" && from !== at);
        if (before) receiver(at).handled += count;
      },
      turned(process) {
        if (process.reason === undefined) check(process, process.depth);
      },
      gone(process) {
        // Its mailbox is the next incarnation's to look through, unless it was fenced.
        const it = receiver(process.address);
        it.lost = it.taken - it.handled - process.inherited;
        senders.delete(process.address);
      },
    };
  },
};
