/**
 * From inspection records to the story of a transaction, and to the lines that the log has of it.
 *
 * @module
 */
import type {
  InspectionRecord,
  MessageSent,
  RecordJournaled,
} from "../../../runtime/inspection/records.ts";
import { nodeOf } from "../../../runtime/role.ts";
import type { LogEntry, LogKind, Story, StoryStep } from "./protocol.ts";

type Message = Extract<StoryStep, { what: "message" }>;

/** Who stands left of whom. */
const ORDER = ["client", "gateway", "coordinator", "participant"];

/** The story that records of a transaction tell; `durable` ones of its roles may be among them. */
export function storyOf(transaction: string, records: readonly InspectionRecord[]): Story {
  const sorted = records.toSorted((a, b) => a.at - b.at);
  const own = sorted.filter((record) => "about" in record && record.about === transaction);
  const first = own[0]?.at ?? 0;
  const since = (at: number) => Math.max(0, at - first);
  const steps: StoryStep[] = [
    ...messagesOf(own).map((step) => ({
      ...step,
      at: since(step.at),
      ...(step.arrived === undefined ? {} : { arrived: since(step.arrived) }),
    })),
    ...own.flatMap((record): StoryStep[] => {
      const { role: who, at } = record;
      if (record.kind === "step" && record.before !== record.after) {
        const { event, before, after } = record;
        return [{ what: "state", at: since(at), who, event, before, after }];
      }
      if (record.kind !== "journaled") return [];
      const durable = durableAt(record, sorted);
      return [{
        what: "record",
        at: since(at),
        who,
        type: record.type,
        forced: record.forced,
        ...(durable === undefined ? {} : { durable: since(durable) }),
      }];
    }),
  ];
  steps.sort((a, b) => a.at - b.at);
  return { transaction, lanes: lanesOf(steps), steps };
}

/** Sent and received are two records: each arrival is of the oldest that has not arrived. */
function messagesOf(records: readonly InspectionRecord[]): Message[] {
  const messages: Message[] = [];
  const open = new Map<string, Message[]>();
  for (const record of records) {
    if (record.kind === "sent" || record.kind === "lost") {
      const { role: from, to, type, at } = record;
      const message = { what: "message", at, from, to, type } as const;
      const key = `${from} ${to} ${type}`;
      if (record.kind === "lost") messages.push({ ...message, lost: true });
      else open.set(key, [...open.get(key) ?? [], message]);
    } else if (record.kind === "received") {
      const { from, role: to, type, at } = record;
      const sent = open.get(`${from} ${to} ${type}`)?.shift();
      // Whoever was not inspected yet when it sent has left no record of that.
      messages.push({ ...(sent ?? { what: "message", at, from, to, type }), arrived: at });
    }
  }
  return [...messages, ...[...open.values()].flat()];
}

function durableAt(
  { role, incarnation, number, at }: RecordJournaled,
  records: readonly InspectionRecord[],
): number | undefined {
  return records.find((record) =>
    record.kind === "durable" && record.role === role && record.incarnation === incarnation &&
    record.number >= number && record.at >= at
  )?.at;
}

function lanesOf(steps: readonly StoryStep[]): string[] {
  const lanes = new Set(
    steps.flatMap((step) => step.what === "message" ? [step.from, step.to] : [step.who]),
  );
  const rank = (lane: string) => {
    const at = ORDER.indexOf(lane.slice(lane.indexOf("/") + 1));
    return at < 0 ? ORDER.length : at;
  };
  return [...lanes].sort((a, b) => rank(a) - rank(b) || (a < b ? -1 : 1));
}

/** The lines of the log. @param wallAt from cluster time to milliseconds since 1970 */
export function tellOf(
  transaction: string,
  records: readonly InspectionRecord[],
  wallAt: (at: number) => number,
): LogEntry[] {
  const own = records.filter((record) => "about" in record && record.about === transaction)
    .toSorted((a, b) => a.at - b.at);
  const lines: LogEntry[] = [];
  const say = (at: number, kind: LogKind, who: string, text: string) =>
    lines.push({ at: wallAt(at), kind, who, text, transaction });
  const phases: Record<string, (to: string) => string> = {
    prepare: (to) => `Phase 1: PREPARE sent to ${to}`,
    preCommit: (to) => `Phase 2: PRE-COMMIT sent to ${to}`,
    commit: (to) => `Phase 2: COMMIT sent to ${to}`,
    abort: (to) => `Phase 2: ABORT sent to ${to}`,
  };
  const told = new Set<string>();
  for (const record of own) {
    if (record.kind === "sent" && Object.hasOwn(phases, record.type) && !told.has(record.type)) {
      told.add(record.type);
      const { role, type } = record;
      const all = own.filter((other): other is MessageSent =>
        other.kind === "sent" && other.role === role && other.type === type
      );
      const to = [...new Set(all.map((other) => nodeOf(other.to)))].join(", ");
      say(record.at, type === "abort" ? "failure" : "info", role, phases[type]!(to));
    } else if (record.kind === "received" && record.type === "voteYes") {
      say(record.at, "info", record.from, `${nodeOf(record.from)} votes YES`);
    } else if (record.kind === "received" && record.type === "voteNo") {
      say(record.at, "failure", record.from, `${nodeOf(record.from)} votes NO`);
    } else if (record.kind === "step" && /coordinator$/.test(record.machine)) {
      const ended = endOf(record.after);
      if (ended === undefined || ended === endOf(record.before)) continue;
      if (ended === "COMMITTED") say(record.at, "success", record.role, "Transaction COMMITTED");
      else say(record.at, "failure", record.role, "Transaction ABORTED");
    }
  }
  return lines;
}

/** Whether a coordinator's state says that it is decided, and how. */
function endOf(state: string): "COMMITTED" | "ABORTED" | undefined {
  if (/^(committing|committed|ended)\b/.test(state)) return "COMMITTED";
  return /^abort/.test(state) ? "ABORTED" : undefined;
}
