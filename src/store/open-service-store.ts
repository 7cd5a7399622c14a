import type { Log } from '../telemetry/logger.ts';
import type { CacheSeal } from './cache-seal.ts';
import type { DocumentStore } from './document-store.ts';
import { type OpenStoreOptions, openStore } from './open-store.ts';
import { StandbyStore } from './standby-store.ts';
import { StoreCopy } from './store-copy.ts';

interface ServiceStoreOptions extends OpenStoreOptions {
  /** What the names of the copy's files begin with: on a disk that outlives the process. */
  readonly copyPath: string;
  readonly seal: CacheSeal;
  /** Collections of which no start may believe a copy. */
  readonly except: ReadonlySet<string>;
  readonly log: Log;
}

/**
 * The store of a service. Where it is a server, a start that does not find it reads what was copied of it
 * (docs/adr/0034-weak-places-of-administration.md). Throws StoreFault.
 */
export async function openServiceStore(options: ServiceStoreOptions): Promise<DocumentStore> {
  const { place, clock, copyPath, seal, except, log } = options;
  if ('sqlite' in place) return await openStore({ place, clock });
  return await StandbyStore.open({
    open: () => openStore({ place, clock }),
    copy: new StoreCopy({ path: copyPath, seal, of: place.postgres.url }),
    clock,
    except,
    onFailure: (collection, cause) =>
      log.error('what a start without the store needs cannot be kept', { cause, detail: collection }),
    onAway: (detail) => {
      if (detail === undefined) log.info('the store can be had', { part: 'store', state: 'ok' });
      else log.error('the store cannot be had', { part: 'store', state: 'degraded', detail });
    },
  });
}
