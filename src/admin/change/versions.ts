import type { StoredResource } from '../../catalog/stored-resources.ts';
import { AdminError } from '../admin-error.ts';

/** The headers If-Match and If-None-Match as they came. */
export interface Preconditions {
  readonly ifMatch?: string | undefined;
  readonly ifNoneMatch?: string | undefined;
}

/** RFC 9110 section 13: nobody writes over what he has not read. */
export function assertVersion({ version, document }: StoredResource, { ifMatch, ifNoneMatch }: Preconditions): void {
  if (document === undefined) {
    if (ifMatch !== undefined) throw new AdminError('precondition_failed', { field: 'If-Match' });
    return;
  }
  if (ifNoneMatch === '*') throw new AdminError('precondition_failed', { field: 'If-None-Match' });
  if (ifMatch === undefined) throw new AdminError('precondition_required', { field: 'If-Match' });
  if (ifMatch !== etagOf(version)) throw new AdminError('precondition_failed', { field: 'If-Match' });
}

export function etagOf(version: number): string {
  return `"${version}"`;
}
