/**
 * Keys of a group's members, and what they do with them: Ed25519 signatures on what is shown to
 * others, an HMAC for each pair on what is not (Castro and Liskov 1999, section 5.1).
 *
 * @module
 */
import { Buffer } from "node:buffer";
import {
  createHash,
  createHmac,
  createPrivateKey,
  createPublicKey,
  type KeyObject,
  sign,
  timingSafeEqual,
  verify,
} from "node:crypto";

/** What one member keeps; plain JSON with bytes in base64, so that it can be kept in a file. */
export interface Keyring {
  /** Its name: of a replica its number, of a client a name of its own. */
  readonly self: string;
  /** The seed of its Ed25519 key: its secret. */
  readonly privateKey: string;
  /** Public keys by member. */
  readonly publicKeys: Readonly<Record<string, string>>;
  /** Secrets it shares, by the other member. */
  readonly secrets: Readonly<Record<string, string>>;
}

const SEED_BYTES = 32;
/** What PKCS #8 and SPKI put before the bytes of an Ed25519 key (RFC 8410). */
const PRIVATE_HEAD = Buffer.from("302e020100300506032b657004220420", "hex");
const PUBLIC_HEAD = Buffer.from("302a300506032b6570032100", "hex");
const MAC_BYTES = 16;

function privateKey(seed: Uint8Array): KeyObject {
  const key = Buffer.concat([PRIVATE_HEAD, seed]);
  return createPrivateKey({ key, format: "der", type: "pkcs8" });
}

/** A member's key; undefined: it is none, so nothing is signed by that member. */
function publicKey(bytes: Buffer): KeyObject | undefined {
  try {
    return createPublicKey({
      key: Buffer.concat([PUBLIC_HEAD, bytes]),
      format: "der",
      type: "spki",
    });
  } catch {
    return undefined;
  }
}

function publicBytes(key: KeyObject): Buffer {
  const der = createPublicKey(key as never).export({ format: "der", type: "spki" });
  return Buffer.from(der.subarray(PUBLIC_HEAD.length));
}

/**
 * Makes the keyrings of a group's members.
 *
 * @param members names of replicas (`"0"`, `"1"`, ...) and of clients
 * @param random gives so many random bytes; of the operating system, but for replayed runs
 */
export function makeKeyrings(
  members: readonly string[],
  random: (count: number) => Uint8Array,
): Readonly<Record<string, Keyring>> {
  const text = (bytes: Uint8Array) => Buffer.from(bytes).toString("base64");
  const seeds = new Map(members.map((name) => [name, Buffer.from(random(SEED_BYTES))]));
  const publicKeys = Object.fromEntries(
    [...seeds].map(([name, seed]) => [name, text(publicBytes(privateKey(seed)))]),
  );
  const secrets = new Map<string, Record<string, string>>(members.map((name) => [name, {}]));
  members.forEach((a, index) => {
    for (const b of members.slice(index + 1)) {
      const secret = text(random(SEED_BYTES));
      secrets.get(a)![b] = secret;
      secrets.get(b)![a] = secret;
    }
  });
  return Object.fromEntries(
    members.map((self) => [self, {
      self,
      privateKey: text(seeds.get(self)!),
      publicKeys,
      secrets: secrets.get(self)!,
    }]),
  );
}

/** The keys of one member at work. */
export class Keys {
  readonly #private: KeyObject;
  readonly #public = new Map<string, KeyObject>();
  readonly #secrets: ReadonlyMap<string, Buffer>;

  /** Of this keyring. */
  constructor(private readonly keyring: Keyring) {
    const bytes = (text: string) => Buffer.from(text, "base64");
    this.#private = privateKey(bytes(keyring.privateKey));
    for (const [name, text] of Object.entries(keyring.publicKeys)) {
      const key = publicKey(bytes(text));
      if (key !== undefined) this.#public.set(name, key);
    }
    this.#secrets = new Map(
      Object.entries(keyring.secrets).map(([name, text]) => [name, bytes(text)]),
    );
  }

  /** Whose they are. */
  get self(): string {
    return this.keyring.self;
  }

  /** Whether somebody is a member. */
  knows(name: string): boolean {
    return this.#public.has(name);
  }

  /** What is verified of a member is signed with this key, as text. */
  publicKey(name: string): string | undefined {
    return this.keyring.publicKeys[name];
  }

  /** Signs; everybody can verify it. */
  sign(bytes: Uint8Array): Uint8Array {
    return new Uint8Array(sign(null, bytes, this.#private));
  }

  /** Whether a member has signed these bytes. */
  verify(name: string, bytes: Uint8Array, signature: Uint8Array): boolean {
    const key = this.#public.get(name);
    return key !== undefined && signature.length === 64 && verify(null, bytes, key, signature);
  }

  /** An authenticator for one member; it proves nothing to others. */
  mac(name: string, bytes: Uint8Array): Uint8Array {
    const secret = this.#secrets.get(name);
    if (secret === undefined) throw new RangeError(`Cannot authenticate to ${name}: no member`);
    return new Uint8Array(
      createHmac("sha256", secret).update(bytes).digest().subarray(0, MAC_BYTES),
    );
  }

  /** Whether a member has authenticated these bytes to this one. */
  isFrom(name: string, bytes: Uint8Array, mac: Uint8Array): boolean {
    if (!this.#secrets.has(name) || mac.length !== MAC_BYTES) return false;
    return timingSafeEqual(this.mac(name, bytes), mac);
  }
}

/** SHA-256 as text of 64 hexadecimal digits. */
export function sha256(...parts: readonly (Uint8Array | string)[]): string {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(part);
  return hash.digest("hex");
}
