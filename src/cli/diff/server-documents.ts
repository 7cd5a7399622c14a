import { isJsonObject } from '../../core/json.ts';
import type { AdminClient } from '../admin-client.ts';
import { PATHS } from '../resources/kind-path.ts';
import type { NamedDocument } from './document-differences.ts';
import { named } from './named-document.ts';

const COLLECTIONS: Readonly<Record<string, string>> = PATHS;

/** Every document of these kinds that a server has, wherever from. Throws CommandError. */
export async function serverDocuments(
  client: AdminClient,
  kinds: readonly string[],
): Promise<readonly NamedDocument[]> {
  const found: NamedDocument[] = [];
  for (const kind of kinds) {
    const path = COLLECTIONS[kind];
    if (path === undefined) continue;
    let after: string | undefined;
    do {
      const { body } = await client.ask({
        method: 'GET',
        path,
        query: { limit: '500', ...(after !== undefined && { after }) },
      });
      const items = Array.isArray(body['items']) ? body['items'] : [];
      found.push(...items.flatMap((item) => (isJsonObject(item) ? named(item['document']) : [])));
      after = typeof body['next'] === 'string' ? body['next'] : undefined;
    } while (after !== undefined);
  }
  return found;
}

export const SERVER_KINDS: readonly string[] = Object.keys(COLLECTIONS);
