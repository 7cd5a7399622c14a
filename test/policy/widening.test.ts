import { describe, expect, test } from 'vitest';
import { wideningBetween } from '../../src/policy/widening.ts';
import type { Document } from '../../src/resources/document.ts';
import { PROVIDER, READ, SECRET } from '../support/one-mapping.ts';
import {
  awsMapping,
  CONDITIONS,
  ci,
  cluster,
  compiled,
  document,
  guardrail,
  ROLE,
  svidMapping,
} from '../support/policy-builders.ts';

const PROD = cluster('prod-eu', { env: 'prod' });

/** The fields by which the second set widens the first. */
function fields(before: readonly Document[], after: readonly Document[]): readonly string[] {
  const { reasons } = wideningBetween(compiled(before).snapshot, compiled(after).snapshot, CONDITIONS);
  return [...new Set(reasons.map(({ kind, name, field }) => `${kind} ${name} ${field}`.trim()))];
}

/** The same for one mapping in two forms. */
function mapped(before: object, after: object, make: typeof awsMapping = awsMapping): readonly string[] {
  return fields([PROD, make('m', before)], [PROD, make('m', after)]).map((one) =>
    one.replace('FederationMapping m', '').trim(),
  );
}

const aws = (changes: object = {}) => ({ target: { aws: { roleArn: ROLE, region: 'eu-west-1', ...changes } } });
const subject = (changes: object) => ({
  subject: { issuer: 'prod-eu', namespace: 'payments', serviceAccount: 'reporter', ...changes },
});
const SELECTED = { subject: { issuerSelector: { env: 'prod' }, namespace: '*', serviceAccount: '*' } };
const POLICIES = ['One', 'Two'].map((name) => `arn:aws:iam::123456789012:policy/${name}`);

describe('a field of a mapping, widened and the other way round', () => {
  const rows: [string, object, object][] = [
    ['spec.subject', subject({}), subject({ serviceAccount: '*' })],
    ['spec.subject', subject({}), SELECTED],
    ['spec.subject.binding', subject({}), subject({ binding: 'any' })],
    ['spec.when', { when: 'identity.pod != ""' }, {}],
    ['spec.when', { when: '(identity.pod != "") && (request.ttl > duration("1m"))' }, { when: 'identity.pod != ""' }],
    ['spec.ttl.max', { ttl: { max: '1h' } }, { ttl: { max: '2h' } }],
    ['spec.ttl.default', { ttl: { default: '15m' } }, { ttl: { default: '30m' } }],
    ['spec.ttl.outliveSubject', { ttl: { outliveSubject: false } }, { ttl: { outliveSubject: true } }],
    ['spec.intents', { intents: [READ] }, { intents: 'unrestricted' }],
    ['spec.intents', { intents: [READ] }, { intents: [READ, SECRET] }],
    ['spec.residual.accept', {}, { residual: { accept: ['ttl'], reason: 'r' } }],
    ['spec.expiresAt', { expiresAt: '2027-01-01T00:00:00Z' }, { expiresAt: '2027-02-01T00:00:00Z' }],
    ['spec.expiresAt', { expiresAt: '2027-01-01T00:00:00Z' }, {}],
    ['spec.shareAcrossPods', {}, { shareAcrossPods: true }],
    ['spec.replay', { replay: 'once' }, {}],
    ['spec.addresses', {}, { addresses: ['alias'] }],
    ['spec.target.aws.policyArns', aws({ policyArns: POLICIES.slice(1) }), aws({ policyArns: POLICIES })],
  ];
  test.each(rows)('%s', (field, narrow, wide) => {
    expect(mapped(narrow, wide)).toContain(field);
    expect(mapped(wide, narrow)).toEqual([]);
  });

  const otherwise: [string, object, object][] = [
    ['spec.target.aws.roleArn', {}, aws({ roleArn: `${ROLE}-2` })],
    ['spec.target.aws.tags', {}, aws({ tags: { team: 'a' } })],
    ['spec.target', {}, { target: { gcp: { provider: PROVIDER } } }],
    ['spec.mode', {}, { mode: 'report', until: '2026-12-01T00:00:00Z' }],
    ['spec.when', { when: 'identity.pod == "a"' }, { when: 'identity.pod == "b"' }],
    ['spec.deliver', {}, { deliver: 'assertion', residual: { accept: ['ttl'], reason: 'r' } }],
  ];
  test.each(otherwise)('%s is widening in either direction', (field, one, other) => {
    expect(mapped(one, other)).toContain(field);
    expect(mapped(other, one)).toContain(field);
  });

  test('a condition that only looks like the former one with another joined on is widening', () => {
    const former = 'identity.pod == "a"';
    expect(mapped({ when: former }, { when: `(${former}) && (true) || (true)` })).toEqual(['spec.when']);
    expect(mapped({ when: former }, { when: `(${former}) && ((true) || (true))` })).toEqual([]);
  });

  test('a target that is left with one audience or scope can be asked for by other names of the mapping', () => {
    const svid = (...audiences: string[]) => ({ target: { jwtSvid: { audiences } }, addresses: ['alias'] });
    expect(mapped(svid('a', 'b', 'c'), svid('a', 'b'), svidMapping)).toEqual([]);
    expect(mapped(svid('a', 'b'), svid('a'), svidMapping)).toEqual(['spec.addresses']);
    const ids = { tenant: '11111111-2222-3333-4444-555555555555', clientId: '66666666-7777-8888-9999-000000000000' };
    const azure = (...names: string[]) => ({
      target: { azure: { ...ids, scopes: names.map((name) => `https://${name}.example.org/.default`) } },
      addresses: ['alias'],
      residual: { accept: ['ttl'], reason: 'Entra chooses' },
    });
    expect(mapped(azure('a', 'b', 'c'), azure('a', 'b'))).toEqual([]);
    expect(mapped(azure('a', 'b'), azure('a'))).toEqual(['spec.addresses']);
  });

  test('another owner of a mapping with just-in-time access is widening: the former one may now approve', () => {
    const justInTime = { approvers: ['alice', 'bob'], approvals: 1, maxDuration: '1h' };
    const by = (owner: string) => ({ owner, access: { justInTime } });
    expect(mapped(by('alice'), by('alice'))).toEqual([]);
    expect(mapped(by('alice'), by('carol'))).toEqual(['spec.owner']);
    expect(mapped({ owner: 'alice' }, { owner: 'carol' })).toEqual([]);
  });

  test('a mapping that is new widens, unless it is a shadow, and a shadow widens when it becomes one', () => {
    const shadow = awsMapping('m', { mode: 'shadow' });
    expect(fields([PROD], [PROD, awsMapping('m')])).toEqual(['FederationMapping m']);
    expect(fields([PROD], [PROD, shadow])).toEqual([]);
    expect(fields([PROD, shadow], [PROD, awsMapping('m')])).toEqual(['FederationMapping m']);
  });
});

