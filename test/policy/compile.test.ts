import { describe, expect, test } from 'vitest';
import type { Document, Fault } from '../../src/resources/document.ts';
import {
  answer,
  ask,
  awsMapping,
  ci,
  ciJob,
  cluster,
  compiled,
  document,
  guardrail,
  svidMapping,
  workload,
} from '../support/policy-builders.ts';

const PROD = cluster('prod-eu', { env: 'prod' });
const GITHUB = ci('github');
const EVERYBODY = { issuer: 'prod-eu', namespace: '*', serviceAccount: '*' };
const INACTIVE = 'target_denied inactive';

function errors(faults: readonly Fault[]): readonly string[] {
  return faults
    .filter(({ severity }) => severity === 'error')
    .map(({ name, field, message }) => `${name} ${field}: ${message}`);
}

function warnings(faults: readonly Fault[]): readonly string[] {
  return faults.filter(({ severity }) => severity === 'warning').map(({ name, message }) => `${name}: ${message}`);
}

function names(documents: readonly Document[]): readonly string[] {
  return documents.map(({ name }) => name).sort();
}

describe('a faulty mapping is quarantined (DESIGN section 5)', () => {
  const wide = svidMapping('wide', { subject: EVERYBODY, addresses: ['shared'] });
  const good = svidMapping('narrow', { addresses: ['shared'] });
  const typo = svidMapping('narrow', { addresses: ['shared'], twl: { max: '1h' } });

  test('it keeps the place of its last good version, so that no wider mapping takes over', () => {
    const moved = svidMapping('narrow', {
      subject: { ...EVERYBODY, namespace: 'elsewhere' },
      addresses: ['other'],
      twl: {},
    });
    const { snapshot } = compiled([PROD, wide, moved], { lastGood: [good] });
    expect(answer(snapshot, workload(), ask('shared'))).toBe(INACTIVE);
    expect(answer(snapshot, workload({ serviceAccount: 'other' }), ask('shared'))).toBe('allowed wide');
    expect(answer(snapshot, workload({ namespace: 'elsewhere' }), ask('other'))).toBe('target_refused');
  });

  test('without a last good version it keeps the place that can be read from it', () => {
    const { snapshot, accepted } = compiled([PROD, wide, typo]);
    expect(answer(snapshot, workload(), ask('shared'))).toBe(INACTIVE);
    expect(answer(snapshot, workload(), ask('narrow'))).toBe(INACTIVE);
    expect(answer(snapshot, workload(), ask('ledger'))).toBe(INACTIVE);
    expect(names(accepted)).toEqual(['prod-eu', 'wide']);
  });

  test('one whose subject cannot be read is in nobody’s way', () => {
    const torn = svidMapping('narrow', { subject: { issuer: 'prod-eu', namespce: 'payments' }, addresses: ['shared'] });
    const { snapshot } = compiled([PROD, wide, torn]);
    expect(answer(snapshot, workload(), ask('shared'))).toBe('allowed wide');
    expect(answer(snapshot, workload(), ask('narrow'))).toBe('target_refused');
  });

  test.each([undefined, null, 'text', [], { subject: null }, { subject: [] }])('a spec of %j stops nobody', (spec) => {
    const { snapshot } = compiled([PROD, wide, document('FederationMapping', 'narrow', spec)]);
    expect(answer(snapshot, workload(), ask('shared'))).toBe('allowed wide');
  });

  test('its last good version is found when its file was renamed as well', () => {
    const renamed = document('FederationMapping', 'narrow', { subject: 7 }, { source: 'b.yaml' });
    const { snapshot } = compiled([PROD, wide, renamed], { lastGood: [good] });
    expect(answer(snapshot, workload(), ask('shared'))).toBe(INACTIVE);
  });

  test('a mapping that is gone is gone, whatever was good once', () => {
    const { snapshot } = compiled([PROD, wide], { lastGood: [good, wide] });
    expect(answer(snapshot, workload(), ask('shared'))).toBe('allowed wide');
  });

  test('it never holds the name of another mapping, whose callers it would stop', () => {
    const thief = svidMapping('thief', { addresses: ['wide'], target: { jwtSvid: { audiences: ['vault'] } } });
    const { snapshot, faults } = compiled([PROD, wide, thief]);
    expect(errors(faults)).toEqual(['thief spec.addresses[0]: wide is the name of another mapping']);
    expect(answer(snapshot, workload(), ask('wide'))).toBe('allowed wide');
    expect(answer(snapshot, workload(), ask('thief'))).toBe(INACTIVE);
  });
});

