import { describe, expect, test } from 'vitest';
import { faultsOf } from './reading.ts';

const CLUSTER = {
  issuer: 'https://oidc.example.org',
  audiences: ['https://sts.example.org'],
  keys: { discovery: {} },
  kubernetes: {},
};
const { kubernetes: _, ...NO_PROFILE } = CLUSTER;
const OIDC = { ...NO_PROFILE, oidc: {} };
const kubernetes = (profile: object) => ({ ...CLUSTER, kubernetes: profile });
const oidc = (profile: object) => ({ ...NO_PROFILE, oidc: profile });
const keys = (value: object) => ({ ...CLUSTER, keys: value });
const JWKS = { keys: [{ kty: 'EC' }] };

/** Each rule: what is accepted, the nearest that is not, and the fault. */
const RULES: readonly (readonly [string, object, object, string])[] = [
  ['one kind of issuer', CLUSTER, { ...CLUSTER, oidc: {} }, 'spec: must have exactly one of kubernetes, oidc, spiffe'],
  ['some kind of issuer', CLUSTER, NO_PROFILE, 'spec: must have exactly one of kubernetes, oidc, spiffe'],
  ['keys', CLUSTER, { ...CLUSTER, keys: undefined }, 'spec.keys: is required'],
  [
    'one source of keys',
    keys({ discovery: {} }),
    keys({ discovery: {}, static: { jwks: JWKS } }),
    'spec.keys: must have exactly one of discovery, jwks, static, inCluster, kubeconfig, push',
  ],
  [
    'some source of keys',
    keys({ jwks: { url: 'https://a.example/keys' } }),
    keys({}),
    'spec.keys: must have exactly one of discovery, jwks, static, inCluster, kubeconfig, push',
  ],
  [
    'one static key set',
    keys({ static: { jwks: JWKS } }),
    keys({ static: { jwks: JWKS, jwksFile: './a' } }),
    'spec.keys.static: must have exactly one of jwksFile, jwks',
  ],
  [
    'some static key set',
    keys({ static: { jwksFile: './a' } }),
    keys({ static: {} }),
    'spec.keys.static: must have exactly one of jwksFile, jwks',
  ],
  [
    'public keys alone (V11)',
    keys({ static: { jwks: JWKS } }),
    keys({ static: { jwks: { keys: [{ kty: 'EC' }, { kty: 'EC', d: 'AAAA' }] } } }),
    'spec.keys.static.jwks.keys[1]: has members of a private key: give the public one',
  ],
  [
    'no symmetric key (V11)',
    keys({ static: { jwks: JWKS } }),
    keys({ static: { jwks: { keys: [{ kty: 'oct', k: 'AAAA' }] } } }),
    'spec.keys.static.jwks.keys[0]: has members of a private key: give the public one',
  ],
  ['audiences', CLUSTER, { ...CLUSTER, audiences: [] }, 'spec.audiences: too small: expected array to have >=1 items'],
  ['each audience once', CLUSTER, { ...CLUSTER, audiences: ['a', 'a'] }, 'spec.audiences: must not name one twice'],
  [
    'an asymmetric algorithm',
    { ...CLUSTER, algorithms: ['ES384'] },
    { ...CLUSTER, algorithms: ['HS256'] },
    'spec.algorithms[0]: must be one of RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, ES512, Ed25519',
  ],
  [
    'a duration',
    { ...CLUSTER, clockSkew: '1m' },
    { ...CLUSTER, clockSkew: '0s' },
    'spec.clockSkew: must be a duration such as 30s, 15m, 24h or 7d',
  ],
  [
    'a duration in one unit',
    { ...CLUSTER, maxTokenLifetime: '90s' },
    { ...CLUSTER, maxTokenLifetime: '1m30s' },
    'spec.maxTokenLifetime: must be a duration such as 30s, 15m, 24h or 7d',
  ],
  [
    'clocks at most a minute apart (V9)',
    { ...CLUSTER, clockSkew: '60s' },
    { ...CLUSTER, clockSkew: '61s' },
    'spec.clockSkew: must be 60s at most: set the clocks right',
  ],
  [
    'no user information',
    CLUSTER,
    { ...CLUSTER, issuer: 'https://user@oidc.example.org' },
    'spec.issuer: must be an https address without user information and fragment',
  ],
  [
    'no fragment',
    CLUSTER,
    { ...CLUSTER, issuer: 'https://oidc.example.org#' },
    'spec.issuer: must be an https address without user information and fragment',
  ],
  [
    'no query in an issuer',
    CLUSTER,
    { ...CLUSTER, issuer: 'https://oidc.example.org?' },
    'spec.issuer: must not have a query',
  ],
  [
    'no blank',
    CLUSTER,
    { ...CLUSTER, issuer: 'https://oidc.example.org ' },
    'spec.issuer: must be an https address without user information and fragment',
  ],
  [
    'no other scheme',
    CLUSTER,
    { ...CLUSTER, issuer: 'file://oidc.example.org' },
    'spec.issuer: must be an https address without user information and fragment',
  ],
  [
    'former issuers of other names',
    { ...CLUSTER, previousIssuers: [{ issuer: 'https://old.example.org', notAfter: '2027-01-01T00:00:00Z' }] },
    { ...CLUSTER, previousIssuers: [{ issuer: CLUSTER.issuer, notAfter: '2027-01-01T00:00:00Z' }] },
    'spec.previousIssuers: must not repeat an issuer',
  ],
  [
    'an end of a former issuer',
    { ...CLUSTER, previousIssuers: [{ issuer: 'https://old.example.org', notAfter: '2027-01-01T00:00:00+01:00' }] },
    { ...CLUSTER, previousIssuers: [{ issuer: 'https://old.example.org', notAfter: '2027-01-01' }] },
    'spec.previousIssuers[0].notAfter: invalid ISO datetime',
  ],
  [
    'a cluster that fits a SPIFFE ID',
    kubernetes({ cluster: 'Prod_1.eu' }),
    kubernetes({ cluster: 'prod/eu' }),
    'spec.kubernetes.cluster: must be letters, digits, ., - and _',
  ],
  [
    'a cluster that is no dot segment',
    kubernetes({ cluster: '...' }),
    kubernetes({ cluster: '..' }),
    'spec.kubernetes.cluster: must be letters, digits, ., - and _',
  ],
  [
    'both names in a path',
    kubernetes({ spiffePath: '/ns/{namespace}/sa/{serviceAccount}' }),
    kubernetes({ spiffePath: '/ns/{namespace}/sa/x' }),
    'spec.kubernetes.spiffePath: must hold {namespace} and {serviceAccount}, and beside them only {cluster}',
  ],
  [
    'whole segments as placeholders',
    kubernetes({ spiffePath: '/a/{cluster}/{namespace}/{serviceAccount}' }),
    kubernetes({ spiffePath: '/a/{namespace}-{serviceAccount}' }),
    'spec.kubernetes.spiffePath: must be a path that begins with literal text; each segment is literal or one {placeholder}',
  ],
  [
    'literal text first',
    kubernetes({ spiffePath: '/k/{namespace}/{serviceAccount}' }),
    kubernetes({ spiffePath: '/{namespace}/{serviceAccount}' }),
    'spec.kubernetes.spiffePath: must be a path that begins with literal text; each segment is literal or one {placeholder}',
  ],
  [
    'no slash at the end',
    kubernetes({ spiffePath: '/k/{namespace}/{serviceAccount}' }),
    kubernetes({ spiffePath: '/k/{namespace}/{serviceAccount}/' }),
    'spec.kubernetes.spiffePath: must be a path that begins with literal text; each segment is literal or one {placeholder}',
  ],
  [
    'the reserved form itself only',
    kubernetes({ spiffePath: '/cluster/{cluster}/ns/{namespace}/sa/{serviceAccount}' }),
    kubernetes({ spiffePath: '/cluster/prod/ns/{namespace}/sa/{serviceAccount}' }),
    'spec.kubernetes.spiffePath: must not begin with /cluster/, which is reserved for the default form',
  ],
  [
    'claims in an OIDC path',
    oidc({ spiffePath: '/ci/{claims.repository_id}' }),
    oidc({ spiffePath: '/ci/{namespace}' }),
    'spec.oidc.spiffePath: must hold at least one {claims.NAME}, and no other placeholder',
  ],
  [
    'a claim in an OIDC path',
    oidc({ spiffePath: '/ci/{claims.https://a.example/id}' }),
    oidc({ spiffePath: '/ci/all' }),
    'spec.oidc.spiffePath: must hold at least one {claims.NAME}, and no other placeholder',
  ],
  [
    'unreserved OIDC paths',
    oidc({ spiffePath: '/clusters/{claims.sub}' }),
    oidc({ spiffePath: '/cluster/{claims.sub}' }),
    'spec.oidc.spiffePath: must not begin with /cluster/, which is reserved for the default form',
  ],
  [
    'text as a required claim',
    oidc({ requireClaims: { owner_id: '7' } }),
    oidc({ requireClaims: { owner_id: 7 } }),
    'spec.oidc.requireClaims.owner_id: must be a string',
  ],
  [
    'one place of a bundle',
    { ...NO_PROFILE, keys: undefined, spiffe: { trustDomain: 'a.example', bundle: { file: './b' } } },
    { ...NO_PROFILE, keys: undefined, spiffe: { trustDomain: 'a.example', bundle: {} } },
    'spec.spiffe.bundle: must have exactly one of url, file',
  ],
  ['known fields', OIDC, { ...OIDC, requireClaim: {} }, 'spec.requireClaim: is not a known field'],
];

