import { describe, expect, test } from 'vitest';
import { decide } from '../../src/policy/decide.ts';
import { targetIdOf } from '../../src/policy/target-id.ts';
import { azure, gcp, oauth, PROD } from '../support/one-mapping.ts';
import { ask, awsMapping, NOW, ROLE, snapshotOf, svidMapping, workload } from '../support/policy-builders.ts';

const ACCEPTED = { residual: { accept: ['intents', 'ttl'], reason: 'it holds nothing else' } };

describe('target.id of a condition', () => {
  test.each([
    ['aws', awsMapping('m')],
    [
      'aws with a second hop',
      awsMapping('m', { target: { aws: { roleArn: ROLE, region: 'eu-west-1', secondHop: { roleArn: `${ROLE}-2` } } } }),
    ],
    ['gcp', awsMapping('m', { target: gcp() })],
    ['azure', awsMapping('m', { target: azure(), ...ACCEPTED })],
    ['oauth', awsMapping('m', { target: oauth(), ...ACCEPTED })],
    ['jwtSvid', svidMapping('m')],
  ])('is what the grant of %s names', (_target, mapping) => {
    const snapshot = snapshotOf(PROD, mapping);
    const decision = decide(snapshot, workload(), ask('m'), NOW);
    const [compiled] = snapshot.mappings.candidates(workload(), 'm').matching;
    if (decision.outcome !== 'allowed' || compiled?.state.kind !== 'active') throw new Error(decision.outcome);
    expect(targetIdOf(compiled.state.terms.target, 'm')).toBe(decision.grant.targetId);
  });

  test('is the audience that was asked for, and none where the address names no one audience', () => {
    const mesh = svidMapping('m', { target: { jwtSvid: { audiences: ['ledger', 'vault'] } } });
    const [compiled] = snapshotOf(PROD, mesh).mappings.candidates(workload(), 'vault').matching;
    if (compiled?.state.kind !== 'active') throw new Error('m is not active');
    const { target } = compiled.state.terms;
    expect([targetIdOf(target, 'vault'), targetIdOf(target, 'm')]).toEqual(['vault', undefined]);
  });
});
