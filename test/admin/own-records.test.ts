import { setImmediate as nextTurn } from 'node:timers/promises';
import { expect, test } from 'vitest';
import type { Actor } from '../../src/admin/actor.ts';
import { OwnRecords } from '../../src/admin/trail/own-records.ts';
import type { Loaded } from '../../src/catalog/load-resources.ts';
import { StoredResources } from '../../src/catalog/stored-resources.ts';
import { MemoryDocumentStore } from '../support/memory-document-store.ts';
import { cluster, compiled, svidMapping } from '../support/policy-builders.ts';

const MAPPINGS = 500;

test('finding out which mappings are of a limited auditor lets exchanges go on, however many there are', async () => {
  const documents = [
    cluster('prod-eu'),
    ...Array.from({ length: MAPPINGS }, (_, at) => svidMapping(`m-${at}`, {}, { labels: { team: 'pay' } })),
  ];
  const limited = { claim: 'groups', value: 'pay', role: 'auditor', labels: { team: 'pay' } } as const;
  const actor: Actor = { issuer: 'https://idp.example.org', subject: 'ann', roles: [], given: [limited] };
  const { snapshot } = compiled(documents);
  const stored = new StoredResources(new MemoryDocumentStore());
  let [turns, isOver] = [0, false];
  const others = (async () => {
    for (; !isOver; turns += 1) await nextTurn();
  })();
  const loaded = { documents, snapshot } as unknown as Loaded;
  const own = await OwnRecords.of(actor, { loaded, stored, right: 'read the audit log' });
  isOver = true;
  await others;
  expect(own?.has('m-7')).toBe(true);
  expect(turns).toBeGreaterThanOrEqual(MAPPINGS / 50);
});
