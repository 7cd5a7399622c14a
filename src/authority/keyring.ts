import type { KeyObject } from 'node:crypto';
import type { Clock } from '../core/clock.ts';
import { isJsonObject, type JsonObject, type JsonValue } from '../core/json.ts';
import { type DocumentStore, VersionConflict } from '../store/document-store.ts';
import { PURPOSES, type Purpose } from './authority.ts';
import { type Sealed, seal, unseal, WrongEncryptionKey } from './key-encryption.ts';
import { KeyFault } from './key-fault.ts';
import { exportPrivateKey, generateSigningKey, importPrivateKey, type SigningKey } from './signing-keys.ts';

/** Collection of the store with one document per purpose: `{v: 1, keys: [...]}`, oldest key first. */
export const SIGNING_KEYS = 'signing-keys';

/** Three are published at most by the schedule; the rest is room for changes by hand. */
const MAX_KEYS = 8;
const MAX_ATTEMPTS = 10;

/** The life of a key. Instants in milliseconds; all of them are authenticated with the private part. */
export interface KeyTimes {
  /** Since when the key is in the published documents: it is there as soon as it is stored. */
  readonly publishedAt: number;
  /** From when on it signs, until a later key does. Of the first key of a purpose it is its publication. */
  readonly activeAt: number;
  /** From when on it signs no more: its successor's `activeAt`. Absent while there is no successor. */
  readonly retiredAt?: number;
  /** From when on it is published no more; set together with `retiredAt`. */
  readonly goneAt?: number;
  /** When keys that the ring no longer holds last left the published documents. */
  readonly removalAt?: number;
}

export interface RingKey extends KeyTimes {
  readonly key: SigningKey;
}

/** All keys of a purpose, never empty, oldest first. */
export type Keyring = readonly [RingKey, ...RingKey[]];
export type Keyrings = Readonly<Record<Purpose, Keyring>>;

export interface KeyringDeps {
  readonly store: DocumentStore;
  readonly encryptionKey: KeyObject;
  readonly clock: Clock;
}

/**
 * Reads the keys of every purpose and makes those of a purpose that has none. Replicas that start together end with one
 * set: the first to write wins and the others read it. Whatever is stored is opened before anything is made, so a wrong
 * key-encryption key never leads to new signing keys. Throws KeyFault.
 */
export async function loadKeyrings(deps: KeyringDeps): Promise<Keyrings> {
  for (const purpose of PURPOSES) {
    const stored = await deps.store.get(SIGNING_KEYS, purpose);
    if (stored) await openRing(deps.encryptionKey, purpose, stored.value);
  }
  return { cloud: await loadRing(deps, 'cloud'), svid: await loadRing(deps, 'svid') };
}

/** A ring and the version of its document. */
interface StoredRing {
  readonly ring: Keyring;
  readonly version: number;
}

/**
 * The stored ring of a purpose, undefined where none was ever made. Where the document is still at `unlessVersion` it is
 * not opened again and the answer is 'unchanged'. Throws KeyFault.
 */
export async function readRing(
  { store, encryptionKey }: KeyringDeps,
  purpose: Purpose,
  unlessVersion?: number,
): Promise<StoredRing | 'unchanged' | undefined> {
  const stored = await store.get(SIGNING_KEYS, purpose);
  if (!stored) return undefined;
  if (stored.version === unlessVersion) return 'unchanged';
  return { ring: await openRing(encryptionKey, purpose, stored.value), version: stored.version };
}

/**
 * Writes what `step` makes of the ring, or nothing when it gives the same ring back. Where another replica writes in
 * between, the step is asked again about what that replica wrote. Throws KeyFault and whatever `step` throws.
 */
export async function changeRing(
  deps: KeyringDeps,
  purpose: Purpose,
  step: (ring: Keyring) => Promise<Keyring>,
): Promise<Keyring> {
  for (let attempt = 1; ; attempt++) {
    const stored = await readRing(deps, purpose);
    if (stored === undefined || stored === 'unchanged') throw unreadable(purpose, 'is missing');
    const next = await step(stored.ring);
    if (next === stored.ring) return next;
    if (next.length > MAX_KEYS)
      throw new KeyFault(`store: ${SIGNING_KEYS}/${purpose} would hold over ${MAX_KEYS} keys`);
    try {
      await deps.store.put(SIGNING_KEYS, purpose, sealRing(deps.encryptionKey, purpose, next), stored.version);
      return next;
    } catch (error) {
      if (!(error instanceof VersionConflict) || attempt === MAX_ATTEMPTS) throw error;
    }
  }
}

async function loadRing(deps: KeyringDeps, purpose: Purpose): Promise<Keyring> {
  const stored = await deps.store.get(SIGNING_KEYS, purpose);
  if (stored) return await openRing(deps.encryptionKey, purpose, stored.value);
  const now = deps.clock.now();
  const first = { key: await generateSigningKey(purpose), publishedAt: now, activeAt: now };
  try {
    await deps.store.put(SIGNING_KEYS, purpose, sealRing(deps.encryptionKey, purpose, [first]), 0);
  } catch (error) {
    if (!(error instanceof VersionConflict)) throw error;
  }
  // Read back even what was just written: what signs is what the next start will find.
  const written = await deps.store.get(SIGNING_KEYS, purpose);
  if (!written) throw unreadable(purpose, 'was written and is gone');
  return await openRing(deps.encryptionKey, purpose, written.value);
}

