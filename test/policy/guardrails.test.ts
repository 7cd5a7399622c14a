import { describe, expect, test } from 'vitest';
import { NO_CONDITIONS } from '../../src/policy/conditions/conditions-for.ts';
import { decide } from '../../src/policy/decide.ts';
import { ceiling, compileGuardrail } from '../../src/policy/guardrails.ts';
import type { Document } from '../../src/resources/document.ts';
import { ATTRIBUTES } from '../support/attributes.ts';
import {
  answer,
  ask,
  awsMapping,
  ci,
  ciJob,
  cluster,
  compiled,
  guardrail,
  NOW,
  ROLE,
  snapshotOf,
  svidMapping,
  unboundWorkload,
  valid,
  workload,
} from '../support/policy-builders.ts';

const BASE: readonly Document[] = [
  cluster('prod-eu', { env: 'prod', tier: 'one' }),
  ci('github', { spiffePath: '/ci/{claims.repo}' }),
  awsMapping('role'),
  svidMapping('mesh'),
  awsMapping('deploy', { subject: { issuer: 'github', claims: { repo: '1' } }, ttl: { outliveSubject: true } }),
];
const DENIED = 'target_denied guardrail';

function withRail(spec: object) {
  return snapshotOf(...BASE, guardrail('rail', spec));
}

describe('match: what it certainly does not concern passes, the rest is denied', () => {
  test.each<[string, object, string, string, string]>([
    ['nothing', {}, DENIED, DENIED, DENIED],
    ['its issuer', { issuers: ['prod-eu'] }, DENIED, DENIED, 'allowed deploy'],
    ['another issuer', { issuers: ['prod-us'] }, 'allowed role', 'allowed mesh', 'allowed deploy'],
    ['a label', { issuerLabels: { env: 'prod' } }, DENIED, DENIED, 'allowed deploy'],
    ['two labels', { issuerLabels: { env: 'prod', tier: 'two' } }, 'allowed role', 'allowed mesh', 'allowed deploy'],
    ['not a label', { notIssuerLabels: { env: 'prod' } }, 'allowed role', 'allowed mesh', DENIED],
    ['not both labels', { notIssuerLabels: { env: 'prod', tier: 'two' } }, DENIED, DENIED, DENIED],
    ['an inherited label', { issuerLabels: { constructor: 'x' } }, 'allowed role', 'allowed mesh', 'allowed deploy'],
    ['a namespace', { namespace: 'payments' }, DENIED, DENIED, DENIED],
    ['another namespace', { namespace: 'sensors' }, 'allowed role', 'allowed mesh', DENIED],
    ['every namespace', { namespace: '*' }, DENIED, DENIED, DENIED],
    ['another account', { serviceAccount: 'uploader' }, 'allowed role', 'allowed mesh', DENIED],
    ['a namespace of one issuer', { issuers: ['prod-eu'], namespace: 'payments' }, DENIED, DENIED, 'allowed deploy'],
    ['a target', { targets: ['jwtSvid'] }, 'allowed role', DENIED, 'allowed deploy'],
    ['a mapping', { mappings: ['role'] }, DENIED, 'allowed mesh', 'allowed deploy'],
  ])('of %s', (_, match, role, mesh, deploy) => {
    const snapshot = withRail({ match, deny: 'true' });
    expect(answer(snapshot, workload(), ask('role'))).toBe(role);
    expect(answer(snapshot, workload(), ask('mesh'))).toBe(mesh);
    expect(answer(snapshot, ciJob({ repo: '1' }), ask('deploy'))).toBe(deploy);
  });
});

