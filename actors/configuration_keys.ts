/**
 * Keys of the members of a group whose membership changes: each makes its own, and tells the public
 * ones. What a pair authenticates with follows from a key agreement (X25519), so nobody has to hand
 * out secrets.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import {
  createPrivateKey,
  createPublicKey,
  diffieHellman,
  hkdfSync,
  type KeyObject,
} from "node:crypto";
import type { Member } from "../protocols/configuration/configuration.ts";
import { type Keyring, makeKeyrings } from "./pbft_keys.ts";

/** What a member keeps: both secrets, base64, in plain JSON. */
export interface MemberKeys {
  /** Seed of its Ed25519 key. */
  readonly privateKey: string;
  /** Its X25519 secret. */
  readonly agreementSecret: string;
}

/** What everybody may know of a member. */
export type PublicKeys = Pick<Member, "publicKey" | "agreementKey">;

const SEED_BYTES = 32;
/** What PKCS #8 and SPKI put before the bytes of an X25519 key (RFC 8410). */
const PRIVATE_HEAD = Buffer.from("302e020100300506032b656e04220420", "hex");
const PUBLIC_HEAD = Buffer.from("302a300506032b656e032100", "hex");

function secretOf({ agreementSecret }: MemberKeys): KeyObject {
  const key = Buffer.concat([PRIVATE_HEAD, Buffer.from(agreementSecret, "base64")]);
  return createPrivateKey({ key, format: "der", type: "pkcs8" });
}

/** Makes keys. @param random gives so many random bytes */
export function makeMemberKeys(random: (count: number) => Uint8Array): MemberKeys {
  const text = () => Buffer.from(random(SEED_BYTES)).toString("base64");
  return { privateKey: text(), agreementSecret: text() };
}

/** The public keys that belong to secret ones. */
export function publicKeysOf(keys: MemberKeys): PublicKeys {
  const seed = Buffer.from(keys.privateKey, "base64");
  const { publicKeys } = makeKeyrings(["it"], () => seed)["it"]!;
  const der = createPublicKey(secretOf(keys) as never).export({ format: "der", type: "spki" });
  const agreementKey = Buffer.from(der.subarray(PUBLIC_HEAD.length)).toString("base64");
  return { publicKey: publicKeys["it"]!, agreementKey };
}

/** What is agreed with a member; undefined: its key is none, so nothing it says is authentic. */
function agreedWith(privateKey: KeyObject, agreementKey: string): Uint8Array | undefined {
  try {
    const key = Buffer.concat([PUBLIC_HEAD, Buffer.from(agreementKey, "base64")]);
    const publicKey = createPublicKey({ key, format: "der", type: "spki" });
    return diffieHellman({ privateKey, publicKey });
  } catch {
    return undefined;
  }
}

/**
 * The keyring of one member. One whose key no secret can be agreed with shares none: the others go on.
 *
 * @param group name of the group: a pair has another secret in each
 * @param members public keys of all members, its own too, by name
 */
export function keyringOf(
  group: string,
  self: string,
  keys: MemberKeys,
  members: Readonly<Record<string, PublicKeys>>,
): Keyring {
  const privateKey = secretOf(keys);
  const others = Object.entries(members).filter(([name]) => name !== self);
  const secrets = others.map(([name, { agreementKey }]) => {
    const agreed = agreedWith(privateKey, agreementKey) ?? keys.agreementSecret;
    const info = [group, ...[self, name].sort()].join("\n");
    const secret = hkdfSync("sha256", agreed, new Uint8Array(), info, SEED_BYTES);
    return [name, Buffer.from(secret).toString("base64")] as const;
  });
  return {
    self,
    privateKey: keys.privateKey,
    publicKeys: Object.fromEntries(
      Object.entries(members).map(([name, { publicKey }]) => [name, publicKey]),
    ),
    secrets: Object.fromEntries(secrets),
  };
}
