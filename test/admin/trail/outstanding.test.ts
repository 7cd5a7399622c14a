import { describe, expect, test } from 'vitest';
import { OutstandingCredentials, type OutstandingMatch } from '../../../src/admin/trail/outstanding.ts';
import type { AuditRecord, RecordedGrant } from '../../../src/audit/record.ts';
import { NOW, recordOf } from './records.ts';

const SECONDS = NOW / 1000;
const AWS: RecordedGrant = {
  kind: 'aws',
  target: 'arn:aws:iam::111122223333:role/team/reports',
  ttl: 3600,
  enforcedBy: [],
  deliver: 'credentials',
  session: 'payments.reports',
};

const out = (id: string, left: number, more: Parameters<typeof recordOf>[1] = {}) =>
  recordOf('issued', { grant: AWS, credential: { id, expiresAt: SECONDS + left }, ...more });

function found(records: readonly AuditRecord[], match: OutstandingMatch = {}) {
  const credentials = new OutstandingCredentials(match, NOW);
  for (const record of records) credentials.add(record);
  return credentials.list();
}

describe('outstanding credentials', () => {
  test('are those that have not ended, first what lives longest', () => {
    const { outstanding, more } = found([out('a', 60), out('ended', 0), out('b', 900)]);
    expect(outstanding.map(({ id, secondsLeft }) => [id, secondsLeft])).toEqual([
      ['b', 900],
      ['a', 60],
    ]);
    expect(more).toBe(0);
    expect(outstanding[0]).toMatchObject({
      kind: 'aws',
      target: AWS.target,
      session: 'payments.reports',
      mapping: 'mesh',
      namespace: 'payments',
      serviceAccount: 'reports',
      expiresAt: '2026-11-27T08:15:00.000Z',
    });
  });

  test('count once, however many were given the same', () => {
    const again = recordOf('reused', { grant: AWS, credential: { id: 'a', expiresAt: SECONDS + 60 } });
    expect(found([again, out('a', 60)]).outstanding).toHaveLength(1);
  });

  test('count from "allowed" on where Carnet signs, for "issued" may be missing; what failed at a cloud is none', () => {
    const allowed = recordOf('allowed', { credential: { id: 'jti', expiresAt: SECONDS + 60 } });
    const failed = recordOf('failed', { credential: { id: 'no', expiresAt: SECONDS + 60 } });
    expect(found([failed, allowed, recordOf('allowed')]).outstanding.map(({ id }) => id)).toEqual(['jti']);
  });

  test.each<[string, OutstandingMatch, number]>([
    ['a mapping', { mapping: 'mesh' }, 1],
    ['another mapping', { mapping: 'other' }, 0],
    ['a ServiceAccount', { namespace: 'payments', serviceAccount: 'reports' }, 1],
    ['another ServiceAccount', { namespace: 'payments', serviceAccount: 'clerk' }, 0],
    ['an issuer', { issuer: 'eu-1' }, 1],
    ['another issuer', { issuer: 'eu-2' }, 0],
  ])('are those of %s where it is named', (_, match, count) => {
    expect(found([out('a', 60)], match).outstanding).toHaveLength(count);
  });

  test('beyond a thousand are counted', () => {
    const many = Array.from({ length: 1_003 }, (_, number) => out(`id-${number}`, 60));
    const { outstanding, more } = found(many);
    expect([outstanding.length, more]).toEqual([1_000, 3]);
  });
});
