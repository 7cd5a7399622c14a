import { createHash } from 'node:crypto';
import { ParsedTexts } from './catalog/parsed-texts.ts';
import type { Config } from './config/config.ts';
import type { Clock } from './core/clock.ts';
import type { Cache } from './store/cache.ts';
import type { CacheSeal } from './store/cache-seal.ts';
import type { DocumentStore } from './store/document-store.ts';
import { MemoryCache } from './store/memory-cache.ts';
import type { Log } from './telemetry/logger.ts';
import type { Metrics } from './telemetry/metrics.ts';
import { openKeyOwnership, type StoredKeyOwnership } from './verifiers/key-ownership-store.ts';

// The composition root's part for what lies beside the store of documents.

interface StoreParts {
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
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
