import { type FileHandle, mkdir, open, stat, statfs } from 'node:fs/promises';
import { type FileStatus, statusOf } from './file-status.ts';

/** One segment file, written at positions by one writer. */
export interface DiskFile {
  /** Writes from `position` on and resolves to how many bytes went in, which may be fewer than asked. */
  write(bytes: Uint8Array, position: number): Promise<number>;
  /** Resolves once everything written is on the disk itself. */
  sync(): Promise<void>;
  truncate(length: number): Promise<void>;
  stat(): FileStatus | Promise<FileStatus>;
  close(): Promise<void>;
}

/** The part of a file system that the log needs: the seam at which tests count, or take the disk away. */
export interface Disk {
  makeDirectory(path: string): Promise<void>;
  /** Opens for writing; creates the file when it is not there. */
  open(path: string): Promise<DiskFile>;
  /** Makes the names in a directory durable. */
  syncDirectory(path: string): Promise<void>;
  /** Bytes in what now has this name; 0 where nothing has it. */
  sizeOf(path: string): Promise<number>;
  /** Bytes that an ordinary process may still write. */
  freeBytes(path: string): Promise<number>;
}

// The records hold claims of people and workloads: for the service's own user alone.
const DIRECTORY_MODE = 0o700;
const FILE_MODE = 0o600;

export const nodeDisk: Disk = {
  makeDirectory: async (path) => {
    await mkdir(path, { recursive: true, mode: DIRECTORY_MODE });
  },
  open: async (path) => {
    const handle = await openOrCreate(path);
    const { type } = await statfs(path).catch(() => ({ type: undefined }));
    return nodeFile(handle, type);
  },
  syncDirectory: async (path) => {
    const handle = await open(path, 'r');
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
  },
  sizeOf: async (path) => {
    try {
      return (await stat(path)).size;
    } catch (error) {
      if (isMissing(error)) return 0;
      throw error;
    }
  },
  freeBytes: async (path) => {
    const { bavail, bsize } = await statfs(path);
    return bavail * bsize;
  },
};

async function openOrCreate(path: string): Promise<FileHandle> {
  try {
    return await open(path, 'r+');
  } catch (error) {
    if (!isMissing(error)) throw error;
    return open(path, 'wx+', FILE_MODE);
  }
}

function nodeFile(handle: FileHandle, fileSystem: number | undefined): DiskFile {
  return {
    write: async (bytes, position) => (await handle.write(bytes, 0, bytes.byteLength, position)).bytesWritten,
    sync: () => handle.datasync(),
    truncate: (length) => handle.truncate(length),
    stat: statusOf(handle, fileSystem),
    close: () => handle.close(),
  };
}

export function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT';
}