describe('what is wrong between documents', () => {
  const mesh = svidMapping('mesh');
  const audience = (...audiences: string[]) => svidMapping('other', { target: { jwtSvid: { audiences } } });
  const gcp = document('FederationMapping', 'archive', {
    owner: 'team@example.org',
    subject: EVERYBODY,
    intents: 'unrestricted',
    target: {
      gcp: { provider: '//iam.googleapis.com/projects/42/locations/global/workloadIdentityPools/pool/providers/prov' },
    },
  });

  test.each<[string, readonly Document[], string]>([
    [
      'an unknown issuer',
      [svidMapping('other', { subject: { ...EVERYBODY, issuer: 'prod-ue' } })],
      'other spec.subject.issuer: there is no TrustedIssuer of this name',
    ],
    [
      'an audience that is another mapping’s name',
      [mesh, audience('mesh')],
      'other spec.target.jwtSvid.audiences[0]: mesh is the name of another mapping',
    ],
    [
      'an SVID for an issuer without SPIFFE IDs',
      [svidMapping('other', { subject: { issuer: 'github', claims: { repo: '1' } } })],
      'other spec.subject: github gives its identities no SPIFFE ID, so there is none for an SVID',
    ],
    [
      'claims of a cluster',
      [awsMapping('other', { subject: { issuer: 'prod-eu', claims: { repo: '1' } } })],
      'other spec.subject: no identity of prod-eu can match this subject',
    ],
    [
      'a namespace of a CI system',
      [awsMapping('other', { subject: { ...EVERYBODY, issuer: 'github' } })],
      'other spec.subject: no identity of github can match this subject',
    ],
    [
      'a max below fifteen minutes on AWS',
      [awsMapping('other', { ttl: { default: '10m', max: '899s' } })],
      'other spec.ttl.max: is below the 900 s that aws gives at least',
    ],
    ...[
      'sts.amazonaws.com',
      'STS.amazonaws.com',
      'api://AzureADTokenExchange',
      'https://carnet.example.org',
      'https://carnet.example.org/svid',
      'https://carnet.example.org/',
      'https://prod-eu.example.org',
      'https://sts.example.org/prod-eu',
      'https://github.example.org',
      '//iam.googleapis.com/projects/42/locations/global/workloadIdentityPools/pool/providers/prov',
      'https://iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/x/providers/y',
    ].map((reserved): [string, readonly Document[], string] => [
      `the reserved audience ${reserved}`,
      [gcp, audience('fine', reserved)],
      `other spec.target.jwtSvid.audiences[1]: ${reserved} is a reserved audience`,
    ]),
  ])('%s is a fault of that mapping alone', (_, documents, fault) => {
    const { faults, accepted, snapshot } = compiled([PROD, GITHUB, ...documents]);
    expect(errors(faults)).toEqual([fault]);
    expect(names(accepted)).not.toContain('other');
    expect(answer(snapshot, workload(), ask('other'))).not.toContain('allowed');
  });

  test('the nearest faultless neighbours of those faults are accepted', () => {
    const { faults, accepted } = compiled([
      PROD,
      ci('github', { spiffePath: '/ci/{claims.repo}' }),
      mesh,
      audience('sts.amazonaws.com.example.org', 'https://carnet.example.org/other'),
      svidMapping('own', { addresses: ['own'], target: { jwtSvid: { audiences: ['own'] } } }),
      svidMapping('ci', {
        subject: { issuer: 'github', claims: { repo: '1' } },
        target: { jwtSvid: { audiences: ['vault'] } },
      }),
      awsMapping('role', { ttl: { default: '15m', max: '15m' } }),
    ]);
    expect(errors(faults)).toEqual([]);
    expect(accepted).toHaveLength(7);
  });

  test('an audience is reserved for as long as somebody names it, formerly or in a last good version', () => {
    const former = document('TrustedIssuer', 'moved', {
      issuer: 'https://new.example.org',
      previousIssuers: [{ issuer: 'https://old.example.org', notAfter: '2027-01-01T00:00:00Z' }],
      audiences: ['https://sts.example.org'],
      keys: { discovery: {} },
      kubernetes: {},
    });
    expect(errors(compiled([PROD, former, audience('https://old.example.org')]).faults)).toHaveLength(1);
    const oauth = awsMapping('oauth', { target: { oauth: { issuer: 'https://as.example.org' } } });
    const broken = awsMapping('oauth', { target: { oauth: { isuer: 'https://as.example.org' } } });
    const other = audience('https://as.example.org');
    expect(errors(compiled([PROD, oauth, other]).faults)).toHaveLength(1);
    expect(errors(compiled([PROD, broken, other], { lastGood: [oauth] }).faults)).toHaveLength(1);
    expect(errors(compiled([PROD, other], { lastGood: [oauth] }).faults)).toEqual([]);
  });

  test('an unknown issuer comes with the nearest name', () => {
    const { faults } = compiled([PROD, svidMapping('other', { subject: { ...EVERYBODY, issuer: 'prod-ue' } })]);
    expect(faults).toMatchObject([{ source: 'a.yaml', line: 1, hint: 'did you mean prod-eu?', severity: 'error' }]);
  });

  test('a selector is no fault as long as one of its issuers serves', () => {
    const labelled = ci('gitlab', {}, { env: 'prod' });
    const subject = { issuerSelector: { env: 'prod' }, namespace: 'payments', serviceAccount: 'reporter' };
    const { faults, snapshot } = compiled([PROD, labelled, svidMapping('mesh', { subject })]);
    expect(errors(faults)).toEqual([]);
    expect(answer(snapshot, workload(), ask('mesh'))).toBe('allowed mesh');
  });

  test('a name too long for the sub of an assertion is a fault for clouds only', () => {
    const long = `${'a'.repeat(63)}.${'b'.repeat(56)}`;
    const { faults } = compiled([PROD, awsMapping(long), svidMapping(`${long}c`)]);
    expect(errors(faults)).toEqual([
      `${long} metadata.name: mapping:${long} is longer than the 127 bytes that clouds take as sub`,
    ]);
    expect(errors(compiled([PROD, awsMapping(long.slice(0, 119))]).faults)).toEqual([]);
  });
});

