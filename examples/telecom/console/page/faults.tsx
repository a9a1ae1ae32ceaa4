/**
 * Faults and load, on a chosen node or on a random one.
 *
 * @module
 */
/** @jsxImportSource preact */
/// <reference lib="dom" />
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import type { LinkState, Topology } from "../protocol.ts";
import { Field, type Outcome, type PanelProps, Said, useOutcome } from "./acts.tsx";
import { tierName } from "./words.ts";

type Run = (doing: string, work: () => Promise<Outcome>) => Promise<void>;

/** Crashes, lossy and slow links, partitions, and their end. */
export function Faults({ topology, down, act, links }: PanelProps): JSX.Element {
  const [target, setTarget] = useState("");
  const [loss, setLoss] = useState("30");
  const [delay, setDelay] = useState("");
  const [lie, setLie] = useState(topology.behaviours[0] ?? "");
  const [outcome, run] = useOutcome();
  const props = { topology, down, act, links, run, target };
  return (
    <fieldset disabled={outcome?.kind === "busy"}>
      <legend>Faults</legend>
      <div class="row">
        <Target topology={topology} down={down} target={target} setTarget={setTarget} />
        <NodeButtons {...props} />
      </div>
      <div class="row">
        <Field label="Drop rate, %">
          <input
            class="narrow"
            inputmode="decimal"
            value={loss}
            onInput={(event) => setLoss(event.currentTarget.value)}
          />
        </Field>
        <Field label="Delay, ms">
          <input
            class="narrow"
            inputmode="numeric"
            placeholder="as it is"
            value={delay}
            onInput={(event) => setDelay(event.currentTarget.value)}
          />
        </Field>
        <LinkButtons {...props} loss={loss} delay={delay} />
      </div>
      {topology.behaviours.length > 0 && (
        <div class="row">
          <Field label="Behaviour">
            <select value={lie} onChange={(event) => setLie(event.currentTarget.value)}>
              {topology.behaviours.map((each) => <option key={each}>{each}</option>)}
            </select>
          </Field>
          <LiarButtons {...props} lie={lie} />
        </div>
      )}
      <Said outcome={outcome} />
    </fieldset>
  );
}

interface ButtonProps extends Omit<PanelProps, "open"> {
  readonly run: Run;
  readonly target: string;
}

function NodeButtons({ topology, down, act, run, target }: ButtonProps): JSX.Element {
  const crash = () => {
    const node = pick(target, topology, (name) => !down.includes(name));
    void run(`Injecting failure in node ${node ?? target}…`, async () => {
      if (node === undefined) return { kind: "failure", text: "No such node is up" };
      await act("fault.crash", { node });
      return { kind: "warning", text: `${node} is crashed: it stays down until it is restarted` };
    });
  };
  const restart = () => {
    const node = pick(target, topology, (name) => down.includes(name));
    void run(`Starting ${node ?? target}…`, async () => {
      if (node === undefined) return { kind: "failure", text: "No such node is down" };
      await act("fault.restart", { node });
      return { kind: "success", text: `${node} starts, recovers and serves again` };
    });
  };
  return (
    <>
      <button type="button" class="danger" onClick={crash}>Crash</button>
      <button type="button" onClick={restart} disabled={down.length === 0}>Restart</button>
    </>
  );
}

function LinkButtons(
  { topology, act, links, run, target, loss, delay }: ButtonProps & {
    readonly loss: string;
    readonly delay: string;
  },
): JSX.Element {
  const change = (method: string, more: Record<string, number>, said: (node: string) => string) => {
    const node = pick(target, topology, () => true);
    void run("Changing links…", async () => {
      const own = ends(links).filter(({ from, to }) => from === node || to === node);
      if (node === undefined || own.length === 0) {
        return { kind: "failure", text: "It has no link" };
      }
      await act(method, { links: own, ...more });
      return { kind: "warning", text: said(node) };
    });
  };
  const degrade = () => {
    const share = Number(loss) / 100;
    const more = {
      ...(loss.trim() === "" ? {} : { loss: share }),
      ...(delay.trim() === "" ? {} : { delayMs: Number(delay) }),
    };
    const how = [
      ...(loss.trim() === "" ? [] : [`lose ${loss} %`]),
      ...(delay.trim() === "" ? [] : [`take ${delay} ms`]),
    ];
    change("fault.degrade", more, (node) => `All links of ${node} ${how.join(" and ")}`);
  };
  const cut = () => change("fault.partition", {}, (node) => `${node} is cut off from all others`);
  const heal = () =>
    run("Mending links…", async () => {
      await act("fault.heal", { links: ends(links) });
      return { kind: "success", text: "All links are as they were laid" };
    });
  return (
    <>
      <button type="button" class="danger" onClick={degrade}>Degrade its links</button>
      <button type="button" class="danger" onClick={cut}>Cut it off</button>
      <button type="button" onClick={heal}>Heal all links</button>
    </>
  );
}

