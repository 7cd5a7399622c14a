import { describe, expect, test } from 'vitest';
import { TokenType } from '../../src/core/token-types.ts';
import type { CompiledMapping } from '../../src/policy/compiled-mapping.ts';
import { DECIDER, decideAloud } from '../../src/policy/decide.ts';
import { MappingIndex } from '../../src/policy/mapping-index.ts';
import type { Document } from '../../src/resources/document.ts';
import {
  ask,
  awsMapping,
  ci,
  ciJob,
  cluster,
  guardrail,
  NOW,
  snapshotOf,
  svidMapping,
  unboundWorkload,
  workload,
} from '../support/policy-builders.ts';

/** What a decision tells record and explanation: its outcome without the grant, and each gate's words. */
function story(
  documents: readonly Document[],
  asked = ask('reports'),
  identity: Parameters<typeof decideAloud>[1] = workload(),
) {
  const snapshot = snapshotOf(
    cluster('prod-eu', { env: 'prod' }),
    ci('github', { spiffePath: '/ci/{claims.repository_id}' }),
    ...documents,
  );
  const { steps, ...decision } = decideAloud(snapshot, identity, asked, NOW);
  const { grant: _grant, ...outcome } = { grant: undefined, ...decision };
  return { outcome, steps: steps.map(({ step, passed, detail }) => `${passed ? '+' : '-'} ${step}: ${detail}`) };
}

const denied = (reason: string, detail: string) => ({
  outcome: 'refused',
  error: 'target_denied',
  mapping: 'reports',
  reason,
  detail,
});
const SELECTED = ['+ candidates: matching: reports; examined 3', '+ mapping: reports is the most specific'];
const ACTIVE = [...SELECTED, '+ active: uses only what is built'];
const TYPED = [...ACTIVE, '+ token-type: urn:carnet:token-type:aws-credentials'];
const POD = '+ pod-binding: asked pod, bound to pod';
const TTL = 'asked 3600 s, mapping 3600 s, guardrail none, subject none, target 43200 s';

