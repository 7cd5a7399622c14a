import { describe, expect, test } from 'vitest';
import type { Allowed, AwsGrant } from '../../src/core/decision.ts';
import { TokenType } from '../../src/core/token-types.ts';
import type { CompiledMapping } from '../../src/policy/compiled-mapping.ts';
import { decide, decideAloud } from '../../src/policy/decide.ts';
import { MappingIndex } from '../../src/policy/mapping-index.ts';
import type { Document } from '../../src/resources/document.ts';
import {
  answer,
  ask,
  awsMapping,
  ci,
  ciJob,
  cluster,
  NOW,
  ROLE,
  snapshotOf,
  svidMapping,
  unboundWorkload,
  workload,
} from '../support/policy-builders.ts';

const PROD = cluster('prod-eu', { env: 'prod' });
const GITHUB = ci('github', {}, { env: 'ci' });
const SECOND = NOW / 1000;

function allowed(decision: ReturnType<typeof decide>): Allowed {
  if (decision.outcome !== 'allowed') throw new Error(`${decision.error} ${decision.reason}: ${decision.detail}`);
  return decision;
}

function prod(...documents: readonly Document[]) {
  return snapshotOf(PROD, GITHUB, ...documents);
}

describe('addresses (DESIGN section 9)', () => {
  test.each(['reports', 'alias', ROLE])('an AWS mapping answers to %s', (address) => {
    expect(answer(prod(awsMapping('reports', { addresses: ['alias'] })), workload(), ask(address))).toBe(
      'allowed reports',
    );
  });

  test.each(['report', 'Reports', `${ROLE}x`, 'urn:carnet:mapping:reports', '', '*', '__proto__'])(
    'and to nothing else, such as %j',
    (address) => {
      const snapshot = prod(awsMapping('reports', { addresses: ['alias'] }));
      expect(answer(snapshot, workload(), ask(address))).toBe('target_refused');
    },
  );

  test('an SVID is for the audience that was asked, or for the only one', () => {
    const two = prod(svidMapping('mesh', { target: { jwtSvid: { audiences: ['ledger', 'vault'] } } }));
    expect(allowed(decide(two, workload(), ask('vault'), NOW)).grant).toMatchObject({
      audience: 'vault',
      targetId: 'vault',
    });
    expect(answer(two, workload(), ask('mesh'))).toBe('target_refused');
    const one = prod(svidMapping('mesh'));
    expect(allowed(decide(one, workload(), ask('mesh'), NOW)).grant).toMatchObject({ audience: 'ledger' });
  });
});

describe('what the caller learns (DESIGN section 6)', () => {
  const snapshot = prod(awsMapping('reports', { expiresAt: '2026-11-22T09:00:00Z' }));

  test('a caller whom no mapping matches gets one answer, whether or not the address exists', () => {
    const stranger = workload({ serviceAccount: 'stranger' });
    const there = decide(snapshot, stranger, ask('reports'), NOW);
    const nowhere = decide(snapshot, stranger, ask('nowhere'), NOW);
    expect(there).toMatchObject({ outcome: 'refused', error: 'target_refused' });
    expect(there).not.toHaveProperty('reason');
    expect(there).not.toHaveProperty('mapping');
    expect(nowhere).toEqual(there);
  });

  test('a caller whom a mapping selects and refuses gets one word, and the record the mapping', () => {
    expect(decide(snapshot, workload(), ask('reports'), NOW)).toMatchObject({
      error: 'target_denied',
      reason: 'mapping_expired',
      mapping: 'reports',
    });
  });

  test('an identity of an issuer that is not in the snapshot matches nothing', () => {
    const any = { subject: { issuer: 'gone', namespace: '*', serviceAccount: '*' } };
    expect(answer(prod(svidMapping('mesh', any)), workload({ issuer: 'gone' }), ask('mesh'))).toBe('target_refused');
  });
});

