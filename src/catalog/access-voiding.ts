import type { AuditLog } from '../audit/audit-log.ts';
import type { Clock } from '../core/clock.ts';
import { accessStateAt, mappingVersionOf } from '../resources/access-request.ts';
import { VersionConflict } from '../store/document-store.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import type { AccessRequests } from './access-requests.ts';
import type { Loaded } from './load-resources.ts';

interface VoidingDeps {
  readonly access: AccessRequests;
  readonly audit: Pick<AuditLog, 'note'>;
  readonly clock: Clock;
  readonly metrics: Pick<Metrics, 'accessRequests'>;
}

/**
 * Ends what was asked and approved of mappings that say something else by now, or are gone, so that it does not come
 * back with a mapping that is changed back. A mapping that is faulty has not changed: its last good version stands.
 */
export async function voidChangedAccess({ access, ...deps }: VoidingDeps, loaded: Loaded): Promise<void> {
  const now = deps.clock.now();
  const open = [...access.current()].filter(([, one]) => ['asked', 'approved'].includes(accessStateAt(one, now)));
  if (open.length === 0) return;
  const versions = versionsOf(loaded);
  for (const [name, { mapping, mappingVersion }] of open) {
    const version = versions.get(mapping);
    if (version === UNKNOWN || version === mappingVersion) continue;
    const stored = await access.get(name);
    if (stored.request?.mappingVersion !== mappingVersion) continue;
    try {
      const why = 'the mapping has changed';
      await access.put(name, { ...stored.request, state: 'expired', endedAt: now, why }, stored.version);
      deps.metrics.accessRequests.inc({ outcome: 'void' });
      deps.audit.note({ type: 'changed', outcome: 'access-void', detail: `${name}: mapping ${mapping} has changed` });
    } catch (cause) {
      // Somebody decides on it, or another replica sees the same; it names another version of the mapping in any case.
      if (!(cause instanceof VersionConflict)) throw cause;
    }
  }
}

const UNKNOWN = '';

function versionsOf({ documents, compiled: { accepted } }: Loaded): ReadonlyMap<string, string> {
  const versions = new Map<string, string>();
  for (const { kind, name } of documents) if (kind === 'FederationMapping') versions.set(name, UNKNOWN);
  for (const one of accepted) {
    if (one.kind === 'FederationMapping') versions.set(one.name, mappingVersionOf(one.spec));
  }
  return versions;
}
