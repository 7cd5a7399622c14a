import { describe, expect, test } from 'vitest';
import {
  allowed,
  aws,
  azure,
  BOTH,
  decided,
  faults,
  gcp,
  oauth,
  PROVIDER,
  step,
  TOO_SHORT,
  TTL,
} from '../support/one-mapping.ts';
import { guardrail, ROLE } from '../support/policy-builders.ts';

describe('a lifetime that the target alone chooses', () => {
  const federated = { provider: PROVIDER };

  test.each<[string, object]>([
    ['Azure', azure()],
    ['a federated token of Google Cloud', { gcp: federated }],
    ['an ID token of Google Cloud', gcp({ idToken: { audience: 'a' } })],
  ])('refuses at %s unless the owner accepts it in writing, and says so at load', (_, target) => {
    expect(decided({ target })).toBe(TOO_SHORT);
    expect(faults({ target })).toEqual([
      expect.stringMatching(
        /^warning spec\.residual\.accept: does not hold ttl, and here \w+ alone chooses the lifetime: the mapping refuses$/,
      ),
    ]);
    expect(decided({ target, residual: { accept: ['intents'], reason: 'x' } })).toBe(TOO_SHORT);
    expect(allowed({ target, residual: TTL }).grant).toMatchObject({
      ttlSeconds: 3600,
      ttlCeilingSeconds: Number.POSITIVE_INFINITY,
    });
    expect(step({ target, residual: TTL }, 'ttl')).toMatch(/ alone chooses, accepted$/);
  });

  test.each<[string, object]>([
    ['AWS', aws()],
    ['an impersonated account of Google Cloud', gcp()],
  ])('is none at %s, which is asked for it', (_, target) => {
    expect(allowed({ target }, { ttlSeconds: 1200 }).grant.ttlSeconds).toBe(1200);
    expect(allowed({ target, residual: TTL }).grant).not.toHaveProperty('ttlCeilingSeconds');
  });

  test('is not known of an OAuth server: without acceptance the grant keeps its own length', () => {
    expect(allowed({ target: oauth() }).grant).not.toHaveProperty('ttlCeilingSeconds');
    expect(allowed({ target: oauth(), residual: TTL }, {}, guardrail('cap', { maxTtl: '20m' })).grant).toMatchObject({
      ttlSeconds: 1200,
      ttlCeilingSeconds: 1200,
    });
  });

  test.each<[string, object, string, string]>([
    ['Azure', azure(), '5400s', '5399s'],
    ['a federated token', { gcp: federated }, '3600s', '3599s'],
  ])('denies at %s under a cap that it may pass, and keeps one that it may not', (_, target, kept, denied) => {
    const rest = { target, residual: BOTH };
    expect(allowed(rest, {}, guardrail('cap', { maxTtl: kept })).grant).toMatchObject({
      ttlCeilingSeconds: Number.parseInt(kept, 10),
    });
    expect(decided(rest, {}, guardrail('cap', { maxTtl: denied }))).toBe('target_denied guardrail');
  });

  test.each<[string, object, number]>([
    ['an hour over a second hop', aws({ secondHop: { roleArn: `${ROLE}2` } }), 3600],
    ['twelve hours of a role', aws(), 43_200],
    ['twelve hours of an account', gcp(), 43_200],
    ['an hour of a federated token', { gcp: federated }, 3600],
  ])('or not, ends after %s', (_, target, seconds) => {
    expect(allowed({ target, residual: TTL, ttl: { default: '24h', max: '24h' } }).grant.ttlSeconds).toBe(seconds);
  });
});
