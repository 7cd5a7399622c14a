import { expect, test } from 'vitest';
import { viewsOf } from '../../src/admin/resource-view.ts';
import { compile } from '../../src/policy/compile.ts';
import { NO_CONDITIONS } from '../../src/policy/conditions/conditions-for.ts';
import { readDocuments } from '../../src/resources/read-documents.ts';
import { issuer, mapping } from '../catalog/folder.ts';

const MAPPINGS = 200;

test('a page looks at each resource once, not once for each that it shows', () => {
  const names = Array.from({ length: MAPPINGS }, (_, index) => `mapping-${index}`);
  const text = [issuer('prod'), ...names.map((name) => mapping(name)), mapping('faulty', { ttl: 'long' })].join('');
  const { documents, faults } = readDocuments(text, { id: 'all.yaml' }, { development: false, now: 0 });
  const context = { trustDomain: 'example.org', ownIssuers: [], requireGrants: false };
  const compiled = compile({ documents, firstSeen: () => 1, lastGood: [], context });
  let reads = 0;
  const accepted = compiled.accepted.map(
    (one) =>
      new Proxy(one, {
        get(document, member) {
          reads += member === 'name' ? 1 : 0;
          return Reflect.get(document, member);
        },
      }),
  );
  const loaded = {
    snapshot: compiled.snapshot,
    faults,
    stopping: [],
    documents,
    compiled: { ...compiled, accepted },
    conditions: NO_CONDITIONS,
  };

  const views = documents.map(viewsOf(loaded));
  expect(reads).toBe(MAPPINGS + 1);
  expect(views.filter(({ state }) => state === 'faulty')).toMatchObject([
    { document: { metadata: { name: 'faulty' } }, faults: [{ field: 'spec.ttl' }] },
  ]);
  expect(views.filter((view) => view.faults.length > 0)).toHaveLength(1);
});
