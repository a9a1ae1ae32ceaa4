/** Either end of the baseline: the same votes over a bare `MessagePort`, no runtime. */
/// <reference lib="deno.worker" />
import { Histogram } from "../../runtime/histogram.ts";
import { touch, type Vote, vote } from "./messaging_message.ts";

/** What the main thread says to an end. */
export type ToEnd =
  | { readonly kind: "port"; readonly port: MessagePort }
  | { readonly kind: "flood" | "askInTurn"; readonly count: number };

/** What the ends say to each other. */
type Word = Vote | "count" | number | { readonly echo: Vote };

let port: MessagePort;
let received = 0, sum = 0;
let answered: (value: number) => void = () => {};

function hear(event: MessageEvent<Word>): void {
  const word = event.data;
  if (word === "count") port.postMessage(received);
  else if (typeof word === "number") answered(word);
  else if ("echo" in word) {
    sum += touch(word.echo);
    port.postMessage(word.echo);
  } else {
    received++;
    sum += touch(word);
    answered(sum);
  }
}

function answer(word: Word): Promise<number> {
  return new Promise((resolve) => {
    answered = resolve;
    port.postMessage(word);
  });
}

async function flood(count: number): Promise<number> {
  const before = await answer("count");
  const since = performance.now();
  for (let i = 0; i < count; i++) port.postMessage(vote(i));
  // In order: the count is asked for behind the last vote.
  const after = await answer("count");
  if (after - before !== count) throw new Error(`${after - before} of ${count} votes arrived`);
  return count / (performance.now() - since) * 1000;
}

async function askInTurn(count: number): Promise<unknown> {
  const latency = new Histogram();
  for (let i = 0; i < count; i++) {
    const since = performance.now();
    await answer({ echo: vote(i) });
    latency.record(performance.now() - since);
  }
  return latency.toJSON();
}

self.onmessage = async ({ data }: MessageEvent<ToEnd>) => {
  if (data.kind === "port") {
    port = data.port;
    port.onmessage = hear;
    return self.postMessage(null);
  }
  const work = data.kind === "flood" ? flood : askInTurn;
  self.postMessage(await work(data.count));
};
