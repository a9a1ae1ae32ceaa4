/**
 * The instances of a machine: how many are in each state, and those there are, to open one.
 *
 * @module
 */
/** @jsxImportSource preact */
/// <reference lib="dom" />
import type { JSX } from "preact";
import { memo } from "preact/compat";
import { useState } from "preact/hooks";
import type { Listed, MachineCensus } from "../../inspection/questions.ts";

interface Props {
  readonly census: MachineCensus | undefined;
  readonly instances: readonly Listed[];
  readonly state: string | undefined;
  readonly opened: string | undefined;
  readonly open: (key: string | null) => void;
  readonly narrow: (state: string | undefined) => void;
}

const ROW = 30;
/** Rows above and below what is seen. */
const MARGIN = 6;

/** The bars and the list. */
export const Instances = memo((props: Props): JSX.Element => {
  const { census, state, narrow } = props;
  const states = Object.entries(census?.states ?? {}).sort((a, b) => b[1] - a[1]);
  return (
    <section class="instances" aria-label="Instances">
      <h2>
        Instances <small>{census?.alive ?? 0} alive</small>
      </h2>
      <ul class="bars">
        {states.map(([name, count]) => (
          <li key={name}>
            <button
              type="button"
              aria-pressed={state === name}
              onClick={() => narrow(state === name ? undefined : name)}
            >
              <span>{name}</span>
              <span class="count">{count}</span>
              <meter min={0} max={census!.alive} value={count} aria-label={`${name}: ${count}`} />
            </button>
          </li>
        ))}
      </ul>
      <List {...props} />
    </section>
  );
});

/** Only what is seen is in the page, with a little around it. */
function List({ census, state, instances, opened, open }: Props): JSX.Element {
  const [top, setTop] = useState(0);
  const height = 300;
  const first = Math.max(0, Math.floor(top / ROW) - MARGIN);
  const seen = instances.slice(first, first + Math.ceil(height / ROW) + 2 * MARGIN);
  if (instances.length === 0) {
    // They are counted and listed at two moments, and most live for less than what is between.
    const short = state === undefined && (census?.alive ?? 0) > 0;
    return (
      <p class="note">
        {short ? "They end before they can be listed." : "None is alive at the moment."}
      </p>
    );
  }
  return (
    <div class="list" onScroll={(event) => setTop(event.currentTarget.scrollTop)}>
      <svg class="room" width="1" height={instances.length * ROW} aria-hidden="true" />
      <ul>
        <svg width="1" height={first * ROW} aria-hidden="true" />
        {seen.map(({ key, state }) => (
          <li key={key}>
            <button
              type="button"
              aria-current={opened === key ? "true" : undefined}
              onClick={() => open(opened === key ? null : key)}
            >
              <span class="key">{key}</span>
              <span class="state">{state}</span>
            </button>
          </li>
        ))}
      </ul>
    </div>
  );
}
