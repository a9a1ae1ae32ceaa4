/** The baseline of the `start` bench: a worker with nothing in it. */
/// <reference lib="deno.worker" />
self.onmessage = () => {};
self.postMessage(null);
