import type { Socket } from 'node:net';
import { Client, type ClientConfig, Pool } from 'pg';
import { readPassword } from './password-file.ts';
import { StoreFault } from './store-fault.ts';

export interface PostgresOptions {
  /** `postgres://user@host:5432/database`, with `?sslmode=disable` or `verify-full`, which is the default. No password. */
  readonly url: string;
  /** Read at each connection, so that a changed password needs no restart. */
  readonly passwordFile?: string;
  /** Bound on a connection attempt, and on waiting for one that is free. Default 5,000. */
  readonly connectTimeoutMs?: number;
  /** Bound on one statement, by the server; a second later the connection is given up. Default 5,000. */
  readonly statementTimeoutMs?: number;
}

const MAX_CONNECTIONS = 8;
const GRACE_MS = 1000;

/** At most eight connections, which go when they idle for half a minute and keep no process alive. */
export function postgresPool(options: PostgresOptions): Pool {
  const pool = new Pool({
    ...clientConfig(options),
    max: MAX_CONNECTIONS,
    idleTimeoutMillis: 30_000,
    allowExitOnIdle: true,
  });
  pool.on('error', ignored);
  // While it is lent the pool does not listen: what ends it then is told to the statement that comes next.
  pool.on('connect', (client) => client.on('error', ignored));
  return pool;
}

/** A connection beside the pool, over a socket that is not connected yet. */
export function postgresClient(options: PostgresOptions, socket: Socket): Client {
  const client = new Client({ ...clientConfig(options), stream: () => socket });
  client.on('error', ignored);
  return client;
}

/** Whole: what it leaves out, the client would take from PG* variables, ~/.pgpass and the name of the user. */
function clientConfig({
  url,
  passwordFile,
  connectTimeoutMs = 5000,
  statementTimeoutMs = 5000,
}: PostgresOptions): ClientConfig {
  const { hostname, port, username, pathname, searchParams } = new URL(url);
  return {
    host: hostname.replace(/^\[(.*)\]$/, '$1'),
    port: port === '' ? 5432 : Number(port),
    user: decodeURIComponent(username),
    database: decodeURIComponent(pathname.slice(1)),
    password: () => passwordOf(passwordFile),
    ssl: searchParams.get('sslmode') === 'disable' ? false : { rejectUnauthorized: true },
    application_name: 'carnet',
    client_encoding: 'UTF8',
    // A write that has returned is on disk, whatever is the default there.
    options: `-c synchronous_commit=on -c statement_timeout=${statementTimeoutMs} -c idle_in_transaction_session_timeout=10000`,
    query_timeout: statementTimeoutMs + GRACE_MS,
    connectionTimeoutMillis: connectTimeoutMs,
    keepAlive: true,
  };
}

async function passwordOf(file: string | undefined): Promise<string> {
  if (file === undefined)
    throw new StoreFault('store.postgres.passwordFile: is needed: the server asks for a password');
  try {
    return (await readPassword(file)).reveal();
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? ` (${String(cause.code)})` : '';
    throw new StoreFault(`store.postgres.passwordFile: cannot be read${code}`, { cause });
  }
}

/** Whoever waits for the connection is told as well. */
function ignored(): void {}
