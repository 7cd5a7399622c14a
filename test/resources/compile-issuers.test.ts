import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { compileIssuers, originsOf } from '../../src/resources/compile-issuers.ts';
import type { DocumentOf } from '../../src/resources/document.ts';
import { readDocuments } from '../../src/resources/read-documents.ts';
import { NOW, resource } from './reading.ts';

const CONTEXT = { trustDomain: 'example.org', ownIssuers: ['https://sts.example.org', 'https://sts.example.org/svid'] };
const SPEC = { issuer: 'https://a.example', audiences: ['aud'], keys: { discovery: {} }, kubernetes: {} };

function issuers(text: string, folder = '/etc/carnet'): DocumentOf<'TrustedIssuer'>[] {
  const { documents, faults } = readDocuments(
    text,
    { id: 'a.yaml', baseDirectory: folder },
    { development: false, now: NOW },
  );
  expect(faults).toEqual([]);
  return documents.flatMap((document) => (document.valid && document.kind === 'TrustedIssuer' ? [document] : []));
}

function compileAll(specs: Readonly<Record<string, object>>) {
  const text = Object.entries(specs).map(([name, spec]) => resource('TrustedIssuer', { ...SPEC, ...spec }, name));
  return compileIssuers(issuers(text.join('\n---\n')), CONTEXT);
}

function messages({ faults }: ReturnType<typeof compileIssuers>) {
  return faults.map(({ name, field, message, severity }) => [severity, name, field, message]);
}

