import { describe, expect, test } from 'vitest';
import type { CallerNarrowing } from '../../src/core/decision.ts';
import { allowed, aws, azure, decided, gcp, NOT_HELD, READ, step, TTL } from '../support/one-mapping.ts';
import { ROLE } from '../support/policy-builders.ts';

describe("a narrowing in the cloud's own words (DESIGN section 9)", () => {
  const POLICY = '{"Version":"2012-10-17","Statement":[]}';
  const ARN = 'arn:aws:iam::aws:policy/ReadOnlyAccess';
  const BOUNDARY =
    '{"accessBoundary":{"accessBoundaryRules":[{"availableResource":"r","availablePermissions":["p"]}]}}';
  const ofAws = (rest: { policy?: string; policyArns?: readonly string[] }): CallerNarrowing => ({
    kind: 'aws',
    policyArns: [],
    ...rest,
  });
  const ofGcp = (accessBoundary: string): CallerNarrowing => ({ kind: 'gcp', accessBoundary });

  test('is passed on whole where the intents are unrestricted', () => {
    expect(allowed({}, { narrowing: ofAws({ policy: POLICY, policyArns: [ARN] }) }).grant).toMatchObject({
      policy: POLICY,
      policyArns: [ARN],
      enforcedBy: [],
    });
    expect(allowed({}, { narrowing: ofAws({ policyArns: [ARN] }) }).grant).not.toHaveProperty('policy');
    expect(allowed({ target: gcp() }, { narrowing: ofGcp(` ${BOUNDARY} `) }).grant).toMatchObject({
      accessBoundary: BOUNDARY,
    });
    expect(step({}, 'intents', { narrowing: ofAws({ policy: POLICY }) })).toBe('unrestricted, narrowed by the caller');
  });

  test.each<[string, object, CallerNarrowing]>([
    ['a list of intents', { intents: [READ] }, ofAws({ policy: POLICY })],
    ['another cloud', { target: gcp() }, ofAws({ policy: POLICY })],
    ['another cloud still', {}, ofGcp(BOUNDARY)],
    ['a cloud that has none', { target: azure(), residual: TTL }, ofGcp(BOUNDARY)],
    ['an assertion', { deliver: 'assertion', residual: TTL }, ofAws({ policy: POLICY })],
    ['an ID token', { target: gcp({ idToken: { audience: 'a' } }), residual: TTL }, ofGcp(BOUNDARY)],
    [
      'a role with managed policies of its own, which AWS would unite with it',
      { target: aws({ policyArns: [ARN] }) },
      ofAws({ policy: POLICY }),
    ],
    ['such a role, managed policies too', { target: aws({ policyArns: [ARN] }) }, ofAws({ policyArns: [`${ARN}2`] })],
  ])('is refused and never dropped for %s', (_, changes, narrowing) => {
    expect(decided(changes)).toBe('allowed m');
    expect(decided(changes, { narrowing })).toBe(NOT_HELD);
  });

  test.each<[string, CallerNarrowing]>([
    ['nothing', ofAws({})],
    ['a policy that is no JSON', ofAws({ policy: 'Version' })],
    ['a policy that is no object', ofAws({ policy: '[]' })],
    ['a policy with characters that AWS does not take', ofAws({ policy: '{"Sid":"\u0100"}' })],
    ['a policy and ARNs longer than AWS takes', ofAws({ policy: `{"Sid":"${'x'.repeat(2010)}"}`, policyArns: [ARN] })],
    ['an ARN of a role', ofAws({ policyArns: [ROLE] })],
    ['eleven policies', ofAws({ policyArns: Array.from({ length: 11 }, () => ARN) })],
  ])('is refused for AWS when it is %s', (_, narrowing) => {
    expect(decided({}, { narrowing })).toBe(NOT_HELD);
  });

  test.each([
    ['no JSON', 'accessBoundary'],
    ['more than a boundary', BOUNDARY.replace('{', '{"userProject":"p",')],
    ['a boundary with more than rules', BOUNDARY.replace('{"accessBoundaryRules', '{"x":1,"accessBoundaryRules')],
    ['a boundary without rules', '{"accessBoundary":{"accessBoundaryRules":[]}}'],
    ['rules that are none', '{"accessBoundary":{"accessBoundaryRules":["r"]}}'],
    [
      'eleven rules',
      JSON.stringify({ accessBoundary: { accessBoundaryRules: Array.from({ length: 11 }, () => ({})) } }),
    ],
    ['longer than Google takes', `${BOUNDARY}${' '.repeat(2048)}`],
  ])('is refused for Google Cloud when it is %s', (_, text) => {
    expect(decided({ target: gcp() }, { narrowing: ofGcp(text) })).toBe(NOT_HELD);
  });
});
