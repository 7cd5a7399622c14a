import { createHash, createPublicKey, randomUUID } from 'node:crypto';
import { createLocalJWKSet, decodeJwt, decodeProtectedHeader, type JSONWebKeySet, jwtVerify } from 'jose';
import { beforeAll, describe, expect, test } from 'vitest';
import { type ApiAnswer, ApiClient, type BoundObject, DISCOVERY, JWKS, type TokenRequestSpec } from './api-client.ts';

/** What the suite is run on: an API server just started with kubeadm's settings and RBAC, or its double. */
export interface ClusterUnderTest {
  readonly url: string;
  readonly ca: string;
  readonly issuer: string;
  /** Minor version of Kubernetes: some claims came later. */
  readonly minor: number;
  /** May do everything. */
  readonly adminToken: string;
  /** Signs with a new key from now on, the former one stays published, and no token lives longer than the limit. */
  rotate(maxTokenSeconds: number): Promise<void>;
  /** Lets time pass, real or not. */
  elapse(milliseconds: number): Promise<void>;
}

const OWN = 'https://kubernetes.default.svc';
const OURS = 'https://sts.example.org';
const YEAR_SECONDS = 31_536_000;
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const POD = { kind: 'Pod', name: 'reporter-0' } as const;
const EXTRA = 'authentication.kubernetes.io';

interface KubernetesClaims {
  readonly namespace: string;
  readonly serviceaccount: { readonly name: string; readonly uid: string };
  readonly pod?: object;
  readonly node?: object;
  readonly secret?: object;
  readonly warnafter?: number;
}

