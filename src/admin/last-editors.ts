import type { StoredResources } from '../catalog/stored-resources.ts';
import { isSamePerson, type Person } from '../core/author.ts';

/**
 * The last two people who wrote or deleted a mapping, by its history in the store, however often each of them has, by each
 * account that they did it with; and who proposed what one of them confirmed. Of a mapping from a file nobody is known.
 * Throws what the store throws.
 */
export async function lastEditors(
  stored: Pick<StoredResources, 'history'>,
  mapping: string,
): Promise<readonly Person[]> {
  const versions = await stored.history('FederationMapping', mapping);
  const authors: Person[] = [];
  const found = new Map<string, Person>();
  for (const { author, proposedBy } of versions.toReversed()) {
    if (author === undefined) continue;
    if (!authors.some((known) => isSamePerson(known, author))) authors.push(author);
    for (const person of proposedBy === undefined ? [author] : [author, proposedBy]) {
      const { issuer, subject, email } = person;
      found.set(JSON.stringify([issuer, subject, email]), person);
    }
    if (authors.length === 2) break;
  }
  return [...found.values()];
}
