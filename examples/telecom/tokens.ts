/**
 * Tokens: Ed25519-signed JWTs that the core makes and an edge can verify but not make.
 *
 * An edge verifies a token once and remembers the result until the token ends or is revoked, so
 * that all later requests with it cost one look-up.
 *
 * @module
 */
import {
  errors,
  exportJWK,
  generateKeyPair,
  importJWK,
  type JWTPayload,
  jwtVerify,
  SignJWT,
} from "jose";

/** Who makes tokens, and whom they are for. */
const ISSUER = "trunkline-core";
const AUDIENCE = "trunkline-edge";

/** The longest token that is looked at, in characters. */
export const TOKEN_LIMIT = 2048;

/** A key pair: the core holds both, an edge the public one only. */
export interface Keys {
  /** Verifies tokens. */
  readonly publicKey: CryptoKey;
  /** Makes tokens. */
  readonly privateKey: CryptoKey;
}

/** A key pair to keep in a file. Treat `privateKey` as a secret. */
export interface ExportedKeys {
  /** Verifies tokens. */
  readonly publicKey: JsonWebKey;
  /** Makes tokens. */
  readonly privateKey: JsonWebKey;
}

/** What a token is to say. */
export interface Claims {
  /** Who it is for: 1 to 128 printable ASCII characters. Idempotency keys belong to them. */
  readonly subject: string;
  /** What the holder is. */
  readonly role: "subscriber" | "operator";
  /** The subscriber's own number; needed for that role. */
  readonly msisdn?: string;
  /** How long it is good for, in milliseconds; kept in whole seconds. */
  readonly ttlMs: number;
  /** A name of its own, to revoke it by. */
  readonly id: string;
}

/** What a valid token says. */
export interface Principal {
  /** Who it is for. */
  readonly subject: string;
  /** What the holder is. */
  readonly role: "subscriber" | "operator";
  /** A subscriber's own number. */
  readonly msisdn?: string;
  /** The token's own name, to revoke it by. */
  readonly tokenId: string;
  /** Milliseconds since 1970. */
  readonly expiresAt: number;
}

/** Why a token is refused. */
export type TokenReason =
  | "token_missing"
  | "token_malformed"
  | "token_algorithm"
  | "token_forged"
  | "token_issuer"
  | "token_audience"
  | "token_expired"
  | "token_not_yet_valid"
  | "token_claims"
  | "token_revoked";

/** A token that is refused. */
export interface AuthError {
  /** A word for programs. */
  readonly reason: TokenReason;
  /** A sentence for people. */
  readonly message: string;
}

/** Make a new key pair. */
export async function generateKeys(): Promise<Keys> {
  return await generateKeyPair("EdDSA", { crv: "Ed25519", extractable: true });
}

/** A key pair as JSON Web Keys, to be kept. */
export async function exportKeys(keys: Keys): Promise<ExportedKeys> {
  const [publicKey, privateKey] = await Promise.all([
    exportJWK(keys.publicKey),
    exportJWK(keys.privateKey),
  ]);
  return { publicKey, privateKey };
}

/**
 * A kept key pair.
 *
 * @throws {TypeError} If either is not the Ed25519 key it should be.
 */
export async function importKeys(keys: ExportedKeys): Promise<Keys> {
  const [publicKey, privateKey] = await Promise.all([
    importPublicKey(keys.publicKey),
    importKey(keys.privateKey, "private"),
  ]);
  return { publicKey, privateKey };
}

/**
 * A kept public key, which is all that an edge needs.
 *
 * @throws {TypeError} If it is no Ed25519 public key.
 */
export async function importPublicKey(key: JsonWebKey): Promise<CryptoKey> {
  return await importKey(key, "public");
}

async function importKey(key: JsonWebKey, type: "public" | "private"): Promise<CryptoKey> {
  const problem = `Cannot import the ${type} key: it must be an Ed25519 ${type} JWK`;
  if (key.kty !== "OKP" || key.crv !== "Ed25519") throw new TypeError(problem);
  let imported: CryptoKey | Uint8Array;
  try {
    imported = await importJWK(key, "EdDSA", { extractable: true });
  } catch (cause) {
    throw new TypeError(problem, { cause });
  }
  if (imported instanceof Uint8Array || imported.type !== type) throw new TypeError(problem);
  return imported;
}