describe('what a mapping leaves behind (DESIGN section 6)', () => {
  const wide = awsMapping('wide', {
    addresses: ['shared'],
    subject: { issuer: 'prod-eu', namespace: '*', serviceAccount: '*' },
  });
  const narrow = awsMapping('narrow', { addresses: ['shared'], ttl: { max: '15m' } });

  test('deleting it widens where a less specific one takes its place, and not where none does', () => {
    expect(fields([PROD, wide, narrow], [PROD, wide])).toEqual(['FederationMapping narrow']);
    expect(fields([PROD, wide, narrow], [PROD, narrow])).toEqual([]);
    expect(fields([PROD, narrow], [PROD])).toEqual([]);
  });

  test('making it more specific widens where it then decides instead of another', () => {
    const star = { issuer: 'prod-eu', namespace: '*', serviceAccount: 'reporter' };
    const between = awsMapping('between', {
      addresses: ['shared'],
      subject: { ...star, namespace: 'payments', serviceAccount: '*' },
    });
    const former = awsMapping('narrow', { addresses: ['shared'], subject: star });
    expect(fields([PROD, between, former], [PROD, between, narrow])).toContain('FederationMapping narrow spec.subject');
    expect(fields([PROD, former], [PROD, narrow])).not.toContain('FederationMapping narrow spec.subject');
  });

  test('a mapping that comes back because another no longer stands in its way is widening', () => {
    const alias = svidMapping('alias', { addresses: ['taken'] });
    const taken = svidMapping('taken', { target: { jwtSvid: { audiences: ['other'] } } });
    expect(fields([PROD, alias, taken], [PROD, alias])).toContain('FederationMapping alias');
  });
});

