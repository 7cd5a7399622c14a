import { writeFile } from 'node:fs/promises';
import { request } from 'node:https';
import { join } from 'node:path';
import { json } from 'node:stream/consumers';
import { decodeJwt, type JWTPayload } from 'jose';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { parse, stringify } from 'yaml';
import { createApp } from '../../src/app.ts';
import { trustKubernetes } from '../../src/cli/trust-kubernetes.ts';
import { loadConfig } from '../../src/config/load-config.ts';
import { systemClock } from '../../src/core/clock.ts';
import { FakeSurroundings } from '../cli/fake-surroundings.ts';
import { loopbackCertificate, type TestCertificate } from '../support/certificate-authority.ts';
import { exchangeForm, freePort, type Installation } from '../support/running-carnet.ts';
import type { ApiServer } from './api-server.ts';
import { installOn, podToken, populate } from './carnet-on-clusters.ts';
import { startClusters } from './clusters.ts';
import { NameRelay } from './name-relay.ts';
import { type OtherIssuer, startOtherIssuer } from './other-issuer.ts';

const CARNET = 'carnet.example.org';
const OTHER = 'other.example.org';
const KUBE = 'https://kube.edge-7.example.org';
const SUBJECT = 'spiffe://example.org/cluster/edge-7/ns/payments/sa/reporter';

const RESOURCES = `apiVersion: carnet.dev/v1alpha1
kind: FederationMapping
metadata: { name: operators }
spec:
  owner: platform@example.org
  subject: { issuer: edge-7, namespace: payments, serviceAccount: reporter }
  target: { jwtSvid: { audiences: ['${KUBE}', 'https://kube.edge-8.example.org'] } }
---
apiVersion: carnet.dev/v1alpha1
kind: FederationMapping
metadata: { name: handed-out }
spec:
  owner: platform@example.org
  subject: { issuer: edge-7, namespace: payments, serviceAccount: reporter }
  target: { aws: { roleArn: 'arn:aws:iam::123456789012:role/deploy', region: eu-west-1 } }
  intents: unrestricted
  deliver: assertion
  residual: { accept: [ttl], reason: the job asks AWS itself }
`;

const opened = new AsyncDisposableStack();
let server: ApiServer;
let other: OtherIssuer;
let certificate: TestCertificate;
let installation: Installation;
let workloadPort: number;

beforeAll(async () => {
  certificate = await loopbackCertificate('carnet', [CARNET, OTHER]);
  const [publicPort, adminPort] = [await freePort(), await freePort()];
  workloadPort = await freePort();
  other = await startOtherIssuer(`https://${OTHER}/svid`, certificate);
  opened.defer(() => other.stop());
  const relay = await NameRelay.start({ [CARNET]: publicPort, [OTHER]: other.port });
  opened.defer(() => relay.stop());
  const clusters = await startClusters({ name: 'edge-7', env: { HTTPS_PROXY: relay.url } });
  opened.defer(() => clusters.stop());
  const [first] = clusters.servers;
  if (first === undefined) throw new Error('no server was started');
  server = first;
  await populate(server.admin);
  const listener = (door: string, port: number, more = '') =>
    `  ${door}: { host: 127.0.0.1, port: ${port}, ${more} tls: { certFile: ./cert.pem, keyFile: ./key.pem } }\n`;
  const workload = listener('workload', workloadPort, 'url: https://carnet.internal.example.org,');
  installation = await installOn({
    clusters: [{ name: 'edge-7', server }],
    resources: RESOURCES,
    url: `https://${CARNET}`,
    config: `issuer: https://${CARNET}
listeners:
${listener('public', publicPort)}${workload}${listener('admin', adminPort)}`,
  });
  opened.defer(() => installation.remove());
  for (const [file, text] of [
    ['cert.pem', certificate.cert],
    ['key.pem', certificate.key],
    ['ca.pem', certificate.ca],
  ] as const) {
    await writeFile(join(installation.folder, file), text, { mode: 0o600 });
  }
  const config = loadConfig({ file: installation.configFile, text: installation.configText, environment: {} });
  const app = await createApp(config, { clock: systemClock, destination: { write: () => undefined } });
  opened.defer(() => app.close());
  await app.start();
  await server.restart({ authenticationConfig: trusted() });
  // After the restart the API server fetches keys on its own time, and so does Carnet where its own fetch fell into it: 503 until then.
  const accepted = async () => {
    for (const token of [await svid(), await other.sign(claims())]) expect((await whoIs(token)).status).toBe(201);
  };
  await vi.waitFor(accepted, { timeout: 120_000 });
});

afterAll(() => opened.disposeAsync());

/** What the command prints for Carnet, and the same for an issuer that is not so careful, whose discovery is elsewhere. */
function trusted(): string {
  const discoveryUrl = `https://127.0.0.1:${other.port}/svid/.well-known/openid-configuration`;
  const careless = printed({ discoveryUrl });
  const [entry] = careless.jwt;
  const forOther = { ...entry, issuer: { ...entry.issuer, url: `https://${OTHER}/svid` } };
  return stringify({ ...careless, jwt: [...printed().jwt, forOther] });
}

