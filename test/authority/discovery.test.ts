import { createSecretKey, randomBytes } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createRemoteJWKSet, type JWK, jwtVerify } from 'jose';
import { allowInsecureRequests, discoveryRequest, processDiscoveryResponse } from 'oauth4webapi';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { PURPOSES, type PublicJwk } from '../../src/authority/authority.ts';
import {
  authorizationServerMetadata,
  discoveryDocument,
  jwksDocument,
  spiffeBundle,
  wellKnownPaths,
} from '../../src/authority/discovery.ts';
import { createAuthority, type LocalAuthority } from '../../src/authority/local-authority.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { MemoryDocumentStore } from '../support/memory-document-store.ts';

const clock = new FakeClock();
const NOW = clock.now() / 1000;
const CLAIMS = {
  cloud: { sub: 'mapping:deploy', aud: 'sts.amazonaws.com', iat: NOW, nbf: NOW, exp: NOW + 300, jti: 'a' },
  svid: { sub: 'spiffe://example.org/a', aud: 'orders', iat: NOW, exp: NOW + 300, jti: 'b' },
};

describe('wellKnownPaths', () => {
  test('appends for OpenID and inserts for RFC 8414, with and without a path (M1)', () => {
    expect(wellKnownPaths('https://sts.example.org')).toEqual({
      configuration: '/.well-known/openid-configuration',
      metadata: '/.well-known/oauth-authorization-server',
      jwks: '/.well-known/jwks.json',
    });
    expect(wellKnownPaths('https://sts.example.org/eu/svid')).toEqual({
      configuration: '/eu/svid/.well-known/openid-configuration',
      metadata: '/.well-known/oauth-authorization-server/eu/svid',
      jwks: '/eu/svid/.well-known/jwks.json',
    });
  });
});

describe('discoveryDocument', () => {
  const cloud = discoveryDocument({ purpose: 'cloud', issuer: 'https://i.example', workloadUrl: 'https://w.example' });
  const svid = discoveryDocument({
    purpose: 'svid',
    issuer: 'https://i.example/svid',
    workloadUrl: 'https://w.example',
  });

  test('has what AWS asks of every issuer (clouds.md 1.1)', () => {
    for (const document of [cloud, svid])
      expect(Object.keys(document)).toEqual(
        expect.arrayContaining([
          'issuer',
          'jwks_uri',
          'response_types_supported',
          'subject_types_supported',
          'id_token_signing_alg_values_supported',
        ]),
      );
  });

  test('names the token endpoint for the cloud issuer alone, at the workload address', () => {
    expect(cloud).toMatchObject({ token_endpoint: 'https://w.example/oauth2/token' });
    expect(Object.keys(svid).filter((member) => /endpoint|grant/.test(member))).toEqual([]);
  });

  test('lists nothing that is not built (M2)', () => {
    const built = new Set([
      'issuer',
      'jwks_uri',
      'token_endpoint',
      'response_types_supported',
      'subject_types_supported',
      'id_token_signing_alg_values_supported',
      'claims_supported',
      'grant_types_supported',
      'token_endpoint_auth_methods_supported',
    ]);
    for (const document of [cloud, svid])
      expect(Object.keys(document).filter((member) => !built.has(member))).toEqual([]);
    expect(cloud).toMatchObject({
      grant_types_supported: ['urn:ietf:params:oauth:grant-type:token-exchange'],
      token_endpoint_auth_methods_supported: ['none'],
    });
  });
});

describe('spiffeBundle', () => {
  const key: PublicJwk = { kty: 'EC', crv: 'P-256', x: 'x', y: 'y', kid: 'k', use: 'sig', alg: 'ES256' };

  test('has one entry per key with use jwt-svid and kid, and no member the format does not define (spiffe.md 18, 36)', () => {
    expect(spiffeBundle([key], 1000)).toEqual({
      spiffe_sequence: 1000,
      spiffe_refresh_hint: 300,
      keys: [{ kty: 'EC', crv: 'P-256', x: 'x', y: 'y', kid: 'k', use: 'jwt-svid' }],
    });
  });

  test('has an empty list, which revokes everything, rather than none (spiffe.md 34)', () => {
    expect(spiffeBundle([], 1000)).toMatchObject({ keys: [] });
  });
});

describe('the documents over HTTP', () => {
  let server: Server;
  let issuer: string;
  let authority: LocalAuthority;
  const documents = new Map<string, unknown>();

  beforeAll(async () => {
    server = createServer((request, response) => {
      const document = documents.get(request.url ?? '');
      response.writeHead(document ? 200 : 404, { 'content-type': 'application/json' });
      response.end(JSON.stringify(document ?? {}));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const encryptionKey = createSecretKey(randomBytes(32));
    authority = await createAuthority({ issuer, store: new MemoryDocumentStore(), encryptionKey, clock });
    for (const purpose of PURPOSES) {
      const publication = { purpose, issuer: authority.issuer(purpose), workloadUrl: issuer };
      const paths = wellKnownPaths(publication.issuer);
      documents.set(paths.configuration, discoveryDocument(publication));
      documents.set(paths.metadata, authorizationServerMetadata(publication));
      documents.set(paths.jwks, jwksDocument(authority.publicKeys(purpose)));
    }
  });
  afterAll(() => server.close());

  describe.each(PURPOSES)('of the %s issuer', (purpose) => {
    test.each(['oidc', 'oauth2'] as const)(
      'lead a client that knows only the issuer to the keys of its tokens (%s)',
      async (algorithm) => {
        const expected = new URL(authority.issuer(purpose));
        const response = await discoveryRequest(expected, { algorithm, [allowInsecureRequests]: true });
        const found = await processDiscoveryResponse(expected, response);
        const keys = createRemoteJWKSet(new URL(String(found.jwks_uri)));
        const token = (await authority.sign(purpose, CLAIMS[purpose])).reveal();
        const verified = await jwtVerify(token, keys, {
          issuer: found.issuer,
          currentDate: new Date(clock.now()),
          algorithms: purpose === 'cloud' ? ['RS256'] : ['ES256'],
        });
        expect(verified.payload.sub).toBe(CLAIMS[purpose].sub);
        const other = (
          await authority.sign(purpose === 'cloud' ? 'svid' : 'cloud', CLAIMS[purpose === 'cloud' ? 'svid' : 'cloud'])
        ).reveal();
        await expect(jwtVerify(other, keys, { currentDate: new Date(clock.now()) })).rejects.toThrow(
          /no applicable key/,
        );
      },
    );

    test('list the algorithms that are really in the key set', () => {
      const publication = { purpose, issuer: authority.issuer(purpose), workloadUrl: issuer };
      const listed = discoveryDocument(publication)['id_token_signing_alg_values_supported'];
      expect(listed).toEqual([...new Set(authority.publicKeys(purpose).map((key) => key.alg))]);
    });
  });

  test('the bundle holds the SVID keys of the JWKS and no cloud key', () => {
    const bundle = spiffeBundle(authority.publicKeys('svid'), authority.keysChangedAt('svid'));
    const entries = bundle['keys'] as unknown as JWK[];
    expect(entries.map(({ kid, x, y }) => [kid, x, y])).toEqual(
      authority.publicKeys('svid').map(({ kid, x, y }) => [kid, x, y]),
    );
    expect(bundle['spiffe_sequence']).toBe(clock.now());
  });
});
