import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { openSqliteFile } from '../../src/store/sqlite-file.ts';

test('opens so that a power cut takes back nothing that was answered', () => {
  const folder = mkdtempSync(join(tmpdir(), 'carnet-store-'));
  const database = openSqliteFile(join(folder, 'carnet.db'), 1234);
  const pragma = (name: string) => Object.values(database.prepare(`pragma ${name}`).get() ?? {})[0];
  expect([pragma('journal_mode'), pragma('synchronous'), pragma('busy_timeout')]).toEqual(['wal', 2, 0]);
  database.close();
  rmSync(folder, { recursive: true });
});
