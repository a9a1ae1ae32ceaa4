/**
 * The tree of nodes, roles and machines.
 *
 * @module
 */
/** @jsxImportSource preact */
/// <reference lib="dom" />
import type { JSX } from "preact";
import { memo } from "preact/compat";
import type { TreeRole } from "../page_protocol.ts";
import type { Looked } from "./connection.ts";

interface Props {
  readonly roles: readonly TreeRole[];
  readonly looked: Looked | undefined;
  readonly show: (looked: Looked) => void;
}

/** Up and down go from one machine to the next. */
function walk(event: JSX.TargetedKeyboardEvent<HTMLElement>): void {
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (step === undefined) return;
  const items = [...event.currentTarget.querySelectorAll("button")];
  const at = items.indexOf(document.activeElement as HTMLButtonElement);
  items[Math.max(0, Math.min(items.length - 1, at + step))]?.focus();
  event.preventDefault();
}

/** The chart of a role's own life. */
const LIFE = "role";

/** In one word how a role is. */
function lifeOf(role: TreeRole): string {
  const states = role.machines.find(({ machine }) => machine === LIFE)?.states ?? {};
  return Object.keys(states)[0] ?? "no answer";
}

/** The tree. */
export const Tree = memo(({ roles, looked, show }: Props): JSX.Element => {
  const isLooked = (role: string, machine: string) =>
    looked?.role === role && looked.machine === machine;
  const nodes = new Map<string, TreeRole[]>();
  for (const role of roles) {
    const node = role.address.split("/")[0]!;
    nodes.set(node, [...nodes.get(node) ?? [], role]);
  }
  return (
    <nav class="tree" aria-label="Nodes, roles and machines" onKeyDown={walk}>
      {[...nodes].map(([node, roles]) => (
        <section key={node} data-node={node}>
          <h2>{node}</h2>
          {roles.map((role) => {
            const life = lifeOf(role);
            return (
              <div class="role" key={role.address}>
                <h3>
                  <button
                    type="button"
                    aria-current={isLooked(role.address, LIFE) ? "true" : undefined}
                    onClick={() => show({ role: role.address, machine: LIFE })}
                  >
                    <span>{role.address.slice(node.length + 1)}</span>
                    <small class={life === "serving" ? "well" : "unwell"}>
                      {life}
                      {role.incarnation > 1 ? ` · life ${role.incarnation}` : ""}
                    </small>
                  </button>
                </h3>
                <ul>
                  {role.machines.filter(({ machine }) => machine !== LIFE).map((it) => {
                    const { machine, alive } = it;
                    const current = isLooked(role.address, machine);
                    return (
                      <li key={machine}>
                        <button
                          type="button"
                          aria-current={current ? "true" : undefined}
                          onClick={() => show({ role: role.address, machine })}
                        >
                          <span>{machine}</span>
                          <span class="alive" title="instances alive">{alive}</span>
                        </button>
                      </li>
                    );
                  })}
                </ul>
              </div>
            );
          })}
        </section>
      ))}
    </nav>
  );
});
