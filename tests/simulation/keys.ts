/**
 * The keys of simulated clusters: the same in every process, so that tokens are too. They protect
 * nothing.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { createPrivateKey, createPublicKey } from "node:crypto";
import { importKeys, type Keys, mint } from "../../examples/telecom/tokens.ts";
import { EPOCH_MS } from "../../runtime/simulated/scheduler.ts";

/** An Ed25519 key in PKCS #8 is this and 32 bytes. */
const PREFIX = "302e020100300506032b657004220420";
const DAY_MS = 24 * 60 * 60 * 1000;

let made: Promise<{ readonly keys: Keys; readonly operator: string }> | undefined;

/** Keys, and the token of an operator. */
export function simulationKeys(): Promise<{ readonly keys: Keys; readonly operator: string }> {
  return made ??= make();
}

async function make(): Promise<{ readonly keys: Keys; readonly operator: string }> {
  const der = Buffer.from(PREFIX + "07".repeat(32), "hex");
  const privateKey = createPrivateKey({ key: der, format: "der", type: "pkcs8" });
  const jwk = (key: { export(options: { format: "jwk" }): unknown }) =>
    key.export({ format: "jwk" }) as JsonWebKey;
  const keys = await importKeys({
    privateKey: jwk(privateKey),
    publicKey: jwk(createPublicKey(privateKey)),
  });
  const claims = { subject: OPERATOR, role: "operator", ttlMs: DAY_MS, id: "op" } as const;
  return { keys, operator: await mint(keys.privateKey, claims, EPOCH_MS) };
}

/** Subject of the operator's token. */
export const OPERATOR = "operator";
