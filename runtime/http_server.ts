/**
 * What the servers of pages answer alike.
 *
 * @module
 */

/**
 * Headers of a page: nothing but its own files, and the sockets it connects to.
 *
 * @param sockets sources as in `connect-src`, besides its own origin
 */
export function pageHeaders(...sockets: readonly string[]): Record<string, string> {
  const policy = [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    ["connect-src 'self'", ...sockets].join(" "),
    "img-src data:",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ];
  return {
    "content-security-policy": policy.join("; "),
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cache-control": "no-cache",
  };
}

/** A refusal that a person understands. */
export function refused(status: number, text: string): Response {
  return new Response(`${text}\n`, { status });
}
