import { describe, expect, test } from 'vitest';
import {
  allowed,
  aws,
  azure,
  BOTH,
  decided,
  faults,
  gcp,
  NOT_HELD,
  oauth,
  PLATFORM,
  PROD,
  PULL,
  READ,
  SECRET,
  step,
  TTL,
} from '../support/one-mapping.ts';
import { answer, ask, guardrail, ROLE, snapshotOf, svidMapping, workload } from '../support/policy-builders.ts';

describe('what holds a credential to its intents (DESIGN section 7)', () => {
  const claim = (intent: object, enforcedBy = 'identity-selection') => ({ ...intent, enforcedBy });

  test.each<[string, object, readonly object[], readonly string[]]>([
    ['AWS', aws(), [READ, SECRET], ['session-policy', 'session-policy']],
    ['AWS, whatever its owner says of the role', aws(), [claim(SECRET)], ['session-policy']],
    ['Google Cloud', gcp(), [READ], ['credential-access-boundary']],
    ['Google Cloud, by its account', gcp(), [claim(SECRET)], ['identity-selection']],
    ['Azure', azure(), [PULL], ['registry-token']],
    ['Azure, by its application', azure(), [claim(READ)], ['identity-selection']],
    ['an OAuth server, by its client', oauth(), [claim(READ)], ['identity-selection']],
    ['an OAuth server, by its scopes', oauth({ scopes: ['read'] }), [claim(READ, 'scope')], ['scope']],
  ])('is told by the grant for %s', (_, target, intents, enforcedBy) => {
    expect(allowed({ target, intents, residual: TTL }).grant).toMatchObject({ enforcedBy });
  });

  test.each<[string, object, readonly object[]]>([
    ['a secret at Google Cloud', gcp(), [SECRET]],
    ['objects beside a secret at Google Cloud', gcp(), [READ, claim(SECRET)]],
    ['deleting at Google Cloud', gcp(), [{ allow: 'object.delete', resource: { bucket: 'reports' } }]],
    ['objects for an ID token', gcp({ idToken: { audience: 'a' } }), [READ]],
    ['objects at Azure', azure(), [READ]],
    ['images beside objects at Azure', azure(), [PULL, claim(READ)]],
    ['anything at an OAuth server', oauth({ scopes: ['read'] }), [READ]],
  ])('is nothing for %s, which refuses unless its owner accepts that in writing', (_, target, intents) => {
    const message =
      /^warning spec\.residual\.accept: does not hold intents, and nothing enforces .*: the mapping refuses$/;
    expect(decided({ target, intents, residual: TTL })).toBe(NOT_HELD);
    expect(faults({ target, intents, residual: TTL })).toEqual([expect.stringMatching(message)]);
    expect(decided({ target, intents, residual: BOTH })).toBe('allowed m');
    expect(faults({ target, intents, residual: BOTH })).toEqual([]);
    expect(allowed({ target, intents, residual: BOTH }).grant.enforcedBy).toContain('none');
  });

  test('is for an assertion the identity alone, and only where its owner says so', () => {
    const rest = { deliver: 'assertion', residual: BOTH };
    for (const target of [aws(), gcp(), azure(), oauth({ scopes: ['read'] })]) {
      const { grant } = allowed({ ...rest, target, intents: [claim(READ)] });
      expect(grant.enforcedBy).toEqual(['identity-selection']);
      expect(grant).not.toHaveProperty('policy');
      expect(grant).not.toHaveProperty('accessBoundary');
      expect(grant).not.toHaveProperty('registry');
    }
    expect(allowed({ ...rest, intents: [READ] }).grant.enforcedBy).toEqual(['none']);
    expect(allowed({ ...rest, target: azure(), intents: [PULL] }).grant).not.toHaveProperty('registry');
    expect(
      allowed({ ...rest, target: oauth({ scopes: ['r'] }), intents: [claim(READ, 'scope')] }).grant.enforcedBy,
    ).toEqual(['none']);
  });

  test('is told to record and explanation intent by intent', () => {
    expect(step({ intents: [READ, SECRET] }, 'intents')).toBe(
      'object.read:reports/2026/ by session-policy, secret.read:db by session-policy',
    );
    const loose = { target: gcp(), intents: [READ, SECRET] };
    const nothing = 'object.read:reports/2026/ by none, secret.read:db by none';
    expect(step(loose, 'intents')).toBe(`${nothing}; residual.accept does not hold intents`);
    expect(step({ ...loose, residual: BOTH }, 'intents')).toBe(`${nothing}, accepted`);
  });

  test.each<[string, object, string]>([
    [
      'an intent within another',
      { intents: [{ ...READ, resource: { bucket: 'reports' } }, READ] },
      'error spec.intents[1]: adds nothing to object.read:reports',
    ],
    ['the same intent twice', { intents: [SECRET, SECRET] }, 'error spec.intents[1]: adds nothing to secret.read:db'],
    [
      'a resource that the cloud has not',
      { intents: [READ, { allow: 'key.decrypt', resource: { key: 'alias/x' } }] },
      'error spec.intents[1]: must be the id or the ARN of a KMS key, not an alias, which may come to mean another key',
    ],
    [
      'a registry of another cloud',
      { target: azure({ cloud: 'china' }), intents: [PULL], residual: TTL },
      'error spec.intents[0]: repository must be NAME.azurecr.cn/REPOSITORY, in lower case and without a tag',
    ],
    [
      'scopes that there are not',
      { target: oauth(), intents: [claim(READ, 'scope')] },
      'error spec.intents[0]: can be enforced by scope only at an OAuth server, by the scopes of the target',
    ],
    [
      'scopes of Google, which know no resource',
      { target: gcp({ scopes: [PLATFORM] }), intents: [claim(SECRET, 'scope')] },
      'error spec.intents[0]: can be enforced by scope only at an OAuth server, by the scopes of the target',
    ],
    [
      'more than AWS takes',
      {
        intents: Array.from({ length: 5 }, (_, at) => ({
          ...READ,
          resource: { bucket: 'reports', prefix: `${'x'.repeat(400)}${at}` },
        })),
      },
      'error spec.intents: the session policy has 2448 characters, and AWS takes 2048',
    ],
    [
      'managed policies beside intents, which AWS would unite',
      { target: aws({ policyArns: ['arn:aws:iam::aws:policy/ReadOnlyAccess'] }), intents: [READ] },
      'error spec.target.aws.policyArns: must not stand beside a list of intents: AWS unites both, so they would widen what the intents allow',
    ],
    [
      'managed policies longer than AWS takes',
      {
        target: aws({
          policyArns: Array.from({ length: 5 }, (_, at) => `arn:aws:iam::aws:policy/${at}${'p'.repeat(450)}`),
        }),
      },
      'error spec.target.aws.policyArns: has 2375 characters together, and AWS takes 2048',
    ],
    [
      'managed policies of an assertion',
      { target: aws({ policyArns: ['arn:aws:iam::aws:policy/ReadOnlyAccess'] }), deliver: 'assertion', residual: TTL },
      'error spec.target.aws.policyArns: must not stand beside deliver: assertion, for the workload may leave it out',
    ],
    [
      'a second hop of an assertion',
      { target: aws({ secondHop: { roleArn: `${ROLE}2` } }), deliver: 'assertion', residual: TTL },
      'error spec.target.aws.secondHop: must not stand beside deliver: assertion, for the workload may leave it out',
    ],
    [
      'intents of an SVID',
      { target: { jwtSvid: { audiences: ['ledger'] } }, intents: [READ] },
      'error spec.intents: are for cloud targets: an SVID says who the workload is',
    ],
  ])('has as a fault %s', (_, changes, fault) => {
    expect(faults(changes)).toEqual([fault]);
    expect(['target_denied inactive', 'target_refused']).toContain(decided(changes));
  });
});

describe('requireIntents', () => {
  const rail = guardrail('rail', { requireIntents: true });

  test.each<[string, object, string]>([
    ['intents that are enforced', { intents: [READ] }, 'allowed m'],
    [
      'intents that the identity holds',
      { target: gcp(), intents: [{ ...SECRET, enforcedBy: 'identity-selection' }] },
      'allowed m',
    ],
    ['unrestricted', { intents: 'unrestricted' }, 'target_denied guardrail'],
    [
      'intents that nothing enforces, also where that is accepted',
      { target: gcp(), intents: [SECRET], residual: BOTH },
      'target_denied guardrail',
    ],
    [
      'one that nothing enforces beside one that is',
      { target: gcp(), intents: [READ, { allow: 'object.delete', resource: { bucket: 'tmp' } }], residual: BOTH },
      'target_denied guardrail',
    ],
  ])('of %s: %s', (_, changes, expected) => {
    expect(decided(changes, {}, rail)).toBe(expected);
  });

  test('denies an SVID, which no intent narrows', () => {
    expect(answer(snapshotOf(PROD, svidMapping('mesh'), rail), workload(), ask('mesh'))).toBe(
      'target_denied guardrail',
    );
  });
});
