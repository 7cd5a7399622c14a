import { describe, expect, test } from 'vitest';
import type { Author } from '../../src/core/author.ts';
import { decide } from '../../src/policy/decide.ts';
import type { Document } from '../../src/resources/document.ts';
import {
  answer,
  ask,
  awsMapping,
  ci,
  cluster,
  compiled,
  document,
  NOW,
  ROLE,
  snapshotOf,
  svidMapping,
  workload,
} from '../support/policy-builders.ts';

const PROD = cluster('prod-eu', { env: 'prod', region: 'eu' });
const TEAM: Author = { issuer: 'https://idp.example.org', subject: 'u-17', as: ['payments-editors'], scoped: true };
const NOT_GRANTED = 'target_denied not_granted';

const grant = (name: string, spec: object, meta = {}) => document('FederationGrant', name, spec, meta);
const scoped = (changes: object = {}) => awsMapping('role', changes, { author: TEAM });
const answered = (...documents: readonly Document[]) => answer(snapshotOf(PROD, ...documents), workload(), ask('role'));
const gcp = (target: object) =>
  awsMapping('role', { target: { gcp: target }, residual: { accept: ['ttl'], reason: 'an hour' } }, { author: TEAM });
const PROVIDER = '//iam.googleapis.com/projects/42/locations/global/workloadIdentityPools/pool/providers/carnet';

describe('who needs a FederationGrant (DESIGN 5)', () => {
  test('a scoped author does, and nobody else without requireGrants', () => {
    expect(answered(scoped())).toBe(NOT_GRANTED);
    const { scoped: _, ...unscoped } = TEAM;
    expect(answered(awsMapping('role', {}, { author: unscoped }))).toBe('allowed role');
    expect(answered(awsMapping('role'))).toBe('allowed role');
  });

  test('with requireGrants files and unscoped authors do too', () => {
    const { scoped: _, ...unscoped } = TEAM;
    for (const one of [awsMapping('role'), awsMapping('role', {}, { author: unscoped })]) {
      const without = compiled([PROD, one], { context: { requireGrants: true } });
      expect(answer(without.snapshot, workload(), ask('role'))).toBe(NOT_GRANTED);
      const covered = compiled([PROD, one, grant('all', { to: { accounts: ['*'] } })], {
        context: { requireGrants: true },
      });
      expect(answer(covered.snapshot, workload(), ask('role'))).toBe('allowed role');
    }
  });

  test('a mapping that no grant covers is in force, refuses, and says which field of which grant is short', () => {
    const other = grant('others', { from: { namespaces: ['shop'] }, to: { accounts: ['999999999999'] } });
    const near = grant('near', { to: { accounts: ['999999999999'] } });
    const { faults, snapshot } = compiled([PROD, scoped(), other, near]);
    expect(faults).toMatchObject([
      {
        severity: 'warning',
        field: 'spec.target.aws.roleArn',
        message: 'no FederationGrant covers it; the nearest, near, does not by to.accounts: the mapping refuses',
      },
    ]);
    const { detail } = { detail: '', ...decide(snapshot, workload(), ask('role'), NOW) };
    expect(detail).toBe('no FederationGrant covers it; the nearest, near, does not by to.accounts');
  });
});

