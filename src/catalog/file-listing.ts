import type { BigIntStats, Dirent } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { join, normalize } from 'node:path';
import type { Fault } from '../resources/document.ts';
import { errorCode, fileFault } from './file-fault.ts';

const MAX_FILES = 20_000;
const MAX_DEPTH = 16;
const YAML_NAME = /\.ya?ml$/;
const NEARLY_YAML_NAME = /\.ya?ml$/i;

export interface Listing {
  /** Paths of resource files, ascending, with what shows that one was changed or replaced. */
  readonly files: ReadonlyMap<string, string>;
  readonly faults: readonly Fault[];
  /** Files and folders that should be there and cannot be looked into: what they hold is unknown, not gone. */
  readonly unread: readonly string[];
}

interface Collected {
  readonly files: Map<string, string>;
  readonly faults: Fault[];
  readonly unread: string[];
}

/**
 * The resource files below configured files and folders. A folder means its `*.yaml` and `*.yml`, recursively; names
 * that begin with `.` are skipped, links to files are followed and links to folders are not, so that a mounted ConfigMap
 * (links into a hidden folder) is read once and no link makes a loop.
 */
export async function listFiles(paths: readonly string[]): Promise<Listing> {
  const collected: Collected = { files: new Map(), faults: [], unread: [] };
  for (const path of paths) await listConfigured(normalize(path).replace(/(?<=.)\/$/, ''), collected);
  const files = new Map([...collected.files].sort(([a], [b]) => (a < b ? -1 : 1)));
  return { ...collected, files };
}

async function listConfigured(path: string, into: Collected): Promise<void> {
  const found = await statOf(path, into);
  if (found === undefined) return;
  if (found.isDirectory()) await listFolder(path, 1, into);
  else addFile(path, found, into);
}

async function listFolder(folder: string, depth: number, into: Collected): Promise<void> {
  if (depth > MAX_DEPTH) {
    unreadable(folder, `is nested deeper than ${MAX_DEPTH} folders`, into);
    return;
  }
  for (const entry of await entriesOf(folder, into)) {
    if (entry.name.startsWith('.')) continue;
    const path = join(folder, entry.name);
    if (entry.isDirectory()) await listFolder(path, depth + 1, into);
    else if (isNearlyYaml(entry.name)) passOver(path, into);
    else if (entry.isSymbolicLink()) await listLink(path, into);
    else if (YAML_NAME.test(entry.name)) await listFile(path, into);
  }
}

function isNearlyYaml(name: string): boolean {
  return NEARLY_YAML_NAME.test(name) && !YAML_NAME.test(name);
}

/** A ceiling in such a file would not be one, and nothing else would tell. */
function passOver(path: string, into: Collected): void {
  const fault = fileFault(path, 'is not read', 'end its name in .yaml or .yml, in small letters');
  into.faults.push({ ...fault, severity: 'warning' });
}

async function entriesOf(folder: string, into: Collected): Promise<readonly Dirent[]> {
  try {
    return await readdir(folder, { withFileTypes: true });
  } catch (error) {
    unreadable(folder, `cannot be read (${errorCode(error)})`, into);
    return [];
  }
}

async function listLink(path: string, into: Collected): Promise<void> {
  if (YAML_NAME.test(path)) {
    await listFile(path, into);
    return;
  }
  const target = await stat(path).catch(() => undefined);
  if (target?.isDirectory() !== true) return;
  const hint = 'name the folder itself in resources';
  into.faults.push({ ...fileFault(path, 'is a link to a folder and not followed', hint), severity: 'warning' });
}

async function listFile(path: string, into: Collected): Promise<void> {
  const found = await statOf(path, into);
  if (found !== undefined) addFile(path, found, into);
}

function addFile(path: string, found: BigIntStats, into: Collected): void {
  if (!found.isFile()) unreadable(path, 'is not a file', into);
  else if (into.files.size >= MAX_FILES) unreadable(path, `is one file more than the ${MAX_FILES} that are read`, into);
  else into.files.set(path, [found.dev, found.ino, found.size, found.mtimeNs, found.ctimeNs].join(':'));
}

async function statOf(path: string, into: Collected): Promise<BigIntStats | undefined> {
  try {
    return await stat(path, { bigint: true });
  } catch (error) {
    const code = errorCode(error);
    unreadable(path, code === 'ENOENT' ? 'does not exist' : `cannot be read (${code})`, into);
    return undefined;
  }
}

function unreadable(path: string, message: string, into: Collected): void {
  into.faults.push(fileFault(path, message));
  into.unread.push(path);
}
