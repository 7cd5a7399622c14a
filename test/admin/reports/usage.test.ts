import { describe, expect, test } from 'vitest';
import { recordOf } from '../trail/records.ts';
import { asks, usageOf } from './mappings.ts';

const ofPod = (uid: string) => {
  const { identity } = recordOf('allowed');
  return identity && { ...identity, pod: { name: 'reports', uid } };
};

describe('use of a mapping', () => {
  test('is what it allowed: how often, when last, for whom', () => {
    expect(usageOf(asks(3)).of('mesh')).toMatchObject({
      allowed: 3,
      lastUsed: '2026-11-27T08:00:00.000Z',
      workloads: [{ issuer: 'eu-1', namespace: 'payments', serviceAccount: 'reports' }],
      manyWorkloads: false,
      longestGranted: 3600,
    });
  });

  test('is not what it refused, nor what followed what it allowed', () => {
    expect(usageOf([recordOf('refused'), recordOf('issued'), recordOf('reused')]).of('mesh')).toBeUndefined();
  });

  test('tells how soon one holder came back, within a quarter of its life or later', () => {
    expect(usageOf(asks(5, { every: 300 })).of('mesh')?.returns).toEqual({ count: 4, early: 4, longestEarly: 300 });
    expect(usageOf(asks(5, { every: 900 })).of('mesh')?.returns).toEqual({ count: 4, early: 0, longestEarly: 0 });
  });

  test('takes pods of one ServiceAccount for holders of their own', () => {
    const records = ['a', 'b', 'c'].flatMap((uid) => asks(1, { identity: ofPod(uid) }));
    expect(usageOf(records).of('mesh')).toMatchObject({ returns: { count: 0 }, workloads: [{}] });
  });

  test('tells the lives that were wished for', () => {
    const request = { addresses: ['mesh'], ttl: 900 };
    const records = [...asks(2, { request }), ...asks(1)];
    expect(usageOf(records).of('mesh')?.wishes).toEqual({ count: 2, longest: 900 });
  });
});