describe('from: whose and whom (DESIGN 5)', () => {
  const to = { accounts: ['123456789012'] };
  test.each<[string, object, string]>([
    ['the subject of the author', { authors: ['u-17'] }, 'allowed role'],
    ['another subject', { authors: ['u-1', 'u-18'] }, NOT_GRANTED],
    ['the value of an entry that gave the right', { authors: ['payments-editors'] }, 'allowed role'],
    ['a file, which nobody who signs in is', { authors: ['file:*'] }, NOT_GRANTED],
    ['labels of the issuer', { issuerLabels: { env: 'prod' } }, 'allowed role'],
    ['labels that the issuer lacks in part', { issuerLabels: { env: 'prod', region: 'us' } }, NOT_GRANTED],
    ['the namespace', { namespaces: ['shop', 'payments'] }, 'allowed role'],
    ['another namespace', { namespaces: ['shop'] }, NOT_GRANTED],
    ['one condition that holds and one that does not', { authors: ['u-17'], namespaces: ['shop'] }, NOT_GRANTED],
  ])('%s', (_, from, expected) => {
    expect(answered(scoped(), grant('g', { from, to }))).toBe(expected);
  });

  test('two grants do not add up', () => {
    const one = grant('one', { from: { namespaces: ['payments'] }, to: { accounts: ['999999999999'] } });
    const two = grant('two', { from: { namespaces: ['shop'] }, to });
    expect(answered(scoped(), one, two)).toBe(NOT_GRANTED);
  });

  test('a subject of every namespace is covered only by a grant without namespaces', () => {
    const wide = scoped({ subject: { issuer: 'prod-eu', namespace: '*', serviceAccount: '*' } });
    expect(answered(wide, grant('g', { from: { namespaces: ['payments'] }, to }))).toBe(NOT_GRANTED);
    expect(answered(wide, grant('g', { to }))).toBe('allowed role');
  });

  test('every issuer that a selector may match has to carry the labels', () => {
    const subject = { issuerSelector: { env: 'prod' }, namespace: 'payments', serviceAccount: 'reporter' };
    const g = grant('g', { from: { issuerLabels: { region: 'eu' } }, to });
    expect(answered(scoped({ subject }), g)).toBe('allowed role');
    expect(answered(scoped({ subject }), g, cluster('prod-us', { env: 'prod', region: 'us' }))).toBe(NOT_GRANTED);
    expect(answered(scoped({ subject }), g, cluster('edge', { env: 'edge' }))).toBe('allowed role');
  });

  test('a file is named by its path, or by the folder that it is in', () => {
    const answerFrom = (authors: readonly string[], source: string) => {
      const documents = [PROD, awsMapping('role', {}, { source }), grant('g', { from: { authors }, to })];
      const { snapshot } = compiled(documents, { context: { requireGrants: true } });
      return answer(snapshot, workload(), ask('role'));
    };
    expect(answerFrom(['file:/teams/pay/a.yaml'], '/teams/pay/a.yaml')).toBe('allowed role');
    expect(answerFrom(['file:/teams/pay/*'], '/teams/pay/a.yaml')).toBe('allowed role');
    expect(answerFrom(['file:/teams/pay/*'], '/teams/payroll/a.yaml')).toBe(NOT_GRANTED);
    expect(answerFrom(['/teams/pay/a.yaml'], '/teams/pay/a.yaml')).toBe(NOT_GRANTED);
  });
});