describe('compileIssuers', () => {
  test('compiles the issuers of the contract', () => {
    const folder = join(import.meta.dirname, '../fixtures/contract/resources');
    const {
      issuers: compiled,
      inactive,
      faults,
    } = compileIssuers(issuers(readFileSync(join(folder, 'issuers.yaml'), 'utf8'), '/srv/resources'), CONTEXT);
    expect([inactive, faults]).toEqual([[], []]);
    expect(compiled.byName.get('prod-eu')).toEqual({
      name: 'prod-eu',
      labels: { env: 'prod' },
      issuer: 'https://oidc.prod-eu.example.org',
      previousIssuers: [],
      audiences: ['https://sts.example.org'],
      allowExtraAudiences: false,
      algorithms: ['RS256', 'ES256'],
      maxTokenLifetimeSeconds: 86_400,
      clockSkewSeconds: 30,
      keys: { kind: 'discovery', url: 'https://oidc.prod-eu.example.org/.well-known/openid-configuration' },
      profile: {
        kind: 'kubernetes',
        cluster: 'prod-eu',
        spiffePath: '/cluster/prod-eu/ns/{namespace}/sa/{serviceAccount}',
      },
    });
    expect(compiled.byName.get('edge-7')?.keys).toMatchObject({
      url: 'https://10.7.0.1:6443/.well-known/openid-configuration',
      caFile: '/srv/resources/edge-7-ca.pem',
      bearerTokenFile: '/srv/resources/edge-7-token',
    });
    expect(compiled.byName.get('edge-8')?.keys).toEqual({
      kind: 'static',
      jwksFile: '/srv/resources/edge-8-jwks.json',
    });
    expect(compiled.byName.get('github')?.profile).toEqual({
      kind: 'oidc',
      requireClaims: { repository_owner_id: '1234567' },
    });
    const twins = compiled.byIss.get('https://kubernetes.default.svc.cluster.local')?.map(({ name }) => name);
    expect(twins).toEqual(['edge-7', 'edge-8']);
  });

  test('adds the well-known path to an issuer once, whether or not it ends with a slash', () => {
    const { issuers: compiled } = compileAll({
      a: { issuer: 'https://a.example/' },
      b: { issuer: 'https://a.example/b' },
    });
    const urls = [...compiled.byName.values()].map(({ keys }) => keys.kind === 'discovery' && keys.url);
    expect(urls).toEqual([
      'https://a.example/.well-known/openid-configuration',
      'https://a.example/b/.well-known/openid-configuration',
    ]);
  });

  test('finds an issuer by its former names too, with the end of each', () => {
    const previousIssuers = [{ issuer: 'https://old.example', notAfter: '2027-01-01T00:00:00+01:00' }];
    const { issuers: compiled } = compileAll({ a: { previousIssuers } });
    expect(compiled.byIss.get('https://old.example')?.[0]?.previousIssuers).toEqual([
      { issuer: 'https://old.example', notAfter: Date.parse('2026-12-31T23:00:00Z') },
    ]);
  });

  test.each([
    ['issuer', { issuer: 'https://sts.example.org' }, 'spec.issuer'],
    ['SVID issuer', { issuer: 'https://sts.example.org/svid' }, 'spec.issuer'],
    [
      'former issuer',
      { previousIssuers: [{ issuer: 'https://sts.example.org', notAfter: '2027-01-01T00:00:00Z' }] },
      'spec.previousIssuers[0].issuer',
    ],
  ])('refuses Carnet itself as %s, and takes its neighbour', (_, spec, field) => {
    const refused = compileAll({ own: spec, other: { issuer: 'https://sts.example.org/' } });
    expect(messages(refused)).toEqual([['error', 'own', field, 'is an issuer of Carnet itself']]);
    expect([...refused.issuers.byName.keys()]).toEqual(['other']);
    expect(refused.issuers.byIss.has('https://sts.example.org')).toBe(false);
  });

  test.each([
    [
      'spiffe',
      {
        keys: undefined,
        kubernetes: undefined,
        spiffe: { trustDomain: 'b.example', bundle: { url: 'https://b.example' } },
      },
    ],
    ['keys.push', { keys: { push: {} } }],
  ])('leaves out an issuer that uses %s, by name', (feature, spec) => {
    const {
      issuers: compiled,
      inactive,
      faults,
    } = compileAll({ a: spec, b: { kubernetes: { tokenReview: { mode: 'never' } } } });
    expect(inactive).toEqual([{ name: 'a', feature }]);
    expect([[...compiled.byName.keys()], faults]).toEqual([['b'], []]);
  });

  describe('SPIFFE IDs of two issuers', () => {
    const ISTIO = '/ns/{namespace}/sa/{serviceAccount}';

    test('may have the Istio form for one cluster, whatever the others have', () => {
      const others = { b: { issuer: 'https://b.example' }, c: { issuer: 'https://c.example' } };
      expect(compileAll({ a: { kubernetes: { spiffePath: ISTIO } }, ...others }).faults).toEqual([]);
    });

    test('never meet: the later of two clusters with the Istio form is the fault', () => {
      const clash = compileAll({
        a: { kubernetes: { spiffePath: ISTIO } },
        b: { issuer: 'https://b.example', kubernetes: { spiffePath: ISTIO } },
      });
      expect(messages(clash)).toEqual([
        ['error', 'b', 'spec.kubernetes.spiffePath', 'can give the same SPIFFE ID as TrustedIssuer a'],
      ]);
      expect([...clash.issuers.byName.keys()]).toEqual(['a']);
    });

    test('may be the same for two issuers of one cluster, blue and green, with one form', () => {
      const blue = { kubernetes: { cluster: 'prod', spiffePath: ISTIO } };
      const green = { ...blue, issuer: 'https://green.example' };
      expect(compileAll({ blue, green }).faults).toEqual([]);
      const swapped = { ...green, kubernetes: { cluster: 'prod', spiffePath: '/ns/{serviceAccount}/sa/{namespace}' } };
      expect(compileAll({ blue, green: swapped }).faults).toHaveLength(1);
    });

    test.each([
      ['a literal that a placeholder can be', '/ns/{namespace}/sa/{serviceAccount}', '/ns/ci/sa/{claims.sub}', 1],
      ['another literal at one place', '/ns/{namespace}/sa/{serviceAccount}', '/ns/{claims.a}/ci/{claims.sub}', 0],
      ['another length', '/ns/{namespace}/sa/{serviceAccount}', '/ns/{claims.a}/sa', 0],
    ])('are compared by segments with those of OIDC issuers: %s', (_, kubernetes, oidc, count) => {
      const compiled = compileAll({
        a: { kubernetes: { spiffePath: kubernetes } },
        b: { issuer: 'https://b.example', kubernetes: undefined, oidc: { spiffePath: oidc } },
      });
      expect(compiled.faults).toHaveLength(count);
    });
  });

  test('warns of twins that share an audience, and not of those that do not', () => {
    const keys = (name: string) => ({ keys: { jwks: { url: `https://${name}.example/keys` } } });
    const twins = compileAll({ a: keys('a'), b: keys('b'), c: { ...keys('c'), audiences: ['other'] } });
    expect(messages(twins)).toEqual([
      ['warning', 'b', 'spec.audiences', 'shares issuer and an audience with TrustedIssuer a'],
    ]);
    expect(twins.issuers.byIss.get('https://a.example')).toHaveLength(3);
  });
});

