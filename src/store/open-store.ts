import { existsSync } from 'node:fs';
import type { Clock } from '../core/clock.ts';
import type { DocumentStore } from './document-store.ts';
import { openSqliteStore } from './sqlite-document-store.ts';
import { StoreFault } from './store-fault.ts';

type StorePlace =
  | { readonly sqlite: { readonly path: string } }
  | { readonly postgres: { readonly url: string; readonly passwordFile?: string } };

interface OpenStoreOptions {
  readonly place: StorePlace;
  readonly clock: Clock;
  /** Refuses where no Carnet has made a store yet. */
  readonly existing?: boolean;
}

/** Opens the store that is configured; who has no PostgreSQL does not load its client. Throws StoreFault. */
export async function openStore({ place, clock, existing = false }: OpenStoreOptions): Promise<DocumentStore> {
  if ('sqlite' in place) {
    const { path } = place.sqlite;
    if (existing && !existsSync(path)) {
      throw new StoreFault(`store.sqlite.path: there is nothing at ${path}; has the service run here?`);
    }
    return await openSqliteStore({ path, clock });
  }
  const { openPostgresStore } = await import('./postgres-document-store.ts');
  return await openPostgresStore({ ...place.postgres, clock, existing });
}