describe('to: which targets (DESIGN 5)', () => {
  test.each<[string, object, string]>([
    ['the account', { accounts: ['123456789012'] }, 'allowed role'],
    ['every account, written out', { accounts: ['*'] }, 'allowed role'],
    ['another account', { accounts: ['123456789013'] }, NOT_GRANTED],
    ['the role', { roles: [ROLE] }, 'allowed role'],
    ['the beginning of the role', { roles: ['arn:aws:iam::123456789012:role/rep*'] }, 'allowed role'],
    ['the beginning of another', { roles: ['arn:aws:iam::123456789012:role/pay*'] }, NOT_GRANTED],
    ['an exact text that only begins like the role', { roles: [ROLE.slice(0, -1)] }, NOT_GRANTED],
    ['the account and another role', { accounts: ['123456789012'], roles: [`${ROLE}-x`] }, NOT_GRANTED],
    ['another kind of target', { projects: ['*'], audiences: ['*'] }, NOT_GRANTED],
    ['this kind beside another', { projects: ['42'], accounts: ['123456789012'] }, 'allowed role'],
  ])('AWS: %s', (_, to, expected) => {
    expect(answered(scoped(), grant('g', { to }))).toBe(expected);
  });

  test('AWS: the second role has to be covered as well', () => {
    const secondHop = { roleArn: 'arn:aws:iam::999999999999:role/deploy' };
    const two = scoped({ target: { aws: { roleArn: ROLE, region: 'eu-west-1', secondHop } } });
    expect(answered(two, grant('g', { to: { accounts: ['123456789012'] } }))).toBe(NOT_GRANTED);
    expect(answered(two, grant('g', { to: { accounts: ['123456789012', '999999999999'] } }))).toBe('allowed role');
  });

  const account = 'ci@acme.iam.gserviceaccount.com';
  test.each<[string, object, object, string]>([
    ['the number in the provider', { provider: PROVIDER }, { projects: ['42'] }, 'allowed role'],
    [
      'also the project of the account',
      { provider: PROVIDER, serviceAccount: account },
      { projects: ['42'] },
      NOT_GRANTED,
    ],
    ['both projects', { provider: PROVIDER, serviceAccount: account }, { projects: ['42', 'acme'] }, 'allowed role'],
    [
      'an account whose project cannot be told',
      { provider: PROVIDER, serviceAccount: '42-compute@developer.gserviceaccount.com' },
      { projects: ['42'] },
      NOT_GRANTED,
    ],
    ['the account', { provider: PROVIDER, serviceAccount: account }, { serviceAccounts: [account] }, 'allowed role'],
    [
      'no account on the way',
      { provider: PROVIDER, serviceAccount: account, delegates: ['b@acme.iam.gserviceaccount.com'] },
      { serviceAccounts: [account] },
      NOT_GRANTED,
    ],
    ['a mapping without an account', { provider: PROVIDER }, { serviceAccounts: [account] }, NOT_GRANTED],
  ])('Google Cloud: %s', (_, target, to, expected) => {
    expect(answered(gcp(target), grant('g', { to }))).toBe(expected);
  });

  const tenant = '0000000a-0000-0000-0000-000000000001';
  const client = '0000000b-0000-0000-0000-000000000002';
  test.each<[string, object, string]>([
    ['tenant and client in either case', { tenants: [tenant.toUpperCase()], clients: [client] }, 'allowed role'],
    ['the tenant and another client', { tenants: [tenant], clients: [tenant] }, NOT_GRANTED],
  ])('Azure: %s', (_, to, expected) => {
    const azure = { tenant, clientId: client, scopes: ['https://storage.azure.com/.default'] };
    const mapping = scoped({ target: { azure }, residual: { accept: ['ttl'], reason: 'an hour' } });
    expect(answered(mapping, grant('g', { to }))).toBe(expected);
  });

  test('OAuth: the origin, and none that only begins like it', () => {
    const mapping = scoped({ target: { oauth: { issuer: 'https://idp.example.org/realms/a' } } });
    expect(answered(mapping, grant('g', { to: { origins: ['https://idp.example.org'] } }))).toBe('allowed role');
    expect(answered(mapping, grant('g', { to: { origins: ['https://idp.example'] } }))).toBe(NOT_GRANTED);
  });

  const svid = (changes: object = {}) => svidMapping('role', changes, { author: TEAM });
  test.each<[string, object, object, string]>([
    ['the audience', {}, { audiences: ['ledger'] }, 'allowed role'],
    ['the beginning of the audience', {}, { audiences: ['led*'] }, 'allowed role'],
    [
      'not every audience',
      { target: { jwtSvid: { audiences: ['ledger', 'vault'] } }, addresses: [] },
      { audiences: ['ledger'] },
      NOT_GRANTED,
    ],
    ['the whole path', {}, { spiffePaths: ['/cluster/prod-eu/ns/payments/sa/reporter'] }, 'allowed role'],
    ['the beginning of the path', {}, { spiffePaths: ['/cluster/prod-eu/ns/payments/*'] }, 'allowed role'],
    ['the path of another namespace', {}, { spiffePaths: ['/cluster/prod-eu/ns/pay/*'] }, NOT_GRANTED],
    [
      'every account of a namespace',
      { subject: { issuer: 'prod-eu', namespace: 'payments', serviceAccount: '*' } },
      { spiffePaths: ['/cluster/prod-eu/ns/payments/sa/*'] },
      'allowed role',
    ],
    [
      'every account where one path is granted',
      { subject: { issuer: 'prod-eu', namespace: 'payments', serviceAccount: '*' } },
      { spiffePaths: ['/cluster/prod-eu/ns/payments/sa/reporter'] },
      NOT_GRANTED,
    ],
    [
      'every namespace where one is granted',
      { subject: { issuer: 'prod-eu', namespace: '*', serviceAccount: 'reporter' } },
      { spiffePaths: ['/cluster/prod-eu/ns/payments/*'] },
      NOT_GRANTED,
    ],
  ])('SVID: %s', (_, changes, to, expected) => {
    const snapshot = snapshotOf(PROD, svid(changes), grant('g', { to }));
    const address = 'addresses' in changes ? 'ledger' : 'role';
    expect(answer(snapshot, workload(), ask(address))).toBe(expected);
  });

  test('SVID: a path of claims as far as the mapping says them', () => {
    const github = ci('github', { spiffePath: '/ci/{claims.repo}/{claims.env}' });
    const mapping = svid({ subject: { issuer: 'github', claims: { repo: '1', env: '*' } } });
    const warnings = (path: string) =>
      compiled([github, mapping, grant('g', { to: { spiffePaths: [path] } })]).faults.length;
    expect(warnings('/ci/1/*')).toBe(0);
    expect(warnings('/ci/1/prod')).toBe(1);
  });
});

