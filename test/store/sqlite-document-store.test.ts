import { execFile } from 'node:child_process';
import { chmodSync, closeSync, mkdtempSync, openSync, rmSync, statSync, writeFileSync, writeSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { openSqliteStore } from '../../src/store/sqlite-document-store.ts';
import { StoreFault } from '../../src/store/store-fault.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { documentStoreContract } from './contract.ts';

const clock = new FakeClock();

/** As the first version left it, which had its tables made by kysely. */
const FIRST_SCHEMA = `pragma journal_mode = wal;
  create table "kysely_migration" ("name" varchar(255) not null primary key, "timestamp" varchar(255) not null);
  create table "kysely_migration_lock" ("id" varchar(255) not null primary key, "is_locked" integer default 0 not null);
  create table "documents" ("collection" text not null, "name" text not null, "version" integer not null,
    "value" text not null, "written_at" integer not null,
    constraint "documents_key" primary key ("collection", "name"));
  create table "changes" ("collection" text not null primary key, "counter" integer not null);
  create trigger "documents_insert" after insert on documents begin
    insert into changes (collection, counter) values (new.collection, 1)
    on conflict (collection) do update set counter = counter + 1; end;
  create trigger "documents_update" after update on documents begin
    insert into changes (collection, counter) values (new.collection, 1)
    on conflict (collection) do update set counter = counter + 1; end;
  insert into kysely_migration values ('0001-documents', '2026-01-01T00:00:00.000Z')`;

documentStoreContract('SQLite', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'carnet-store-'));
  return {
    open: () => openSqliteStore({ path: join(folder, 'carnet.db'), clock, watchIntervalMs: 10 }),
    dispose: async () => rmSync(folder, { recursive: true }),
  };
});

