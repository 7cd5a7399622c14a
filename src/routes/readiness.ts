import type { AuditLog } from '../audit/audit-log.ts';
import type { KeyRotator } from '../authority/key-rotator.ts';
import type { Catalog } from '../catalog/catalog.ts';
import { type OriginRules, unlistedOrigin, unlistedOrigins } from '../catalog/unlisted-origins.ts';
import type { Cache } from '../store/cache.ts';
import type { DocumentStore } from '../store/document-store.ts';
import type { IssuerKeys } from '../verifiers/issuer-keys.ts';
import type { Part } from './door-deps.ts';

interface Readiness {
  readonly audit: Pick<AuditLog, 'state'>;
  readonly rotator: Pick<KeyRotator, 'state'>;
  readonly cache: Pick<Cache, 'state'>;
  readonly store: Pick<DocumentStore, 'asOf'>;
  readonly catalog: Pick<Catalog, 'current' | 'faults'>;
  readonly keys: Pick<IssuerKeys, 'state'>;
  /** Which origins the way out accepts. */
  readonly origins: OriginRules;
}

/** What `/readyz` shows: the audit log and the own keys can stop everything, one issuer or one resource only itself. */
export function readiness(parts: Readiness): readonly Part[] {
  const audit = parts.audit.state();
  const cache = parts.cache.state();
  const faults = parts.catalog.faults().filter(({ severity }) => severity === 'error').length;
  return [
    audit.ok ? { name: 'audit', state: 'ok' } : { name: 'audit', state: 'failed', detail: audit.reason },
    { name: 'keys', ...parts.rotator.state() },
    cache.ok ? { name: 'cache', state: 'ok' } : { name: 'cache', state: 'degraded', ...detailOf(cache.reason) },
    faults === 0
      ? { name: 'resources', state: 'ok' }
      : { name: 'resources', state: 'degraded', detail: `${faults} faults; carnet check lists them` },
    ...store(parts),
    ...issuers(parts),
  ];
}

/** Told only where the start did not find it. */
function store({ store: documents }: Pick<Readiness, 'store'>): readonly Part[] {
  const at = documents.asOf?.();
  if (at === undefined) return [];
  return [
    { name: 'store', state: 'degraded', detail: `away since the start; as it was ${new Date(at).toISOString()}` },
  ];
}

function issuers({ catalog, keys, origins }: Readiness): readonly Part[] {
  const { byName } = catalog.current().issuers;
  return keys.state().map(({ issuer, ok, reason }): Part => {
    const name = `issuer ${issuer}`;
    const trusted = byName.get(issuer);
    const [origin] = trusted === undefined ? [] : unlistedOrigins(trusted, origins);
    if (origin !== undefined) return { name, state: 'degraded', detail: unlistedOrigin(origin) };
    return ok ? { name, state: 'ok' } : { name, state: 'degraded', ...detailOf(reason) };
  });
}

function detailOf(reason: string | undefined): { detail?: string } {
  return reason === undefined ? {} : { detail: reason };
}
