/**
 * The log: every line has a colour and a sign for its kind, and can be filtered.
 *
 * @module
 */
/** @jsxImportSource preact */
/// <reference lib="dom" />
import type { JSX } from "preact";
import { memo } from "preact/compat";
import { useState } from "preact/hooks";
import type { LogEntry, LogKind, State } from "../protocol.ts";
import { nodeName, timeOf } from "./words.ts";

const KINDS: readonly LogKind[] = ["info", "success", "warning", "failure"];
const SIGNS: Readonly<Record<LogKind, string>> = {
  info: "i",
  success: "✓",
  warning: "!",
  failure: "✕",
};
const SHOWN = 200;

/** What opens a transaction. */
export type Open = (transaction: string) => void;

/** Shows the log, the latest line first. */
export function Log({ state, readable, open, capture, instantOf }: {
  readonly state: State;
  readonly readable: boolean;
  readonly open: Open;
  /** Follows all transactions for a moment. */
  readonly capture?: () => Promise<unknown>;
  /** How instants are written. */
  readonly instantOf: (at: number) => string;
}): JSX.Element {
  const [capturing, setCapturing] = useState("");
  const follow = () => {
    setCapturing("Following all transactions for a second…");
    capture?.().then(
      (count) => setCapturing(`The log has ${count} transactions of that second.`),
      (error: Error) => setCapturing(error.message),
    );
  };
  const [filter, setFilter] = useState<Filter>({ kinds: new Set(KINDS), node: "", words: "" });
  const { kinds, node, words } = filter;
  const found = state.log.filter((entry) =>
    kinds.has(entry.kind) && (node === "" || about(entry, node)) && contains(entry, words)
  );
  return (
    <section class="panel" aria-label="Log">
      <header>
        <h2>Log</h2>
        <Filters
          state={state}
          filter={filter}
          setFilter={setFilter}
          follow={capture === undefined ? undefined : follow}
        />
      </header>
      {!readable && (
        <p class="empty">The log is for operators: paste the operator's token to read it.</p>
      )}
      <p class="hint" role="status">{capturing}</p>
      {readable && found.length === 0 && (
        <p class="empty">{state.log.length === 0 ? "Nothing yet." : "No line fits the filters."}</p>
      )}
      <ol class="log" tabindex={0} aria-label="Lines, the latest first">
        {found.slice(-SHOWN).reverse().map((entry) => (
          <LogLine
            key={keyOf(entry)}
            entry={entry}
            open={open}
            instantOf={instantOf}
          />
        ))}
      </ol>
    </section>
  );
}

/** Which lines are shown. */
interface Filter {
  readonly kinds: ReadonlySet<LogKind>;
  readonly node: string;
  readonly words: string;
}

function Filters({ state, filter, setFilter, follow }: {
  readonly state: State;
  readonly filter: Filter;
  readonly setFilter: (filter: Filter) => void;
  readonly follow: (() => void) | undefined;
}): JSX.Element {
  const { kinds, node, words } = filter;
  const toggle = (kind: LogKind) => {
    const next = new Set(kinds);
    if (!next.delete(kind)) next.add(kind);
    setFilter({ ...filter, kinds: next });
  };
  return (
    <div class="filters">
      {follow !== undefined && (
        <button type="button" title="Follow all transactions for a second" onClick={follow}>
          Capture
        </button>
      )}
      {KINDS.map((kind) => (
        <button
          key={kind}
          type="button"
          class={`chip k-${kind}`}
          aria-pressed={kinds.has(kind)}
          onClick={() => toggle(kind)}
        >
          <i class="sign" aria-hidden="true">{SIGNS[kind]}</i> {kind}
        </button>
      ))}
      <select
        aria-label="Node"
        value={node}
        onChange={(event) => setFilter({ ...filter, node: event.currentTarget.value })}
      >
        <option value="">all nodes</option>
        {state.topology.nodes.map(({ name }) => <option key={name}>{name}</option>)}
      </select>
      <input
        type="search"
        aria-label="Words or a transaction"
        placeholder="words or a transaction"
        value={words}
        onInput={(event) => setFilter({ ...filter, words: event.currentTarget.value })}
      />
    </div>
  );
}

function about({ who, text }: LogEntry, node: string): boolean {
  // "core-1" is not about "core-11".
  return nodeName(who) === node || new RegExp(`\\b${node}\\b`).test(text);
}

function contains({ who, text, transaction = "" }: LogEntry, words: string): boolean {
  const line = `${who} ${text} ${transaction}`.toLowerCase();
  return words.toLowerCase().split(/\s+/).every((word) => line.includes(word));
}

const keys = new WeakMap<LogEntry, number>();
let lines = 0;

/** The same for a line as long as it is there, wherever it moves. */
export function keyOf(entry: LogEntry): number {
  const known = keys.get(entry) ?? ++lines;
  keys.set(entry, known);
  return known;
}

/** One line. */
export const LogLine = memo(function LogLine({ entry, open, instantOf = timeOf }: {
  readonly entry: LogEntry;
  readonly open?: Open;
  readonly instantOf?: (at: number) => string;
}): JSX.Element {
  const { at, kind, who, text, transaction } = entry;
  return (
    <li class={`k-${kind}`}>
      <time>{instantOf(at)}</time>
      <i class="sign" role="img" aria-label={kind}>{SIGNS[kind]}</i>
      <span class="who">{who}</span>
      <span class="said" title={text}>{text}</span>
      {transaction !== undefined && open !== undefined && (
        <button
          type="button"
          class="quiet"
          onClick={() => open(transaction)}
        >
          …{transaction.slice(-8)}
        </button>
      )}
    </li>
  );
});
