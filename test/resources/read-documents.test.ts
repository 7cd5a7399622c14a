import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { readDocuments } from '../../src/resources/read-documents.ts';
import { fc } from '../support/properties.ts';
import { NOW, onlyDocument, read, resource } from './reading.ts';

const CONTRACT = join(import.meta.dirname, '../fixtures/contract/resources');
const GUARDRAIL = resource('Guardrail', { maxTtl: '1h' }, 'cap');

describe('readDocuments', () => {
  test('loads every resource of the contract without a fault, each with its place', () => {
    const names = ['issuers.yaml', 'mappings.yaml', 'guardrails.yaml'].flatMap((file) => {
      const text = readFileSync(join(CONTRACT, file), 'utf8');
      const reading = readDocuments(text, { id: file, baseDirectory: CONTRACT }, { development: false, now: NOW });
      expect(reading.faults).toEqual([]);
      expect(reading.complete).toBe(true);
      const lines = text.split('\n');
      for (const { name, source, valid } of reading.documents) {
        expect(valid).toBe(true);
        expect(lines[source.line(['metadata', 'name']) - 1]).toContain(`name: ${name}`);
        expect(lines[source.line(['spec']) - 1]).toMatch(/^spec:/);
      }
      return reading.documents.map(({ name }) => name);
    });
    expect(names).toEqual([
      'prod-eu',
      'edge-7',
      'edge-8',
      'github',
      'payments-reports',
      'payments-archive',
      'edge-blob',
      'mesh',
      'deploy',
      'prod-needs-a-pod',
      'no-cloud-from-edge-at-night',
      'two-hours-at-most',
    ]);
  });

  test('fills the defaults of a TrustedIssuer', () => {
    const document = onlyDocument(readFileSync(join(CONTRACT, 'issuers.yaml'), 'utf8'));
    expect(document).toMatchObject({
      valid: true,
      labels: { env: 'prod' },
      spec: { algorithms: ['RS256', 'ES256'], maxTokenLifetime: '24h', clockSkew: '30s', allowExtraAudiences: false },
    });
  });

  test('reports all faults of a file together, each with line, field and hint', () => {
    const { faults, documents } = read(`apiVersion: carnet.dev/v1alpha1
kind: FederationMapping
metadata: { name: reports }
spec:
  ownr: me@example.org
  subject: { issuer: prod, namespase: payments, serviceAccount: reporter }
  when:
  target: { aws: { roleArn: "arn:aws:iam::123456789012:role/x", region: eu-west-1, reegion: eu } }
  intents: [ { allow: object.reed, resource: { bucket: reports } } ]
  mode: reprot
---
apiVersion: carnet.dev/v1
kind: Guardrail
metadata: { name: stop }
spec: { deny: true }
`);
    const shown = faults.map(({ line, name, field, message, hint }) => [line, name, field, message, hint]);
    expect(shown).toEqual(
      expect.arrayContaining([
        [4, 'reports', 'spec.owner', 'is required', undefined],
        [5, 'reports', 'spec.ownr', 'is not a known field', 'did you mean owner?'],
        [6, 'reports', 'spec.subject.namespase', 'is not a known field', 'did you mean namespace?'],
        [
          6,
          'reports',
          'spec.subject',
          'must have namespace and serviceAccount together',
          'a lone * stands for every one',
        ],
        [7, 'reports', 'spec.when', 'must be a string', 'give it a value or leave it out'],
        [8, 'reports', 'spec.target.aws.reegion', 'is not a known field', 'did you mean region?'],
        [
          9,
          'reports',
          'spec.intents[0].allow',
          expect.stringMatching(/^must be one of object.read, /),
          'did you mean object.read?',
        ],
        [10, 'reports', 'spec.mode', 'must be one of enforce, report, shadow', 'did you mean report?'],
        [12, 'stop', 'apiVersion', 'must be carnet.dev/v1alpha1', expect.anything()],
        [15, 'stop', 'spec.deny', 'must be a string', 'put it in quotes'],
      ]),
    );
    expect(shown).toHaveLength(10);
    expect(documents.map(({ name, valid }) => [name, valid])).toEqual([
      ['reports', false],
      ['stop', false],
    ]);
  });

  test('keeps the spec of a faulty document whose name is readable, with what parsed of it', () => {
    const document = onlyDocument(
      resource('FederationMapping', { subject: { issuer: 'prod', namespace: 'a' }, addresses: ['archive'] }),
    );
    expect(document).toMatchObject({ valid: false, raw: { subject: { issuer: 'prod' }, addresses: ['archive'] } });
  });

  test('keeps a document with a fault of YAML alone as faulty, not as valid', () => {
    const text = resource('Guardrail', { maxTtl: '1h', message: 'yes' });
    expect(onlyDocument(text).valid).toBe(true);
    expect(onlyDocument(text.replace('"yes"', 'yes')).valid).toBe(false);
  });

  test.each([
    ['an unknown kind', 'kind: Guardrial', 'kind', 'did you mean Guardrail?', 'Guardrail'],
    ['no kind', 'metadata: {name: x}', 'kind', 'known kinds: ', undefined],
    [
      'a name that is no DNS label',
      'kind: Guardrail\nmetadata: {name: Big_Name}',
      'metadata.name',
      undefined,
      'Guardrail',
    ],
    [
      'a name of 64 characters',
      `kind: Guardrail\nmetadata: {name: ${'a'.repeat(64)}}`,
      'metadata.name',
      undefined,
      'Guardrail',
    ],
    ['no mapping at all', '- a', '', undefined, undefined],
  ])('has only faults for a document with %s, and says that it is incomplete', (_, text, field, hint, kind) => {
    const { documents, faults, complete } = read(`${GUARDRAIL}\n---\n${text}\n`);
    expect(documents.map(({ name }) => name)).toEqual(['cap']);
    expect(complete).toBe(false);
    const fault = faults.find((one) => one.field === field);
    expect(fault?.kind).toBe(kind);
    if (hint !== undefined) expect(fault?.hint).toContain(hint);
  });

  test('takes a name of 63 characters', () => {
    expect(read(resource('Guardrail', { maxTtl: '1h' }, 'a'.repeat(63)))).toMatchObject({ faults: [], complete: true });
  });

  test('says that a ceiling is lost behind a broken quote, and not when only a comment names one', () => {
    const broken = `kind: FederationMapping\nmetadata: {name: "open}\n`;
    const guardrail = 'apiVersion: carnet.dev/v1alpha1\nkind: Guardrail\nmetadata: {name: cap}\nspec: {maxTtl: 1h}\n';
    const lost = read(`${broken}---\n${guardrail}`);
    expect(lost.complete).toBe(false);
    expect(lost.faults).toContainEqual(
      expect.objectContaining({ kind: 'Guardrail', message: expect.stringContaining('cannot be read') }),
    );
    const comment = read(`${broken}---\n${guardrail.replace('kind', '# kind')}`);
    expect(comment.faults.filter(({ kind }) => kind === 'Guardrail')).toEqual([]);
    const whole = read(`kind: FederationMapping\nmetadata: {name: closed}\n---\n${guardrail}`);
    expect(whole).toMatchObject({ complete: true, documents: [{ valid: false }, { valid: true }] });
  });

  test('never puts the value of a field into a fault', () => {
    const secret = 'hunter2-hunter2-hunter2';
    const specs = [
      { issuer: secret, audiences: secret, keys: { static: { jwks: secret, jwksFile: secret } }, kubernetes: secret },
      { issuer: [secret], algorithms: [secret], maxTokenLifetime: secret, oidc: { spiffePath: secret } },
    ];
    for (const spec of specs) {
      const { faults } = read(resource('TrustedIssuer', spec));
      expect(faults.length).toBeGreaterThan(2);
      expect(JSON.stringify(faults)).not.toContain(secret);
    }
  });

  test('lists the first hundred faults of a document and counts the others, so that one text cannot hold all up', () => {
    const keys = Array.from({ length: 5_000 }, (_, at) => [`k${at}`, 1] as const);
    const { documents, faults } = read(resource('Guardrail', { maxTtl: '1h', ...Object.fromEntries(keys) }));
    expect(documents).toMatchObject([{ valid: false }]);
    expect(faults).toHaveLength(101);
    expect(faults.at(0)).toMatchObject({ field: 'spec.k0', hint: expect.stringContaining('maxTtl') });
    expect(faults.at(-1)).toMatchObject({ field: '', message: 'has 4900 more faults' });
    const targets = Array.from({ length: 5_000 }, () => 'moon');
    const other = read(resource('Guardrail', { maxTtl: '1h', match: { targets } })).faults;
    expect(other).toHaveLength(101);
    expect(other.at(-1)).toMatchObject({ field: '', message: 'has 4900 more faults' });
  });

  test('never throws on arbitrary documents of every kind, and gives a document or a fault for each', () => {
    const keys = fc.constantFrom(
      'issuer',
      'keys',
      'subject',
      'target',
      'aws',
      'ttl',
      'max',
      'intents',
      'match',
      '__proto__',
      'constructor',
      'static',
      'jwks',
      'residual',
      'accept',
      'previousIssuers',
      'kubernetes',
      'spiffePath',
    );
    const { tree } = fc.letrec((tie) => ({
      tree: fc.oneof(
        { maxDepth: 5 },
        fc.constantFrom(
          null,
          true,
          0,
          1.5,
          '',
          '*',
          '1h',
          'a',
          'https://a.example',
          'unrestricted',
          'report',
          'assertion',
        ),
        fc.array(tie('tree'), { maxLength: 3 }),
        fc.dictionary(keys, tie('tree'), { maxKeys: 5 }),
      ),
    }));
    const kinds = fc.constantFrom(
      'TrustedIssuer',
      'FederationMapping',
      'Guardrail',
      'FederationGrant',
      'AccessRequest',
    );
    fc.assert(
      fc.property(kinds, tree, (kind, spec) => {
        const { documents, faults } = read(resource(kind as 'Guardrail', spec));
        expect(documents.length + faults.length).toBeGreaterThan(0);
        for (const document of documents) expect(document.valid).toBe(faults.length === 0);
      }),
      { numRuns: 500 },
    );
  });

  test('gives the same set of documents whatever their order', () => {
    const texts = readFileSync(join(CONTRACT, 'mappings.yaml'), 'utf8').split('\n---\n');
    const shown = (order: readonly string[]) =>
      read(order.join('\n---\n'))
        .documents.map((document) => JSON.stringify([document.kind, document.name, document.valid && document.spec]))
        .toSorted();
    fc.assert(
      fc.property(fc.shuffledSubarray(texts, { minLength: texts.length }), (order) => {
        expect(shown(order)).toEqual(shown(texts));
      }),
      { numRuns: 20 },
    );
  });
});
