import type { StoredResources } from '../catalog/stored-resources.ts';
import type { Person } from '../resources/access-request.ts';

/**
 * The last two people who wrote or deleted a mapping, by its history in the store, whoever else they have written in
 * between, and who proposed what one of them confirmed; of a mapping from a file nobody is known. Throws what the store
 * throws.
 */
export async function lastEditors(
  stored: Pick<StoredResources, 'history'>,
  mapping: string,
): Promise<readonly Person[]> {
  const versions = await stored.history('FederationMapping', mapping);
  const authors = new Set<string>();
  const found = new Map<string, Person>();
  for (const { author, proposedBy } of versions.toReversed()) {
    if (author === undefined) continue;
    authors.add(keyOf(author));
    for (const { issuer, subject } of proposedBy === undefined ? [author] : [author, proposedBy]) {
      found.set(keyOf({ issuer, subject }), { issuer, subject });
    }
    if (authors.size === 2) break;
  }
  return [...found.values()];
}

function keyOf({ issuer, subject }: Person): string {
  return JSON.stringify([issuer, subject]);
}
