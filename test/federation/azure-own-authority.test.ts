import { createSecretKey, randomBytes } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { discoveryDocument, jwksDocument, wellKnownPaths } from '../../src/authority/discovery.ts';
import { createAuthority, type LocalAuthority } from '../../src/authority/local-authority.ts';
import { createAzureTarget } from '../../src/federation/azure/azure-target.ts';
import { createOutbound } from '../../src/outbound/guarded-outbound.ts';
import type { Outbound } from '../../src/outbound/outbound.ts';
import { createMetrics } from '../../src/telemetry/metrics.ts';
import { Entra } from '../fakes/entra.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { MemoryDocumentStore } from '../support/memory-document-store.ts';
import { application, azureGrant, STORAGE, workload } from './azure-world.ts';

const clock = new FakeClock();
let authority: LocalAuthority;
let entra: Entra;
let outbound: Outbound;
const server = createServer((request, response) => {
  const issuer = authority.issuer('cloud');
  const paths = wellKnownPaths(issuer);
  const documents: Readonly<Record<string, object>> = {
    [paths.configuration]: discoveryDocument({ purpose: 'cloud', issuer, workloadUrl: issuer }),
    [paths.jwks]: jwksDocument(authority.publicKeys('cloud')),
  };
  response.end(JSON.stringify(documents[request.url ?? ''] ?? {}));
});

beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const encryptionKey = createSecretKey(randomBytes(32));
  authority = await createAuthority({ issuer, store: new MemoryDocumentStore(), encryptionKey, clock });
  entra = await Entra.start({ applications: [application(issuer)], resources: [STORAGE], clock });
  const metrics = createMetrics();
  outbound = createOutbound({ allowOrigins: [entra.url], allowLoopbackHttp: true, metrics, clock });
});
afterAll(async () => {
  await outbound.close();
  await entra.close();
  server.close();
});

test('Entra takes what the own authority signs and publishes, and no token of its SVID key', async () => {
  const issuance = { id: 'jti-1', issuedAt: clock.now() / 1000, traceId: 'trace' };
  const deps = { outbound, clock, authorityHost: entra.url };
  await createAzureTarget({ ...deps, authority }).issue(azureGrant, workload, issuance);
  expect(entra.calls.map(({ outcome }) => outcome)).toEqual(['answered']);

  const svid = { sub: 'spiffe://example.org/a', aud: 'orders', iat: issuance.issuedAt, exp: issuance.issuedAt + 300 };
  const wrong = { sign: () => authority.sign('svid', { ...svid, jti: 'jti-2' }) };
  const refused = createAzureTarget({ ...deps, authority: wrong }).issue(azureGrant, workload, issuance);
  await expect(refused).rejects.toMatchObject({ detail: 'Entra: AADSTS700211, HTTP 401' });
});
