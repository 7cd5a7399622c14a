import { describe, expect, test } from 'vitest';
import { compileIssuers, originsOf } from '../../src/resources/compile-issuers.ts';
import { readDocuments } from '../../src/resources/read-documents.ts';
import { faultsOf, NOW, resource } from './reading.ts';

const SPEC = { issuer: 'https://a.example', audiences: ['aud'], keys: { discovery: {} }, kubernetes: {} };
const SERVER = 'https://10.7.0.1:6443';
const WELL_KNOWN = '/.well-known/openid-configuration';
const PRIVATE = { url: `${SERVER}${WELL_KNOWN}`, caFile: './ca.pem', bearerTokenFile: './token' };
const OWN = '/var/run/secrets/kubernetes.io/serviceaccount';

function compiled(spec: object, ownCluster?: { server: string }) {
  const origin = { id: '/etc/carnet/test.yaml', baseDirectory: '/etc/carnet' };
  const text = resource('TrustedIssuer', { ...SPEC, ...spec }, 'a');
  const { documents, faults } = readDocuments(text, origin, { development: false, now: NOW });
  expect(faults).toEqual([]);
  const valid = documents.flatMap((one) => (one.valid && one.kind === 'TrustedIssuer' ? [one] : []));
  const context = { trustDomain: 'example.org', ownIssuers: [], ...(ownCluster && { ownCluster }) };
  return compileIssuers(valid, context);
}

function issuer(spec: object, ownCluster?: { server: string }) {
  const found = compiled(spec, ownCluster).issuers.byName.get('a');
  if (found === undefined) throw new Error('not compiled');
  return found;
}

function reviewOf(tokenReview: object, keys: object, ownCluster?: { server: string }) {
  const { profile } = issuer({ keys, kubernetes: { tokenReview: { mode: 'require', ...tokenReview } } }, ownCluster);
  return profile.kind === 'kubernetes' ? profile.tokenReview : undefined;
}

describe('keys of the own cluster', () => {
  const server = { server: 'https://[fd00::1]:443' };

  test('are at its address, with what every pod finds (K12)', () => {
    expect(issuer({ keys: { inCluster: {} } }, server).keys).toEqual({
      kind: 'discovery',
      url: `https://[fd00::1]:443${WELL_KNOWN}`,
      jwksUri: 'https://[fd00::1]:443/openid/v1/jwks',
      caFile: `${OWN}/ca.crt`,
      bearerTokenFile: `${OWN}/token`,
    });
  });

  test('are a fault where there is no own cluster, with the names of the variables', () => {
    const { faults, issuers } = compiled({ keys: { inCluster: {} } });
    expect(faults).toMatchObject([
      { field: 'spec.keys.inCluster', severity: 'error', hint: expect.stringContaining('KUBERNETES_SERVICE_HOST') },
    ]);
    expect(issuers.byName.size).toBe(0);
  });
});

describe('keys of a kubeconfig', () => {
  test('keep file and context, the file made absolute', () => {
    const keys = { kubeconfig: { file: './kubeconfig', context: 'prod-eu' } };
    expect(issuer({ keys }).keys).toEqual({
      kind: 'kubeconfig',
      file: '/etc/carnet/kubeconfig',
      context: 'prod-eu',
    });
  });
});

