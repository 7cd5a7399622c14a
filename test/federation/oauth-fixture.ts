import type { Clock } from '../../src/core/clock.ts';
import type { OauthGrant } from '../../src/core/decision.ts';
import type { KubernetesIdentity } from '../../src/core/identity.ts';
import { OAuthError } from '../../src/core/oauth-error.ts';
import { createOauthTarget, type OauthTargetDeps } from '../../src/federation/oauth/oauth-target.ts';
import { createOutbound } from '../../src/outbound/guarded-outbound.ts';
import { createMetrics } from '../../src/telemetry/metrics.ts';
import { OAuthServer, type OAuthServerOptions } from '../fakes/oauth-server.ts';
import { FakeClock } from '../support/fake-clock.ts';
import type { CloudIssuer } from './cloud-issuer.ts';

export const SUBJECT = 'mapping:ledger-writer';

const identity: KubernetesIdentity = {
  kind: 'kubernetes',
  issuer: 'prod',
  subject: 'system:serviceaccount:payments:reporter',
  cluster: 'prod',
  namespace: 'payments',
  serviceAccount: 'reporter',
  serviceAccountUid: 'uid',
  binding: 'pod',
  liveness: 'not_asked',
  issuedAt: 0,
  expiresAt: 0,
  jtiSha256: '',
};

/** A target, the server that it asks, and a clock for both. */
export async function oauthFixture(issuer: CloudIssuer, options: Partial<OAuthServerOptions> = {}) {
  const clock = new FakeClock();
  const subjects = {
    [SUBJECT]: { scopes: ['ledger.read', 'ledger.write'], targets: ['ledger', 'https://ledger.example.org/'] },
  };
  const server = await OAuthServer.start({ clock, trustedIssuer: issuer.url, subjects, ...options });
  const through = oauthTargetFor(issuer, server.issuer, clock);
  const close = async () => {
    await Promise.all([server.close(), through.close()]);
  };
  return { ...through, clock, server, close };
}
export type OauthFixture = Awaited<ReturnType<typeof oauthFixture>>;

/** A target whose grants are for one server, if a test does not change them. */
export function oauthTargetFor(issuer: CloudIssuer, serverIssuer: string, clock: Clock) {
  const outbound = createOutbound({
    allowOrigins: [new URL(serverIssuer).origin],
    allowLoopbackHttp: true,
    metrics: createMetrics(),
    clock,
  });
  const grant: OauthGrant = {
    kind: 'oauth',
    mapping: 'ledger-writer',
    targetId: serverIssuer,
    issuer: serverIssuer,
    grantType: 'token-exchange',
    scopes: ['ledger.read'],
    ttlSeconds: 900,
    issuedTokenType: 'urn:ietf:params:oauth:token-type:access_token',
    enforcedBy: ['scope'],
    deliver: 'credentials',
  };
  const targetOf = (deps: Partial<OauthTargetDeps> = {}) =>
    createOauthTarget({ authority: issuer, outbound, clock, allowOrigins: [], ...deps });
  const target = targetOf();
  let issued = 0;
  const issue = (change: Partial<OauthGrant> = {}, through = target) => {
    issued += 1;
    const issuance = { id: `jti-${issued}`, issuedAt: Math.floor(clock.now() / 1000), traceId: 'trace' };
    return through.issue({ ...grant, ...change }, identity, issuance);
  };
  return { outbound, targetOf, issue, close: () => outbound.close() };
}

export async function refusalOf(promise: Promise<unknown>): Promise<OAuthError> {
  const error = await promise.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof OAuthError)) throw new Error('an OAuthError was expected', { cause: error });
  return error;
}
