/**
 * Transactions at the press of a button: one that commits, one that a chosen participant refuses,
 * and money from one subscriber to another.
 *
 * @module
 */
/** @jsxImportSource preact */
/// <reference lib="dom" />
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import type { NodeInfo } from "../protocol.ts";
import { Field, type Outcome, type PanelProps, Said, useOutcome } from "./acts.tsx";
import { amountOf, counted } from "./words.ts";

/** The panel. */
export function Money(props: PanelProps): JSX.Element {
  return (
    <>
      <Commit {...props} />
      <Transfer {...props} />
    </>
  );
}

/** Nobody can hold this and less at the same time: whoever is asked for it votes no. */
const IMPOSSIBLE = { min: 2, max: 1 };

function Commit({ topology, down, act, open }: PanelProps): JSX.Element {
  const keepers = topology.nodes.filter(({ subscriber }) => subscriber !== undefined);
  const [left, setLeft] = useState<readonly string[]>([]);
  const [refuser, setRefuser] = useState(keepers[0]?.name ?? "");
  const [outcome, run] = useOutcome();
  const chosen = keepers.filter(({ name }) => !left.includes(name));
  const names = chosen.map(({ name }) => name);
  const toggle = (name: string) =>
    setLeft(left.includes(name) ? left.filter((each) => each !== name) : [...left, name]);
  const says = names.includes(refuser) ? refuser : names[0] ?? "";
  const batch = (abort: boolean) => ({
    idempotencyKey: `console-${crypto.randomUUID()}`,
    operations: chosen.map(({ name, subscriber }, index) => ({
      subscriber,
      // A cent goes from the first to the second: all of them change, and no money is made.
      change: chosen.length < 2 ? 0 : index === 0 ? -1 : index === 1 ? 1 : 0,
      ...(abort && name === says ? { before: IMPOSSIBLE } : {}),
    })),
  });
  const execute = () =>
    run(`Asking ${names.join(", ")} to vote…`, async () => {
      return told(await act("account.batch", batch(false)) as Transacted, `on ${names.join(", ")}`);
    });
  const abort = () =>
    run(`Asking ${names.join(", ")} to vote; ${says} will say no…`, async () => {
      return told(
        await act("account.batch", batch(true)) as Transacted,
        `although ${says} refused`,
      );
    });
  return (
    <fieldset>
      <legend>Two-phase commit</legend>
      <div class="row">
        <Participants keepers={keepers} names={names} down={down} toggle={toggle} />
        <button
          type="button"
          class="primary"
          disabled={chosen.length === 0 || outcome?.kind === "busy"}
          onClick={execute}
        >
          Execute transaction
        </button>
      </div>
      <div class="row">
        <Field label="Who votes no">
          <select value={says} onChange={(event) => setRefuser(event.currentTarget.value)}>
            {names.map((name) => <option key={name}>{name}</option>)}
          </select>
        </Field>
        <button
          type="button"
          class="danger"
          disabled={chosen.length === 0 || outcome?.kind === "busy"}
          onClick={abort}
        >
          Abort transaction
        </button>
      </div>
      <Said outcome={outcome} open={open} />
    </fieldset>
  );
}

function Participants({ keepers, names, down, toggle }: {
  readonly keepers: readonly NodeInfo[];
  readonly names: readonly string[];
  readonly down: readonly string[];
  readonly toggle: (name: string) => void;
}): JSX.Element {
  return (
    <div class="field" role="group" aria-label="Participants">
      <span>Participants</span>
      <span class="checks">
        {keepers.map(({ name }) => (
          <label key={name}>
            <input
              type="checkbox"
              checked={names.includes(name)}
              onChange={() => toggle(name)}
            />
            {name}
            {down.includes(name) ? " (DOWN)" : ""}
          </label>
        ))}
      </span>
    </div>
  );
}

/** What came of a transaction; see `Transacted` of the server. */
interface Transacted {
  readonly outcome: "committed" | "aborted";
  readonly transaction?: string;
  readonly reason?: string;
}

function told({ outcome, transaction, reason }: Transacted, where: string): Outcome {
  const id = transaction === undefined ? {} : { transaction };
  if (outcome === "committed") {
    return { kind: "success", text: `Transaction COMMITTED ${where}`, ...id };
  }
  return { kind: "failure", text: `Transaction ABORTED, rolled back everywhere: ${reason}`, ...id };
}

interface Balance {
  readonly subscriber: string;
  readonly balance: number;
}

function Transfer({ topology, act, open }: PanelProps): JSX.Element {
  const known = topology.nodes.flatMap(({ subscriber }) => subscriber ?? []);
  const [from, setFrom] = useState(known[0] ?? "");
  const [to, setTo] = useState(known[1] ?? known[0] ?? "");
  const [amount, setAmount] = useState("100");
  const [outcome, run] = useOutcome();
  const transfer = () =>
    run("Moving the money…", async () => {
      const idempotencyKey = `console-${crypto.randomUUID()}`;
      const done = await act("account.transfer", {
        from,
        to,
        amount: Number(amount),
        idempotencyKey,
      }) as Transacted;
      if (done.outcome === "aborted") return told(done, "");
      const { accounts } = await act("account.balances", { subscribers: [from, to] }) as {
        accounts: readonly Balance[];
      };
      const balances = accounts.map(({ subscriber, balance }) =>
        `${subscriber} has ${cents(balance)}`
      );
      const text = `${cents(Number(amount))} moved: ${balances.join(", ")}`;
      return { ...told(done, ""), text };
    });
  return (
    <fieldset>
      <legend>Transfer</legend>
      <form
        class="row"
        onSubmit={(event) => {
          event.preventDefault();
          void transfer();
        }}
      >
        <Field label="From">
          <input
            list="subscribers"
            inputmode="numeric"
            value={from}
            onInput={(event) => setFrom(event.currentTarget.value)}
          />
        </Field>
        <Field label="To">
          <input
            list="subscribers"
            inputmode="numeric"
            value={to}
            onInput={(event) => setTo(event.currentTarget.value)}
          />
        </Field>
        <Field label="Cents">
          <input
            class="narrow"
            inputmode="numeric"
            value={amount}
            onInput={(event) => setAmount(event.currentTarget.value)}
          />
        </Field>
        <button type="submit" class="primary" disabled={outcome?.kind === "busy"}>Transfer</button>
        <datalist id="subscribers">
          {known.map((each) => <option key={each} value={each} />)}
        </datalist>
      </form>
      <Said outcome={outcome} open={open} />
    </fieldset>
  );
}

function cents(amount: number): string {
  return counted(amount, "cent").replace(`${amount}`, amountOf(amount));
}