describe('twins that would discover their keys at one place (K5)', () => {
  const own = (url: string) => ({ keys: { discovery: { url } } });

  test('are a fault of the later one, which names what mends it', () => {
    const twins = compileAll({ a: {}, b: { audiences: ['b'] }, c: own('https://c.example/openid') });
    expect(twins.faults).toEqual([
      {
        source: 'a.yaml',
        line: expect.any(Number),
        kind: 'TrustedIssuer',
        name: 'b',
        field: 'spec.keys.discovery.url',
        message: 'shares issuer and address of the keys with TrustedIssuer a, for which they count',
        hint: 'set keys.discovery.url to the discovery document of this cluster, or use keys.jwks or keys.static',
        severity: 'error',
      },
      expect.objectContaining({ name: 'c', severity: 'warning' }),
    ]);
    expect([...twins.issuers.byName.keys()]).toEqual(['a', 'c']);
  });

  test('are so however the one place is written, and through a former name too', () => {
    const spelled = compileAll({ a: {}, b: own('https://a.example/.well-known/openid-configuration') });
    expect(spelled.faults.map(({ name, severity }) => [name, severity])).toEqual([['b', 'error']]);
    const moved = { previousIssuers: [{ issuer: 'https://a.example', notAfter: '2027-01-01T00:00:00Z' }] };
    const former = compileAll({
      a: { ...own('https://x.example'), audiences: ['a'] },
      b: { issuer: 'https://b.example', ...own('https://x.example'), ...moved },
    });
    expect(former.faults.map(({ name, severity }) => [name, severity])).toEqual([['b', 'error']]);
  });

  test.each<[string, object]>([
    ['another discovery document', own('https://b.example/openid')],
    ['a jwksUri of its own', { keys: { discovery: { jwksUri: 'https://b.example/keys' } } }],
    ['a jwks address', { keys: { jwks: { url: 'https://b.example/keys' } } }],
    ['a file', { keys: { static: { jwksFile: './b' } } }],
    [
      'an iss of its own',
      { issuer: 'https://b.example', ...own('https://a.example/.well-known/openid-configuration') },
    ],
  ])('are none where the later one has %s', (_, spec) => {
    expect(compileAll({ a: {}, b: { audiences: ['b'], ...spec } }).faults).toEqual([]);
  });
});

describe('originsOf', () => {
  test('names each origin that keys are fetched from once', () => {
    const { issuers: compiled } = compileAll({
      a: { keys: { discovery: { url: 'https://10.7.0.1:6443/x', jwksUri: 'https://10.7.0.2/keys' } } },
      b: { keys: { discovery: {} } },
      c: { keys: { jwks: { url: 'https://keys.example:443/a' } } },
      d: { keys: { static: { jwksFile: './a' } } },
    });
    expect([...compiled.byName.values()].map(originsOf)).toEqual([
      ['https://10.7.0.1:6443', 'https://10.7.0.2'],
      ['https://a.example'],
      ['https://keys.example'],
      [],
    ]);
  });
});