describe('openSqliteStore', () => {
  let folder: string;
  let path: string;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'carnet-store-'));
    path = join(folder, 'deep', 'er', 'carnet.db');
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  test('creates the file and everything beside it for its owner alone, and the folder too', async () => {
    const store = await openSqliteStore({ path, clock });
    await store.put('c', 'n', 1, 0);
    for (const file of [path, `${path}-wal`, `${path}-shm`]) expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(statSync(join(folder, 'deep', 'er')).mode & 0o777).toBe(0o700);
    await store.close();
  });

  test('keeps documents and versions over a reopening', async () => {
    const first = await openSqliteStore({ path, clock });
    await first.put('c', 'n', { kept: true }, 0);
    await first.put('c', 'n', { kept: 'again' }, 1);
    await first.close();
    const second = await openSqliteStore({ path, clock });
    expect(await second.get('c', 'n')).toEqual({ collection: 'c', name: 'n', version: 2, value: { kept: 'again' } });
    await second.close();
  });

  test('writes through a write-ahead log, with the time of its clock', async () => {
    const store = await openSqliteStore({ path, clock });
    await store.put('c', 'n', 1, 0);
    const reader = new DatabaseSync(path, { readOnly: true });
    expect(reader.prepare('select written_at from documents').get()).toMatchObject({ written_at: clock.now() });
    expect(reader.prepare('pragma journal_mode').get()).toMatchObject({ journal_mode: 'wal' });
    reader.close();
    await store.close();
  });

  test('has what a killed process had written: nothing that was answered is lost', async () => {
    const script = `
      const { openSqliteStore } = await import(${JSON.stringify(new URL('../../src/store/sqlite-document-store.ts', import.meta.url).href)});
      const store = await openSqliteStore({ path: process.argv[1], clock: { now: () => 1 } });
      for (let n = 0; n < 20; n++) { await store.put('c', 'n' + n, n, 0); process.stdout.write(n + '\\n'); }
      process.kill(process.pid, 'SIGKILL');`;
    const killed = await run(script, path).catch((error: { signal: string; stdout: string }) => error);
    expect(killed).toMatchObject({ signal: 'SIGKILL' });
    const store = await openSqliteStore({ path, clock });
    expect(await store.list('c')).toHaveLength(killed.stdout.trim().split('\n').length);
    await store.close();
  });

  test('has all of a batch or nothing of it, wherever its process is killed', async () => {
    const script = `
      const { openSqliteStore } = await import(${JSON.stringify(new URL('../../src/store/sqlite-document-store.ts', import.meta.url).href)});
      const store = await openSqliteStore({ path: process.argv[1], clock: { now: () => 1 } });
      const batch = Array.from({ length: 5000 }, (_, n) => ({ collection: 'c', name: 'n' + n, value: n, ifVersion: 0 }));
      let turns = Number(process.env.TURNS);
      const next = () => turns-- === 0 ? process.kill(process.pid, 'SIGKILL') : setImmediate(next);
      next();
      await store.putAll(batch);
      process.stdout.write('written');
      process.kill(process.pid, 'SIGKILL');`;
    for (const turns of [1, 5, 9, 12, 1e9]) {
      process.env['TURNS'] = String(turns);
      const killed = await run(script, path).catch((error: { signal: string; stdout: string }) => error);
      expect(killed).toMatchObject({ signal: 'SIGKILL' });
      const store = await openSqliteStore({ path, clock });
      const found = await store.list('c');
      await store.close();
      if (killed.stdout === 'written') expect(found).toHaveLength(5000);
      expect([0, 5000]).toContain(found.length);
      if (turns === 1) expect(found).toHaveLength(0);
      if (found.length > 0) break;
    }
    delete process.env['TURNS'];
  });

  test('lets processes that start together on a new file all come up, with one schema', async () => {
    const script = `
      const { openSqliteStore } = await import(${JSON.stringify(new URL('../../src/store/sqlite-document-store.ts', import.meta.url).href)});
      const store = await openSqliteStore({ path: process.argv[1], clock: { now: () => 1 } });
      await store.put('started', String(process.pid), 1, 0);
      await store.close();`;
    await Promise.all(Array.from({ length: 6 }, () => run(script, path)));
    const store = await openSqliteStore({ path, clock });
    expect(await store.list('started')).toHaveLength(6);
    await store.close();
  });

  test('lets stores of one process that open a new file together all come up', async () => {
    const stores = await Promise.all(Array.from({ length: 5 }, () => openSqliteStore({ path, clock })));
    for (const [n, store] of stores.entries()) await store.put('started', String(n), n, 0);
    expect(await stores[0]?.list('started')).toHaveLength(5);
    for (const store of stores) await store.close();
  });

  test('lets a process end while somebody still listens', async () => {
    const script = `
      const { openSqliteStore } = await import(${JSON.stringify(new URL('../../src/store/sqlite-document-store.ts', import.meta.url).href)});
      const store = await openSqliteStore({ path: process.argv[1], clock: { now: () => 1 } });
      store.watch('c', () => {});`;
    await run(script, path);
  });

  test.each([
    ['text', Buffer.from('not a database, but long enough to look like the start of one\n'.repeat(100))],
    ['a damaged header', Buffer.concat([Buffer.from('SQLite format 3\0'), Buffer.alloc(4080, 0xff)])],
  ])('refuses a file of %s, names store.sqlite.path and leaves it alone', async (_, bytes) => {
    const file = join(folder, 'carnet.db');
    writeFileSync(file, bytes);
    const opened = openSqliteStore({ path: file, clock });
    await expect(opened).rejects.toThrow(StoreFault);
    await expect(opened).rejects.toThrow(/^store\.sqlite\.path: .*carnet\.db is (not a Carnet database|damaged)/);
    expect(statSync(file).size).toBe(bytes.length);
  });

  test('says so where pages of an existing file are damaged', async () => {
    const store = await openSqliteStore({ path, clock });
    for (let n = 0; n < 50; n++) await store.put('c', `n${n}`, 'x'.repeat(2000), 0);
    await store.close();
    const size = statSync(path).size;
    const raw = new DatabaseSync(path);
    raw.exec('pragma journal_mode = delete');
    raw.close();
    const file = openSync(path, 'r+');
    writeSync(file, Buffer.alloc(size - 4096, 0xa5), 0, size - 4096, 4096);
    closeSync(file);
    const use = async () => {
      const damaged = await openSqliteStore({ path, clock });
      try {
        await damaged.list('c');
      } finally {
        await damaged.close();
      }
    };
    await expect(use()).rejects.toThrow(/^store\.sqlite\.path: .*carnet\.db is damaged; restore it/);
  });

  test('says so where another process holds the file', async () => {
    const store = await openSqliteStore({ path, clock, busyTimeoutMs: 1 });
    const holder = new DatabaseSync(path);
    holder.exec('begin exclusive');
    await expect(store.put('c', 'n', 1, 0)).rejects.toThrow(/^store\.sqlite\.path: .* is locked by another process/);
    await expect(openSqliteStore({ path, clock, busyTimeoutMs: 1 })).rejects.toThrow(/is locked by another process/);
    holder.exec('rollback');
    expect(await store.put('c', 'n', 1, 0)).toBe(1);
    holder.close();
    await store.close();
  });

  test('goes on with everything else while another process writes, and writes when that has ended', async () => {
    const store = await openSqliteStore({ path, clock });
    await store.put('c', 'n', 'before', 0);
    const holder = new DatabaseSync(path);
    holder.exec('begin immediate');
    const waiting = store.put('c', 'n', 'after', 1);
    for (let turn = 0; turn < 3; turn += 1) await new Promise((done) => setImmediate(done));
    expect(await store.get('c', 'n')).toMatchObject({ value: 'before', version: 1 });
    holder.exec('rollback');
    expect(await waiting).toBe(2);
    holder.close();
    await store.close();
  });

  test('refuses a file that a later version has written, and changes nothing in it', async () => {
    await (await openSqliteStore({ path, clock })).close();
    const later = new DatabaseSync(path);
    later.exec(`insert into kysely_migration (name, timestamp) values ('9999-later', '2030-01-01T00:00:00.000Z')`);
    later.close();
    await expect(openSqliteStore({ path, clock })).rejects.toThrow(
      /^store\.sqlite\.path: .*schema is not one that this version knows/,
    );
  });

  test('takes over what the version before wrote, and keeps what that still writes beside it', async () => {
    await mkdir(dirname(path), { recursive: true });
    const before = new DatabaseSync(path);
    before.exec(`${FIRST_SCHEMA};
      insert into documents values ('resources', 'n', 7, '"old"', 1), ('keys', 'n', 1, '"secret"', 1)`);
    const store = await openSqliteStore({ path, clock });
    before.exec(`update documents set version = 8, value = '"beside"', written_at = 2 where collection = 'resources'`);
    before.close();
    expect(await store.history('resources', 'n')).toMatchObject([
      { version: 7, value: 'old' },
      { version: 8, value: 'beside' },
    ]);
    expect(await store.history('keys', 'n')).toEqual([]);
    await store.close();
  });

  test('refuses a folder in place of the file', async () => {
    await expect(openSqliteStore({ path: folder, clock })).rejects.toThrow(/^store\.sqlite\.path: /);
  });

  test('leaves the mode of an existing file as its owner set it', async () => {
    const file = join(folder, 'carnet.db');
    writeFileSync(file, '');
    chmodSync(file, 0o640);
    await (await openSqliteStore({ path: file, clock })).close();
    expect(statSync(file).mode & 0o777).toBe(0o640);
  });

  test('answers nothing after close', async () => {
    const store = await openSqliteStore({ path, clock });
    await store.close();
    await expect(store.get('c', 'n')).rejects.toThrow();
    await expect(store.put('c', 'n', 1, 0)).rejects.toThrow();
  });
});

const run = (script: string, path: string) =>
  promisify(execFile)(process.execPath, ['--input-type=module', '-e', script, path]);