describe('one name in two sources', () => {
  const first = svidMapping('mesh', {}, { source: 'a.yaml' });
  const second = svidMapping('mesh', { subject: EVERYBODY }, { source: 'b.yaml' });

  test('belongs to the source where it was first seen', () => {
    const { snapshot, faults, accepted } = compiled([PROD, first, second], {
      seen: { 'a.yaml mesh': 1, 'b.yaml mesh': 2 },
    });
    expect(answer(snapshot, workload(), ask('mesh'))).toBe('allowed mesh');
    expect(errors(faults)).toHaveLength(1);
    expect(faults).toMatchObject([{ source: 'b.yaml', field: 'metadata.name' }]);
    expect(accepted).toContain(first);
    expect(accepted).not.toContain(second);
  });

  test('belongs to it whichever comes first in the reading or by name', () => {
    const { snapshot } = compiled([second, PROD, first], { seen: { 'a.yaml mesh': 2, 'b.yaml mesh': 1 } });
    expect(answer(snapshot, workload({ serviceAccount: 'else' }), ask('mesh'))).toBe('allowed mesh');
    expect(answer(snapshot, workload(), ask('mesh'))).toBe(INACTIVE);
  });

  test('belongs to the one that was seen before the other is new', () => {
    const { snapshot } = compiled([PROD, first, second], { seen: { 'b.yaml mesh': 7 } });
    expect(answer(snapshot, workload({ serviceAccount: 'else' }), ask('mesh'))).toBe('allowed mesh');
  });

  test('leaves the later one the place that it says itself, not that of the first', () => {
    const { snapshot } = compiled([PROD, first, second], {
      lastGood: [first],
      seen: { 'a.yaml mesh': 1, 'b.yaml mesh': 2 },
    });
    expect(answer(snapshot, workload(), ask('mesh'))).toBe('allowed mesh');
    expect(answer(snapshot, workload({ serviceAccount: 'else' }), ask('mesh'))).toBe(INACTIVE);
  });

  test('belongs to neither when both were first seen in one revision', () => {
    const { snapshot, faults } = compiled([PROD, first, second]);
    expect(errors(faults)).toHaveLength(2);
    expect(answer(snapshot, workload(), ask('mesh'))).toBe(INACTIVE);
    expect(answer(snapshot, workload({ serviceAccount: 'else' }), ask('mesh'))).toBe(INACTIVE);
  });

  test('of a guardrail: the first alone is in force, the later is refused', () => {
    const strict = guardrail('rail', { deny: 'true' }, { source: 'a.yaml' });
    const lax = guardrail('rail', { maxTtl: '1h' }, { source: 'b.yaml' });
    const { snapshot, refused } = compiled([PROD, first, strict, lax], { seen: { 'a.yaml rail': 1 } });
    expect(answer(snapshot, workload(), ask('mesh'))).toBe('target_denied guardrail');
    expect(refused).toMatchObject([{ source: 'b.yaml', name: 'rail' }]);
  });
});

