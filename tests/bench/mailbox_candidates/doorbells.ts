/** Ways to wake a reader that has nothing to read. The sender rings only if the reader sleeps. */

/** The receiver's end. */
export interface Sleeper {
  /** Comes back when there may be something to read. */
  wait(empty: () => boolean): Promise<unknown> | undefined;
}

/** Names of the doorbells. */
export const DOORBELLS = [
  "waitAsync",
  "spin, then waitAsync",
  "blocking wait",
  "MessagePort",
] as const;

/** A doorbell. */
export type Doorbell = typeof DOORBELLS[number];

const BELL = 0, ASLEEP = 1;
const SPIN_MS = 0.05;

/** Memory of one doorbell. */
export function allocateBell(): SharedArrayBuffer {
  return new SharedArrayBuffer(8);
}

/** The sender's end. Notifying reaches a blocked thread and an asynchronous wait alike. */
export function ringer(memory: SharedArrayBuffer, port: MessagePort, kind: Doorbell): () => void {
  const words = new Int32Array(memory);
  return () => {
    // Whoever takes the flag down rings: once a sleep.
    if (Atomics.load(words, ASLEEP) === 0) return;
    if (Atomics.exchange(words, ASLEEP, 0) === 0) return;
    if (kind === "MessagePort") return port.postMessage(0);
    Atomics.add(words, BELL, 1);
    Atomics.notify(words, BELL);
  };
}

/** The receiver's end of a doorbell. */
export function sleeper(memory: SharedArrayBuffer, port: MessagePort, kind: Doorbell): Sleeper {
  const words = new Int32Array(memory);
  /** Goes to bed; false if something came meanwhile. */
  const lieDown = (empty: () => boolean): boolean => {
    Atomics.store(words, ASLEEP, 1);
    if (empty()) return true;
    Atomics.store(words, ASLEEP, 0);
    return false;
  };
  const asynchronous = (empty: () => boolean): Promise<unknown> | undefined => {
    const value = Atomics.load(words, BELL);
    if (!lieDown(empty)) return undefined;
    const wait = Atomics.waitAsync(words, BELL, value, 1000);
    return wait.async ? wait.value : undefined;
  };
  switch (kind) {
    case "waitAsync":
      return { wait: asynchronous };
    case "spin, then waitAsync":
      return { wait: (empty) => spin(empty) ? undefined : asynchronous(empty) };
    case "blocking wait":
      return {
        wait: (empty) => {
          const value = Atomics.load(words, BELL);
          if (lieDown(empty)) Atomics.wait(words, BELL, value, 1000);
          return undefined;
        },
      };
    case "MessagePort":
      return {
        wait: (empty) => {
          if (!lieDown(empty)) return undefined;
          return new Promise((resolve) => port.onmessage = resolve);
        },
      };
  }
}

function spin(empty: () => boolean): boolean {
  const until = performance.now() + SPIN_MS;
  while (performance.now() < until) if (!empty()) return true;
  return false;
}