/** Lies are told by those who agree on the configuration, in spite of some of them. */
function LiarButtons(
  { topology, down, act, run, target, lie }: ButtonProps & { readonly lie: string },
): JSX.Element {
  const behave = (behaviours: readonly string[]) => {
    const liars = topology.nodes.filter(({ mayLie }) => mayLie).map(({ name }) => name);
    const node = pick(target, topology, (name) => liars.includes(name) && !down.includes(name));
    void run("Changing its behaviour…", async () => {
      if (node === undefined) {
        return { kind: "failure", text: `Those who can lie are ${liars.join(", ")}` };
      }
      await act("fault.behave", { node, behaviours });
      return behaviours.length === 0
        ? { kind: "success", text: `${node} is correct again` }
        : { kind: "warning", text: `${node} is Byzantine: ${behaviours.join(", ")}` };
    });
  };
  return (
    <>
      <button type="button" class="danger" onClick={() => behave([lie])}>Make it Byzantine</button>
      <button type="button" onClick={() => behave([])}>Correct again</button>
    </>
  );
}

function ends(links: readonly LinkState[]): { from: string; to: string }[] {
  return links.map(({ from, to }) => ({ from, to }));
}

/** A node that computes in vain for a while. */
export function Load({ topology, down, act }: PanelProps): JSX.Element {
  const [target, setTarget] = useState("");
  const [seconds, setSeconds] = useState("10");
  const [outcome, run] = useOutcome();
  const load = () => {
    const node = pick(target, topology, (name) => !down.includes(name));
    void run("Loading…", async () => {
      if (node === undefined) return { kind: "failure", text: "No such node is up" };
      await act("fault.load", { node, ms: Math.round(1000 * Number(seconds)) });
      return { kind: "warning", text: `${node} takes most of a processor for ${seconds} s` };
    });
  };
  return (
    <fieldset disabled={outcome?.kind === "busy"}>
      <legend>Load</legend>
      <div class="row">
        <Target topology={topology} down={down} target={target} setTarget={setTarget} />
        <Field label="Seconds">
          <input
            class="narrow"
            inputmode="decimal"
            value={seconds}
            onInput={(event) => setSeconds(event.currentTarget.value)}
          />
        </Field>
        <button type="button" class="danger" onClick={load}>Simulate load</button>
      </div>
      <Said outcome={outcome} />
    </fieldset>
  );
}

function Target({ topology, down, target, setTarget }: {
  readonly topology: Topology;
  readonly down: readonly string[];
  readonly target: string;
  readonly setTarget: (target: string) => void;
}): JSX.Element {
  const tiers = [...new Set(topology.nodes.map(({ tier }) => tier))];
  return (
    <Field label="Node">
      <select value={target} onChange={(event) => setTarget(event.currentTarget.value)}>
        <option value="">a random node</option>
        {tiers.map((tier) => <option key={tier} value={`${tier}:`}>a random {tier} node</option>)}
        {tiers.map((tier) => (
          <optgroup key={tier} label={tierName(tier)}>
            {topology.nodes.filter((node) => node.tier === tier).map(({ name }) => (
              <option key={name} value={name}>
                {name}
                {down.includes(name) ? " (DOWN)" : ""}
              </option>
            ))}
          </optgroup>
        ))}
      </select>
    </Field>
  );
}

/** The node that is meant; a random one of those that fit, where it is left open. */
function pick(
  target: string,
  { nodes }: Topology,
  fits: (name: string) => boolean,
): string | undefined {
  if (target !== "" && !target.endsWith(":")) return fits(target) ? target : undefined;
  const own = nodes.filter(({ name, tier }) =>
    fits(name) && (target === "" || `${tier}:` === target)
  );
  return own[Math.floor(Math.random() * own.length)]?.name;
}