/** One suite for API servers and their double, so that neither drifts from the other: F1 to F5, and of F7 what they need. */
export function clusterConformance(name: string, start: () => Promise<ClusterUnderTest>): void {
  describe(name, () => {
    let cluster: ClusterUnderTest;
    let admin: ApiClient;
    const uids = { account: '', pod: '', node: '', secret: '' };

    beforeAll(async () => {
      cluster = await start();
      admin = new ApiClient(cluster, cluster.adminToken);
      await admin.createNamespace('payments');
      await admin.createNamespace('ops');
      uids.account = await admin.createServiceAccount('payments', 'reporter');
      await admin.createServiceAccount('payments', 'other');
      await admin.createServiceAccount('ops', 'reporter');
      uids.node = await admin.createNode('node-1');
      uids.pod = await admin.createPod('payments', POD.name, { serviceAccountName: 'reporter', nodeName: 'node-1' });
      uids.secret = await admin.createSecret('payments', 'holder');
    });

    const tokenFor = (spec: TokenRequestSpec = {}) => admin.token('payments', 'reporter', spec);
    const claimsOf = (token: string) => decodeJwt<{ 'kubernetes.io': KubernetesClaims }>(token);
    const claimsFor = async (spec: TokenRequestSpec) => claimsOf(await tokenFor(spec));
    const keySet = async () => (await admin.call('GET', JWKS)).body as JSONWebKeySet;

    describe('a token of TokenRequest (F3)', () => {
      test('has a header of alg and kid alone, and its kid is the SHA-256 of the public key', async () => {
        const header = decodeProtectedHeader(await tokenFor());
        expect(Object.keys(header).sort()).toEqual(['alg', 'kid']);
        const kids = (await keySet()).keys.map((jwk) => {
          const key = createPublicKey({ key: { ...jwk }, format: 'jwk' });
          return createHash('sha256')
            .update(key.export({ type: 'spki', format: 'der' }))
            .digest('base64url');
        });
        expect(kids).toContain(header.kid);
      });

      test('verifies by the published keys, and one with a changed byte does not', async () => {
        const token = await tokenFor({ audiences: [OURS] });
        const keys = createLocalJWKSet(await keySet());
        const { payload } = await jwtVerify(token, keys, { issuer: cluster.issuer, audience: OURS });
        expect(payload.sub).toBe('system:serviceaccount:payments:reporter');
        const [header, , signature] = token.split('.');
        const forged = Buffer.from(JSON.stringify({ ...payload, sub: 'system:serviceaccount:ops:reporter' }));
        await expect(jwtVerify(`${header}.${forged.toString('base64url')}.${signature}`, keys)).rejects.toThrow();
      });

      test('bound to a pod names the pod and, from 1.30 on, its node; from 1.29 on it has a jti', async () => {
        const claims = await claimsFor({ audiences: [OURS], boundObjectRef: POD });
        const { minor, issuer } = cluster;
        const { iat = 0 } = claims;
        expect(claims).toEqual({
          iss: issuer,
          sub: 'system:serviceaccount:payments:reporter',
          aud: [OURS],
          iat,
          nbf: iat,
          exp: iat + 3600,
          ...(minor >= 29 && { jti: expect.stringMatching(UUID) }),
          'kubernetes.io': {
            namespace: 'payments',
            serviceaccount: { name: 'reporter', uid: uids.account },
            pod: { name: POD.name, uid: uids.pod },
            ...(minor >= 30 && { node: { name: 'node-1', uid: uids.node } }),
          },
        });
      });

      test('never has the jti of another', async () => {
        const ids = await Promise.all([1, 2, 3].map(async () => (await claimsFor({})).jti));
        expect(new Set(ids).size).toBe(cluster.minor >= 29 ? 3 : 1);
      });

      test('bound to a secret names it, bound to a node names that from 1.31 on, unbound neither', async () => {
        const secret = await claimsFor({ boundObjectRef: { kind: 'Secret', name: 'holder' } });
        expect(secret['kubernetes.io'].secret).toEqual({ name: 'holder', uid: uids.secret });
        const toNode = { boundObjectRef: { kind: 'Node', name: 'node-1' } } as const;
        if (cluster.minor >= 31) {
          expect((await claimsFor(toNode))['kubernetes.io'].node).toEqual({ name: 'node-1', uid: uids.node });
        } else {
          expect((await admin.requestToken('payments', 'reporter', toNode)).status).toBe(400);
        }
        expect(Object.keys((await claimsFor({}))['kubernetes.io']).sort()).toEqual(['namespace', 'serviceaccount']);
      });

      test('is for the API server itself when no audience is asked for, else for just those, as a list', async () => {
        expect((await claimsFor({})).aud).toEqual([OWN]);
        expect((await claimsFor({ audiences: [OURS, OWN] })).aud).toEqual([OURS, OWN]);
      });
    });

    describe('TokenRequest (F2)', () => {
      const refused = async (spec: TokenRequestSpec, account = 'reporter', namespace = 'payments') =>
        statusOf(await admin.requestToken(namespace, account, spec));
      const bound = (kind: BoundObject['kind'], name: string, uid?: string) => ({
        boundObjectRef: { kind, name, ...(uid !== undefined && { uid }) },
      });

      test('grants 600 seconds and refuses 599 with 422', async () => {
        const { exp = 0, iat = 0 } = await claimsFor({ expirationSeconds: 600 });
        expect(exp - iat).toBe(600);
        expect(await refused({ expirationSeconds: 599 })).toEqual([422, 'Invalid']);
      });

      test('grants 2^32 seconds and refuses one more with 422: only Carnet’s own cap helps (K22)', async () => {
        const { exp = 0, iat = 0 } = await claimsFor({ expirationSeconds: 2 ** 32 });
        expect(exp - iat).toBe(2 ** 32);
        expect(await refused({ expirationSeconds: 2 ** 32 + 1 })).toEqual([422, 'Invalid']);
      });

      test('answers 404 for an account, a pod and a namespace that are not there', async () => {
        expect(await refused({}, 'nobody')).toEqual([404, 'NotFound']);
        expect(await refused({}, 'reporter', 'nowhere')).toEqual([404, 'NotFound']);
        expect(await refused(bound('Pod', 'nothing'))).toEqual([404, 'NotFound']);
        expect(await refused(bound('Secret', 'nothing'))).toEqual([404, 'NotFound']);
      });

      test('binds a pod’s token to the pod’s own account only: another’s is 400', async () => {
        expect(await refused({ boundObjectRef: POD }, 'other')).toEqual([400, 'BadRequest']);
        // The pod of that name is in another namespace.
        expect(await refused({ boundObjectRef: POD }, 'reporter', 'ops')).toEqual([404, 'NotFound']);
      });

      test('answers 409 for a uid that is not the object’s, and issues for the right one', async () => {
        expect(await refused(bound('Pod', POD.name, randomUUID()))).toEqual([409, 'Conflict']);
        expect(await refused(bound('Secret', 'holder', randomUUID()))).toEqual([409, 'Conflict']);
        expect(await refused(bound('Pod', POD.name, uids.pod))).toEqual([201, undefined]);
      });

      test('binds to nothing but pods, secrets and nodes: else 400', async () => {
        expect(await refused(bound('ConfigMap', 'holder'))).toEqual([400, 'BadRequest']);
      });

      test('gives a pod that asks for 3607 seconds a year and a warnafter, from 1.24 on only for the API server (K22)', async () => {
        const lifetime = async (spec: TokenRequestSpec) => {
          const {
            exp = 0,
            iat = 0,
            'kubernetes.io': { warnafter },
          } = await claimsFor({ expirationSeconds: 3607, ...spec });
          return [exp - iat, warnafter === undefined ? undefined : warnafter - iat];
        };
        const [extended, plain] = [
          [YEAR_SECONDS, 3607],
          [3607, undefined],
        ];
        const forOthers = cluster.minor >= 24 ? plain : extended;
        expect(await lifetime({ boundObjectRef: POD })).toEqual(extended);
        expect(await lifetime({ boundObjectRef: POD, audiences: [OURS] })).toEqual(forOthers);
        expect(await lifetime({ boundObjectRef: POD, audiences: [OWN, OURS] })).toEqual(forOthers);
        expect(await lifetime({})).toEqual(plain);
        expect(await lifetime({ boundObjectRef: POD, expirationSeconds: 3606 })).toEqual([3606, undefined]);
      });

      test('is not for a service account without the right to it, nor for strangers', async () => {
        const account = admin.as(await tokenFor());
        expect(statusOf(await account.requestToken('payments', 'reporter'))).toEqual([403, 'Forbidden']);
        expect(statusOf(await admin.as().requestToken('payments', 'reporter'))).toEqual([403, 'Forbidden']);
      });
    });

    describe('the API (F1, F7)', () => {
      test.each([DISCOVERY, JWKS])('answers %s to a token for itself, and to nobody else', async (path) => {
        const answers = await Promise.all([
          admin.as(await tokenFor()).call('GET', path),
          admin.as().call('GET', path),
          admin.as(await tokenFor({ audiences: [OURS] })).call('GET', path),
          admin.as('nonsense').call('GET', path),
        ]);
        expect(answers.map(({ status }) => status)).toEqual([200, 403, 401, 401]);
        const [right, ...wrong] = answers;
        expect(right).toMatchObject({
          contentType: path === JWKS ? 'application/jwk-set+json' : 'application/json',
          cacheControl: 'public, max-age=3600',
        });
        for (const { contentType, cacheControl, body } of wrong) {
          expect([contentType, cacheControl]).toEqual(['application/json', 'no-cache, private']);
          expect(body).toMatchObject({ kind: 'Status', apiVersion: 'v1', status: 'Failure' });
        }
      });

      test('publishes a discovery document of five members and public keys only', async () => {
        const { body } = await admin.call('GET', DISCOVERY);
        expect(body).toEqual({
          issuer: cluster.issuer,
          jwks_uri: `${cluster.url}${JWKS}`,
          response_types_supported: ['id_token'],
          subject_types_supported: ['public'],
          id_token_signing_alg_values_supported: ['RS256'],
        });
        for (const jwk of (await keySet()).keys) {
          expect(Object.keys(jwk).sort()).toEqual(['alg', 'e', 'kid', 'kty', 'n', 'use']);
          expect(jwk).toMatchObject({ kty: 'RSA', alg: 'RS256', use: 'sig' });
        }
      });

      test.each(['/readyz', '/version'])('answers %s to everybody but the bearer of a wrong token', async (path) => {
        expect((await admin.as().call('GET', path)).status).toBe(200);
        const wrong = admin.as(await tokenFor({ audiences: [OURS] }));
        expect(statusOf(await wrong.call('GET', path))).toEqual([401, 'Unauthorized']);
      });

      test('answers 403 to accounts and 404 to the administrator where there is nothing', async () => {
        expect(statusOf(await admin.as(await tokenFor()).call('GET', '/nothing'))).toEqual([403, 'Forbidden']);
        expect((await admin.call('GET', '/nothing')).status).toBe(404);
      });

      test('creates an object once, in a namespace that exists, and with a new uid after each deletion', async () => {
        const accounts = (namespace: string) => `/api/v1/namespaces/${namespace}/serviceaccounts`;
        const reporter = { metadata: { name: 'reporter' } };
        expect(statusOf(await admin.call('POST', accounts('payments'), reporter))).toEqual([409, 'AlreadyExists']);
        expect(statusOf(await admin.call('POST', accounts('nowhere'), reporter))).toEqual([404, 'NotFound']);
        const first = await admin.createServiceAccount('ops', 'brief');
        expect((await admin.call('DELETE', `${accounts('ops')}/brief`)).status).toBe(200);
        expect(statusOf(await admin.call('GET', `${accounts('ops')}/brief`))).toEqual([404, 'NotFound']);
        expect(await admin.createServiceAccount('ops', 'brief')).not.toBe(first);
      });
    });

    describe('TokenReview (F5)', () => {
      const bindSpec = { audiences: [OURS], boundObjectRef: POD };

      test('answers who it is, what it is bound to, and which of the asked audiences the token has', async () => {
        const token = await tokenFor(bindSpec);
        const { minor } = cluster;
        expect(await admin.review(token, [OURS, 'https://elsewhere.example'])).toEqual({
          authenticated: true,
          user: {
            username: 'system:serviceaccount:payments:reporter',
            uid: uids.account,
            groups: ['system:serviceaccounts', 'system:serviceaccounts:payments', 'system:authenticated'],
            extra: {
              [`${EXTRA}/pod-name`]: [POD.name],
              [`${EXTRA}/pod-uid`]: [uids.pod],
              ...(minor >= 29 && { [`${EXTRA}/credential-id`]: [`JTI=${claimsOf(token).jti}`] }),
              ...(minor >= 30 && { [`${EXTRA}/node-name`]: ['node-1'], [`${EXTRA}/node-uid`]: [uids.node] }),
            },
          },
          audiences: [OURS],
        });
      });

      test('without spec.audiences asks for the API server’s own: our token is refused, its own accepted', async () => {
        expect(await admin.review(await tokenFor(bindSpec))).toEqual(REFUSED);
        expect(await admin.review(await tokenFor())).toMatchObject({ authenticated: true, audiences: [OWN] });
      });

      test('refuses a token for none of the asked audiences, a forged one and no token at all', async () => {
        const token = await tokenFor(bindSpec);
        expect(await admin.review(token, ['https://elsewhere.example'])).toEqual(REFUSED);
        const [header, payload, signature = ''] = token.split('.');
        const changed = `${header}.${payload}.${signature.startsWith('A') ? 'B' : 'A'}${signature.slice(1)}`;
        expect(await admin.review(changed, [OURS])).toEqual(REFUSED);
        expect(await admin.review('nonsense', [OURS])).toEqual(REFUSED);
        expect(statusOf(await admin.reviewToken(''))).toEqual([400, 'BadRequest']);
      });

      test('is for those alone who are bound to system:auth-delegator', async () => {
        const token = await tokenFor(bindSpec);
        await admin.createServiceAccount('ops', 'reviewer');
        const reviewer = admin.as(await admin.token('ops', 'reviewer'));
        expect(statusOf(await reviewer.reviewToken(token, [OURS]))).toEqual([403, 'Forbidden']);
        expect(statusOf(await admin.as().reviewToken(token, [OURS]))).toEqual([403, 'Forbidden']);
        await admin.allowTokenReview('ops', 'reviewer');
        await expect.poll(async () => (await reviewer.reviewToken(token, [OURS])).status).toBe(201);
        const wrong = admin.as(await admin.token('ops', 'reviewer', { audiences: [OURS] }));
        expect(statusOf(await wrong.reviewToken(token, [OURS]))).toEqual([401, 'Unauthorized']);
      });

      test('refuses tokens of a pod that is gone, those it has just accepted within about ten seconds (K35)', async () => {
        await admin.createPod('payments', 'brief', { serviceAccountName: 'reporter' });
        const spec = { audiences: [OURS], boundObjectRef: { kind: 'Pod', name: 'brief' } } as const;
        // Of another length: without a jti two tokens of one second are the same.
        const [reviewed, fresh] = [await tokenFor(spec), await tokenFor({ ...spec, expirationSeconds: 3000 })];
        expect((await admin.review(reviewed, [OURS])).authenticated).toBe(true);
        await admin.deletePod('payments', 'brief');
        expect((await admin.review(reviewed, [OURS])).authenticated).toBe(true);
        await expect.poll(() => admin.review(fresh, [OURS])).toEqual(REFUSED);
        await cluster.elapse(10_500);
        expect(await admin.review(reviewed, [OURS])).toEqual(REFUSED);
        await admin.createPod('payments', 'brief', { serviceAccountName: 'reporter' });
        expect(await admin.review(fresh, [OURS])).toEqual(REFUSED);
        await expect.poll(async () => (await admin.review(await tokenFor(spec), [OURS])).authenticated).toBe(true);
      });

      test('still accepts tokens of a pod that is being ended and of an account whose node is gone', async () => {
        await admin.createNode('node-2');
        await admin.createPod('payments', 'ending', { serviceAccountName: 'reporter', nodeName: 'node-2' });
        const spec = { audiences: [OURS], boundObjectRef: { kind: 'Pod', name: 'ending' } } as const;
        const token = await tokenFor(spec);
        await admin.call('DELETE', '/api/v1/namespaces/payments/pods/ending');
        await admin.call('DELETE', '/api/v1/nodes/node-2');
        expect((await admin.review(token, [OURS])).authenticated).toBe(true);
      });

      test('refuses tokens of an account that was made anew under the same name (K31)', async () => {
        await admin.createServiceAccount('ops', 'renewed');
        const former = await admin.token('ops', 'renewed', { audiences: [OURS] });
        await admin.call('DELETE', '/api/v1/namespaces/ops/serviceaccounts/renewed');
        await admin.createServiceAccount('ops', 'renewed');
        await expect.poll(() => admin.review(former, [OURS])).toEqual(REFUSED);
      });
    });

    describe('after a rotation of keys, with a limit to the life of tokens (F2, F4)', () => {
      let former: string;
      let before: readonly unknown[];
      const kids = async () => (await keySet()).keys.map(({ kid }) => kid);

      beforeAll(async () => {
        former = await tokenFor({ audiences: [OURS] });
        before = await kids();
        await cluster.rotate(7200);
      });

      test('another key signs, both are published, and tokens of both are accepted', async () => {
        const latter = await tokenFor({ audiences: [OURS] });
        const after = await kids();
        expect(after).toEqual(expect.arrayContaining([...before]));
        expect(after).toHaveLength(before.length + 1);
        expect(before).not.toContain(decodeProtectedHeader(latter).kid);
        const keys = createLocalJWKSet(await keySet());
        for (const token of [former, latter]) {
          const { payload } = await jwtVerify(token, keys, { audience: OURS, clockTolerance: 60 });
          expect(payload.iss).toBe(cluster.issuer);
          expect((await admin.review(token, [OURS])).authenticated).toBe(true);
        }
      });

      test('a longer token is shortened with a warning, one of the limit is not', async () => {
        const ask = async (expirationSeconds: number) => {
          const { warning, body } = await admin.requestToken('payments', 'reporter', { expirationSeconds });
          const { exp = 0, iat = 0 } = claimsOf((body as { status: { token: string } }).status.token);
          return [exp - iat, warning];
        };
        expect(await ask(7200)).toEqual([7200, undefined]);
        const warning = '299 - "requested expiration of 7201 seconds shortened to 7200 seconds"';
        expect(await ask(7201)).toEqual([7200, warning]);
      });
    });
  });
}

const REFUSED = { user: {}, error: expect.stringContaining('invalid bearer token') };

function statusOf({ status, body }: ApiAnswer): [number, unknown] {
  return [status, (body as { reason?: unknown }).reason];
}