describe('match of what is not there, which a typing error makes of a ceiling', () => {
  const warnings = (match: object) =>
    compiled([...BASE, guardrail('rail', { match, deny: 'true' })]).faults.map(
      ({ severity, field, message, hint = '' }) => `${severity} ${field}: ${message} ${hint}`,
    );

  test.each<[object, string]>([
    [
      { issuers: ['prod-ue'] },
      'warning spec.match.issuers[0]: there is no prod-ue: it matches nobody did you mean prod-eu?',
    ],
    [{ mappings: ['mehs'] }, 'warning spec.match.mappings[0]: there is no mehs: it matches nobody did you mean mesh?'],
    [
      { issuerLabels: { env: 'prdo' } },
      'warning spec.match.issuerLabels: no TrustedIssuer carries these labels: it matches nobody ',
    ],
    [
      { issuerLabels: { env: 'prod', tier: 'two' } },
      'warning spec.match.issuerLabels: no TrustedIssuer carries these labels: it matches nobody ',
    ],
  ])('warns of %j', (match, warning) => {
    expect(warnings(match)).toEqual([warning]);
  });

  test.each<[object]>([
    [{ issuerLabels: { env: 'prod' } }],
    [{ issuerLabels: { tier: 'one', env: 'prod' } }],
    [{ notIssuerLabels: { env: 'prdo' } }],
    [{}],
  ])('says nothing of %j', (match) => {
    expect(warnings(match)).toEqual([]);
  });

  test('knows the labels of an issuer that is faulty, too', () => {
    const faulty = { ...cluster('edge', { env: 'edge' }), valid: false as const, raw: {} };
    const rail = guardrail('rail', { match: { issuerLabels: { env: 'edge' } }, deny: 'true' });
    const found = compiled([...BASE, faulty, rail]).faults.map(({ field }) => field);
    expect(found).not.toContain('spec.match.issuerLabels');
  });
});

describe('match of an issuer of which nothing is known', () => {
  const [mapping] = snapshotOf(...BASE).mappings.candidates(workload(), 'role').matching;

  test.each([{ issuerLabels: { env: 'test' } }, { notIssuerLabels: { env: 'prod' } }])(
    'leaves the labels of %j undecided, so it matches',
    (match) => {
      if (mapping?.state.kind !== 'active') throw new Error('role is not active');
      const rail = valid(guardrail('rail', { match, deny: 'true' }));
      if (rail.kind !== 'Guardrail') throw new Error('not a guardrail');
      const { terms } = mapping.state;
      const subjected = { identity: workload(), issuer: undefined, mapping: 'role', terms, mode: 'enforce' as const };
      const attributes = () => ATTRIBUTES;
      expect(ceiling([compileGuardrail(rail, NO_CONDITIONS)], { ...subjected, attributes }).matched).toEqual(['rail']);
    },
  );
});

describe('deny', () => {
  test.each([
    ['true', DENIED],
    [' true', DENIED],
    ['false', 'allowed role'],
    ['request.time.getHours("UTC") == 9', DENIED],
    ['request.time.getHours("UTC") == 10', 'allowed role'],
    ['target.kind == "aws" && target.id.endsWith("/reports")', DENIED],
    ['target.kind == "gcp"', 'allowed role'],
    ['request.ttl > duration("59m")', DENIED],
    ['request.scope != ""', 'allowed role'],
  ])('of %j: %s', (deny, expected) => {
    expect(answer(withRail({ deny }), workload(), ask('role'))).toBe(expected);
  });

  test('denies where it is an error: an attribute that is missing never opens a ceiling', () => {
    const decision = decide(withRail({ deny: 'issuer.labels.team == "a"' }), workload(), ask('role'), NOW);
    expect(decision).toMatchObject({
      reason: 'guardrail',
      detail: 'rail: deny (error: field not found: team; issuer.labels.team is missing)',
    });
  });

  test('denies all it matches where its last good version no longer compiles', () => {
    const rail = guardrail('rail', { deny: 'request.time > 3' });
    const { snapshot, faults } = compiled([...BASE, rail], { lastGood: [rail] });
    expect(faults.map(({ name, field, message }) => `${name} ${field} ${message}`)).toEqual([
      'rail spec.deny column 14: > cannot be used with timestamp and int',
    ]);
    expect(answer(snapshot, workload(), ask('role'))).toBe(DENIED);
  });

  test('that is faulty keeps the last good version, and is refused where there is none', () => {
    const good = guardrail('rail', { deny: 'target.kind == "aws"' });
    const bad = guardrail('rail', { deny: 'target.knd == "aws"' });
    const { snapshot, refused } = compiled([...BASE, bad], { lastGood: [good] });
    expect(refused).toEqual([]);
    expect(answer(snapshot, workload(), ask('role'))).toBe(DENIED);
    expect(answer(snapshot, workload(), ask('mesh'))).toBe('allowed mesh');
    expect(compiled([...BASE, bad]).refused.map(({ name }) => name)).toEqual(['rail']);
  });

  test('is asked only of those that it matches', () => {
    const rail = { match: { targets: ['jwtSvid'] }, deny: 'issuer.labels.nobody == ""' };
    expect(answer(withRail(rail), workload(), ask('role'))).toBe('allowed role');
    expect(answer(withRail(rail), workload(), ask('mesh'))).toBe(DENIED);
  });

  test('tells its message to the record alone', () => {
    const decision = decide(withRail({ deny: 'true', message: 'INC-42' }), workload(), ask('role'), NOW);
    expect(decision).toMatchObject({ reason: 'guardrail', detail: 'rail: deny: INC-42' });
  });
});

