/** The shipped inbox: one ring for all senders, who take turns by a lock word. */
import { allocateInbox, Inbox } from "../../../runtime/inbox.ts";
import { type Candidate, CAPACITY } from "./candidate.ts";

/** See `runtime/inbox.ts`. */
export const lockedRing: Candidate = {
  allocate: () => allocateInbox({ normal: CAPACITY, urgent: 1024 }),
  writer: (memory, index) => {
    const inbox = new Inbox(memory);
    return {
      offer: (bytes) =>
        inbox.offer({
          due: 0,
          urgent: false,
          sender: index,
          incarnation: 1,
          count: 1,
          bytes,
        }) === "accepted",
    };
  },
  reader: (memory) => {
    const inbox = new Inbox(memory);
    return { poll: () => inbox.poll()?.bytes, empty: () => inbox.empty };
  },
};