describe('maxTtl of a grant', () => {
  const to = { accounts: ['123456789012'] };
  const ttl = (...documents: readonly Document[]) => {
    const decision = decide(snapshotOf(PROD, scoped(), ...documents), workload(), ask('role'), NOW);
    return decision.outcome === 'allowed' ? decision.grant.ttlSeconds : decision.reason;
  };

  test('caps, and of several grants the one that leaves most counts', () => {
    expect(ttl(grant('a', { to, maxTtl: '20m' }))).toBe(1200);
    expect(ttl(grant('a', { to, maxTtl: '20m' }), grant('b', { to, maxTtl: '30m' }))).toBe(1800);
    expect(ttl(grant('a', { to, maxTtl: '20m' }), grant('b', { to }))).toBe(3600);
  });

  test('denies where the target cannot honour it', () => {
    expect(ttl(grant('a', { to, maxTtl: '10m' }))).toBe('not_granted');
  });
});

describe('changes of grants', () => {
  const g = grant('g', { to: { accounts: ['123456789012'] } });
  test('a deleted or a narrowed one counts from the next snapshot on', () => {
    expect(answered(scoped(), g)).toBe('allowed role');
    expect(answered(scoped())).toBe(NOT_GRANTED);
    expect(answered(scoped(), grant('g', { to: { accounts: ['999999999999'] } }))).toBe(NOT_GRANTED);
  });

  test('a faulty one keeps its last good version', () => {
    const faulty = grant('g', { to: { account: ['123456789012'] } });
    const { snapshot } = compiled([PROD, scoped(), faulty], { lastGood: [g] });
    expect(answer(snapshot, workload(), ask('role'))).toBe('allowed role');
  });

  test('another author makes another revision', () => {
    const by = (author: Author) => snapshotOf(PROD, awsMapping('role', {}, { author })).revision;
    expect(by(TEAM)).not.toBe(by({ ...TEAM, as: [] }));
  });
});

describe('the form of a grant', () => {
  test.each<[string, object]>([
    ['no target', { to: {} }],
    ['a from that says nothing', { from: {}, to: { accounts: ['*'] } }],
    ['* beside others', { to: { accounts: ['*', '123456789012'] } }],
    ['an account that is none', { to: { accounts: ['12345678901'] } }],
    ['a role pattern that leaves the account open', { to: { roles: ['arn:aws:iam::*'] } }],
    ['a * within a role', { to: { roles: ['arn:aws:iam::123456789012:role/*/x'] } }],
    ['every namespace', { from: { namespaces: ['*'] }, to: { accounts: ['*'] } }],
    ['a pattern of people', { from: { authors: ['u-*'] }, to: { accounts: ['*'] } }],
    ['every person', { from: { authors: ['*'] }, to: { accounts: ['*'] } }],
    ['a SPIFFE path that ends within a segment', { to: { spiffePaths: ['/ns/pay*'] } }],
    ['an origin with a path', { to: { origins: ['https://idp.example.org/a'] } }],
    ['a pattern of service accounts', { to: { serviceAccounts: ['ci*'] } }],
    ['an unknown field', { to: { accounts: ['*'] }, for: [] }],
  ])('%s is a fault', (_, spec) => {
    expect(grant('g', spec).valid).toBe(false);
  });
});