describe('faulty issuers and guardrails keep their last good version', () => {
  const mesh = svidMapping('mesh');
  const rail = guardrail('rail', { deny: 'true' });
  const badRail = guardrail('rail', { denny: 'true' });
  const badIssuer = document('TrustedIssuer', 'prod-eu', { issuer: 'https://prod-eu.example.org' });

  test('a guardrail goes on denying while everything else moves on', () => {
    const { snapshot, refused, accepted } = compiled([PROD, mesh, badRail], { lastGood: [rail] });
    expect(answer(snapshot, workload(), ask('mesh'))).toBe('target_denied guardrail');
    expect(refused).toEqual([]);
    expect(names(accepted)).toEqual(['mesh', 'prod-eu']);
  });

  test('a guardrail that was never good is refused by name, and stops nobody at reload', () => {
    const { snapshot, refused } = compiled([PROD, mesh, badRail]);
    expect(errors(refused)).toEqual(['rail : this Guardrail is faulty and has no last good version to keep']);
    expect(answer(snapshot, workload(), ask('mesh'))).toBe('allowed mesh');
  });

  test('an issuer goes on being trusted as it was', () => {
    const { snapshot, refused, faults } = compiled([badIssuer, mesh], { lastGood: [PROD] });
    expect(answer(snapshot, workload(), ask('mesh'))).toBe('allowed mesh');
    expect(snapshot.issuers.byName.get('prod-eu')?.labels).toEqual({ env: 'prod' });
    expect([...refused, ...faults]).toEqual([]);
  });

  test('an issuer that was never good is refused, and its mappings are not at fault', () => {
    const { snapshot, refused, faults } = compiled([badIssuer, mesh]);
    expect(names(refused.map((fault) => ({ ...mesh, name: fault.name ?? '' })))).toEqual(['prod-eu']);
    expect(errors(faults)).toEqual([]);
    expect(answer(snapshot, workload(), ask('mesh'))).toBe('target_refused');
  });

  test('an issuer that claims to be Carnet falls back likewise', () => {
    const spec = {
      issuer: 'https://carnet.example.org/svid',
      audiences: ['https://sts.example.org'],
      keys: { discovery: {} },
      kubernetes: {},
    };
    const own = document('TrustedIssuer', 'prod-eu', spec);
    const kept = compiled([own, mesh], { lastGood: [PROD] });
    expect(errors(kept.faults)).toEqual(['prod-eu spec.issuer: is an issuer of Carnet itself']);
    expect(kept.snapshot.issuers.byName.get('prod-eu')?.issuer).toBe('https://prod-eu.example.org');
    expect(kept.refused).toEqual([]);
    expect(names(kept.accepted)).toEqual(['mesh']);
    const never = compiled([own, mesh]);
    expect(never.refused).toHaveLength(1);
    expect(never.snapshot.issuers.byName.size).toBe(0);
    expect(never.snapshot.issuers.byIss.size).toBe(0);
  });

  test('of two issuers that could give one SPIFFE ID to two workloads the one first seen later is the fault', () => {
    const path = (name: string) =>
      document('TrustedIssuer', name, {
        issuer: `https://${name}.example.org`,
        audiences: [`https://sts.example.org/${name}`],
        keys: { discovery: {} },
        kubernetes: { spiffePath: '/ns/{namespace}/sa/{serviceAccount}' },
      });
    const { snapshot, refused } = compiled([path('aa'), path('zz')], { seen: { zz: 1, aa: 2 } });
    expect([...snapshot.issuers.byName.keys()]).toEqual(['zz']);
    expect(names(refused.map((fault) => ({ ...mesh, name: fault.name ?? '' })))).toEqual(['aa']);
  });

  test('a grant that was never good is refused too', () => {
    const { refused } = compiled([document('FederationGrant', 'grant', { form: {} })]);
    expect(errors(refused)).toEqual(['grant : this FederationGrant is faulty and has no last good version to keep']);
  });
});

