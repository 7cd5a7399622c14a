import { setTimeout } from 'node:timers/promises';
import { SQLITE_BUSY, StoreFault, sqliteCode } from './store-fault.ts';

const RETRY_MS = 10;

/**
 * Does `work` again while another process holds the database's lock, for up to `timeoutMs`; then throws what it threw. A
 * wait inside SQLite would stop the whole process, so statements do not wait there. Only for work that a held lock leaves
 * undone.
 */
export async function whenUnlocked<T>(work: () => T | Promise<T>, timeoutMs: number): Promise<T> {
  for (let waitedMs = 0; ; waitedMs += RETRY_MS) {
    try {
      return await work();
    } catch (cause) {
      if (waitedMs >= timeoutMs || !isLocked(cause)) throw cause;
    }
    await setTimeout(RETRY_MS);
  }
}

function isLocked(cause: unknown): boolean {
  return sqliteCode(cause instanceof StoreFault ? cause.cause : cause) === SQLITE_BUSY;
}
