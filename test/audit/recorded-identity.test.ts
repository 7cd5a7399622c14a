import { describe, expect, test } from 'vitest';
import type { RecordBody } from '../../src/audit/record.ts';
import { recordedAsk, recordedIdentity } from '../../src/audit/recorded-identity.ts';
import type { Ask } from '../../src/core/decision.ts';
import type { VerifiedIdentity } from '../../src/core/identity.ts';
import { TokenType } from '../../src/core/token-types.ts';
import { decide } from '../../src/policy/decide.ts';
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
import { event, readBack, requestRecord, toBody } from './audit-records.ts';

const SNAPSHOT = snapshotOf(
  cluster('prod-eu', { env: 'prod' }),
  ci('github', { spiffePath: '/job/{claims.repository_id}' }),
  svidMapping('till', {
    when: 'identity.pod.startsWith("reporter") && identity.node != "bad" && identity.liveness != "unreachable"',
  }),
  awsMapping('role'),
  svidMapping('deploy', {
    subject: { issuer: 'github', claims: { repository_id: '7' } },
    target: { jwtSvid: { audiences: ['deploys'] } },
    when: 'identity.claims.ref == "refs/heads/main"',
  }),
  guardrail('cap', { maxTtl: '20m', deny: 'identity.uid == ""' }),
);

const JOB = { repository_id: '7', ref: 'refs/heads/main', nested: { list: [1, true, null] } };

describe('a record as what was decided on', () => {
  test.each<[string, VerifiedIdentity, Ask]>([
    ['a pod', workload({ node: { name: 'node-1', uid: 'n' } }), ask('ledger')],
    ['a pod whose token a condition does not take', workload({ liveness: 'unreachable' }), ask('ledger')],
    ['a pod on a node without uid', workload({ node: { name: 'bad' } }), ask('ledger')],
    ['a ServiceAccount without a pod', unboundWorkload(), ask('role')],
    ['a token bound to a secret', { ...unboundWorkload(), binding: 'secret' }, ask('ledger')],
    ['wishes of the request', workload(), ask('ledger', { ttlSeconds: 60, requestedTokenType: TokenType.jwt })],
    ['a scope', workload(), ask('role', { scopes: ['object.read:b/p', 'object.list:b'] })],
    ['a CI job', ciJob(JOB, { spiffeId: 'spiffe://example.org/job/7' }), ask('deploys')],
    ['a CI job without SPIFFE ID', ciJob({ ...JOB, ref: 'refs/heads/other' }), ask('deploys')],
  ])('%s gives the decision of the live one, and the same question (DESIGN 6)', (_, identity, asked) => {
    const record = requestRecord(identity, asked, NOW);
    const [again, question] = [recordedIdentity(record), recordedAsk(record)];
    if (!again.ok || !question.ok) throw new Error('not replayable');
    expect(again.value).toEqual(identity);
    expect(question.value).toEqual(asked);
    expect(decide(SNAPSHOT, again.value, question.value, NOW)).toEqual(decide(SNAPSHOT, identity, asked, NOW));
  });

  test('lacks the raw jti, and no other claim', () => {
    const again = recordedIdentity(requestRecord(ciJob({ ...JOB, jti: 'secret-ish' }), ask('deploys'), NOW));
    expect(again).toEqual({ ok: true, value: ciJob(JOB) });
  });

  test('of before clusters could be asked counts as not asked', () => {
    const { liveness: _, ...identity } = workload();
    const older = requestRecord({ ...identity } as VerifiedIdentity, ask('ledger'), NOW);
    expect(recordedIdentity(older)).toMatchObject({ ok: true, value: { liveness: 'not_asked' } });
  });
});

describe('a record that cannot be decided on again', () => {
  const good = toBody(event('allowed', 'a trace'));

  test.each<[string, RecordBody, string]>([
    ['of a change', { type: 'changed', outcome: 'resources' }, 'incomplete'],
    ['without a request', { ...good, request: undefined }, 'incomplete'],
    ['with two addresses', { ...good, request: { addresses: ['a', 'b'] } }, 'incomplete'],
    [
      'whose claims were left out',
      toBody(event('allowed', 't', ciJob({ big: 'x'.repeat(20_000), sub: 'y'.repeat(20_000) }))),
      'cut',
    ],
    ['whose address was cut', { ...good, request: { addresses: ['a'.repeat(40_000)] } }, 'cut'],
    [
      'of a kind of identity to come',
      { ...good, identity: { ...good.identity, kind: 'spiffe' } as never },
      'unknown_form',
    ],
    ['with a binding to come', { ...good, identity: { ...good.identity, binding: 'tpm' } as never }, 'unknown_form'],
    ['with a type of token to come', { ...good, request: { addresses: ['a'], type: 'urn:new' } }, 'unknown_form'],
    [
      'with times that are none',
      { ...good, identity: { ...good.identity, expiresAt: 'soon' } as never },
      'unknown_form',
    ],
  ])('%s says why', (_, body, why) => {
    const record = readBack(body, NOW);
    const [identity, question] = [recordedIdentity(record), recordedAsk(record)];
    expect([identity, question].filter(({ ok }) => !ok)).toContainEqual({ ok: false, why });
  });

  test('a detail that was cut takes nothing from the question', () => {
    const record = readBack({ ...good, detail: 'x'.repeat(40_000) }, NOW);
    expect(record.truncated).toContain('strings:1024');
    expect([recordedIdentity(record).ok, recordedAsk(record).ok]).toEqual([true, true]);
  });

  test('claims nested deeper than a verified token can have them are no form that is known', () => {
    const deep = JSON.parse(`${'{"a":'.repeat(2_000)}1${'}'.repeat(2_000)}`);
    expect(recordedIdentity(readBack(toBody(event('allowed', 't', ciJob(deep))), NOW))).toEqual({
      ok: false,
      why: 'unknown_form',
    });
  });
});
