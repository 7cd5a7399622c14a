import type { StoredResources } from '../catalog/stored-resources.ts';
import type { Person } from '../resources/access-request.ts';

/**
 * The last two people who wrote or deleted a mapping, by its history in the store, whoever else they have written in
 * between; of a mapping from a file nobody is known. Throws what the store throws.
 */
export async function lastEditors(
  stored: Pick<StoredResources, 'history'>,
  mapping: string,
): Promise<readonly Person[]> {
  const versions = await stored.history('FederationMapping', mapping);
  const found = new Map<string, Person>();
  for (const { author } of versions.toReversed()) {
    if (author === undefined) continue;
    const { issuer, subject } = author;
    found.set(JSON.stringify([issuer, subject]), { issuer, subject });
    if (found.size === 2) break;
  }
  return [...found.values()];
}