describe('what a decision tells record and explanation (DESIGN section 6)', () => {
  test('is named after the code that took it, so that it can be repeated', () => {
    expect(DECIDER).toBe('policy/4');
  });

  test('names each gate with its facts when all pass', () => {
    expect(story([awsMapping('reports')])).toEqual({
      outcome: { outcome: 'allowed', mapping: 'reports' },
      steps: [
        ...TYPED,
        '+ expiry: never',
        '+ grant: none is needed',
        POD,
        '+ access: standing',
        '+ guardrails: none matches',
        '+ when: none',
        `+ ttl: 3600 s, the least of ${TTL}`,
        '+ scope: none asked',
        '+ identity: session payments.reporter',
        '+ intents: unrestricted',
      ],
    });
  });

  test('names what a target of Carnet’s own has not and a CI job is not', () => {
    const subject = { issuer: 'github', claims: { repository_id: '1' } };
    const job = ciJob({ repository_id: '1' }, { spiffeId: 'spiffe://example.org/ci/shop' });
    const { steps } = story([svidMapping('mesh', { subject })], ask('mesh'), job);
    expect(steps).toContain('+ pod-binding: not a Kubernetes identity');
    expect(steps.slice(-2)).toEqual(['+ identity: spiffe://example.org/ci/shop', '+ intents: the target has none']);
  });

  test('names the end of a mapping and the guardrails that match, with their cap', () => {
    const ending = awsMapping('reports', { expiresAt: '2026-11-22T09:00:01Z' });
    const caps = [guardrail('a', { maxTtl: '40m' }), guardrail('b', { maxTtl: '30m' })];
    const { steps } = story([ending, ...caps]);
    expect(steps).toContain('+ expiry: 2026-11-22T09:00:01.000Z');
    expect(steps).toContain('+ guardrails: a, b, capped at 1800 s');
    const uncapped = story([awsMapping('reports'), guardrail('a', { requirePodBound: true })]).steps;
    expect(uncapped).toContain('+ guardrails: a');
  });

  test('ends at the gate that refuses, in that gate’s words', () => {
    const at = '2026-11-22T09:00:00.000Z';
    expect(story([svidMapping('reports', { target: { x509Svid: {} } })])).toEqual({
      outcome: denied('inactive', 'not built yet: target.x509Svid'),
      steps: [...SELECTED, '- active: not built yet: target.x509Svid'],
    });
    const when = 'identity.pod == "" is false: identity.pod = "reporter-0"';
    expect(story([awsMapping('reports', { when: 'identity.pod == ""' })])).toEqual({
      outcome: denied('condition_not_met', when),
      steps: [
        ...TYPED,
        '+ expiry: never',
        '+ grant: none is needed',
        POD,
        '+ access: standing',
        '+ guardrails: none matches',
        `- when: ${when}`,
      ],
    });
    expect(story([awsMapping('reports', { expiresAt: at })])).toEqual({
      outcome: denied('mapping_expired', at),
      steps: [...TYPED, `- expiry: ${at}`],
    });
    expect(story([awsMapping('reports')], ask('reports', { requestedTokenType: TokenType.jwtSvid }))).toEqual({
      outcome: denied('token_type', 'urn:carnet:token-type:jwt-svid is not issued here'),
      steps: [...ACTIVE, '- token-type: urn:carnet:token-type:jwt-svid is not issued here'],
    });
    expect(story([awsMapping('reports')], ask('reports'), unboundWorkload())).toEqual({
      outcome: denied('not_bound_to_pod', 'asked pod, bound to none'),
      steps: [...TYPED, '+ expiry: never', '+ grant: none is needed', '- pod-binding: asked pod, bound to none'],
    });
  });

  test('ends at guardrails with all their messages', () => {
    const rails = [guardrail('a', { deny: 'true', message: 'not here' }), guardrail('b', { deny: 'true' })];
    const { outcome, steps } = story([awsMapping('reports'), ...rails]);
    const [, words] = steps.at(-1)?.split('- guardrails: ') ?? [];
    expect(words?.split('; ')).toHaveLength(2);
    expect(outcome).toEqual(denied('guardrail', words ?? ''));
  });

  test('ends at the values that the target cannot have', () => {
    const tooShort = `60 s, the least of ${TTL.replace('3600', '60')}; below the 900 s that aws gives at least`;
    const short = story([awsMapping('reports')], ask('reports', { ttlSeconds: 60 }));
    expect(short.outcome).toEqual(denied('ttl_below_target_minimum', tooShort));
    expect(short.steps.at(-1)).toBe(`- ttl: ${tooShort}`);
    const { spiffeId: _id, ...without } = workload();
    const nameless = story([svidMapping('mesh')], ask('mesh'), without);
    expect(nameless.steps.at(-1)).toBe('- identity: issuer prod-eu gives this identity no SPIFFE ID');
  });

  test('has no reason where a scope is refused, and no mapping where none was selected', () => {
    const scope = story([awsMapping('reports')], ask('reports', { scopes: ['x'] }));
    const detail = 'a scope needs intents to narrow';
    expect(scope.outcome).toStrictEqual({ outcome: 'refused', error: 'scope_refused', mapping: 'reports', detail });
    expect(scope.steps.at(-1)).toBe(`- scope: ${detail}`);
    const none = 'no mapping at this address matches the identity';
    expect(story([awsMapping('reports')], ask('nowhere'))).toStrictEqual({
      outcome: { outcome: 'refused', error: 'target_refused', detail: none },
      steps: [`- candidates: ${none}; examined 2`],
    });
  });

  test('names all mappings that nothing puts before one another', () => {
    const snapshot = snapshotOf(cluster('prod-eu'), svidMapping('one'));
    const [one] = snapshot.mappings.candidates(workload(), 'one').matching;
    if (one === undefined) throw new Error('the mapping is not in the index');
    const twin: CompiledMapping = { ...one, name: 'two' };
    const mappings = new MappingIndex([one, twin], snapshot.issuers);
    const detail = 'none of one, two is the most specific';
    expect(decideAloud({ ...snapshot, mappings }, workload(), ask('one'), NOW)).toStrictEqual({
      outcome: 'refused',
      error: 'target_denied',
      reason: 'ambiguous_mapping',
      detail,
      steps: [
        { step: 'candidates', passed: true, detail: expect.stringMatching(/^matching: one, two; examined [0-9]+$/) },
        { step: 'mapping', passed: false, detail },
      ],
    });
  });
});
