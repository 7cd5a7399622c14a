import { setTimeout as pass } from 'node:timers/promises';
import { PostgresDialect } from 'kysely';
import type { Pool, PoolClient } from 'pg';
import { postgresFault } from './postgres-fault.ts';

const GOODBYE_MS = 1000;

/** kysely's PostgreSQL dialect, in which every error is a StoreFault and ends the connection that it came from. */
export function pooledDialect(pool: Pool): PostgresDialect {
  return new PostgresDialect({ pool: { options: {}, connect: () => lent(pool), end: () => ended(pool) } });
}

async function lent(pool: Pool): Promise<PoolClient> {
  const client = await pool.connect().catch((cause: unknown) => {
    throw postgresFault(cause);
  });
  let failed = false;
  const query = async (text: string, values: readonly unknown[]) => {
    try {
      return await client.query(text, [...values]);
    } catch (cause) {
      // No statement of Carnet's fails in the order of things: a server that was demoted or hangs is not asked again.
      failed = true;
      throw postgresFault(cause);
    }
  };
  return Object.assign(Object.create(client) as PoolClient, { query, release: () => client.release(failed) });
}

/** A server that hangs does not say goodbye. */
async function ended(pool: Pool): Promise<void> {
  await Promise.race([pool.end(), pass(GOODBYE_MS, undefined, { ref: false })]);
}
