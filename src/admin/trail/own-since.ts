import { readAlone } from '../../catalog/preview.ts';
import type { StoredResources } from '../../catalog/stored-resources.ts';
import { AdminError } from '../admin-error.ts';
import type { Scope } from '../scope.ts';

/** Replicas read a change within seconds, and their clocks differ by some. */
const MARGIN_MS = 60_000;

/**
 * From when on, in milliseconds, a mapping that is within a scope today was so all the time: its name, or a label, may have
 * been another's. Of a mapping of a file only what it is today is known. Throws AdminError `unavailable`.
 */
export async function ownSince(name: string, scope: Scope, stored: Pick<StoredResources, 'history'>): Promise<number> {
  const kind = 'FederationMapping';
  const versions = await stored.history(kind, name).catch((cause) => {
    throw new AdminError('unavailable', { detail: 'the store cannot be read', cause });
  });
  const last = versions.findLastIndex(({ document }) => {
    const read = readAlone({ kind, name, document });
    return document !== undefined && (read === undefined || !scope.admits(read));
  });
  if (last === -1) return Number.NEGATIVE_INFINITY;
  const { at = 0 } = versions[last + 1] ?? { at: Number.POSITIVE_INFINITY };
  return at + MARGIN_MS;
}
