/** The store cannot be used. The message begins with the configuration field to look at and ends with the mend. */
export class StoreFault extends Error {
  override readonly name = 'StoreFault';
}

/** It cannot be reached, or not for now: trying again may help. */
export class StoreAway extends StoreFault {}

export const SQLITE_BUSY = 5;

/** By SQLite's primary result code (the low byte of its extended codes). */
const MENDS: Readonly<Record<number, string>> = {
  [SQLITE_BUSY]: 'is locked by another process; stop the one that holds it',
  6: 'is locked by another process; stop the one that holds it',
  8: 'is read-only; give the user that runs Carnet the right to write to it and to its folder',
  10: 'cannot be read or written (input/output error); check the disk',
  11: 'is damaged; restore it from a backup together with its -wal file',
  13: 'cannot grow: the disk is full; make room',
  14: 'cannot be opened; check that its folder exists and that the user that runs Carnet may write there',
  26: 'is not a Carnet database; name another path or restore the file from a backup',
};

/** What went wrong with the file of an SQLite store, in words for whoever runs it. */
export function sqliteFault(path: string, cause: unknown): StoreFault {
  if (cause instanceof StoreFault) return cause;
  const code = sqliteCode(cause);
  const mend = code === undefined ? undefined : MENDS[code];
  const said = cause instanceof Error ? cause.message : 'unknown error';
  return new StoreFault(`store.sqlite.path: ${path} ${mend ?? `cannot be used: ${said}`}`, { cause });
}

/** The primary result code of an error that SQLite gave. */
export function sqliteCode(cause: unknown): number | undefined {
  if (!(cause instanceof Error) || !('errcode' in cause) || typeof cause.errcode !== 'number') return undefined;
  return cause.errcode & 0xff;
}