describe('a Guardrail', () => {
  const rows: [string, object, object][] = [
    ['spec.match.issuers', { match: { issuers: ['prod-eu', 'prod-us'] } }, { match: { issuers: ['prod-eu'] } }],
    [
      'spec.match.issuerLabels',
      { match: { issuerLabels: { a: '1' } } },
      { match: { issuerLabels: { a: '1', b: '2' } } },
    ],
    ['spec.match.notIssuerLabels', {}, { match: { notIssuerLabels: { a: '1' } } }],
    ['spec.match.namespace', { match: { namespace: '*' } }, { match: { namespace: 'payments' } }],
    ['spec.match.serviceAccount', {}, { match: { serviceAccount: 'reporter' } }],
    ['spec.match.targets', { match: { targets: ['aws', 'gcp'] } }, { match: { targets: ['aws'] } }],
    ['spec.match.mappings', {}, { match: { mappings: ['m'] } }],
    ['spec.deny', { deny: 'true' }, { deny: 'identity.pod == ""' }],
    ['spec.deny', { deny: '(identity.pod == "") || (request.ttl > duration("1m"))' }, { deny: 'identity.pod == ""' }],
    ['spec.deny', { deny: 'true' }, {}],
    ['spec.maxTtl', { maxTtl: '1h' }, { maxTtl: '2h' }],
    ['spec.requirePodBound', { requirePodBound: true }, { requirePodBound: false }],
    ['spec.requireIntents', { requireIntents: true }, {}],
    ['spec.modes', { modes: ['enforce'] }, { modes: ['enforce', 'report'] }],
  ];
  test.each(rows)('%s, widened and the other way round', (field, narrow, wide) => {
    const rail = (spec: object) => [PROD, guardrail('g', { maxTtl: '6h', ...spec })];
    expect(fields(rail(narrow), rail(wide))).toEqual([`Guardrail g ${field}`]);
    expect(fields(rail(wide), rail(narrow))).toEqual([]);
  });

  test('that goes widens, and one that comes, as a stop does, does not', () => {
    const stop = [PROD, guardrail('stop', { deny: 'true' })];
    expect(fields(stop, [PROD])).toEqual(['Guardrail stop']);
    expect(fields([PROD], stop)).toEqual([]);
  });

  test('that wants intents makes it widening to be held to some: the mapping was refused before', () => {
    const wants = guardrail('g', { requireIntents: true });
    const [free, held] = [awsMapping('m'), awsMapping('m', { intents: [READ] })];
    expect(fields([PROD, wants, free], [PROD, wants, held])).toEqual(['FederationMapping m spec.intents']);
    expect(fields([PROD, free], [PROD, held])).toEqual([]);
  });
});

describe('a TrustedIssuer', () => {
  const spec = {
    issuer: 'https://ci.example.org',
    audiences: ['https://sts.example.org'],
    keys: { discovery: {} },
    oidc: {},
  };
  const trusted = (changes: object = {}, name = 'ci', labels = {}) =>
    document('TrustedIssuer', name, { ...spec, ...changes }, { labels });
  const end = { issuer: 'https://old.example.org', notAfter: '2027-01-01T00:00:00Z' };
  const rows: [string, object, object][] = [
    ['spec.audiences', {}, { audiences: [...spec.audiences, 'https://two.example.org'] }],
    ['spec.allowExtraAudiences', {}, { allowExtraAudiences: true }],
    ['spec.algorithms', {}, { algorithms: ['RS256', 'ES256', 'PS256'] }],
    ['spec.maxTokenLifetime', {}, { maxTokenLifetime: '2d' }],
    ['spec.clockSkew', {}, { clockSkew: '60s' }],
    ['spec.replay', { replay: 'once' }, {}],
    ['spec.previousIssuers', {}, { previousIssuers: [end] }],
    [
      'spec.previousIssuers',
      { previousIssuers: [end] },
      { previousIssuers: [{ ...end, notAfter: '2027-02-01T00:00:00Z' }] },
    ],
    [
      'spec.oidc.requireClaims',
      { oidc: { requireClaims: { a: '1', b: '2' } } },
      { oidc: { requireClaims: { a: '1' } } },
    ],
  ];
  test.each(rows)('%s, widened and the other way round', (field, narrow, wide) => {
    expect(fields([trusted(narrow)], [trusted(wide)])).toEqual([`TrustedIssuer ci ${field}`]);
    expect(fields([trusted(wide)], [trusted(narrow)])).toEqual([]);
  });

  test.each<[string, object]>([
    ['spec.issuer', { issuer: 'https://ci2.example.org', keys: { jwks: { url: 'https://ci.example.org/k' } } }],
    ['spec.keys', { keys: { jwks: { url: 'https://ci.example.org/k' } } }],
    ['spec.oidc.spiffePath', { oidc: { spiffePath: '/ci/{claims.repo}' } }],
    ['spec', { oidc: undefined, kubernetes: {} }],
  ])('another %s is widening in either direction', (field, changes) => {
    expect(fields([trusted()], [trusted(changes)])).toContain(`TrustedIssuer ci ${field}`);
    expect(fields([trusted(changes)], [trusted()])).toContain(`TrustedIssuer ci ${field}`);
  });

  test('that is new widens, one that goes does not, and other labels widen because they select', () => {
    expect(fields([], [trusted()])).toEqual(['TrustedIssuer ci']);
    expect(fields([trusted()], [])).toEqual([]);
    expect(fields([trusted()], [trusted({}, 'ci', { env: 'prod' })])).toEqual(['TrustedIssuer ci metadata.labels']);
  });

  test('that goes where another has the same iss widens: exactly one of them may verify a token', () => {
    const twin = trusted({ keys: { jwks: { url: 'https://twin.example.org/k' } } }, 'twin');
    expect(fields([trusted(), twin], [twin])).toEqual(['TrustedIssuer ci']);
    expect(fields([trusted(), ci('github')], [ci('github')])).toEqual([]);
  });
});