describe('what is not built never weakens (DESIGN section 5)', () => {
  test.each<[string, object]>([['target.x509Svid', { target: { x509Svid: {} }, intents: undefined }]])(
    'a mapping with %s is inactive, says so, and lets no wider one take over',
    (feature, changes) => {
      const wide = svidMapping('wide', { subject: EVERYBODY, addresses: ['shared'] });
      const { snapshot, faults, accepted } = compiled([
        PROD,
        wide,
        awsMapping('role', { addresses: ['shared'], ...changes }),
      ]);
      expect(warnings(faults)).toEqual([`role: ${feature} is not built yet: the mapping is inactive and refuses`]);
      expect(names(accepted)).toContain('role');
      expect(answer(snapshot, workload(), ask('role'))).toBe(INACTIVE);
      expect(answer(snapshot, workload(), ask('shared'))).toBe(INACTIVE);
    },
  );

  test('a shadow takes no part, whole or faulty', () => {
    const wide = svidMapping('wide', { subject: EVERYBODY, addresses: ['shared'] });
    for (const extra of [{}, { twl: {} }]) {
      const shadow = svidMapping('shadow', { addresses: ['shared'], mode: 'shadow', ...extra });
      const { snapshot } = compiled([PROD, wide, shadow]);
      expect(answer(snapshot, workload(), ask('shared'))).toBe('allowed wide');
      expect(answer(snapshot, workload(), ask('shadow'))).toBe('target_refused');
    }
  });

  test('an issuer with an unbuilt feature is trusted for nothing, and its mappings are not at fault', () => {
    const spec = {
      issuer: 'https://prod-eu.example.org',
      audiences: ['https://sts.example.org'],
      keys: { push: {} },
      kubernetes: {},
    };
    const { snapshot, faults, refused } = compiled([document('TrustedIssuer', 'prod-eu', spec), svidMapping('mesh')]);
    expect(snapshot.issuers.byName.size).toBe(0);
    expect(refused).toEqual([]);
    expect(faults.map(({ name, severity }) => `${name} ${severity}`)).toEqual(['prod-eu warning']);
  });

  test('a guardrail that speaks of nobody says so, with the nearest name', () => {
    const { faults } = compiled([PROD, guardrail('stop', { match: { issuers: ['prod-ue'] }, deny: 'true' })]);
    expect(faults).toMatchObject([
      { field: 'spec.match.issuers[0]', hint: 'did you mean prod-eu?', severity: 'warning' },
    ]);
  });

  test('an AccessRequest in a file is a fault: nobody approves by a document (DESIGN 5)', () => {
    const identity = { issuer: 'prod-eu', subject: 'system:serviceaccount:payments:reporter' };
    const please = document('AccessRequest', 'please', { mapping: 'role', identity, durationSeconds: 60 });
    const { faults, accepted, snapshot } = compiled([please]);
    expect(please.valid).toBe(true);
    expect(errors(faults)).toEqual(['please kind: an AccessRequest is made by asking, and by no document']);
    expect([accepted, snapshot.access.size]).toEqual([[], 0]);
  });
});

