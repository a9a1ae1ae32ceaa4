/** The baseline of the `edge` bench: a bare server that gives the same answer to everything. */
/// <reference lib="deno.worker" />

/** What to serve. */
export interface Bare {
  readonly hostname: string;
  readonly port: number;
  readonly answer: string;
  /** Whether it reads the body of each request first, as any server with something to do would. */
  readonly reads: boolean;
}

const HEADERS = { headers: { "content-type": "application/json" } };

self.onmessage = ({ data: { hostname, port, answer, reads } }: MessageEvent<Bare>) => {
  Deno.serve(
    { hostname, port, reusePort: true, onListen: () => self.postMessage(null) },
    reads
      ? async (request) => {
        await request.text();
        return new Response(answer, HEADERS);
      }
      : () => new Response(answer, HEADERS),
  );
};
