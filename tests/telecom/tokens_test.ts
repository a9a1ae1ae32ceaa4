import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { exportSPKI, generateKeyPair, SignJWT, UnsecuredJWT } from "jose";
import {
  bearerToken,
  type Claims,
  exportKeys,
  generateKeys,
  importKeys,
  importPublicKey,
  isAuthError,
  mint,
  verifyToken,
} from "../../examples/telecom/tokens.ts";
import { createVerifier } from "../../examples/telecom/token_verifier.ts";

const now = 1_700_000_000_000;
const keys = await generateKeys();
const claims: Claims = {
  subject: "ann",
  role: "subscriber",
  msisdn: "254700000000",
  ttlMs: 60_000,
  id: "t1",
};

async function reason(token: string, nowMs = now): Promise<string | undefined> {
  const verified = await verifyToken(keys.publicKey, token, nowMs);
  return isAuthError(verified) ? verified.reason : undefined;
}

/** A token of our own make, every part of which may be wrong. */
function forge(change: Record<string, unknown>, key = keys.privateKey): Promise<string> {
  const at = now / 1000;
  const payload = {
    iss: "trunkline-core",
    aud: "trunkline-edge",
    sub: "ann",
    jti: "t1",
    role: "operator",
    iat: at,
    nbf: at,
    exp: at + 60,
    ...change,
  };
  return new SignJWT(payload).setProtectedHeader({ alg: "EdDSA" }).sign(key);
}

Deno.test("a token says what was minted into it", async () => {
  const token = await mint(keys.privateKey, claims, now);
  assertEquals(await verifyToken(keys.publicKey, token, now), {
    subject: "ann",
    role: "subscriber",
    msisdn: "254700000000",
    tokenId: "t1",
    expiresAt: now + 60_000,
  });
  const { msisdn: _, ...plain } = claims;
  const other = await mint(keys.privateKey, { ...plain, role: "operator" }, now);
  assertEquals(await reason(other), undefined);
});

Deno.test("a token that makes no sense is not minted", async () => {
  const { msisdn: _, ...plain } = claims;
  const unfit: readonly Claims[] = [
    plain,
    { ...claims, subject: "" },
    { ...claims, subject: "a\nb" },
    { ...claims, msisdn: "+254" },
    { ...claims, id: "" },
    { ...claims, ttlMs: NaN },
  ];
  for (const each of unfit) await assertRejects(() => mint(keys.privateKey, each, now), TypeError);
});

const other = await generateKeys();
const secret = new TextEncoder().encode(await exportSPKI(keys.publicKey));
const rawSecret = Uint8Array.fromBase64(
  (await exportKeys(keys)).publicKey.x ?? "",
  { alphabet: "base64url" },
);
const hs256 = (key: Uint8Array) =>
  new SignJWT({ role: "operator", sub: "ann", jti: "t1" })
    .setProtectedHeader({ alg: "HS256" }).setExpirationTime(now / 1000 + 60).sign(key);
const minted = await mint(keys.privateKey, claims, now);
const [header, payload, signature] = minted.split(".") as [string, string, string];
const rsa = await generateKeyPair("RS256");

const refusedTokens: readonly (readonly [
  name: string,
  token: string | Promise<string>,
  reason: string,
  atMs?: number,
])[] = [
  ["none", "", "token_missing"],
  ["rubbish", "rubbish", "token_malformed"],
  ["three times nothing", "..", "token_malformed"],
  ["too long", "x".repeat(5000), "token_malformed"],
  ["no signature", `${header}.${payload}.`, "token_forged"],
  [
    "alg none",
    new UnsecuredJWT({ role: "operator", sub: "ann", jti: "t1" }).encode(),
    "token_algorithm",
  ],
  ["HS256 with the public key's text", hs256(secret), "token_algorithm"],
  ["HS256 with the public key's bytes", hs256(rawSecret), "token_algorithm"],
  [
    "RS256",
    new SignJWT({}).setProtectedHeader({ alg: "RS256" }).sign(rsa.privateKey),
    "token_algorithm",
  ],
  ["another's signature", forge({}, other.privateKey), "token_forged"],
  [
    "changed claims",
    `${header}.${payload.slice(0, -4)}AAAA.${signature}`,
    "token_forged",
  ],
  ["another issuer", forge({ iss: "mallory" }), "token_issuer"],
  ["another audience", forge({ aud: "other" }), "token_audience"],
  ["expired", minted, "token_expired", now + 60_000],
  ["not yet valid", minted, "token_not_yet_valid", now - 1000],
  ["no end", forge({ exp: undefined }), "token_claims"],
  ["no subject", forge({ sub: undefined }), "token_claims"],
  ["no name", forge({ jti: undefined }), "token_claims"],
  ["an unknown role", forge({ role: "root" }), "token_claims"],
  ["a subscriber without a number", forge({ role: "subscriber" }), "token_claims"],
  ["a number that is none", forge({ msisdn: 5 }), "token_claims"],
];

