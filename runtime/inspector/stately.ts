/**
 * The Stately inspection protocol, version 1 of its events: what `createWebSocketReceiver` of
 * `@statelyai/inspect` and the hosted inspector understand. A client is told of all roles and of
 * their instances with definitions and present snapshots first, then of every step.
 *
 * A role is the actor `node/role/x:0`, its instances are `node/role/x:1` and so on, below it; a later
 * life of a role is `node/role.2`. A client that reads slowly is told less: the latest snapshot of an
 * actor stands for those before it, and events that do not fit are dropped and counted.
 *
 * @module
 */
import type { Attachment, InspectionHub } from "../inspection/hub.ts";
import type { InspectionRecord } from "../inspection/records.ts";
import type { Address } from "../ports.ts";

/** Version the events say they are of. */
const VERSION = "0.7.2";
/** Instances of one machine that a client that comes late is told of. */
const MOST_REPLAYED = 100;
/** Actors that one client follows at a time. */
const MOST_ACTORS = 2000;
/** Events that wait for one client. */
const MOST_PENDING = 4000;

/** Something with a name in the protocol. */
interface Session {
  readonly id: string;
  readonly root: string;
}

/** Sends one event as JSON. */
export type Send = (json: string) => void;

/** What one client is told. */
export class StatelyFeed implements Disposable {
  readonly #roles = new Map<Address, { readonly root: string; next: number }>();
  readonly #sessions = new Map<string, Session>();
  #attachment: Attachment | undefined;
  /** Events to be sent; a snapshot waits under the name of its actor. */
  #pending = new Map<string, string>();
  #events = 0;
  #dropped = 0;
  #over = false;

  /** A client that is told nothing before {@link StatelyFeed.begin}. */
  constructor(private readonly hub: InspectionHub) {}

  /** Tells of what there is, and from then on of what happens. */
  async begin(): Promise<void> {
    this.#attachment = this.hub.attach({
      kinds: ["roleStarted", "roleEnded", "began", "step", "ended"],
      payloads: true,
    }, (records, dropped) => {
      this.#dropped += dropped;
      for (const record of records) this.#take(record);
    });
    for (const { address } of this.hub.roles()) this.#rootOf(address);
    await Promise.allSettled(this.hub.roles().map(({ address }) => this.#replay(address)));
  }

  async #replay(address: Address): Promise<void> {
    for (const { machine } of await this.hub.census(address)) {
      const definition = await this.hub.definition(address, machine);
      for (const { key } of await this.hub.list(address, machine, { most: MOST_REPLAYED })) {
        const opened = await this.hub.open(address, machine, key);
        if (this.#over) return;
        if (opened !== undefined) this.#actor(address, machine, key, definition, opened.snapshot);
      }
    }
  }

  /** The actor that stands for a role; its chart is the machine that has the role's address as key. */
  #rootOf(address: Address): string {
    const known = this.#roles.get(address);
    if (known !== undefined) return known.root;
    const { incarnation = 1 } = this.hub.roles().find((role) => role.address === address) ?? {};
    const root = `${incarnation === 1 ? address : `${address}.${incarnation}`}/x:0`;
    this.#roles.set(address, { root, next: 1 });
    return root;
  }

  #take(record: InspectionRecord): void {
    switch (record.kind) {
      case "roleStarted":
        this.#roles.delete(record.role);
        return void this.#rootOf(record.role);
      case "roleEnded":
        return this.#forget(record.role);
      case "began":
        return this.#begun(
          record.role,
          record.machine,
          record.about,
          record.snapshot ?? stateOnly(record.state),
        );
      case "step": {
        const { role, machine, about, payload, event, snapshot, after } = record;
        const shown = snapshot ?? stateOnly(after);
        const session = this.#sessions.get(nameOf(role, machine, about));
        if (session === undefined) return this.#begun(role, machine, about, shown);
        const told = payload ?? JSON.stringify({ type: event });
        this.#say("@xstate.event", session, `"event":${told}`);
        return this.#snapshot(session, told, shown);
      }
      case "ended":
        this.#sessions.delete(nameOf(record.role, record.machine, record.about));
    }
  }

  #begun(role: Address, machine: string, key: string, snapshot: string): void {
    void this.hub.definition(role, machine).catch(() => undefined).then((definition) => {
      if (!this.#over) this.#actor(role, machine, key, definition, snapshot);
    });
  }

  #actor(
    role: Address,
    machine: string,
    key: string,
    definition: string | undefined,
    snapshot: string,
  ): void {
    const name = nameOf(role, machine, key);
    if (this.#sessions.has(name)) return;
    if (this.#sessions.size >= MOST_ACTORS) return void this.#dropped++;
    const root = this.#rootOf(role);
    const own = machine === "role" && key === role;
    const id = own ? root : root.replace(/0$/, String(this.#roles.get(role)!.next++));
    const session: Session = { id, root };
    this.#sessions.set(name, session);
    const label = own ? role : `${machine} ${key}`;
    const shape = definition ?? JSON.stringify({ id: machine });
    this.#say(
      "@xstate.actor",
      session,
      `"name":${JSON.stringify(label)},${own ? "" : `"parentId":${JSON.stringify(root)},`}` +
        `"definition":${JSON.stringify(shape)},"snapshot":${snapshot}`,
    );
    this.#snapshot(session, '{"type":"xstate.init"}', snapshot);
  }

  #forget(role: Address): void {
    this.#roles.delete(role);
    for (const name of this.#sessions.keys()) {
      if (name.startsWith(`${role}\n`)) this.#sessions.delete(name);
    }
  }

  #snapshot(session: Session, event: string, snapshot: string): void {
    const key = `snapshot ${session.id}`;
    // Moved to the end: it must not come before an event it has seen.
    this.#pending.delete(key);
    this.#say("@xstate.snapshot", session, `"event":${event},"snapshot":${snapshot}`, key);
  }

  #say(type: string, { id, root }: Session, rest: string, key = `event ${++this.#events}`): void {
    const most = type === "@xstate.event" ? MOST_PENDING : 2 * MOST_PENDING;
    if (this.#pending.size >= most && !this.#pending.has(key)) return void this.#dropped++;
    this.#pending.set(
      key,
      `{"type":"${type}","sessionId":${JSON.stringify(id)},"rootId":${JSON.stringify(root)},` +
        `"createdAt":"${Date.now()}","id":null,"_version":"${VERSION}",${rest}}`,
    );
  }

  /** Sends what there is to be sent, as far as the client has room for it. */
  flush(send: Send, hasRoom: () => boolean): void {
    for (const [key, json] of this.#pending) {
      if (!hasRoom()) return;
      send(json);
      this.#pending.delete(key);
    }
  }

  /** What this client was not told, for want of room. */
  get dropped(): number {
    return this.#dropped;
  }

  /** Tells nothing any more. */
  [Symbol.dispose](): void {
    this.#over = true;
    this.#attachment?.detach();
    this.#pending = new Map();
  }
}

function nameOf(role: Address, machine: string, key: string): string {
  return `${role}\n${machine}\n${key}`;
}

/** Of a state whose context is not known. */
function stateOnly(state: string): string {
  return JSON.stringify({ status: "active", value: state, context: {} });
}
