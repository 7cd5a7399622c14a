import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { HEADS_COLLECTION } from './audit/heads.ts';
import { AccessClearing } from './catalog/access-clearing.ts';
import type { AccessRequests } from './catalog/access-requests.ts';
import { DELETED_MAPPINGS } from './catalog/deleted-names.ts';
import { ParsedTexts } from './catalog/parsed-texts.ts';
import { RESOURCE_HISTORY } from './catalog/resource-memory.ts';
import type { Config } from './config/config.ts';
import type { Clock } from './core/clock.ts';
import type { Cache } from './store/cache.ts';
import type { CacheSeal } from './store/cache-seal.ts';
import { type DocumentStore, KEPT_COLLECTION } from './store/document-store.ts';
import { MemoryCache } from './store/memory-cache.ts';
import { openStore } from './store/open-store.ts';
import type { Log } from './telemetry/logger.ts';
import type { Metrics } from './telemetry/metrics.ts';
import { openKeyOwnership, type StoredKeyOwnership } from './verifiers/key-ownership-store.ts';

// The composition root's part for the store of documents, and what lies beside it.

interface StoreParts {
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
}

interface DocumentsParts extends Omit<StoreParts, 'metrics'> {
  readonly seal: CacheSeal;
  /** Of the audit log of this replica. */
  readonly stream: string;
}

/** Where the store is a server, a start that does not find it reads what was copied of it. Throws StoreFault. */
export async function openDocuments(
  { store: place, audit }: Config,
  { clock, log, seal, stream }: DocumentsParts,
): Promise<DocumentStore> {
  if ('sqlite' in place) return await openStore({ place, clock });
  const { openStandbyStore } = await import('./store/open-standby-store.ts');
  return await openStandbyStore({
    open: () => openStore({ place, clock }),
    of: place.postgres.url,
    copyPath: join(audit.directory, `${stream}.store`),
    // What the log on this disk is compared with does not come from this disk.
    except: new Set([HEADS_COLLECTION]),
    lasting: new Set([KEPT_COLLECTION, RESOURCE_HISTORY, DELETED_MAPPINGS]),
    clock,
    log,
    seal,
  });
}

/** Takes what has been over for long out of the store, from now on. */
export function accessClearing(
  access: AccessRequests,
  { clock, log }: Pick<StoreParts, 'clock' | 'log'>,
): AccessClearing {
  const onFailure = (cause: unknown) => log.warn('access requests that ended long ago cannot be taken away', { cause });
  const clearing = new AccessClearing({ access, clock, onFailure });
  void clearing.run();
  return clearing;
}

/** What replicas share, or this process alone has: nothing in it is missed for longer than it takes to ask again. */
export async function openCache(config: Config, deps: StoreParts): Promise<Cache> {
  const { clock, metrics, log } = deps;
  const { redis } = config.cache;
  if (redis === undefined) return new MemoryCache({ clock });
  // Who has no Redis does not load its client.
  const { RedisCache } = await import('./store/redis-cache.ts');
  const issuer = createHash('sha256').update(config.issuer).digest('base64url').slice(0, 16);
  return new RedisCache({
    ...redis,
    prefix: `carnet:${config.trustDomain}:${issuer}:`,
    metrics,
    onState: ({ ok, reason }) =>
      ok
        ? log.info('the cache can be had', { part: 'cache', state: 'ok' })
        : log.error('the cache cannot be had', { part: 'cache', state: 'degraded', detail: reason }),
  });
}

/** Beside a store that is a file; where the store is a server, there is no folder that outlives the process. */
export async function openParsedTexts(
  place: Config['store'],
  { seal, log }: { readonly seal: CacheSeal; readonly log: Log },
): Promise<ParsedTexts | undefined> {
  if (!('sqlite' in place)) return undefined;
  return await ParsedTexts.open({
    path: `${place.sqlite.path}-parsed`,
    seal,
    onFailure: (cause) => log.warn('what the next start would not have to parse cannot be kept', { cause }),
  });
}

export function keyOwnership(store: DocumentStore, log: Log): Promise<StoredKeyOwnership> {
  return openKeyOwnership({
    store,
    onSharedKey: ({ owner, other }) =>
      log.error('two issuers show one key; it counts for its owner only', { issuer: other, detail: `owner ${owner}` }),
    onFailure: (cause) => log.error('whose key is whose cannot be written to the store', { cause }),
  });
}
