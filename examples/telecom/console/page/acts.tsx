/**
 * The panels that act: transactions, faults, load. Every act is a method of the API.
 *
 * @module
 */
/** @jsxImportSource preact */
/// <reference lib="dom" />
import type { ComponentChildren, JSX } from "preact";
import { memo } from "preact/compat";
import { useState } from "preact/hooks";
import type { LinkState, Topology } from "../protocol.ts";
import { Faults, Load } from "./faults.tsx";
import { Money } from "./transactions.tsx";

/** Carries out a method of the API. */
export type Act = (method: string, params: Readonly<Record<string, unknown>>) => Promise<unknown>;

/** What came of the last act of a panel. */
export interface Outcome {
  readonly kind: "busy" | "success" | "warning" | "failure";
  readonly text: string;
  /** The transaction it was, if it was one. */
  readonly transaction?: string;
}

/** What every panel is given. */
export interface PanelProps {
  readonly topology: Topology;
  readonly down: readonly string[];
  readonly links: readonly LinkState[];
  readonly act: Act;
  /** Opens a transaction. */
  readonly open: (transaction: string) => void;
}

/** The panels, one at a time. */
export const Acts = memo(function Acts(props: PanelProps): JSX.Element {
  const { faults } = props.topology;
  const tabs = faults ? ["Transactions", "Faults", "Load"] : ["Transactions"];
  const [tab, setTab] = useState("Transactions");
  const move = (event: KeyboardEvent) => {
    const step = event.key === "ArrowRight" ? 1 : event.key === "ArrowLeft" ? -1 : 0;
    if (step === 0) return;
    const next = tabs[(tabs.indexOf(tab) + step + tabs.length) % tabs.length]!;
    setTab(next);
    document.getElementById(`tab-${next}`)?.focus();
  };
  return (
    <section class="panel acts" aria-label="Acts">
      <div role="tablist" aria-label="What to do" onKeyDown={move}>
        {tabs.map((name) => (
          <button
            key={name}
            id={`tab-${name}`}
            type="button"
            role="tab"
            aria-selected={tab === name}
            aria-controls="acts-panel"
            tabindex={tab === name ? 0 : -1}
            onClick={() => setTab(name)}
          >
            {name}
          </button>
        ))}
      </div>
      <div role="tabpanel" id="acts-panel" aria-labelledby={`tab-${tab}`}>
        {tab === "Transactions" && <Money {...props} />}
        {tab === "Faults" && <Faults {...props} />}
        {tab === "Load" && <Load {...props} />}
      </div>
      {!faults && (
        <p class="hint">
          Started without <code>--faults</code>: nothing can be broken from here.
        </p>
      )}
    </section>
  );
});

/** Remembers what came of an act, and says so while it is under way. */
export function useOutcome(): [
  Outcome | undefined,
  (doing: string, work: () => Promise<Outcome>) => Promise<void>,
] {
  const [outcome, setOutcome] = useState<Outcome | undefined>(undefined);
  const run = async (doing: string, work: () => Promise<Outcome>) => {
    setOutcome({ kind: "busy", text: doing });
    try {
      setOutcome(await work());
    } catch (error) {
      setOutcome({ kind: "failure", text: (error as Error).message });
    }
  };
  return [outcome, run];
}

/** Shows an outcome, and reads it out. */
export function Said({ outcome, open }: {
  readonly outcome: Outcome | undefined;
  readonly open?: (transaction: string) => void;
}): JSX.Element {
  const { kind = "none", text = "", transaction } = outcome ?? {};
  return (
    <p class={`outcome ${kind}`} role="status">
      {text}
      {transaction !== undefined && open !== undefined && (
        <button
          type="button"
          class="quiet"
          onClick={() => open(transaction)}
        >
          Sequence diagram
        </button>
      )}
    </p>
  );
}

/** A labelled control. */
export function Field({ label, children }: {
  readonly label: string;
  readonly children: ComponentChildren;
}): JSX.Element {
  return (
    <label class="field">
      <span>{label}</span>
      {children}
    </label>
  );
}

/** Where the token is pasted. */
export function TokenForm({ problem, authorize }: {
  readonly problem: string | undefined;
  readonly authorize: (token: string) => void;
}): JSX.Element {
  const [token, setToken] = useState("");
  return (
    <section class="panel acts" aria-label="Operator's token">
      <h2>Look, but do not touch</h2>
      <p class="muted">
        Acts and the log need the operator's token. Open the link that the cluster printed when it
        started, or paste the token here. It stays in this tab.
      </p>
      <form
        class="row"
        onSubmit={(event) => {
          event.preventDefault();
          if (token.trim() !== "") authorize(token.trim());
        }}
      >
        <Field label="Token">
          <input
            type="password"
            autocomplete="off"
            value={token}
            onInput={(event) => setToken(event.currentTarget.value)}
          />
        </Field>
        <button type="submit" class="primary">Use it</button>
      </form>
      {problem !== undefined && <p class="outcome failure" role="alert">{problem}</p>}
    </section>
  );
}
