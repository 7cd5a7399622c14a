import { describe, expect, test } from 'vitest';
import { REATTEST_LABEL, reviewOf } from '../../../src/admin/reports/review.ts';
import { NOW, recordOf } from '../trail/records.ts';
import { asks, mapping, usageOf } from './mappings.ts';

describe('the access review', () => {
  test('says of each mapping who reaches what, for whom, what is accepted and when it was used', () => {
    const intents = [{ allow: 'object.read', resource: { bucket: 'acme', prefix: 'in/' } }];
    const residual = { accept: ['intents'], reason: 'INC-42' };
    const [row] = reviewOf([mapping('mesh', { intents, residual })], usageOf(asks(3)), NOW);
    expect(row).toEqual({
      mapping: 'mesh',
      owner: 'a@example.org',
      state: 'in-force',
      mode: 'enforce',
      subject: 'eu-1 payments/*',
      kind: 'aws',
      targets: ['arn:aws:iam::111122223333:role/reports'],
      intents: ['object.read:acme/in/'],
      lastUsed: '2026-11-27T08:00:00.000Z',
      allowed: 3,
      workloads: ['eu-1 payments/reports'],
      moreWorkloads: 0,
      residual,
      expiresAt: undefined,
    });
  });

  test('says of one that nobody used just that', () => {
    const [row] = reviewOf([mapping('mesh')], usageOf([]), NOW);
    expect(row).toMatchObject({ lastUsed: undefined, allowed: 0, workloads: [], intents: 'unrestricted' });
  });

  test.each<[string, object, Record<string, string>, object | undefined]>([
    [
      'its label',
      { expiresAt: '2026-01-01T00:00:00Z' },
      { [REATTEST_LABEL]: '2026-11-27' },
      { from: 'label', overdue: false },
    ],
    ['its label, once the day is over', {}, { [REATTEST_LABEL]: '2026-11-26' }, { from: 'label', overdue: true }],
    ['a label that is no day', {}, { [REATTEST_LABEL]: 'soon' }, { at: 'soon', from: 'label', overdue: true }],
    ['its end', { expiresAt: '2026-11-27T08:00:01Z' }, {}, { from: 'expiresAt', overdue: false }],
    ['its end, once it has come', { expiresAt: '2026-11-27T08:00:00Z' }, {}, { from: 'expiresAt', overdue: true }],
    ['nothing', {}, {}, undefined],
  ])('says when it has to be attested again, by %s', (_, spec, labels, expected) => {
    const [row] = reviewOf([mapping('mesh', spec, { labels })], usageOf([]), NOW);
    if (expected === undefined) expect(row?.reattestBy).toBeUndefined();
    else expect(row?.reattestBy).toMatchObject(expected);
  });

  test('lists ten of those that used it and counts the rest', () => {
    const records = Array.from({ length: 12 }, (_, index) => {
      const { identity } = recordOf('allowed');
      return asks(1, { identity: identity && { ...identity, serviceAccount: `sa-${index}` } });
    });
    const [row] = reviewOf([mapping('mesh')], usageOf(records.flat()), NOW);
    expect([row?.workloads.length, row?.moreWorkloads]).toEqual([10, 2]);
  });

  test.each<[string, object, string]>([
    ['claims', { issuer: 'ci', claims: { repository_id: '42' } }, 'ci repository_id=42'],
    ['labels of issuers', { issuerSelector: { env: 'prod' }, namespace: '*', serviceAccount: '*' }, 'env=prod */*'],
    ['a SPIFFE ID', { issuer: 'eu-1', spiffeId: 'spiffe://a/b' }, 'eu-1 spiffe://a/b'],
  ])('tells whom it is for by %s', (_, subject, expected) => {
    expect(reviewOf([mapping('mesh', { subject })], usageOf([]), NOW)[0]?.subject).toBe(expected);
  });
});
