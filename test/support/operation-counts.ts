import crypto from 'node:crypto';
import { open } from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';

// Loaded before a server (node --import) that was started with a channel to its parent: counts the dear operations of
// the whole process, whoever asks for them, and tells the counts when the parent sends anything.

/** How often the process has done each so far. */
export interface OperationCounts {
  readonly signatures: number;
  readonly verifications: number;
  readonly syncs: number;
  /** Of the syncs, those that have ended. */
  readonly synced: number;
}

const counts = { signatures: 0, verifications: 0, syncs: 0, synced: 0 };

function counted(holder: object, name: string, count: keyof OperationCounts): void {
  const original: unknown = Reflect.get(holder, name);
  if (typeof original !== 'function') throw new Error(`there is no ${name} to count`);
  Reflect.set(holder, name, function (this: unknown, ...args: unknown[]): unknown {
    counts[count] += 1;
    const result: unknown = Reflect.apply(original, this, args);
    return count === 'syncs' ? ended(result) : result;
  });
}

async function ended(sync: unknown): Promise<unknown> {
  try {
    return await sync;
  } finally {
    counts.synced += 1;
  }
}

counted(crypto, 'sign', 'signatures');
counted(crypto, 'verify', 'verifications');
counted(crypto.webcrypto.subtle.constructor.prototype, 'sign', 'signatures');
counted(crypto.webcrypto.subtle.constructor.prototype, 'verify', 'verifications');
const handle = await open(import.meta.filename);
counted(Object.getPrototypeOf(handle), 'sync', 'syncs');
counted(Object.getPrototypeOf(handle), 'datasync', 'syncs');
await handle.close();
syncBuiltinESMExports();

process.on('message', () => process.send?.(counts));
process.channel?.unref();
