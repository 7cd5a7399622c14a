import { describe, expect, test } from 'vitest';
import { lastEditors } from '../../src/admin/last-editors.ts';
import type { StoredResource } from '../../src/catalog/stored-resources.ts';
import type { Person } from '../../src/core/author.ts';

const issuer = 'https://idp.example.org';
const account = (subject: string, email?: string): Person => ({
  issuer,
  subject,
  ...(email !== undefined && { email }),
});

/** The last editors of a mapping that these people have written, the oldest first. */
async function editorsOf(...people: readonly Person[]) {
  const versions = people.map((person, at): StoredResource => ({ version: at + 1, author: { ...person, as: [] } }));
  const editors = await lastEditors({ history: async () => versions }, 'ledger');
  return editors.map(({ subject }) => subject).toSorted();
}

describe('the last two editors of a mapping', () => {
  test('are people: two accounts of one address leave room for somebody before them', async () => {
    const both = [account('grace', 'grace@example.org'), account('g-2', 'Grace@example.org')];
    expect(await editorsOf(account('erin'), account('frank'), ...both)).toEqual(['frank', 'g-2', 'grace']);
  });

  test('are the last two accounts where no address says that they are one person', async () => {
    expect(await editorsOf(account('frank'), account('grace', 'grace@example.org'), account('g-2'))).toEqual([
      'g-2',
      'grace',
    ]);
  });
});
