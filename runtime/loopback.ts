/**
 * Names by which a machine reaches nobody but itself.
 *
 * @module
 */
const LOOPBACK = /^(127\.\d+\.\d+\.\d+|localhost|\[?::1\]?)$/;

/**
 * Whether only this machine is reached there. A server on loopback that answers to any name can be
 * read by a page whose own name was made to resolve to it.
 */
export function isLoopback(hostname: string): boolean {
  return LOOPBACK.test(hostname);
}
