/**
 * One node: its roles with their mailboxes, machines and figures, its links, what it has said.
 *
 * @module
 */
/** @jsxImportSource preact */
/// <reference lib="dom" />
import type { JSX } from "preact";
import type { LogEntry, RoleSample, Sample, State } from "../protocol.ts";
import { keyOf, LogLine } from "./log.tsx";
import { amountOf, counted, nodeName } from "./words.ts";

const LINES = 20;

/** Shows a node. */
export function Details({ name, state, latest, close }: {
  readonly name: string;
  readonly state: State;
  readonly latest: Sample | undefined;
  readonly close: () => void;
}): JSX.Element {
  const node = state.topology.nodes.find((each) => each.name === name);
  const sample = latest?.nodes.find((each) => each.name === name);
  const down = state.down.includes(name);
  const said = state.log.filter(({ who, text }) => nodeName(who) === name || text.includes(name));
  const links = state.links.filter(({ from }) => from === name);
  return (
    <section class="panel details" aria-label={`Node ${name}`}>
      <header>
        <h2>
          <i class={`mark tier-${node?.tier}`} aria-hidden="true" /> {name}
          {down ? <b class="tag bad">DOWN</b> : <span class="tag good">up</span>}
        </h2>
        <button type="button" class="quiet" onClick={close}>Close</button>
      </header>
      <p class="muted">
        {node?.tier} · {node?.roles.join(", ")}
        {sample !== undefined && !down &&
          ` · CPU ${amountOf(sample.cpuPercent, "%")} · heap ${amountOf(sample.heapMb, "MB")}`}
      </p>
      <div class="roles">
        {down && <p class="empty">Its roles are gone until it is started again.</p>}
        {!down && sample?.roles === undefined && <p class="empty">Waiting for its figures…</p>}
        {!down && sample?.roles?.map((role) => <Role key={role.address} role={role} />)}
      </div>
      <h3>Links</h3>
      <p class="links">
        {links.length === 0 && <span class="muted">none</span>}
        {links.map(({ to, up, delayMs, loss }) => (
          <span key={to} class={up ? loss > 0 ? "tag warn" : "tag" : "tag bad"}>
            {to} {up ? amountOf(delayMs, "ms") : "cut"}
            {up && loss > 0 ? ` −${Math.round(100 * loss)} %` : ""}
          </span>
        ))}
      </p>
      <h3>Log</h3>
      <ol class="log short">
        {said.slice(-LINES).reverse().map((entry: LogEntry) => (
          <LogLine key={keyOf(entry)} entry={entry} />
        ))}
      </ol>
      {said.length === 0 && <p class="empty">Nothing about it yet.</p>}
    </section>
  );
}

function Role({ role }: { readonly role: RoleSample }): JSX.Element {
  const { address, state, waiting, deadLetters, cpuPercent, heapMb, machines, figures } = role;
  const states = Object.entries(machines).filter(([, count]) => count > 0);
  return (
    <details class="role">
      <summary>
        <b>{address.slice(address.indexOf("/") + 1)}</b> <span class="muted">{state}</span>
        <span class="role-figures">
          {counted(waiting, "message")} waiting · CPU {amountOf(cpuPercent, "%")}
        </span>
      </summary>
      <dl>
        <dt>Mailbox</dt>
        <dd>{counted(waiting, "message")}, {counted(deadLetters, "dead letter")}</dd>
        <dt>Heap</dt>
        <dd>{amountOf(heapMb, "MB")}</dd>
        {states.length > 0 && <dt>Machines</dt>}
        {states.length > 0 && (
          <dd>
            {states.map(([name, count]) => <span key={name} class="tag">{name} {count}</span>)}
          </dd>
        )}
        {Object.entries(figures).map(([name, value]) => (
          <>
            <dt key={name}>{name}</dt>
            <dd>{amountOf(value)}</dd>
          </>
        ))}
      </dl>
    </details>
  );
}
