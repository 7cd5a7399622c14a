import { createSecretKey, type KeyObject, randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { type FileHandle, link, mkdir, open, unlink } from 'node:fs/promises';
import { dirname } from 'node:path';
import { KeyFault } from './key-fault.ts';

/** 32 bytes in base64: 43 characters and one `=`. */
const LINE = /^[A-Za-z0-9+/]{43}=(\r?\n)?$/;
const MAX_BYTES = 64;
const MEND = "make one with `openssl rand -base64 32`, readable by Carnet's user alone";

interface EncryptionKeyFile {
  readonly path: string;
  /** Makes the file (0600) where it is missing and takes one that others may read. Never in production. */
  readonly development: boolean;
}

/**
 * The key-encryption key: one line of base64 for exactly 32 bytes. Throws KeyFault naming `signing.encryptionKeyFile`.
 * Nobody but the owner may have access, or owner and group may read and nobody may write (0440): that is how Kubernetes
 * hands a Secret with `defaultMode: 0400` to a container that does not run as root.
 */
export async function loadEncryptionKey({ path, development }: EncryptionKeyFile): Promise<KeyObject> {
  try {
    return await read(path, development);
  } catch (cause) {
    if (!development || !isCode(cause, 'ENOENT')) throw asFault(path, cause);
  }
  try {
    await create(path);
    return await read(path, development);
  } catch (cause) {
    throw asFault(path, cause);
  }
}

async function read(path: string, development: boolean): Promise<KeyObject> {
  // Non-blocking: opening a pipe would otherwise wait for a writer for ever.
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    await checkAccess(file, path, development);
    return await readKey(file, path);
  } finally {
    await file.close();
  }
}

async function checkAccess(file: FileHandle, path: string, development: boolean): Promise<void> {
  const stat = await file.stat();
  if (!stat.isFile()) throw fault(path, `is not a file; ${MEND}`);
  const mode = stat.mode & 0o777;
  const narrow = (mode & 0o077) === 0 || mode === 0o440;
  if (!narrow && !development)
    throw fault(path, 'is open to others than its owner; run chmod 600 on it, and replace it if they may have read it');
}

async function readKey(file: FileHandle, path: string): Promise<KeyObject> {
  const buffer = Buffer.alloc(MAX_BYTES);
  try {
    const { bytesRead } = await file.read(buffer, 0, MAX_BYTES, 0);
    const line = buffer.toString('latin1', 0, bytesRead);
    const bytes = Buffer.from(line, 'base64');
    const canonical = LINE.test(line) && bytes.toString('base64') === line.trimEnd();
    if (!canonical) throw fault(path, `does not hold one line of base64 for exactly 32 bytes; ${MEND}`);
    const key = createSecretKey(bytes);
    bytes.fill(0);
    return key;
  } finally {
    buffer.fill(0);
  }
}

/** Complete or not at all: of processes that start together all end with the key of the one that linked first. */
async function create(path: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const draft = `${path}.${randomBytes(8).toString('hex')}`;
  const file = await open(draft, 'wx', 0o600);
  try {
    await file.writeFile(`${randomBytes(32).toString('base64')}\n`);
    await file.sync();
    await link(draft, path).catch((cause) => {
      if (!isCode(cause, 'EEXIST')) throw cause;
    });
  } finally {
    await file.close();
    await unlink(draft);
  }
  await syncFolder(dirname(path));
}

/** A key that the folder forgets in a power cut would take every signing key with it. */
async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  await folder.sync().finally(() => folder.close());
}

function isCode(cause: unknown, code: string): boolean {
  return cause instanceof Error && 'code' in cause && cause.code === code;
}

function asFault(path: string, cause: unknown): KeyFault {
  if (cause instanceof KeyFault) return cause;
  if (isCode(cause, 'ENOENT')) return fault(path, `is missing; ${MEND}`);
  return fault(path, `cannot be read: ${cause instanceof Error ? cause.message : 'unknown error'}`);
}

function fault(path: string, what: string): KeyFault {
  return new KeyFault(`signing.encryptionKeyFile: ${path} ${what}`);
}