for (const [name, token, expected, atMs] of refusedTokens) {
  Deno.test(`a token refused: ${name}`, async () => {
    assertEquals(await reason(await token, atMs), expected);
  });
}

Deno.test("keys can be kept, and nothing else be taken for them", async () => {
  const kept = JSON.parse(JSON.stringify(await exportKeys(keys)));
  const again = await importKeys(kept);
  assertEquals(await reason(await mint(again.privateKey, claims, now)), undefined);
  await assertRejects(() => importPublicKey(kept.privateKey), TypeError);
  await assertRejects(() => importKeys({ ...kept, privateKey: kept.publicKey }), TypeError);
  await assertRejects(() => importPublicKey({ kty: "oct", k: "AAAA" }), TypeError);
  await assertRejects(() => importPublicKey({ ...kept.publicKey, x: "AAAA" }), TypeError);
});

Deno.test("a header's token", () => {
  assertEquals(bearerToken("Bearer a.b.c"), "a.b.c");
  assertEquals(bearerToken("bearer  a.b.c"), "a.b.c");
  for (const header of [null, undefined, "", "Bearer", "Bearer ", "Basic a", "Bearer a b"]) {
    assertEquals(bearerToken(header), undefined);
  }
});

Deno.test("a verifier remembers until the end, at most so many, and no refusals", async () => {
  let clock = now;
  const verifier = createVerifier(keys.publicKey, { now: () => clock, limit: 2 });
  const tokens = await Promise.all(
    ["a", "b", "c"].map((id) => mint(keys.privateKey, { ...claims, id }, now)),
  );
  const [a, b, c] = tokens as [string, string, string];
  assertEquals(verifier.verifyCached(a), undefined);
  const first = await verifier.verify(a);
  assertEquals(verifier.verifyCached(a), isAuthError(first) ? undefined : first);
  await verifier.verify(b);
  await verifier.verify("rubbish");
  await verifier.verify(c); // `a` was used since, `b` was not.
  assertEquals(verifier.size, 2);
  assertEquals(tokens.map((token) => verifier.verifyCached(token)?.tokenId), [
    "a",
    undefined,
    "c",
  ]);
  clock += 60_000;
  assertEquals(verifier.verifyCached(a), undefined);
  const late = await verifier.verify(a);
  assertEquals(isAuthError(late) && late.reason, "token_expired");
  assertEquals(verifier.size, 1);
});

Deno.test("a revoked token is refused at once, remembered or not", async () => {
  const verifier = createVerifier(keys.publicKey, { now: () => now, limit: 10 });
  await verifier.verify(minted);
  verifier.revoke("t1", now + 60_000);
  assertEquals(verifier.verifyCached(minted), undefined);
  for (let i = 0; i < 500; i++) verifier.revoke(`old-${i}`, now - 1);
  const revoked = await verifier.verify(minted);
  assert(isAuthError(revoked));
  assertEquals(revoked.reason, "token_revoked");
});

Deno.test("a verifier needs room", () => {
  for (const limit of [0, -1, NaN, 1.5]) {
    assertThrows(() => createVerifier(keys.publicKey, { now: () => now, limit }), RangeError);
  }
});
