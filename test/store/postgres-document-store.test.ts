import { execFile } from 'node:child_process';
import { chownSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { promisify } from 'node:util';
import { afterAll, describe, expect, type TestContext, test } from 'vitest';
import { openPostgresStore, type PostgresStoreOptions } from '../../src/store/postgres-document-store.ts';
import { StoreFault } from '../../src/store/store-fault.ts';
import { loopbackCertificate } from '../support/certificate-authority.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { type PostgresServer, postgresForFile } from '../support/postgres-server.ts';
import { freePort } from '../support/running-carnet.ts';
import { slowProxy } from '../support/slow-proxy.ts';
import { documentStoreContract } from './contract.ts';

const clock = new FakeClock();
const postgres = postgresForFile(afterAll);
/** Bounds that only those meet who set their own. */
const PATIENT = { connectTimeoutMs: 30_000, statementTimeoutMs: 30_000 };
/** So short that a test can wait for it, and long enough for whatever is not held up. */
const SHORT = { statementTimeoutMs: 2000 };

documentStoreContract('PostgreSQL', async (context) => {
  const server = await postgres(context);
  const url = await server.database();
  const { passwordFile } = server;
  return {
    open: () => openPostgresStore({ url, passwordFile, clock, ...PATIENT }),
    dispose: async () => {},
  };
});

/** A database of its own and the way to open stores on it. */
async function database(context: TestContext, more?: string) {
  const server = await postgres(context);
  const url = await server.database(more);
  const open = async (options: Partial<PostgresStoreOptions> = {}) => {
    const { passwordFile } = server;
    const store = await openPostgresStore({ url, passwordFile, clock, watchIntervalMs: 10, ...PATIENT, ...options });
    context.onTestFinished(() => store.close());
    return store;
  };
  return { server, url, open, sql: (text: string) => server.sql(url, text) };
}

const withPort = (url: string, port: number) => url.replace(/:[0-9]+\//, `:${port}/`);

describe('openPostgresStore', () => {
  test('keeps documents and versions over a reopening, with the time of its clock', async (context) => {
    const { open, sql } = await database(context);
    const first = await open();
    await first.put('c', 'n', { kept: true }, 0);
    await first.put('c', 'n', { kept: 'again' }, 1);
    await first.close();
    expect(await (await open()).get('c', 'n')).toMatchObject({ version: 2, value: { kept: 'again' } });
    expect(await sql('select written_at from documents')).toEqual([{ written_at: String(clock.now()) }]);
  });

  test('lets stores that open an empty database together all come up, with one schema', async (context) => {
    const { open, sql } = await database(context);
    const stores = await Promise.all(Array.from({ length: 6 }, () => open()));
    for (const [n, store] of stores.entries()) await store.put('started', String(n), n, 0);
    expect(await stores[0]?.list('started')).toHaveLength(6);
    expect(await sql('select name from kysely_migration')).toHaveLength(2);
  });

  test('lets one of two stores that were opened together win a first write', async (context) => {
    const { open } = await database(context);
    const stores = await Promise.all([open(), open()]);
    const outcomes = await Promise.allSettled(stores.map((store, n) => store.put('c', 'n', n, 0)));
    expect(outcomes.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
  });

  test('takes over what the version before wrote, and hears of and keeps what that still writes beside it', async (context) => {
    const { open, sql } = await database(context);
    await (await open()).close();
    // The schema as that version left it.
    for (const statement of [
      `delete from kysely_migration where name > '0001-documents'`,
      'drop table history',
      'drop trigger documents_insert on documents',
      'drop trigger documents_update on documents',
      'drop function count_statement()',
      'create trigger documents_change after insert or update on documents for each row execute function count_change()',
      `insert into documents values ('resources', 'n', 7, '"old"', 1), ('keys', 'n', 1, '"secret"', 1)`,
    ])
      await sql(statement);
    const store = await open({ watchIntervalMs: 3_600_000 });
    const heard = Promise.withResolvers<void>();
    store.watch('resources', heard.resolve);
    await sql(`update documents set version = 8, value = '"beside"', written_at = 2 where collection = 'resources'`);
    await heard.promise;
    expect(await store.history('resources', 'n')).toMatchObject([
      { version: 7, value: 'old' },
      { version: 8, value: 'beside' },
    ]);
    expect(await store.history('keys', 'n')).toEqual([]);
  });

  test('writes to disk before it answers, whatever the database has as its default', async (context) => {
    const { server, url, open, sql } = await database(context);
    const { pathname } = new URL(url);
    await server.sql(url, `alter database ${pathname.slice(1)} set synchronous_commit = off`);
    const store = await open();
    await sql('create table told (setting text)');
    await sql(`create function tell() returns trigger language plpgsql as
      $$ begin insert into told values (current_setting('synchronous_commit')); return null; end $$`);
    await sql('create trigger tell after insert on documents execute function tell()');
    await store.put('c', 'n', 1, 0);
    expect(await sql('select setting from told')).toEqual([{ setting: 'on' }]);
  });

  test('holds at most eight connections and one that listens, however much is asked at once', async (context) => {
    const { url, open, sql } = await database(context);
    const store = await open();
    await Promise.all(Array.from({ length: 100 }, () => store.list('c')));
    const name = new URL(url).pathname.slice(1);
    const [{ count } = {}] = await sql(
      `select count(*)::int from pg_stat_activity where datname = '${name}' and application_name = 'carnet'`,
    );
    expect(count).toBeLessThanOrEqual(9);
  });

  test('hears of the writes of others by their notices, long before it looks', async (context) => {
    const { open, sql } = await database(context);
    const [store, other] = [await open({ watchIntervalMs: 3_600_000 }), await open()];
    const listening = `select pid from pg_stat_activity
      where datname = current_database() and query = 'listen carnet_changes' and state = 'idle'`;
    await expect.poll(() => sql(listening)).toHaveLength(2);
    for (const write of [0, 1]) {
      const called = Promise.withResolvers<void>();
      const stop = store.watch('c', called.resolve);
      await other.put('c', 'n', write, write);
      await called.promise;
      stop();
    }
  });

  test('hears of the writes of others by looking where no notice comes', async (context) => {
    const { open, sql } = await database(context);
    const store = await open();
    await sql(`create or replace function count_change() returns trigger language plpgsql as
      $$ begin insert into changes values (new.collection, 1); return null; end $$`);
    const called = Promise.withResolvers<void>();
    store.watch('c', called.resolve);
    await sql(`insert into documents values ('c', 'n', 1, '1', 0)`);
    await called.promise;
  });

  test('lets a process end while somebody still listens', async (context) => {
    const { server, url } = await database(context);
    const module = new URL('../../src/store/postgres-document-store.ts', import.meta.url).href;
    const script = `
      const { openPostgresStore } = await import(${JSON.stringify(module)});
      const [url, passwordFile] = process.argv.slice(1);
      const store = await openPostgresStore({ url, passwordFile, clock: { now: () => 1 } });
      store.watch('c', () => {});`;
    await promisify(execFile)(process.execPath, ['--input-type=module', '-e', script, url, server.passwordFile]);
  });

  test('answers nothing after close', async (context) => {
    const { open } = await database(context);
    const store = await open();
    await store.close();
    await expect(store.get('c', 'n')).rejects.toThrow();
    await expect(store.put('c', 'n', 1, 0)).rejects.toThrow();
  });
});

describe('openPostgresStore: a server that fails', () => {
  test('has after a crash what it had answered, and is used again, changes of others too', async (context) => {
    const { server, open } = await database(context);
    const [store, other] = [await open(), await open({ watchIntervalMs: 3_600_000 })];
    await store.put('c', 'n', 'before', 0);
    await server.kill();
    await expect(store.get('c', 'n')).rejects.toThrow(
      /^store\.postgres\.url: the server .*\(ECONNREFUSED\)$|broke the/,
    );
    await expect(store.put('c', 'n', 'lost', 1)).rejects.toThrow(StoreFault);
    await server.start();
    expect(await store.get('c', 'n')).toMatchObject({ value: 'before', version: 1 });
    const called = Promise.withResolvers<void>();
    store.watch('c', called.resolve);
    await expect.poll(() => other.put('c', 'm', 1, 0).catch(() => undefined)).toBe(1);
    await called.promise;
  });

  test('is not waited for when it hangs, and asked again on another connection', async (context) => {
    const { server, url, open } = await database(context);
    const proxy = await slowProxy(server.port);
    context.onTestFinished(() => proxy.close());
    const store = await open({ url: withPort(url, proxy.port), ...SHORT, watchIntervalMs: 3_600_000 });
    await store.put('c', 'n', 'before', 0);
    proxy.delayMs = Number.POSITIVE_INFINITY;
    await expect(store.get('c', 'n')).rejects.toThrow(/^store\.postgres\.url: the server does not answer in time/);
    proxy.delayMs = 0;
    expect(await store.get('c', 'n')).toMatchObject({ value: 'before' });
  });

  test('gives up a statement that others lock out', async (context) => {
    const { open, sql } = await database(context);
    const store = await open(SHORT);
    const holder = sql('begin; lock table documents; select pg_sleep(600)').catch(({ code }) => code);
    const holders = `from pg_locks where relation = 'documents'::regclass and mode = 'AccessExclusiveLock' and granted`;
    await expect.poll(() => sql(`select count(*)::int ${holders}`)).toEqual([{ count: 1 }]);
    await expect(store.get('c', 'n')).rejects.toThrow(/took too long for one statement.*\(57014\)$/);
    await sql(`select pg_cancel_backend(pid) ${holders}`);
    expect(await holder).toBe('57014');
    expect(await store.get('c', 'n')).toBeUndefined();
  });

  test('that is not there is told in words, and so is one that only reads', async (context) => {
    const { server, url, open } = await database(context);
    const nobody = withPort(url, await freePort());
    await expect(open({ url: nobody })).rejects.toThrow(
      'store.postgres.url: the server cannot be reached; check the address, and that PostgreSQL runs there (ECONNREFUSED)',
    );
    await server.sql(url, `alter database ${new URL(url).pathname.slice(1)} set default_transaction_read_only = on`);
    await expect(open()).rejects.toThrow(/^store\.postgres\.url: the server only reads: it is a standby/);
  });

  test.for([
    [
      'no such database',
      (url: string) => `${url.split('?')[0]}_gone?sslmode=disable`,
      /has no such database.*\(3D000\)$/,
    ],
    ['TLS that it does not speak', (url: string) => url.replace('?sslmode=disable', ''), /does not speak TLS/],
  ] as const)('with %s is told in words', async ([, changed, message], context) => {
    const server = await postgres(context);
    const url = changed(await server.database());
    const opened = openPostgresStore({ url, passwordFile: server.passwordFile, clock });
    await expect(opened).rejects.toThrow(StoreFault);
    await expect(opened).rejects.toThrow(message);
  });

  test('whose database is not in UTF8 is refused', async (context) => {
    const { open } = await database(context, "encoding 'SQL_ASCII' locale 'C' locale_provider libc template template0");
    await expect(open()).rejects.toThrow(/^store\.postgres\.url: the database is not in UTF8/);
  });

  test('that a later version has written is refused, and nothing in it is changed', async (context) => {
    const { open, sql } = await database(context);
    await open();
    await sql(`insert into kysely_migration (name, timestamp) values ('9999-later', '2030-01-01T00:00:00.000Z')`);
    await expect(open()).rejects.toThrow(/^store\.postgres\.url: the schema there is not one that this version knows/);
    expect(await sql('select name from kysely_migration')).toHaveLength(3);
  });
});

describe('openPostgresStore: the password', () => {
  test('comes from a file that is read at each connection, so that a new one needs no restart', async (context) => {
    const { server, open, sql } = await database(context);
    await sql(`create user other password 'first' superuser`);
    context.onTestFinished(async () => void (await sql('alter user other nosuperuser nologin')));
    const folder = mkdtempSync(join(tmpdir(), 'carnet-password-'));
    context.onTestFinished(() => rmSync(folder, { recursive: true }));
    const passwordFile = join(folder, 'password');
    writeFileSync(passwordFile, 'first\n');
    const { url } = await database(context);
    const store = await open({ url: url.replace('carnet@', 'other@'), passwordFile });
    await store.put('c', 'n', 'kept', 0);
    await sql(`alter user other password 'second'`);
    await server.sql(url, `select pg_terminate_backend(pid) from pg_stat_activity where usename = 'other'`);
    await expect
      .poll(() => store.get('c', 'n').catch(({ message }: Error) => message))
      .toMatch(/lets this user not in; check the user, store\.postgres\.passwordFile.*\(28P01\)$/);
    writeFileSync(passwordFile, 'second\n');
    expect(await store.get('c', 'n')).toMatchObject({ value: 'kept' });
  });

  test('stands in no error, wherever it came from', async (context) => {
    const { server, url, open } = await database(context);
    const { origin } = new URL(url.replace('postgres:', 'http:'));
    const wrong = url.replace('carnet@', 'nobody@');
    for (const options of [{ url: wrong }, { url: withPort(url, await freePort()) }]) {
      const fault = await open(options).catch((error: unknown) => error);
      expect(fault).toBeInstanceOf(StoreFault);
      const { message, stack } = fault as StoreFault;
      expect(`${message}${stack}`).not.toContain(server.password);
      expect(message).not.toContain(origin.split('//')[1]);
    }
  });

  test('is asked for by name where there is none, and never taken from the environment', async (context) => {
    const { server, url, open } = await database(context);
    process.env['PGPASSWORD'] = server.password;
    context.onTestFinished(() => void delete process.env['PGPASSWORD']);
    await expect(openPostgresStore({ url, clock })).rejects.toThrow(/^store\.postgres\.passwordFile: is needed/);
    await expect(open({ passwordFile: '/nowhere/password' })).rejects.toThrow(
      'store.postgres.passwordFile: cannot be read (ENOENT)',
    );
  });
});

describe('openPostgresStore: TLS', () => {
  async function withTls(context: TestContext) {
    const found = await database(context);
    const certificate = await loopbackCertificate('postgres');
    await useCertificate(context, found.server, certificate);
    const trust = () => {
      const roots = getCACertificates('default');
      setDefaultCACertificates([...roots, certificate.ca]);
      context.onTestFinished(() => setDefaultCACertificates(roots));
    };
    return { ...found, trust };
  }

  async function useCertificate(
    context: TestContext,
    server: PostgresServer,
    { cert, key }: { cert: string; key: string },
  ) {
    const folder = mkdtempSync(join(tmpdir(), 'carnet-postgres-tls-'));
    context.onTestFinished(() => rmSync(folder, { recursive: true }));
    const { uid, gid } = statSync(server.passwordFile);
    const files = { cert: join(folder, 'cert'), key: join(folder, 'key') };
    writeFileSync(files.cert, cert);
    writeFileSync(files.key, key, { mode: 0o600 });
    for (const path of [folder, files.cert, files.key]) chownSync(path, uid, gid);
    await server.kill();
    const addresses = 'listen_addresses=127.0.0.1,127.0.0.2';
    await server.start(addresses, 'ssl=on', `ssl_cert_file=${files.cert}`, `ssl_key_file=${files.key}`);
    context.onTestFinished(async () => {
      await server.kill();
      await server.start();
    });
  }

  test('is the default, and proves who the server is before it gets a password', async (context) => {
    const { url, open, sql, trust } = await withTls(context);
    const verified = url.replace('?sslmode=disable', '');
    await expect(open({ url: verified })).rejects.toThrow(/does not prove by TLS who it is/);
    trust();
    const store = await open({ url: `${verified}?sslmode=verify-full` });
    expect(await store.put('c', 'n', 1, 0)).toBe(1);
    const used = await sql(
      "select distinct ssl from pg_stat_ssl join pg_stat_activity using (pid) where application_name = 'carnet'",
    );
    expect(used).toEqual([{ ssl: true }]);
  });

  test('is refused where the certificate is another host\u2019s', async (context) => {
    const { url, open, trust } = await withTls(context);
    trust();
    const elsewhere = url.replace('?sslmode=disable', '').replace('127.0.0.1', '127.0.0.2');
    await expect(open({ url: elsewhere })).rejects.toThrow(
      /certificate of another host.*\(ERR_TLS_CERT_ALTNAME_INVALID\)$/,
    );
  });
});
