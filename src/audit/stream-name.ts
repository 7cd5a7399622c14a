import { createHash } from 'node:crypto';
import { hostname } from 'node:os';
import { resolve } from 'node:path';

const MAX_HOST = 48;

/**
 * The stream of this replica. A store for one replica has the one stream `carnet`; in a store that replicas share, hosts and
 * directories tell them apart, so that a replica which comes back finds its own stream, and a log that is gone is missed.
 */
export function streamName({ directory, stream }: AuditPlace, shared: boolean, host = hostname()): string {
  if (stream !== undefined) return stream;
  if (!shared) return 'carnet';
  const legal = host
    .toLowerCase()
    .replaceAll(/[^a-z0-9.-]/g, '-')
    .slice(0, MAX_HOST)
    .replace(/^[.-]+/, '');
  const place = createHash('sha256').update(resolve(directory)).digest('hex').slice(0, 8);
  return `${legal === '' ? 'host' : legal}-${place}`;
}

interface AuditPlace {
  readonly directory: string;
  /** Where the configuration says it. */
  readonly stream?: string;
}