describe('the most specific mapping decides and its refusal is final (DESIGN section 6)', () => {
  const subjects: readonly (readonly [string, object])[] = [
    ['spiffe', { issuer: 'prod-eu', spiffeId: 'spiffe://example.org/cluster/prod-eu/ns/payments/sa/reporter' }],
    ['exact', { issuer: 'prod-eu', namespace: 'payments', serviceAccount: 'reporter' }],
    ['exact-selected', { issuerSelector: { env: 'prod' }, namespace: 'payments', serviceAccount: 'reporter' }],
    ['namespace', { issuer: 'prod-eu', namespace: 'payments', serviceAccount: '*' }],
    ['namespace-selected', { issuerSelector: { env: 'prod' }, namespace: 'payments', serviceAccount: '*' }],
    ['account', { issuer: 'prod-eu', namespace: '*', serviceAccount: 'reporter' }],
    ['account-selected', { issuerSelector: { env: 'prod' }, namespace: '*', serviceAccount: 'reporter' }],
    ['any', { issuer: 'prod-eu', namespace: '*', serviceAccount: '*' }],
    ['any-selected', { issuerSelector: { env: 'prod' }, namespace: '*', serviceAccount: '*' }],
  ];

  test.each(subjects.map(([name], at) => [name, at] as const))('%s comes before all that follow', (name, at) => {
    const rest = subjects.slice(at).map(([other, subject]) => svidMapping(other, { subject, addresses: ['shared'] }));
    expect(answer(prod(...rest), workload(), ask('shared'))).toBe(`allowed ${name}`);
  });

  test.each(subjects.slice(0, -1).map(([name], at) => [name, at] as const))(
    'when %s refuses, none that follows takes over',
    (_, at) => {
      const rest = subjects.slice(at).map(([other, subject], behind) =>
        svidMapping(other, {
          subject,
          addresses: ['shared'],
          ...(behind === 0 && { expiresAt: '2026-11-22T08:59:59Z' }),
        }),
      );
      expect(answer(prod(...rest), workload(), ask('shared'))).toBe('target_denied mapping_expired');
    },
  );

  test('a claim set decides before each of its subsets, and a value before a lone *', () => {
    const deploy = (name: string, claims: object) =>
      awsMapping(name, { subject: { issuer: 'github', claims }, addresses: ['shared'], ttl: { outliveSubject: true } });
    const snapshot = prod(
      deploy('repo', { repo: '1' }),
      deploy('env', { repo: '1', env: 'prod' }),
      deploy('some-env', { repo: '1', env: '*' }),
    );
    expect(answer(snapshot, ciJob({ repo: '1', env: 'prod' }), ask('shared'))).toBe('allowed env');
    expect(answer(snapshot, ciJob({ repo: '1', env: 'test' }), ask('shared'))).toBe('allowed some-env');
    expect(answer(snapshot, ciJob({ repo: '1' }), ask('shared'))).toBe('allowed repo');
    expect(answer(snapshot, ciJob({ env: 'prod' }), ask('shared'))).toBe('target_refused');
  });

  test('claims match exact texts of the identity itself', () => {
    const subject = { issuer: 'github', claims: { repo: '1', toString: '*' } };
    const snapshot = prod(awsMapping('deploy', { subject, ttl: { outliveSubject: true } }));
    expect(answer(snapshot, ciJob({ repo: '1', toString: 'x' }), ask('deploy'))).toBe('allowed deploy');
    expect(answer(snapshot, ciJob({ repo: '1' }), ask('deploy'))).toBe('target_refused');
    expect(answer(snapshot, ciJob({ repo: 1, toString: 'x' }), ask('deploy'))).toBe('target_refused');
    expect(answer(snapshot, ciJob({ repo: '1 ', toString: 'x' }), ask('deploy'))).toBe('target_refused');
    expect(answer(snapshot, ciJob({ repo: ['1'], toString: 'x' }), ask('deploy'))).toBe('target_refused');
  });

  test('two that nothing puts before one another are ambiguous, should they ever meet', () => {
    const snapshot = prod(svidMapping('one'));
    const [one] = snapshot.mappings.candidates(workload(), 'one').matching;
    if (one === undefined) throw new Error('the mapping is not in the index');
    const twin: CompiledMapping = { ...one, name: 'two' };
    const both = { ...snapshot, mappings: new MappingIndex([one, twin], snapshot.issuers) };
    expect(decide(both, workload(), ask('one'), NOW)).toMatchObject({
      reason: 'ambiguous_mapping',
      error: 'target_denied',
    });
  });

  test('identities of clusters that share everything but the name of their issuer are kept apart', () => {
    const snapshot = snapshotOf(PROD, cluster('prod-us'), svidMapping('mesh'));
    expect(answer(snapshot, workload(), ask('mesh'))).toBe('allowed mesh');
    expect(answer(snapshot, workload({ issuer: 'prod-us', cluster: 'prod-eu' }), ask('mesh'))).toBe('target_refused');
  });
});

