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

test('a faulty document is shown without the private keys that it holds, wherever they stand (V11)', () => {
  const key = (member: string) => `{ kty: EC, crv: P-256, x: AAAA, ${member}: BBBB }`;
  const text = `
apiVersion: carnet.dev/v1alpha1
kind: TrustedIssuer
metadata: { name: prod }
spec:
  keys: { static: { jwks: { keys: [${key('d')}, ${key('y')}] } } }
  jwk: ${key('d')}
`;
  const { documents, faults } = readDocuments(text, { id: 'all.yaml' }, { development: false, now: 0 });
  const context = { trustDomain: 'example.org', ownIssuers: [], requireGrants: false };
  const compiled = compile({ documents, firstSeen: () => 1, lastGood: [], context });
  const [view] = documents.map(viewsOf({ compiled, faults }));
  expect(view?.state).toBe('faulty');
  expect(view?.document['spec']).toEqual({
    keys: { static: { jwks: { keys: ['(a private key)', { kty: 'EC', crv: 'P-256', x: 'AAAA', y: 'BBBB' }] } } },
    jwk: '(a private key)',
  });
});
