import { describe, expect, test } from 'vitest';
import { adviceOf } from '../../../src/admin/reports/advice.ts';
import type { MappingFacts } from '../../../src/admin/reports/mapping-facts.ts';
import type { AuditRecord } from '../../../src/audit/record.ts';
import { readDocuments } from '../../../src/resources/read-documents.ts';
import { NOW, recordOf } from '../trail/records.ts';
import { asks, mapping, usageOf } from './mappings.ts';

const advice = (one: MappingFacts, records: readonly AuditRecord[]) => adviceOf([one], usageOf(records), NOW);
const kinds = (one: MappingFacts, records: readonly AuditRecord[]) => advice(one, records).map(({ kind }) => kind);

/** The mapping with the change made, as a reader of files takes it. */
function changed([first]: ReturnType<typeof adviceOf>) {
  const source = { id: 'advice', baseDirectory: '/' };
  const { documents, faults } = readDocuments(first?.change ?? '', source, { development: false, now: NOW });
  expect(faults).toEqual([]);
  const [document] = documents;
  return { metadata: { name: document?.name }, spec: document?.valid ? document.spec : undefined };
}

describe('advice about a mapping that nobody used', () => {
  test('is to let it end within a week', () => {
    const found = advice(mapping('mesh'), asks(1, { mapping: 'other' }));
    expect(found).toMatchObject([{ mapping: 'mesh', kind: 'unused' }]);
    expect(changed(found)).toMatchObject({
      metadata: { name: 'mesh' },
      spec: { expiresAt: '2026-12-04T08:00:00.000Z' },
    });
  });

  test('says when one was written that is a week old', () => {
    const [found] = advice(mapping('mesh', {}, { writtenAt: NOW - 7 * 86_400_000 }), []);
    expect(found?.says).toContain('it was written at 2026-11-20T08:00:00.000Z');
  });

  test.each<[string, MappingFacts]>([
    ['that was written within a week', mapping('mesh', {}, { writtenAt: NOW - 7 * 86_400_000 + 1 })],
    ['that ends soon by itself', mapping('mesh', { expiresAt: '2026-11-30T00:00:00Z' })],
    ['that only reports', mapping('mesh', { mode: 'report', until: '2026-12-20T00:00:00Z' })],
    ['that is faulty', mapping('mesh', {}, { state: 'faulty' })],
  ])('is none for one %s', (_, one) => {
    expect(kinds(one, [])).toEqual([]);
  });
});

describe('the change that advice shows', () => {
  const wish = { request: { addresses: ['mesh'], ttl: 1000 } };

  test('is the whole mapping, with its labels and all that is advised of it, and nothing else is another', () => {
    const one = mapping('mesh', { ttl: { default: '30m', outliveSubject: true } }, { labels: { team: 'payments' } });
    const found = advice(one, asks(20, wish));
    expect(found.map(({ kind }) => kind)).toEqual(['wildcard', 'ttl']);
    expect(found[0]?.change).toBe(found[1]?.change);
    expect(found[0]?.change).toContain('\n  labels:\n    team: payments\n');
    expect(changed(found).spec).toEqual({
      ...one.spec,
      subject: { issuer: 'eu-1', namespace: 'payments', serviceAccount: 'reports' },
      ttl: { default: '17m', max: '17m', outliveSubject: true },
    });
  });

  test('leaves a default alone that is not above the new maximum', () => {
    const found = advice(mapping('mesh', { ttl: { default: '17m' } }), asks(20, wish));
    expect(changed(found).spec).toMatchObject({ ttl: { default: '17m', max: '17m' } });
    const lower = advice(mapping('mesh', { ttl: { default: '15m' } }), asks(20, wish));
    expect(changed(lower).spec).toMatchObject({ ttl: { default: '15m', max: '17m' } });
  });
});

describe('advice about a mapping for many', () => {
  const subject = { issuer: 'eu-1', namespace: 'payments', serviceAccount: 'reports' };

  test('that one workload used is to name that one', () => {
    const found = advice(mapping('mesh'), asks(20));
    expect(found).toMatchObject([{ kind: 'wildcard', says: expect.stringContaining('eu-1 payments/reports') }]);
    expect(changed(found)).toMatchObject({ spec: { subject } });
  });

  test('is none where two used it, where it was used little, and where it names the one already', () => {
    const clerk = { ...recordOf('allowed').identity, serviceAccount: 'clerk' } as AuditRecord['identity'];
    expect(kinds(mapping('mesh'), [...asks(20), ...asks(1, { identity: clerk })])).toEqual([]);
    expect(kinds(mapping('mesh'), asks(19))).toEqual([]);
    expect(kinds(mapping('mesh', { subject }), asks(20))).toEqual([]);
    const byId = { issuerSelector: { env: 'prod' }, spiffeId: 'spiffe://a/b' };
    expect(kinds(mapping('mesh', { subject: byId }), asks(20))).toEqual([]);
  });
});

describe('advice about a long life', () => {
  const narrow = { subject: { issuer: 'eu-1', namespace: 'payments', serviceAccount: 'reports' } };
  const wish = (ttl: number) => ({ request: { addresses: ['mesh'], ttl } });

  test('of which every request wanted half at most is to give no more than that', () => {
    const found = advice(mapping('mesh', narrow), asks(20, wish(1000)));
    expect(found).toMatchObject([{ kind: 'ttl' }]);
    expect(changed(found)).toMatchObject({ spec: { ttl: { max: '17m' } } });
  });

  test('is none where one wanted more, or one said nothing', () => {
    expect(kinds(mapping('mesh', narrow), [...asks(20, wish(1000)), ...asks(1, wish(3000))])).toEqual([]);
    expect(kinds(mapping('mesh', narrow), [...asks(20, wish(1000)), ...asks(1)])).toEqual([]);
  });

  test('after a quarter of which its holders ask again is to give twice as long as they needed', () => {
    const found = advice(mapping('mesh', narrow), asks(25, { every: 600 }));
    expect(found).toMatchObject([{ kind: 'ttl', says: expect.stringContaining('24 of 24 times') }]);
    expect(changed(found)).toMatchObject({ spec: { ttl: { default: '20m' } } });
  });

  test('never goes below what the target gives at least', () => {
    expect(changed(advice(mapping('mesh', narrow), asks(25, { every: 60 })))).toMatchObject({
      spec: { ttl: { default: '15m' } },
    });
  });

  test('is none where holders ask again late, or where the target alone chooses the life', () => {
    expect(kinds(mapping('mesh', narrow), asks(25, { every: 1200 }))).toEqual([]);
    const ids = { tenant: '11111111-2222-3333-4444-555555555555', clientId: '11111111-2222-3333-4444-555555555556' };
    const azure = { ...ids, scopes: ['https://storage.azure.com/.default'] };
    const residual = { accept: ['ttl'], reason: 'Entra chooses' };
    expect(kinds(mapping('mesh', { ...narrow, target: { azure }, residual }), asks(25, { every: 60 }))).toEqual([]);
  });
});