describe('requested_token_type (DESIGN section 9)', () => {
  const snapshot = prod(
    awsMapping('role'),
    svidMapping('mesh'),
    awsMapping('assertion', {
      target: { aws: { roleArn: `${ROLE}2`, region: 'eu-west-1' } },
      deliver: 'assertion',
      residual: { accept: ['ttl'], reason: 'the role allows fifteen minutes' },
    }),
  );

  test.each([
    ['role', undefined, TokenType.awsCredentials],
    ['role', TokenType.awsCredentials, TokenType.awsCredentials],
    ['mesh', undefined, TokenType.jwtSvid],
    ['mesh', TokenType.jwtSvid, TokenType.jwtSvid],
    ['mesh', TokenType.jwt, TokenType.jwt],
    ['assertion', undefined, TokenType.jwt],
    ['assertion', TokenType.jwt, TokenType.jwt],
  ])('%s asked for %s issues %s', (address, requestedTokenType, issued) => {
    const wish = requestedTokenType === undefined ? {} : { requestedTokenType };
    const { grant } = allowed(decide(snapshot, workload(), ask(address, wish), NOW));
    expect(grant.issuedTokenType).toBe(issued);
  });

  test.each([
    ['role', TokenType.jwt],
    ['role', TokenType.accessToken],
    ['mesh', TokenType.awsCredentials],
    ['mesh', TokenType.idToken],
    ['assertion', TokenType.awsCredentials],
  ])('%s asked for %s refuses', (address, requestedTokenType) => {
    expect(answer(snapshot, workload(), ask(address, { requestedTokenType }))).toBe('target_denied token_type');
  });

  test('an assertion lives 60 seconds, less when less is asked, never more', () => {
    const ttl = (seconds?: number) =>
      allowed(decide(snapshot, workload(), ask('assertion', seconds === undefined ? {} : { ttlSeconds: seconds }), NOW))
        .grant;
    expect(ttl()).toMatchObject({ ttlSeconds: 60, deliver: 'assertion' });
    expect(ttl(30)).toMatchObject({ ttlSeconds: 30 });
    expect(ttl(900)).toMatchObject({ ttlSeconds: 60 });
  });
});

describe('expiresAt', () => {
  test.each([
    ['2026-11-22T09:00:00.001Z', 'allowed role'],
    ['2026-11-22T09:00:00Z', 'target_denied mapping_expired'],
    ['2026-11-22T10:00:00+01:00', 'target_denied mapping_expired'],
  ])('%s at 09:00Z: %s', (expiresAt, expected) => {
    expect(answer(prod(awsMapping('role', { expiresAt })), workload(), ask('role'))).toBe(expected);
  });
});