/** The document of a purpose's keys, private parts sealed. */
export function sealRing(encryptionKey: KeyObject, purpose: Purpose, ring: readonly RingKey[]): JsonObject {
  return {
    v: 1,
    keys: ring.map(({ key, ...times }) => {
      const der = exportPrivateKey(key);
      const sealed = seal(encryptionKey, der, binding(purpose, key.kid, times));
      der.fill(0);
      return { kid: key.kid, ...times, privateKey: { ...sealed } };
    }),
  };
}

async function openRing(encryptionKey: KeyObject, purpose: Purpose, value: JsonValue): Promise<Keyring> {
  const rows = isJsonObject(value) && value['v'] === 1 ? value['keys'] : undefined;
  if (!Array.isArray(rows)) throw unreadable(purpose, 'has a form that this version does not know');
  if (rows.length > MAX_KEYS) throw unreadable(purpose, `holds over ${MAX_KEYS} keys`);
  const [first, ...rest] = await Promise.all(rows.map((row) => openKey(encryptionKey, purpose, row)));
  if (first === undefined) throw unreadable(purpose, 'holds no key');
  const ring: Keyring = [first, ...rest];
  if (new Set(ring.map(({ key }) => key.kid)).size !== ring.length) throw unreadable(purpose, 'holds a key twice');
  return ring;
}

async function openKey(encryptionKey: KeyObject, purpose: Purpose, row: JsonValue): Promise<RingKey> {
  const stored = readRow(row);
  if (!stored) throw unreadable(purpose, 'has a key whose form this version does not know');
  const { kid, sealed, ...times } = stored;
  const der = openSeal(encryptionKey, sealed, purpose, binding(purpose, kid, times));
  try {
    const key = await importPrivateKey(purpose, der);
    if (key.kid !== kid) throw new Error('another kid');
    return { key, ...times };
  } catch {
    throw unreadable(purpose, 'has a key that is not what its row says');
  } finally {
    der.fill(0);
  }
}

function openSeal(encryptionKey: KeyObject, sealed: Sealed, purpose: Purpose, boundTo: readonly unknown[]): Buffer {
  try {
    return unseal(encryptionKey, sealed, boundTo);
  } catch (error) {
    if (!(error instanceof WrongEncryptionKey)) throw unreadable(purpose, 'has a key that was changed after writing');
    throw new KeyFault(
      'signing.encryptionKeyFile: it does not hold the key under which the signing keys in the store were encrypted; ' +
        'put that key back. Carnet makes no new signing keys in their place: every cloud would refuse them',
    );
  }
}

/** Instants that came with rotation are bound only where they are set, so that older seals still open. */
function binding(purpose: Purpose, kid: string, times: KeyTimes): readonly unknown[] {
  const { publishedAt, activeAt, retiredAt, goneAt, removalAt } = times;
  const later = goneAt === undefined && removalAt === undefined ? [] : [goneAt ?? null, removalAt ?? null];
  return ['signing-key', purpose, kid, publishedAt, activeAt, retiredAt ?? null, ...later];
}

function readRow(row: JsonValue): (KeyTimes & { kid: string; sealed: Sealed }) | undefined {
  if (!isJsonObject(row)) return undefined;
  const { kid, publishedAt, activeAt, retiredAt, goneAt, removalAt, privateKey } = row;
  const sealed = readSealed(privateKey);
  if (typeof kid !== 'string' || !isInstant(publishedAt) || !isInstant(activeAt) || !sealed) return undefined;
  if (!isOptionalInstant(retiredAt) || !isOptionalInstant(goneAt) || !isOptionalInstant(removalAt)) return undefined;
  // The end is whole or not set: a key that signs without an end must not leave the published ones.
  if ((retiredAt === undefined) !== (goneAt === undefined) || Number(retiredAt) > Number(goneAt)) return undefined;
  return {
    kid,
    sealed,
    publishedAt,
    activeAt,
    ...(retiredAt !== undefined && { retiredAt }),
    ...(goneAt !== undefined && { goneAt }),
    ...(removalAt !== undefined && { removalAt }),
  };
}

function readSealed(value: JsonValue | undefined): Sealed | undefined {
  if (!isJsonObject(value)) return undefined;
  const { under, nonce, ciphertext, tag } = value;
  if (typeof under !== 'string' || typeof nonce !== 'string') return undefined;
  if (typeof ciphertext !== 'string' || typeof tag !== 'string') return undefined;
  return { under, nonce, ciphertext, tag };
}

function isInstant(value: JsonValue | undefined): value is number {
  return Number.isSafeInteger(value) && Number(value) >= 0;
}

function isOptionalInstant(value: JsonValue | undefined): value is number | undefined {
  return value === undefined || isInstant(value);
}

function unreadable(purpose: string, what: string): KeyFault {
  return new KeyFault(`store: the document ${SIGNING_KEYS}/${purpose} ${what}; restore the store from a backup`);
}