/**
 * Make a token.
 *
 * @param nowMs Milliseconds since 1970; the token is good from this second on.
 * @throws {TypeError} If the claims are not what a verifier would accept.
 */
export async function mint(privateKey: CryptoKey, claims: Claims, nowMs: number): Promise<string> {
  const { subject, role, msisdn, ttlMs, id } = claims;
  const from = Math.floor(nowMs / 1000);
  const until = Math.floor((nowMs + ttlMs) / 1000);
  const payload = { role, ...(msisdn === undefined ? {} : { msisdn }) };
  if (readClaims({ ...payload, sub: subject, jti: id, exp: until }) === undefined) {
    throw new TypeError(`Cannot mint a token for ${JSON.stringify(subject)}: unfit claims`);
  }
  return await new SignJWT(payload)
    .setProtectedHeader({ alg: "EdDSA", typ: "JWT" })
    .setIssuer(ISSUER)
    .setAudience(AUDIENCE)
    .setSubject(subject)
    .setJti(id)
    .setIssuedAt(from)
    .setNotBefore(from)
    .setExpirationTime(until)
    .sign(privateKey);
}

/** The token of an `Authorization` header, or `undefined` where there is none. */
export function bearerToken(header: string | null | undefined): string | undefined {
  return /^Bearer +([^\s]+) *$/i.exec(header ?? "")?.[1];
}

/**
 * Verify a token, from scratch.
 *
 * @param nowMs Milliseconds since 1970.
 */
export async function verifyToken(
  publicKey: CryptoKey,
  token: string,
  nowMs: number,
): Promise<Principal | AuthError> {
  if (token === "") return refused("token_missing");
  if (token.length > TOKEN_LIMIT) return refused("token_malformed");
  try {
    const { payload } = await jwtVerify(token, publicKey, {
      algorithms: ["EdDSA"], // Nothing else: neither none, nor HS256 with our public key as secret.
      issuer: ISSUER,
      audience: AUDIENCE,
      requiredClaims: ["exp", "sub", "jti"],
      currentDate: new Date(nowMs),
    });
    return readClaims(payload) ?? refused("token_claims");
  } catch (error) {
    return refused(reasonOf(error));
  }
}

/** Whether a verification went wrong. */
export function isAuthError(verified: Principal | AuthError): verified is AuthError {
  return "reason" in verified;
}

/** A refusal, with its sentence. */
export function refused(reason: TokenReason): AuthError {
  return { reason, message: sentences[reason] };
}

const sentences: Readonly<Record<TokenReason, string>> = {
  token_missing: "The request carries no token: send Authorization: Bearer <token>",
  token_malformed: "The token is not a signed JWT",
  token_algorithm: "The token is not signed with EdDSA, the one algorithm accepted",
  token_forged: "The token's signature is not the core's",
  token_issuer: "The token was not issued by this cluster's core",
  token_audience: "The token is not for this cluster's edges",
  token_expired: "The token has expired",
  token_not_yet_valid: "The token is not valid yet",
  token_claims: "The token lacks a claim, or has one that makes no sense",
  token_revoked: "The token has been revoked",
};

function reasonOf(error: unknown): TokenReason {
  if (error instanceof errors.JWTExpired) return "token_expired";
  if (error instanceof errors.JOSEAlgNotAllowed) return "token_algorithm";
  if (error instanceof errors.JWSSignatureVerificationFailed) return "token_forged";
  if (!(error instanceof errors.JWTClaimValidationFailed)) return "token_malformed";
  if (error.claim === "iss") return "token_issuer";
  if (error.claim === "aud") return "token_audience";
  if (error.claim === "nbf" && error.reason === "check_failed") return "token_not_yet_valid";
  return "token_claims";
}

function readClaims(payload: JWTPayload): Principal | undefined {
  const { sub, jti, exp, role, msisdn } = payload;
  const named = isName(sub) && isName(jti) && Number.isSafeInteger(exp);
  if (!named || (role !== "subscriber" && role !== "operator")) return undefined;
  const base = { subject: sub, role, tokenId: jti, expiresAt: exp as number * 1000 } as const;
  if (msisdn === undefined) return role === "operator" ? base : undefined;
  if (typeof msisdn !== "string" || !/^[1-9]\d{7,14}$/.test(msisdn)) return undefined;
  return { ...base, msisdn };
}

function isName(value: unknown): value is string {
  return typeof value === "string" && /^[\x20-\x7e]{1,128}$/.test(value);
}
