import { type ChildProcess, execFile, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chownSync, existsSync, mkdtempSync, readdirSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Client } from 'pg';
import type { TestContext } from 'vitest';
import { freePort } from './running-carnet.ts';

const PASSWORD = 'correct horse battery staple';

/** Debian's postgresql on a free port of loopback; names are collated by ICU's English, as no Carnet wants them. */
export interface PostgresServer {
  readonly port: number;
  readonly password: string;
  readonly passwordFile: string;
  /** A new database, and the URL by which Carnet reaches it. */
  database(more?: string): Promise<string>;
  /** One statement of somebody else on a database. */
  sql(url: string, text: string): Promise<readonly Record<string, unknown>[]>;
  /** Kills it with all its connections; `start` brings it back on the same port with what was committed. */
  kill(): Promise<void>;
  start(...settings: string[]): Promise<void>;
}

interface Launched extends PostgresServer {
  /** Starts it where it does not run. */
  revive(): Promise<void>;
  end(): Promise<void>;
}

/** Why tests that need a PostgreSQL are not run, or undefined. */
function missing(): string | undefined {
  return binaries() === undefined ? 'not run: postgresql is not installed (scripts/ci-services.sh)' : undefined;
}

/**
 * A server of its own for the tests of one file, started by the first that needs it; where there is none the test says so.
 * A test that has killed it leaves it to the next one running, also where it fails.
 */
export function postgresForFile(afterAll: (end: () => Promise<void>) => void) {
  let running: Promise<Launched> | undefined;
  afterAll(async () => await (await running)?.end());
  return async (context: Pick<TestContext, 'skip' | 'onTestFinished'>): Promise<PostgresServer> => {
    const reason = missing();
    if (reason !== undefined) return context.skip(reason);
    running ??= launch();
    const server = await running;
    context.onTestFinished(server.revive);
    return server;
  };
}

/** The folder of the newest version, by Debian's layout or PATH. */
function binaries(): string | undefined {
  const debian = '/usr/lib/postgresql';
  const versions = existsSync(debian) ? readdirSync(debian).sort((a, b) => Number(b) - Number(a)) : [];
  const folders = [
    ...versions.map((version) => join(debian, version, 'bin')),
    ...(process.env['PATH'] ?? '').split(':'),
  ];
  return folders.find((folder) => ['initdb', 'postgres'].every((program) => existsSync(join(folder, program))));
}

/** PostgreSQL does not run as root: then as the user that its package has made. */
function owner(): { readonly uid: number; readonly gid: number } | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const id = (flag: string) => Number(execFileSync('id', [flag, 'postgres'], { encoding: 'utf8' }));
  return { uid: id('-u'), gid: id('-g') };
}

async function launch(): Promise<Launched> {
  const folder = mkdtempSync(join(tmpdir(), 'carnet-postgres-'));
  const [bin = '', user, port] = [binaries(), owner(), await freePort()];
  const passwordFile = join(folder, 'password');
  writeFileSync(passwordFile, `${PASSWORD}\n`, { mode: 0o600 });
  if (user) for (const path of [folder, passwordFile]) chownSync(path, user.uid, user.gid);
  const data = join(folder, 'data');
  const asOwner = { cwd: folder, env: { PATH: bin, LANG: 'C.UTF-8' }, ...user };
  const initialise = ['--pgdata', data, '--username', 'carnet', '--pwfile', passwordFile, '--auth', 'scram-sha-256'];
  const collation = ['--encoding', 'UTF8', '--locale', 'C.UTF-8', '--locale-provider', 'icu', '--icu-locale', 'en-US'];
  await promisify(execFile)(join(bin, 'initdb'), [...initialise, ...collation, '--no-sync'], asOwner);

  let child: ChildProcess | undefined;
  const start = async (...settings: string[]) => {
    const fixed = [`port=${port}`, 'listen_addresses=127.0.0.1', 'unix_socket_directories=', 'fsync=off'];
    const flags = [...fixed, ...settings].flatMap((setting) => ['-c', setting]);
    child = spawn(join(bin, 'postgres'), ['-D', data, ...flags], { ...asOwner, stdio: ['ignore', 'ignore', 'pipe'] });
    await ready(child);
  };
  const runs = () => child?.exitCode === null && child.signalCode === null;
  const kill = async () => {
    const ended = child !== undefined && runs() && once(child, 'exit');
    // Its immediate shutdown: all processes end at once, and the next start recovers.
    child?.kill('SIGQUIT');
    await ended;
    child = undefined;
  };
  await start();
  let databases = 0;
  const sql = async (url: string, text: string) => {
    const { username, pathname } = new URL(url);
    const client = new Client({
      host: '127.0.0.1',
      port,
      user: username,
      password: PASSWORD,
      database: pathname.slice(1),
    });
    await client.connect();
    try {
      return (await client.query<Record<string, unknown>>(text)).rows;
    } finally {
      await client.end();
    }
  };
  const at = (database: string) => `postgres://carnet@127.0.0.1:${port}/${database}?sslmode=disable`;
  return {
    port,
    password: PASSWORD,
    passwordFile,
    async database(more = '') {
      databases += 1;
      await sql(at('postgres'), `create database carnet_${databases} ${more}`);
      return at(`carnet_${databases}`);
    },
    sql,
    kill,
    start,
    async revive() {
      if (!runs()) await start();
    },
    async end() {
      await kill();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function ready(child: ChildProcess): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  let said = '';
  child.stderr?.on('data', (bytes: Buffer) => {
    said += bytes.toString();
    if (said.includes('ready to accept connections')) resolve();
  });
  child.once('error', reject);
  child.once('exit', () => reject(new Error(`postgres ended: ${said}`)));
  await promise;
}