describe('the API server that reviews tokens', () => {
  const files = { caFile: '/etc/carnet/ca.pem', bearerTokenFile: '/etc/carnet/token' };

  test('is nobody under never and by default', () => {
    expect(issuer({}).profile).not.toHaveProperty('tokenReview');
    expect(reviewOf({ mode: 'never' }, { discovery: PRIVATE })).toBeUndefined();
  });

  test.each([
    [SERVER, `${SERVER}${WELL_KNOWN}`],
    ['https://rancher.example/k8s/c-1', `https://rancher.example/k8s/c-1${WELL_KNOWN}`],
    ['https://keys.example', 'https://keys.example/elsewhere.json'],
  ])('is %s when discovery is asked of %s, with its CA and bearer', (url, discovery) => {
    expect(reviewOf({}, { discovery: { ...PRIVATE, url: discovery } })).toEqual({
      mode: 'require',
      server: { kind: 'address', url, ...files },
    });
  });

  test('is the issuer itself when discovery is asked there with a bearer', () => {
    expect(reviewOf({}, { discovery: { bearerTokenFile: './token' } })?.server).toEqual({
      kind: 'address',
      url: 'https://a.example',
      bearerTokenFile: files.bearerTokenFile,
    });
  });

  test('has the CA and bearer of discovery at the same origin, and at no other (K10)', () => {
    expect(reviewOf({ url: `${SERVER}/` }, { discovery: PRIVATE })?.server).toEqual({
      kind: 'address',
      url: SERVER,
      ...files,
    });
    const other = { url: 'https://10.7.0.2:6443', bearerTokenFile: './other' };
    expect(reviewOf(other, { discovery: PRIVATE })?.server).toEqual({
      kind: 'address',
      url: 'https://10.7.0.2:6443',
      bearerTokenFile: '/etc/carnet/other',
    });
  });

  test('is the own cluster or the one of the kubeconfig where the keys are from there', () => {
    expect(reviewOf({}, { inCluster: {} }, { server: SERVER })?.server).toEqual({
      kind: 'address',
      url: SERVER,
      caFile: `${OWN}/ca.crt`,
      bearerTokenFile: `${OWN}/token`,
    });
    const keys = { kubeconfig: { file: '/k' } };
    expect(reviewOf({ mode: 'prefer' }, keys)).toEqual({ mode: 'prefer', server: { kind: 'kubeconfig', file: '/k' } });
  });

  test('counts among the origins that Carnet goes to', () => {
    const review = { mode: 'require', url: 'https://10.7.0.2:6443', bearerTokenFile: './t' };
    const spec = { keys: { static: { jwks: { keys: [{}] } } }, kubernetes: { tokenReview: review } };
    expect(originsOf(issuer(spec))).toEqual(['https://10.7.0.2:6443']);
  });

  const MISSING = ['spec.kubernetes.tokenReview: has no API server to ask, or no bearer token for it'];
  const withReview = (tokenReview: object, keys: object) =>
    faultsOf('TrustedIssuer', { ...SPEC, keys, kubernetes: { tokenReview: { mode: 'prefer', ...tokenReview } } });
  const STATIC = { static: { jwks: { keys: [{}] } } };

  test.each([
    ['public discovery', {}, { discovery: {} }, { discovery: { bearerTokenFile: './t' } }],
    ['no bearer', {}, { discovery: { url: SERVER } }, { discovery: { url: SERVER, bearerTokenFile: './t' } }],
    ['static keys', {}, STATIC, { kubeconfig: { file: './k' } }],
    ['a JWKS address', {}, { jwks: { url: SERVER } }, { inCluster: {} }],
  ])('is missing with %s, and there with a little more', (_, review, lacking, whole) => {
    expect(withReview(review, lacking)).toEqual(MISSING);
    expect(withReview({ mode: 'never' }, lacking)).toEqual([]);
    expect(withReview(review, whole)).toEqual([]);
  });

  test('has a bearer of its own at an origin of its own', () => {
    const url = 'https://10.7.0.2:6443';
    expect(withReview({ url }, { discovery: PRIVATE })).toEqual(MISSING);
    expect(withReview({ url, bearerTokenFile: './t' }, { discovery: PRIVATE })).toEqual([]);
    expect(withReview({ url, bearerTokenFile: './t' }, STATIC)).toEqual([]);
  });

  test('is asked over https', () => {
    expect(withReview({ url: 'http://10.7.0.2', bearerTokenFile: './t' }, STATIC)).toEqual([
      'spec.kubernetes.tokenReview.url: must be https',
    ]);
  });
});