function printed(more: { readonly discoveryUrl?: string } = {}) {
  const around = new FakeSurroundings({ workingDirectory: installation.folder });
  trustKubernetes({ config: 'carnet.yaml', audience: KUBE, caFile: 'ca.pem', ...more }, around);
  return parse(around.stdout);
}

/** A credential of Carnet's, by a pod's token. Throws what Carnet said when it gave none. */
async function credential(address: string): Promise<string> {
  const body = new URLSearchParams(exchangeForm(await podToken(server), address)).toString();
  const answer = await new Promise<{ access_token?: string }>((resolve, reject) => {
    const options = {
      host: '127.0.0.1',
      port: workloadPort,
      path: '/oauth2/token',
      method: 'POST',
      ca: certificate.ca,
      servername: CARNET,
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      agent: false,
    } as const;
    const call = request(options, (response) => resolve(json(response) as Promise<{ access_token?: string }>));
    call.on('error', reject).end(body);
  });
  if (answer.access_token === undefined) throw new Error(`no credential: ${JSON.stringify(answer)}`);
  return answer.access_token;
}

const svid = () => credential(KUBE);

function whoIs(token: string) {
  return server.admin.as(token).call('POST', '/apis/authentication.k8s.io/v1/selfsubjectreviews', {
    apiVersion: 'authentication.k8s.io/v1',
    kind: 'SelfSubjectReview',
  });
}

/** Claims as Carnet's SVIDs have them, for the other issuer to sign with one of them changed. */
function claims(change: JWTPayload = {}): JWTPayload {
  const iat = Math.floor(Date.now() / 1000);
  return { sub: SUBJECT, aud: KUBE, iat, exp: iat + 300, jti: 'f0e1', ...change };
}

describe('A member API server, told by carnet trust kubernetes (K37)', () => {
  test('accepts a JWT-SVID as the user carnet:<SPIFFE ID>, in no group of its own', async () => {
    const token = await svid();
    const { status, body } = await whoIs(token);
    expect(status).toBe(201);
    expect(body).toMatchObject({
      status: {
        userInfo: {
          username: `carnet:${SUBJECT}`,
          groups: ['system:authenticated'],
          extra: { 'carnet.dev/jti': [decodeJwt(token).jti] },
        },
      },
    });
  });

  test('lets it do what RBAC binds to that user, and no more', async () => {
    const path = '/api/v1/namespaces/payments/pods/reporter-0';
    const member = server.admin.as(await svid());
    expect((await member.call('GET', path)).status).toBe(403);
    await server.admin.create('/apis/rbac.authorization.k8s.io/v1/namespaces/payments/rolebindings', {
      metadata: { name: 'carnet-view' },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'view' },
      subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name: `carnet:${SUBJECT}` }],
    });
    // The aggregated role `view` gets its rules from a controller that does not run here.
    await server.admin.call('PUT', '/apis/rbac.authorization.k8s.io/v1/clusterroles/view', {
      metadata: { name: 'view' },
      rules: [{ apiGroups: [''], resources: ['pods'], verbs: ['get'] }],
    });
    await expect.poll(async () => (await member.call('GET', path)).status).toBe(200);
    expect((await member.call('DELETE', path)).status).toBe(403);
  });

  test('refuses Carnet’s JWT-SVID for another cluster', async () => {
    expect((await whoIs(await credential('https://kube.edge-8.example.org'))).status).toBe(401);
  });

  test('refuses an assertion for a cloud: another issuer, other keys', async () => {
    const assertion = await credential('handed-out');
    expect(decodeJwt(assertion).iss).toBe(`https://${CARNET}`);
    expect((await whoIs(assertion)).status).toBe(401);
  });

  test('refuses a pod’s own token for Carnet', async () => {
    expect((await whoIs(await podToken(server))).status).toBe(401);
  });

  const now = () => Math.floor(Date.now() / 1000);
  test.each([
    ['is of another trust domain', () => ({ sub: SUBJECT.replace('example.org', 'example.org.evil.example') })],
    ['is of a trust domain that begins alike', () => ({ sub: SUBJECT.replace('example.org', 'example.orgs') })],
    ['names no SPIFFE ID', () => ({ sub: 'system:admin' })],
    ['has expired', () => ({ iat: now() - 900, exp: now() - 600 })],
    ['lives longer than an hour', () => ({ exp: now() + 3700 })],
    ['is for another service too', () => ({ aud: [KUBE, 'https://vault.example.org'] })],
    ['is for another service', () => ({ aud: 'https://vault.example.org' })],
    ['has no iat', () => ({ iat: undefined })],
    ['has no jti', () => ({ jti: undefined })],
  ])('refuses a token of a trusted key that %s', async (_, change) => {
    expect((await whoIs(await other.sign(claims()))).status).toBe(201);
    expect((await whoIs(await other.sign(claims(change() as JWTPayload)))).status).toBe(401);
  });
});