describe('pod binding', () => {
  const exact = { issuer: 'prod-eu', namespace: 'payments', serviceAccount: 'reporter' };
  const { pod: _, ...podless } = workload();

  test('is asked for cloud targets by default', () => {
    const snapshot = prod(awsMapping('role'));
    expect(answer(snapshot, workload(), ask('role'))).toBe('allowed role');
    expect(answer(snapshot, unboundWorkload(), ask('role'))).toBe('target_denied not_bound_to_pod');
    expect(answer(snapshot, unboundWorkload({ binding: 'node' }), ask('role'))).toBe('target_denied not_bound_to_pod');
    expect(answer(snapshot, workload({ binding: 'node' }), ask('role'))).toBe('target_denied not_bound_to_pod');
    expect(answer(snapshot, podless, ask('role'))).toBe('target_denied not_bound_to_pod');
  });

  test('is not asked for cloud targets with binding: any', () => {
    const snapshot = prod(awsMapping('role', { subject: { ...exact, binding: 'any' } }));
    expect(answer(snapshot, unboundWorkload(), ask('role'))).toBe('allowed role');
  });

  test('is not asked for SVIDs unless the mapping does', () => {
    expect(answer(prod(svidMapping('mesh')), unboundWorkload(), ask('mesh'))).toBe('allowed mesh');
    const strict = prod(svidMapping('mesh', { subject: { ...exact, binding: 'pod' } }));
    expect(answer(strict, unboundWorkload(), ask('mesh'))).toBe('target_denied not_bound_to_pod');
    expect(answer(strict, workload(), ask('mesh'))).toBe('allowed mesh');
  });

  test('is not asked of OIDC identities, which have no pods', () => {
    const snapshot = prod(
      awsMapping('deploy', { subject: { issuer: 'github', claims: { repo: '1' } }, ttl: { outliveSubject: true } }),
    );
    expect(answer(snapshot, ciJob({ repo: '1' }), ask('deploy'))).toBe('allowed deploy');
  });
});

describe('ttl (DESIGN section 6)', () => {
  const seconds = (document: Document, wish: number | undefined, identity = workload()) => {
    const asked = ask(document.name, wish === undefined ? {} : { ttlSeconds: wish });
    const decision = decide(prod(document), identity, asked, NOW);
    return decision.outcome === 'allowed' ? decision.grant.ttlSeconds : decision.reason;
  };

  test('is an hour for clouds and five minutes for SVIDs when nobody says anything', () => {
    expect(seconds(awsMapping('role'), undefined)).toBe(3600);
    expect(seconds(svidMapping('mesh'), undefined)).toBe(300);
  });

  test('is what was asked, capped at the mapping', () => {
    expect(seconds(awsMapping('role'), 900)).toBe(900);
    expect(seconds(awsMapping('role'), 7200)).toBe(3600);
    expect(seconds(svidMapping('mesh', { ttl: { default: '5m', max: '10m' } }), 3600)).toBe(600);
    expect(seconds(svidMapping('mesh'), 1)).toBe(1);
  });

  test('below what AWS gives at least refuses and is never rounded up', () => {
    expect(seconds(awsMapping('role'), 899)).toBe('ttl_below_target_minimum');
    expect(seconds(awsMapping('role', { ttl: { default: '10m' } }), undefined)).toBe('ttl_below_target_minimum');
  });

  test('follows a max below the usual default', () => {
    expect(seconds(awsMapping('role', { ttl: { max: '30m' } }), undefined)).toBe(1800);
    expect(seconds(svidMapping('mesh', { ttl: { max: '1m' } }), undefined)).toBe(60);
  });

  test('is capped at the twelve hours of AWS', () => {
    expect(seconds(awsMapping('role', { ttl: { default: '20h', max: '24h' } }), undefined)).toBe(43_200);
  });

  test('of an SVID never passes the end of the subject token, to the second', () => {
    const soon = workload({ expiresAt: SECOND + 100 });
    expect(seconds(svidMapping('mesh'), undefined, soon)).toBe(100);
    expect(seconds(svidMapping('mesh', { ttl: { outliveSubject: true } }), undefined, soon)).toBe(300);
    const snapshot = prod(svidMapping('mesh'));
    expect(allowed(decide(snapshot, soon, ask('mesh'), NOW + 1)).grant.ttlSeconds).toBe(99);
    expect(answer(snapshot, soon, ask('mesh'), NOW + 99_000)).toBe('allowed mesh');
    expect(answer(snapshot, soon, ask('mesh'), NOW + 99_001)).toBe('target_denied ttl_below_target_minimum');
    expect(answer(snapshot, soon, ask('mesh'), NOW + 200_000)).toBe('target_denied ttl_below_target_minimum');
  });

  test('of a cloud outlives a projected token, unless the mapping says no', () => {
    const soon = workload({ expiresAt: SECOND + 1000 });
    expect(seconds(awsMapping('role'), undefined, soon)).toBe(3600);
    expect(seconds(awsMapping('role', { ttl: { outliveSubject: false } }), undefined, soon)).toBe(1000);
  });

  test('of a cloud does not outlive the token of a CI job, unless the mapping says yes', () => {
    const subject = { issuer: 'github', claims: { repo: '1' } };
    const job = ciJob({ repo: '1' });
    const decided = (ttl: object) => answer(prod(awsMapping('deploy', { subject, ttl })), job, ask('deploy'));
    expect(decided({ max: '1h' })).toBe('target_denied ttl_below_target_minimum');
    expect(decided({ max: '1h', outliveSubject: true })).toBe('allowed deploy');
  });
});