describe('trustedIssuerSpec', () => {
  test.each(RULES)('asks for %s', (_, good, bad, fault) => {
    expect(faultsOf('TrustedIssuer', good)).toEqual([]);
    expect(faultsOf('TrustedIssuer', bad)).toEqual([fault]);
  });
});

describe('checkAgainst: addresses', () => {
  const loopback = { ...CLUSTER, issuer: 'http://127.0.0.1:9000' };

  test('allows http on loopback under development, and nowhere else (V12)', () => {
    for (const host of ['127.0.0.1:9000', '127.8.8.8', 'localhost:1', '[::1]:9000']) {
      expect(faultsOf('TrustedIssuer', { ...CLUSTER, issuer: `http://${host}` }, { development: true })).toEqual([]);
    }
    expect(faultsOf('TrustedIssuer', loopback, { development: false })).toEqual(['spec.issuer: must be https']);
    for (const host of ['10.0.0.1', '127.0.0.1.example.org', 'localhost.example.org', '128.0.0.1', '[::2]']) {
      const spec = { ...CLUSTER, issuer: `http://${host}` };
      expect(faultsOf('TrustedIssuer', spec, { development: true })).toEqual(['spec.issuer: must be https']);
    }
  });

  test('looks at every address of an issuer', () => {
    const previousIssuers = [{ issuer: 'http://a.example', notAfter: '2027-01-01T00:00:00Z' }];
    const discovery = { url: 'http://b.example', jwksUri: 'http://c.example' };
    expect(
      faultsOf('TrustedIssuer', { ...CLUSTER, previousIssuers, keys: { discovery } }, { development: true }),
    ).toEqual([
      'spec.previousIssuers[0].issuer: must be https',
      'spec.keys.discovery.url: must be https',
      'spec.keys.discovery.jwksUri: must be https',
    ]);
    expect(faultsOf('TrustedIssuer', keys({ jwks: { url: 'http://d.example' } }))).toEqual([
      'spec.keys.jwks.url: must be https',
    ]);
  });

  test('allows fields that name files only in documents from files', () => {
    const spec = keys({ discovery: { caFile: './ca', bearerTokenFile: './token' } });
    expect(faultsOf('TrustedIssuer', spec)).toEqual([]);
    expect(faultsOf('TrustedIssuer', spec, { folder: null })).toEqual([
      'spec.keys.discovery.caFile: is only for documents from files',
      'spec.keys.discovery.bearerTokenFile: is only for documents from files',
    ]);
  });
});