test('an issuer that an older one makes faulty is refused, whether or not it was good as it stands', () => {
  const own = (name: string, path: string) => ci(name, { spiffePath: path });
  const later = own('later', '/ci/{claims.repo}');
  const documents = [own('older', '/ci/{claims.repo}'), later];
  const seen = { older: 1, later: 2 };
  for (const lastGood of [[], [later]]) {
    const { snapshot, refused } = compiled(documents, { seen, lastGood });
    expect([...snapshot.issuers.byName.keys()]).toEqual(['older']);
    expect(refused).toMatchObject([{ name: 'later' }]);
  }
});

describe('the revision', () => {
  const documents = [PROD, GITHUB, svidMapping('mesh')];
  const revision = (list: readonly Document[], lastGood: readonly Document[] = []) =>
    compiled(list, { lastGood }).snapshot.revision;

  test('has a fixed form and does not depend on order, source or place in a file', () => {
    expect(revision(documents)).toMatch(/^r-[0-9a-f]{16}$/);
    expect(revision(documents.toReversed())).toBe(revision(documents));
    const elsewhere = documents.map((one, at) => ({
      ...one,
      index: at + 7,
      source: { ...one.source, id: `${at}.yaml` },
    }));
    expect(revision(elsewhere)).toBe(revision(documents));
  });

  test.each<[string, readonly Document[]]>([
    ['a document is gone', [PROD, GITHUB]],
    ['a value differs', [PROD, GITHUB, svidMapping('mesh', { ttl: { max: '2h' } })]],
    ['a name differs', [PROD, GITHUB, svidMapping('mesh2')]],
    ['a label differs', [cluster('prod-eu', { env: 'test' }), GITHUB, svidMapping('mesh')]],
    ['a faulty document differs', [PROD, GITHUB, svidMapping('mesh', { twl: 1 })]],
  ])('differs when %s', (_, others) => {
    expect(revision(others)).not.toBe(revision(documents));
  });

  test('differs with the last good version that stands in for a faulty document, and only then', () => {
    const bad = guardrail('rail', { denny: 1 });
    const one = revision([...documents, bad], [guardrail('rail', { maxTtl: '1h' })]);
    const other = revision([...documents, bad], [guardrail('rail', { maxTtl: '2h' })]);
    expect(one).not.toBe(other);
    const broken = svidMapping('other', { twl: {} });
    const place = (serviceAccount: string) => svidMapping('other', { subject: { ...EVERYBODY, serviceAccount } });
    expect(revision([...documents, broken], [place('a')])).not.toBe(revision([...documents, broken], [place('b')]));
    expect(revision(documents, [guardrail('rail', { maxTtl: '1h' })])).toBe(revision(documents));
  });
});

describe('claims', () => {
  test('a subject named after members of every object matches only what the token says itself', () => {
    const subject = { issuer: 'github', claims: { constructor: '*' } };
    const { snapshot } = compiled([GITHUB, awsMapping('role', { subject, ttl: { outliveSubject: true } })]);
    expect(answer(snapshot, ciJob({}), ask('role'))).toBe('target_refused');
    expect(answer(snapshot, ciJob({ constructor: 'x' }), ask('role'))).toBe('allowed role');
  });
});
