import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { constants } from 'node:fs';
import { mkdir, open } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Clock } from '../core/clock.ts';
import { isJsonObject } from '../core/json.ts';
import { Secret } from '../core/secret.ts';
import { type DocumentStore, VersionConflict } from '../store/document-store.ts';
import { ADMIN, type FirstOwner } from './first-owner.ts';

const TOKEN = 'bootstrap-token';
const LIVES_MS = 24 * 3_600_000;
const BYTES = 32;
/** Nothing shorter can be kept from being guessed, and a comma cannot stand in a header's one credential. */
const FORM = /^[\x21-\x2b\x2d-\x7e]{32,256}$/;
const MAX_FILE_BYTES = 512;

/** The token by which the first owner is named. */
export interface BootstrapToken {
  /** Compares in constant time. False after 24 hours, and once the owner has been named. */
  accepts(token: Secret): Promise<boolean>;
}

interface BootstrapDeps {
  readonly path: string;
  readonly store: DocumentStore;
  readonly owner: FirstOwner;
  readonly clock: Clock;
}

/**
 * One token per installation: that of the file at the first start, which is made (0600) where it is missing. The store
 * keeps its hash and the time, so that another file, a restart or another replica makes no second one. Throws what disk
 * and store throw, and an Error for a file that holds no token.
 */
export async function openBootstrapToken({ path, store, owner, clock }: BootstrapDeps): Promise<BootstrapToken> {
  const known = (await read(store)) ?? (await begin(path, store, clock));
  return {
    async accepts(token) {
      const same = timingSafeEqual(known.sha256, sha256(token));
      return same && clock.now() < known.createdAt + LIVES_MS && (await owner.get()) === undefined;
    },
  };
}

interface Known {
  readonly sha256: Buffer;
  /** Milliseconds. */
  readonly createdAt: number;
}

async function read(store: DocumentStore): Promise<Known | undefined> {
  const value = (await store.get(ADMIN, TOKEN))?.value;
  const { sha256: text, createdAt } = isJsonObject(value) ? value : {};
  if (typeof text !== 'string' || !/^[0-9a-f]{64}$/.test(text) || typeof createdAt !== 'number') return undefined;
  return { sha256: Buffer.from(text, 'hex'), createdAt };
}

async function begin(path: string, store: DocumentStore, clock: Clock): Promise<Known> {
  await create(path);
  const known = { sha256: sha256(await readToken(path)), createdAt: clock.now() };
  try {
    await store.put(ADMIN, TOKEN, { sha256: known.sha256.toString('hex'), createdAt: known.createdAt }, 0);
    return known;
  } catch (error) {
    // Another replica was first, and its file is the one that counts.
    const theirs = error instanceof VersionConflict ? await read(store) : undefined;
    if (theirs === undefined) throw error;
    return theirs;
  }
}

async function create(path: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const file = await open(path, 'wx', 0o600).catch((cause: NodeJS.ErrnoException) => {
    if (cause.code !== 'EEXIST') throw cause;
  });
  if (file === undefined) return;
  try {
    await file.writeFile(`${randomBytes(BYTES).toString('base64url')}\n`);
    await file.sync();
  } finally {
    await file.close();
  }
}

async function readToken(path: string): Promise<Secret> {
  // Non-blocking: opening a pipe would otherwise wait for a writer for ever.
  await using file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  const buffer = Buffer.alloc(MAX_FILE_BYTES);
  const { bytesRead } = await file.read(buffer, 0, MAX_FILE_BYTES, 0);
  const text = buffer.toString('latin1', 0, bytesRead).trim();
  if (!FORM.test(text))
    throw new Error('admin.bootstrapTokenFile holds no token of 32 to 256 visible characters without a comma');
  return new Secret(text);
}

function sha256(token: Secret): Buffer {
  return createHash('sha256').update(token.reveal()).digest();
}
