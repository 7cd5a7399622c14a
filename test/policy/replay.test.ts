import { describe, expect, test } from 'vitest';
import { decide } from '../../src/policy/decide.ts';
import type { Document } from '../../src/resources/document.ts';
import { federationMappingSpec } from '../../src/resources/federation-mapping.ts';
import { trustedIssuerSpec } from '../../src/resources/trusted-issuer.ts';
import { ask, ci, ciJob, cluster, compiled, document, NOW, svidMapping, workload } from '../support/policy-builders.ts';

const PROD = cluster('prod-eu');
const GITHUB = ci('github', { spiffePath: '/job/{claims.repository_id}' });
const ONCE = svidMapping('once', { replay: 'once' });
const OFTEN = svidMapping('often');
const DEPLOY = svidMapping('deploy', {
  subject: { issuer: 'github', claims: { repository_id: '7' } },
  target: { jwtSvid: { audiences: ['till'] } },
  replay: 'once',
});

function onceFor(one: Document): Document {
  if (!one.valid) throw new Error(`${one.name} is not valid`);
  return document(one.kind, one.name, { ...one.spec, replay: 'once' });
}

function replayOf(...documents: readonly Document[]): string | undefined {
  const decision = decide(compiled(documents).snapshot, workload(), ask('ledger'), NOW);
  return decision.outcome === 'allowed' ? (decision.replay ?? 'as often as it likes') : decision.outcome;
}

function warnings(...documents: readonly Document[]): readonly string[] {
  return compiled(documents).faults.map(({ severity, kind, name, field }) => [severity, kind, name, field].join(' '));
}

describe('replay: once (R1)', () => {
  test('is asked for by the mapping that grants, or by the issuer of the token for all mappings', () => {
    expect(replayOf(PROD, ONCE)).toBe('once');
    expect(replayOf(onceFor(PROD), OFTEN)).toBe('once');
    expect(replayOf(onceFor(PROD), ONCE)).toBe('once');
  });

  test('is off where nobody asks for it: not for the sake of another mapping or another issuer', () => {
    expect(replayOf(PROD, OFTEN)).toBe('as often as it likes');
    expect(replayOf(PROD, OFTEN, onceFor(GITHUB), DEPLOY)).toBe('as often as it likes');
  });

  test('is asked for from an OIDC identity, too', () => {
    const job = ciJob({ repository_id: '7' }, { spiffeId: 'spiffe://example.org/job/7' });
    const decision = decide(compiled([GITHUB, DEPLOY]).snapshot, job, ask('till'), NOW);
    expect(decision).toMatchObject({ outcome: 'allowed', replay: 'once' });
  });

  test('is warned of where tokens come from a kubelet, which hands out one for most of an hour', () => {
    expect(warnings(PROD, ONCE)).toEqual(['warning FederationMapping once spec.replay']);
    expect(warnings(onceFor(PROD), OFTEN)).toEqual(['warning TrustedIssuer prod-eu spec.replay']);
  });

  test('is not warned of where each job has its own token', () => {
    expect(warnings(onceFor(GITHUB), DEPLOY).filter((one) => one.includes('replay'))).toEqual([]);
  });

  test.each(['never', 'twice', true, 1, null])('has no other form, such as %j', (replay) => {
    const [issuer, mapping] = [PROD, OFTEN].map((one) => (one.valid ? one.spec : undefined));
    expect(trustedIssuerSpec.safeParse({ ...issuer, replay: 'once' }).success).toBe(true);
    expect(trustedIssuerSpec.safeParse({ ...issuer, replay }).success).toBe(false);
    expect(federationMappingSpec.safeParse({ ...mapping, replay }).success).toBe(false);
  });
});
