import type { Clock } from '../core/clock.ts';
import type { Log } from '../telemetry/logger.ts';
import type { CacheSeal } from './cache-seal.ts';
import type { DocumentStore } from './document-store.ts';
import { StandbyStore } from './standby-store.ts';
import { StoreCopy } from './store-copy.ts';

interface StandbyPlace {
  readonly open: () => Promise<DocumentStore>;
  /** Which store it is. */
  readonly of: string;
  /** What the names of the copy's files begin with: on a disk that outlives the process. */
  readonly copyPath: string;
  /** Collections of which no start may believe a copy. */
  readonly except: ReadonlySet<string>;
  /** Collections of which no document is ever deleted. */
  readonly lasting: ReadonlySet<string>;
  readonly seal: CacheSeal;
  readonly clock: Clock;
  readonly log: Log;
}

/**
 * A store that is a server, and a copy of it for a start that does not find it
 * (docs/adr/0034-weak-places-of-administration.md). Throws StoreFault.
 */
export async function openStandbyStore({ copyPath, of, seal, log, ...place }: StandbyPlace): Promise<DocumentStore> {
  return await StandbyStore.open({
    ...place,
    copy: new StoreCopy({ path: copyPath, seal, of }),
    onFailure: (collection, cause) =>
      log.error('what a start without the store needs cannot be kept', { cause, detail: collection }),
    onAway: (detail) => {
      if (detail === undefined) log.info('the store can be had', { part: 'store', state: 'ok' });
      else log.error('the store cannot be had', { part: 'store', state: 'degraded', detail });
    },
  });
}
