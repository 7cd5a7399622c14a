import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import type { Fault } from '../resources/document.ts';
import { MAX_FILE_BYTES } from '../resources/yaml-documents.ts';
import { errorCode, fileFault } from './file-fault.ts';
import { listFiles } from './file-listing.ts';

/** Ten thousand mappings take about 5 MiB. */
const MAX_TOTAL_BYTES = 64 * 1024 * 1024;
const MAX_PASSES = 8;
const BETWEEN_PASSES_MS = 25;
const READS_AT_ONCE = 16;

export interface FileReading {
  readonly files: readonly { readonly path: string; readonly text: string }[];
  readonly faults: readonly Fault[];
  /** Files and folders whose content is unknown. */
  readonly unread: readonly string[];
  /** Changes when a file is added, removed, replaced or written; taken before the content was read. */
  readonly signature: string;
}

/** Thrown when the files kept changing while they were read. */
export class UnsteadyFiles extends Error {
  override readonly name = 'UnsteadyFiles';
}

/** What a pass shows of one file: its bytes, or why there are none. */
type Content = { readonly bytes: Buffer } | { readonly problem: string };
interface Pass {
  readonly contents: ReadonlyMap<string, Content>;
  readonly faults: readonly Fault[];
  readonly unread: readonly string[];
  readonly signature: string;
}

/**
 * Reads all files below the configured paths until two passes agree, so that a half-written set of files is not taken
 * for a finished one. Throws UnsteadyFiles when they never do; everything else is a fault.
 */
export async function readFiles(paths: readonly string[]): Promise<FileReading> {
  let previous = await readPass(paths);
  for (let pass = 1; pass < MAX_PASSES; pass += 1) {
    const current = await readPass(paths);
    if (agree(previous, current)) return decode(current);
    previous = current;
    await delay(BETWEEN_PASSES_MS);
  }
  throw new UnsteadyFiles(`resource files changed during each of ${MAX_PASSES} passes`);
}

/** What tells a changed set of files from an unchanged one without reading them. */
export async function signatureOf(paths: readonly string[]): Promise<string> {
  const { files, unread } = await listFiles(paths);
  return digest(files, unread);
}

function digest(files: ReadonlyMap<string, string>, unread: readonly string[]): string {
  return createHash('sha256')
    .update(JSON.stringify([[...files], unread]))
    .digest('hex');
}

async function readPass(paths: readonly string[]): Promise<Pass> {
  const { files, faults, unread } = await listFiles(paths);
  const names = [...files.keys()];
  const contents = new Map<string, Content>();
  let total = 0;
  for (let at = 0; at < names.length; at += READS_AT_ONCE) {
    const batch = names.slice(at, at + READS_AT_ONCE);
    const read = await Promise.all(batch.map(readContent));
    for (const [index, name] of batch.entries()) {
      const content = read[index] ?? { problem: 'cannot be read' };
      total += 'bytes' in content ? content.bytes.length : 0;
      contents.set(name, total > MAX_TOTAL_BYTES ? { problem: 'is beyond 64 MiB of resource files' } : content);
    }
  }
  return { contents, faults, unread, signature: digest(files, unread) };
}

async function readContent(path: string): Promise<Content> {
  try {
    await using file = await open(path, 'r');
    const { size } = await file.stat();
    if (size > MAX_FILE_BYTES) return { problem: 'must not be larger than 1 MiB' };
    const buffer = Buffer.alloc(size + 1);
    let length = 0;
    for (let read = -1; read !== 0 && length < buffer.length; length += read) {
      read = (await file.read(buffer, length, buffer.length - length)).bytesRead;
    }
    return { bytes: buffer.subarray(0, length) };
  } catch (error) {
    return { problem: `cannot be read (${errorCode(error)})` };
  }
}

function agree(one: Pass, other: Pass): boolean {
  // Equal bytes alone may be twice the same moment of a slow writer: an emptied file.
  if (one.signature !== other.signature) return false;
  return [...other.contents].every(([path, content]) => {
    const before = one.contents.get(path);
    if (before === undefined) return false;
    if ('bytes' in before && 'bytes' in content) return before.bytes.equals(content.bytes);
    return 'problem' in before && 'problem' in content && before.problem === content.problem;
  });
}

function decode({ contents, faults, unread, signature }: Pass): FileReading {
  const files: { path: string; text: string }[] = [];
  const problems: Fault[] = [];
  for (const [path, content] of contents) {
    const text = 'bytes' in content ? utf8(content.bytes) : undefined;
    if (text !== undefined) files.push({ path, text });
    else problems.push(fileFault(path, 'problem' in content ? content.problem : 'must be UTF-8'));
  }
  return {
    files,
    faults: [...faults, ...problems],
    unread: [...unread, ...problems.map(({ source }) => source)],
    signature,
  };
}

function utf8(bytes: Buffer): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return undefined;
  }
}