describe('maxTtl', () => {
  test('caps, and the lowest of several counts', () => {
    const snapshot = snapshotOf(...BASE, guardrail('a', { maxTtl: '40m' }), guardrail('b', { maxTtl: '30m' }));
    const decision = decide(snapshot, workload(), ask('role'), NOW);
    expect(decision).toMatchObject({ grant: { ttlSeconds: 1800 } });
  });

  test('never raises what was asked', () => {
    expect(decide(withRail({ maxTtl: '2h' }), workload(), ask('mesh', { ttlSeconds: 60 }), NOW)).toMatchObject({
      grant: { ttlSeconds: 60 },
    });
  });

  test.each([
    ['15m', 'allowed role'],
    ['899s', DENIED],
  ])('of %s on AWS: %s, for a cap that the target cannot honour denies', (maxTtl, expected) => {
    expect(answer(withRail({ maxTtl }), workload(), ask('role'))).toBe(expected);
    expect(answer(withRail({ maxTtl }), workload(), ask('mesh'))).toBe('allowed mesh');
  });

  test('denies an assertion whatever its height, for the workload chooses the length of its session', () => {
    const assertion = awsMapping('assertion', {
      target: { aws: { roleArn: `${ROLE}2`, region: 'eu-west-1' } },
      deliver: 'assertion',
      residual: { accept: ['ttl'], reason: 'the role allows fifteen minutes' },
    });
    const snapshot = snapshotOf(...BASE, assertion, guardrail('rail', { maxTtl: '12h' }));
    expect(answer(snapshot, workload(), ask('assertion'))).toBe(DENIED);
    expect(answer(snapshot, workload(), ask('role'))).toBe('allowed role');
  });
});

describe('requirePodBound', () => {
  const snapshot = withRail({ requirePodBound: true });

  test('denies what is not bound to a pod, also where the mapping does not ask for it', () => {
    expect(answer(snapshot, workload(), ask('mesh'))).toBe('allowed mesh');
    expect(answer(snapshot, unboundWorkload(), ask('mesh'))).toBe(DENIED);
  });

  test('denies what cannot be bound to a pod', () => {
    expect(answer(snapshot, ciJob({ repo: '1' }), ask('deploy'))).toBe(DENIED);
  });

  test('asks nothing when it is false', () => {
    const lax = snapshotOf(...BASE, guardrail('rail', { requirePodBound: false, maxTtl: '1h' }));
    expect(answer(lax, unboundWorkload(), ask('mesh'))).toBe('allowed mesh');
  });
});

describe('requireIntents and modes', () => {
  test('requireIntents denies what no intent narrows', () => {
    expect(answer(withRail({ requireIntents: true }), workload(), ask('role'))).toBe(DENIED);
    expect(answer(withRail({ requireIntents: false }), workload(), ask('role'))).toBe('allowed role');
  });

  test('modes denies a mapping whose mode is not among them', () => {
    expect(answer(withRail({ modes: ['enforce'] }), workload(), ask('role'))).toBe('allowed role');
    expect(answer(withRail({ modes: ['report', 'shadow'] }), workload(), ask('role'))).toBe(DENIED);
    const report = svidMapping('trial', {
      target: { jwtSvid: { audiences: ['books'] } },
      mode: 'report',
      until: '2026-11-22T09:00:01Z',
    });
    const asking = (modes: readonly string[], now = NOW) =>
      answer(snapshotOf(...BASE, report, guardrail('rail', { modes })), workload(), ask('trial'), now);
    expect(asking(['enforce', 'report'])).toBe('allowed trial');
    expect(asking(['enforce'])).toBe(DENIED);
    expect(asking(['enforce'], NOW + 1000)).toBe('allowed trial');
  });
});
