/**
 * Tokens for the traffic, made when they are first needed and kept while they are good.
 *
 * @module
 */
import { mint } from "./tokens.ts";

/** How long tokens are good for, in ms: 24 hours. */
export const TOKEN_TTL_MS: number = 24 * 60 * 60 * 1000;

/** Who operators' tokens are for: idempotency keys belong to them. */
export const OPERATOR = "operator";

const RENEW_MS = 10 * 60 * 1000;
const LIMIT = 10_000;

interface Kept {
  readonly token: Promise<string>;
  readonly until: number;
}

/** Makes and keeps tokens. */
export class TokenSource {
  readonly #kept = new Map<string, Kept>();

  constructor(private readonly privateKey: CryptoKey, private readonly wall = Date.now) {}

  operator(): Promise<string> {
    return this.#token(OPERATOR, undefined);
  }

  subscriber(msisdn: string): Promise<string> {
    return this.#token(msisdn, msisdn);
  }

  #token(subject: string, msisdn: string | undefined): Promise<string> {
    const now = this.wall();
    const kept = this.#kept.get(subject);
    if (kept !== undefined && kept.until - now > RENEW_MS) return kept.token;
    const role = msisdn === undefined ? "operator" as const : "subscriber" as const;
    const token = mint(this.privateKey, {
      subject,
      role,
      ...(msisdn === undefined ? {} : { msisdn }),
      ttlMs: TOKEN_TTL_MS,
      id: crypto.randomUUID(),
    }, now);
    this.#kept.delete(subject);
    // The longest kept goes first: those in demand are soon made again.
    const [oldest] = this.#kept.keys();
    if (this.#kept.size >= LIMIT && oldest !== undefined) this.#kept.delete(oldest);
    this.#kept.set(subject, { token, until: now + TOKEN_TTL_MS });
    return token;
  }
}
