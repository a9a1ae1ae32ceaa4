import { holder, type HolderEvent } from "../../../protocols/two_phase_commit/holder.ts";
import { effect, everyPair, type Row, rows, timer } from "../rows.ts";

const hold: HolderEvent = { type: "hold" };
const release = (outcome: "commit" | "abort"): HolderEvent => ({ type: "release", outcome });
const lease = timer<HolderEvent>(holder, "lease", "held");
const held = effect("sendCoordinator", { message: "held" });
const resume = effect("resume");

const table: Row<HolderEvent>[] = [
  {
    description: "readers wait before the answer goes out",
    from: [],
    event: hold,
    state: "held",
    effects: [effect("suspend"), held, "after 50"],
  },
  {
    description: "a release that outran its hold, or is late, changes nothing",
    from: [],
    event: release("commit"),
    state: "idle",
    effects: [],
  },
  {
    description: "a repeated hold is answered and does not extend the lease",
    from: [hold],
    event: hold,
    state: "held",
    effects: [held],
  },
  {
    description: "a commit puts the new entry in before readers go on",
    from: [hold],
    event: release("commit"),
    state: "installed",
    effects: ["cancel", effect("install"), resume],
  },
  {
    description: "an abort lets readers go on with the old entry",
    from: [hold],
    event: release("abort"),
    state: "released",
    effects: ["cancel", resume],
  },
  {
    description: "when the lease runs out the copy goes before readers go on",
    from: [hold],
    event: lease,
    state: "expired",
    effects: ["cancel", effect("drop"), resume],
  },
];

rows(holder, { leaseMs: 50 }, table);
everyPair(
  holder,
  { leaseMs: 50 },
  {
    idle: [],
    held: [hold],
    installed: [hold, release("commit")],
    released: [hold, release("abort")],
    expired: [hold, lease],
  },
  [hold, release("commit")],
  table,
);
