import { fstatSync, type Stats } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';

export interface FileStatus {
  /** Bytes in the file. */
  readonly size: number;
  /** Whether it still has a name. */
  readonly linked: boolean;
}

/**
 * File systems of Linux, as statfs names them, that answer fstat for an open file out of memory and under no lock that is
 * held over a disk access, so that they answer while their disk hangs: ext2 to ext4, XFS and Btrfs.
 */
const ANSWER_FROM_MEMORY: ReadonlySet<number> = new Set([0xef53, 0x58465342, 0x9123683e]);

/**
 * How the status of an open file is asked for: at once where nothing can hold that up, and elsewhere, of a network or of
 * unknown kind, in the thread pool.
 */
export function statusOf(handle: FileHandle, fileSystem: number | undefined): () => FileStatus | Promise<FileStatus> {
  if (ANSWER_FROM_MEMORY.has(fileSystem ?? 0)) return () => toStatus(fstatSync(handle.fd));
  return async () => toStatus(await handle.stat());
}

function toStatus({ size, nlink }: Stats): FileStatus {
  return { size, linked: nlink > 0 };
}
