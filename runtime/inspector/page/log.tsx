/**
 * What happens, line by line.
 *
 * @module
 */
/** @jsxImportSource preact */
/// <reference lib="dom" />
import type { JSX } from "preact";
import { memo } from "preact/compat";
import { useEffect, useRef } from "preact/hooks";
import type { InspectionRecord } from "../../inspection/records.ts";
import type { LogLevel } from "../page_protocol.ts";

/** `12:34:56.789` of cluster time. */
function clock(at: number): string {
  const text = new Date(at).toISOString();
  return text.slice(11, 23);
}

const WORDS: Readonly<Record<InspectionRecord["kind"], string>> = {
  roleStarted: "role",
  roleEnded: "role",
  began: "began",
  step: "step",
  ended: "ended",
  sent: "sent",
  received: "got",
  lost: "lost",
  dead: "dead",
  journaled: "journal",
  durable: "durable",
};

function told(record: InspectionRecord): string {
  switch (record.kind) {
    case "roleStarted":
      return `life ${record.incarnation} began`;
    case "roleEnded":
      return record.reason.split("\n")[0]!;
    case "began":
      return `${record.machine} in ${record.state}`;
    case "step": {
      const { machine, event, before, after, effects } = record;
      const did = effects.length === 0 ? "" : ` / ${effects.join(", ")}`;
      return `${machine}: ${event}, ${before === after ? before : `${before} → ${after}`}${did}`;
    }
    case "ended":
      return `${record.machine} in ${record.state}`;
    case "sent":
    case "lost":
      return `${record.type} to ${record.to}, ${record.bytes} bytes`;
    case "received":
      return `${record.type} from ${record.from}, ${record.bytes} bytes`;
    case "dead":
      return `${record.count} × ${record.type} from ${record.from} to ${record.to}: ` +
        `${record.reason} while ${record.state}`;
    case "journaled":
      return `${record.type}, number ${record.number}${record.forced ? ", forced" : ""}`;
    case "durable":
      return `up to number ${record.number}`;
  }
}

interface ListProps {
  readonly records: readonly InspectionRecord[];
  readonly ahead: number;
  readonly roles?: boolean;
}

const keys = new WeakMap<InspectionRecord, number>();
let lines = 0;

/** The same for a record as long as it is there, wherever it moves. */
function keyOf(record: InspectionRecord): number {
  const known = keys.get(record) ?? ++lines;
  keys.set(record, known);
  return known;
}

const Line = memo(({ record, roles }: {
  readonly record: InspectionRecord;
  readonly roles: boolean;
}): JSX.Element => (
  <li class={record.kind}>
    <time>{clock(record.at)}</time>
    <b>{WORDS[record.kind]}</b>
    {roles && <span class="where">{record.role}</span>}
    {roles && "about" in record && record.about !== undefined &&
      <span class="about" title={record.about}>…{record.about.slice(-12)}</span>}
    <span class="what">{told(record)}</span>
  </li>
));

/** Records as a list that stays at its end. */
export const Records = memo(({ records, roles = false }: ListProps): JSX.Element => {
  const list = useRef<HTMLOListElement>(null);
  const following = useRef(true);
  useEffect(() => {
    const { current } = list;
    if (current !== null && following.current) current.scrollTop = current.scrollHeight;
  }, [records]);
  return (
    <ol
      class="records"
      ref={list}
      tabIndex={0}
      onScroll={({ currentTarget: { scrollTop, scrollHeight, clientHeight } }) => {
        following.current = scrollHeight - scrollTop - clientHeight < 20;
      }}
    >
      {records.map((record) => <Line key={keyOf(record)} record={record} roles={roles} />)}
    </ol>
  );
});

interface Props {
  readonly log: readonly InspectionRecord[];
  readonly skipped: number;
  readonly level: LogLevel;
  readonly here: boolean;
  readonly ahead: number;
  readonly follow: (level: LogLevel, here: boolean) => void;
}

const LEVELS: readonly (readonly [LogLevel, string])[] = [
  ["off", "Nothing"],
  ["events", "Roles and lost messages"],
  ["all", "Everything"],
];

/** The log. */
export function Log({ log, skipped, level, here, ahead, follow }: Props): JSX.Element {
  return (
    <section class="log" aria-label="Log">
      <header>
        <h2>Log</h2>
        <label>
          Tell{" "}
          <select
            value={level}
            onChange={(event) => follow(event.currentTarget.value as LogLevel, here)}
          >
            {LEVELS.map(([value, text]) => <option key={value} value={value}>{text}</option>)}
          </select>
        </label>
        <label>
          <input
            type="checkbox"
            checked={here}
            onChange={(event) => follow(level, event.currentTarget.checked)}
          />{" "}
          of this role only
        </label>
        {skipped > 0 && <small>{skipped.toLocaleString("en")} came too fast to show</small>}
      </header>
      {log.length === 0
        ? <p class="note">Nothing has happened that this log tells of.</p>
        : <Records records={log} ahead={ahead} roles />}
    </section>
  );
}