describe('scope', () => {
  test('is refused once a mapping has selected the caller, who learns of no mapping otherwise', () => {
    const snapshot = prod(awsMapping('role'));
    expect(answer(snapshot, workload(), ask('role', { scopes: ['object.read:b/p'] }))).toBe('scope_refused');
    expect(answer(snapshot, workload(), ask('nowhere', { scopes: ['object.read:b/p'] }))).toBe('target_refused');
  });
});

describe('what the target needs of the identity', () => {
  test('an SVID needs a SPIFFE ID', () => {
    const { spiffeId: _id, ...without } = workload();
    expect(answer(prod(svidMapping('mesh')), without, ask('mesh'))).toBe('target_denied no_spiffe_id');
  });

  test('a template variable that the identity lacks refuses', () => {
    const target = { aws: { roleArn: ROLE, region: 'eu-west-1', sessionName: '{pod}' } };
    const subject = { issuer: 'prod-eu', namespace: 'payments', serviceAccount: 'reporter', binding: 'any' };
    const snapshot = prod(awsMapping('role', { target, subject }));
    expect(answer(snapshot, workload(), ask('role'))).toBe('allowed role');
    expect(answer(snapshot, unboundWorkload(), ask('role'))).toBe('target_denied condition_not_met');
  });
});

describe('a decision', () => {
  test('grants all that AWS will be asked for', () => {
    const { grant, mapping } = allowed(decide(prod(awsMapping('role')), workload(), ask(ROLE), NOW));
    expect(mapping).toBe('role');
    expect(grant).toEqual({
      kind: 'aws',
      mapping: 'role',
      targetId: ROLE,
      roleArn: ROLE,
      region: 'eu-west-1',
      ttlSeconds: 3600,
      issuedTokenType: TokenType.awsCredentials,
      enforcedBy: [],
      deliver: 'credentials',
      sessionName: 'payments.reporter',
      tags: {
        'carnet:issuer': 'prod-eu',
        'carnet:namespace': 'payments',
        'carnet:serviceAccount': 'reporter',
        'carnet:mapping': 'role',
      },
      transitiveTagKeys: ['carnet:issuer', 'carnet:namespace', 'carnet:serviceAccount', 'carnet:mapping'],
    } satisfies AwsGrant);
  });

  test('tells every gate in order, and stops at the one that refuses', () => {
    const steps = (changes: object, identity = workload()) =>
      decideAloud(prod(awsMapping('role', changes)), identity, ask('role'), NOW).steps.map(
        ({ step, passed }) => `${step} ${passed}`,
      );
    expect(steps({})).toEqual([
      'candidates true',
      'mapping true',
      'active true',
      'token-type true',
      'expiry true',
      'grant true',
      'pod-binding true',
      'access true',
      'guardrails true',
      'when true',
      'ttl true',
      'scope true',
      'identity true',
      'intents true',
    ]);
    expect(steps({}, unboundWorkload()).slice(-2)).toEqual(['grant true', 'pod-binding false']);
    expect(steps({ when: 'false' }).slice(-2)).toEqual(['guardrails true', 'when false']);
    const justInTime = { approvals: 1, approvers: ['leads'], maxDuration: '1h' };
    expect(steps({ access: { justInTime } }).slice(-2)).toEqual(['pod-binding true', 'access false']);
  });
});
