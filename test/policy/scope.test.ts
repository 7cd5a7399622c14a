import { describe, expect, test } from 'vitest';
import { iamAllows } from '../support/iam-evaluator.ts';
import { allowed, azure, BOTH, decided, gcp, NOT_HELD, oauth, READ, SECRET } from '../support/one-mapping.ts';

describe('a scope narrows the intents and never widens them', () => {
  const intents = [READ, { allow: 'object.list', resource: { bucket: 'reports' } }, SECRET];
  const statements = (scopes: readonly string[]) => {
    const { grant } = allowed({ intents }, { scopes });
    if (grant.kind !== 'aws' || grant.policy === undefined) throw new Error('no policy');
    expect(grant.enforcedBy).toHaveLength(scopes.length);
    return grant.policy;
  };

  test('to less of them, and to less of each', () => {
    const policy = statements(['object.read:reports/2026/11/']);
    expect(iamAllows(policy, { action: 's3:GetObject', resource: 'arn:aws:s3:::reports/2026/11/a' })).toBe(true);
    expect(iamAllows(policy, { action: 's3:GetObject', resource: 'arn:aws:s3:::reports/2026/10/a' })).toBe(false);
    expect(iamAllows(policy, { action: 's3:ListBucket', resource: 'arn:aws:s3:::reports' })).toBe(false);
  });

  test.each([
    [['object.read:reports/202']],
    [['object.read:reports']],
    [['object.read:reports2/2026/']],
    [['object.write:reports/2026/']],
    [['secret.read:db2']],
    [['object.read:reports/2026/', 'object.delete:reports/2026/']],
    [['object.read:reports/2026/*']],
    [['openid']],
    [['object.read']],
    [Array.from({ length: 11 }, (_, at) => `object.read:reports/2026/${at}`)],
  ])('%j is wider or no intent, and refused', (scopes) => {
    expect(decided({ intents }, { scopes })).toBe('scope_refused');
  });

  test('that asks for all of it, in any words, changes nothing', () => {
    const scopes = ['secret.read:db', 'object.list:reports', 'object.read:reports/2026/', 'object.read:reports/2026/'];
    expect(allowed({ intents }, { scopes }).grant).toEqual(allowed({ intents }).grant);
    const blob = { target: azure(), intents: [READ], residual: BOTH };
    expect(allowed(blob, { scopes: ['object.read:reports/2026/'] }).grant).toEqual(allowed(blob).grant);
  });

  test('counts once what it asks for twice', () => {
    const twice = ['object.read:reports/2026/1', 'object.read:reports/2026/11', 'object.read:reports/2026/1'];
    expect(allowed({ intents }, { scopes: twice }).grant).toEqual(
      allowed({ intents }, { scopes: ['object.read:reports/2026/1'] }).grant,
    );
  });

  test('is refused where the target cannot hold one credential to less than another, accepted or not', () => {
    const claimed = [READ, SECRET].map((one) => ({ ...one, enforcedBy: 'identity-selection' }));
    for (const target of [azure(), oauth({ scopes: ['read'] })]) {
      expect(decided({ target, intents: claimed, residual: BOTH })).toBe('allowed m');
      expect(decided({ target, intents: claimed, residual: BOTH }, { scopes: ['object.read:reports/2026/11/'] })).toBe(
        NOT_HELD,
      );
      expect(decided({ target, intents: [READ, SECRET], residual: BOTH }, { scopes: ['secret.read:db'] })).toBe(
        NOT_HELD,
      );
    }
  });

  test('may leave intents that a boundary can hold where all of them together had none', () => {
    const claimed = [READ, { ...SECRET, enforcedBy: 'identity-selection' }];
    const { grant } = allowed(
      { target: gcp(), intents: claimed, residual: BOTH },
      { scopes: ['object.read:reports/2026/'] },
    );
    expect(grant).toMatchObject({ enforcedBy: ['credential-access-boundary'], accessBoundary: expect.any(String) });
    expect(allowed({ target: gcp(), intents: claimed, residual: BOTH }).grant).not.toHaveProperty('accessBoundary');
  });

  test('refuses what the cloud would not take in length', () => {
    const wide = [{ allow: 'object.read', resource: { bucket: 'reports' } }];
    const scopes = Array.from({ length: 9 }, (_, at) => `object.read:reports/${at}${'x'.repeat(200)}`);
    expect(decided({ intents: wide }, { scopes: scopes.slice(0, 2) })).toBe('allowed m');
    expect(decided({ intents: wide }, { scopes })).toBe(NOT_HELD);
  });

  test('needs intents: there is nothing to narrow in unrestricted', () => {
    expect(decided({}, { scopes: ['object.read:reports/2026/'] })).toBe('scope_refused');
  });
});
