/**
 * A verifier that remembers: the first request with a token pays for the signature, the others for
 * a look-up.
 *
 * @module
 */
import { type AuthError, isAuthError, type Principal, refused, verifyToken } from "./tokens.ts";

/** Verifies tokens and remembers the good ones. */
export interface Verifier {
  /**
   * The principal of a token verified before that is still good; `undefined` says only that
   * `verify` must be asked. Synchronous, one look-up.
   */
  verifyCached(token: string): Principal | undefined;
  /** Verify a token, from memory where possible. Refusals are not remembered. */
  verify(token: string): Promise<Principal | AuthError>;
  /**
   * Refuse a token from now on.
   *
   * @param tokenId Its `Principal.tokenId`.
   * @param expiresAt When it ends by itself, in milliseconds since 1970, and can be forgotten.
   */
  revoke(tokenId: string, expiresAt: number): void;
  /** How many tokens are remembered: never more than the limit. */
  readonly size: number;
}

/** What is remembered of a token. */
interface Known {
  readonly principal: Principal;
  /** Looked up since it was last passed over for eviction. */
  used: boolean;
}

/**
 * Make a verifier.
 *
 * @param options.now The wall clock, in milliseconds since 1970.
 * @param options.limit The most tokens to remember; the longest unused go first.
 * @throws {RangeError} If the limit is not a whole number above zero.
 */
export function createVerifier(
  publicKey: CryptoKey,
  options: { readonly now: () => number; readonly limit: number },
): Verifier {
  const { now, limit } = options;
  if (!Number.isSafeInteger(limit) || limit < 1) {
    throw new RangeError(`Cannot make a verifier: limit must be 1 or more, got ${limit}`);
  }
  const known = new Map<string, Known>();
  /** A burst of requests with a new token verifies it once. */
  const underWay = new Map<string, Promise<Principal | AuthError>>();
  const revoked = new Map<string, number>();
  let sweepAt = 64;

  function verifyCached(token: string): Principal | undefined {
    const entry = known.get(token);
    if (entry === undefined) return undefined;
    const { principal } = entry;
    if (principal.expiresAt <= now() || revoked.has(principal.tokenId)) {
      known.delete(token);
      return undefined;
    }
    entry.used = true;
    return principal;
  }

  function verify(token: string): Promise<Principal | AuthError> {
    const cached = verifyCached(token);
    if (cached !== undefined) return Promise.resolve(cached);
    let checking = underWay.get(token);
    if (checking === undefined) {
      checking = check(token).finally(() => underWay.delete(token));
      underWay.set(token, checking);
    }
    return checking;
  }

  async function check(token: string): Promise<Principal | AuthError> {
    const verified = await verifyToken(publicKey, token, now());
    if (isAuthError(verified)) return verified;
    if (revoked.has(verified.tokenId)) return refused("token_revoked");
    const principal = Object.freeze(verified);
    if (!known.has(token)) makeRoom(known, limit);
    known.set(token, { principal, used: false });
    return principal;
  }

  function revoke(tokenId: string, expiresAt: number): void {
    revoked.set(tokenId, Math.max(expiresAt, revoked.get(tokenId) ?? 0));
    if (revoked.size < sweepAt) return;
    // Only what has ended by itself may go: a revocation must never be forgotten early.
    for (const [id, until] of revoked) if (until <= now()) revoked.delete(id);
    sweepAt = Math.max(64, revoked.size * 2);
  }

  return {
    verifyCached,
    verify,
    revoke,
    get size() {
      return known.size;
    },
  };
}

/** Second chance: whoever was used since the last round goes to the end of the queue once more. */
function makeRoom(known: Map<string, Known>, limit: number): void {
  for (const [token, entry] of known) {
    if (known.size < limit) return;
    known.delete(token);
    if (!entry.used) continue;
    entry.used = false;
    known.set(token, entry);
  }
}
