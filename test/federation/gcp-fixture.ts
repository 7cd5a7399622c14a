import type { Credential, Target } from '../../src/core/credential.ts';
import type { GcpGrant } from '../../src/core/decision.ts';
import type { KubernetesIdentity } from '../../src/core/identity.ts';
import { OAuthError } from '../../src/core/oauth-error.ts';
import { createGcpTarget, type GcpTargetDeps } from '../../src/federation/gcp/gcp-target.ts';
import { createOutbound } from '../../src/outbound/guarded-outbound.ts';
import type { Outbound } from '../../src/outbound/outbound.ts';
import { createMetrics } from '../../src/telemetry/metrics.ts';
import { Gcp, type GcpOptions } from '../fakes/gcp.ts';
import type { GcpProvider } from '../fakes/gcp-provider.ts';
import { FakeClock } from '../support/fake-clock.ts';
import type { CloudIssuer } from './cloud-issuer.ts';

const POOL = 'iam.googleapis.com/projects/123456/locations/global/workloadIdentityPools/carnet';
export const PROVIDER = `//${POOL}/providers/sts-example`;
export const SUBJECT = `principal://${POOL}/subject/mapping:payments-reports`;
export const REPORTER = 'reporter@example.iam.gserviceaccount.com';
export const BRIDGE = 'bridge@example.iam.gserviceaccount.com';
export const CLOUD_PLATFORM = 'https://www.googleapis.com/auth/cloud-platform';
export const AUDIENCE = 'https://reports.example.org';

/** A service account's access token; tests change what they are about. */
export const grant: GcpGrant = {
  kind: 'gcp',
  mapping: 'payments-reports',
  targetId: REPORTER,
  provider: PROVIDER,
  serviceAccount: REPORTER,
  delegates: [],
  scopes: [],
  ttlSeconds: 1800,
  issuedTokenType: 'urn:ietf:params:oauth:token-type:access_token',
  enforcedBy: [],
  deliver: 'credentials',
};

const identity: KubernetesIdentity = {
  kind: 'kubernetes',
  issuer: 'prod',
  subject: 'system:serviceaccount:payments:reporter',
  spiffeId: 'spiffe://example.org/cluster/prod/ns/payments/sa/reporter',
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

/** The provider that an admin would set up for Carnet. */
export function provider(issuerUri: string, change: Partial<GcpProvider> = {}): GcpProvider {
  return {
    name: PROVIDER,
    issuerUri,
    attributeMapping: {
      'google.subject': 'assertion.sub',
      'attribute.namespace': 'assertion.carnet_namespace',
      'attribute.spiffe_id': 'assertion.carnet_spiffe_id',
    },
    attributeCondition: "assertion.carnet_issuer == 'prod'",
    ...change,
  };
}

/** A way without a serviceAccount: the federated token itself. */
export function direct(change: Partial<GcpGrant> = {}): GcpGrant {
  const { serviceAccount: _none, ...rest } = grant;
  return { ...rest, ttlSeconds: 3600, ...change };
}

/** Google Cloud, a clock that both sides share, and the target between them. */
export class GcpBench {
  readonly clock: FakeClock;
  readonly issuer: CloudIssuer;
  readonly gcp: Gcp;
  readonly outbound: Outbound;

  private constructor(issuer: CloudIssuer, gcp: Gcp, clock: FakeClock) {
    this.issuer = issuer;
    this.gcp = gcp;
    this.clock = clock;
    this.outbound = createOutbound({
      allowOrigins: [gcp.url],
      allowLoopbackHttp: true,
      metrics: createMetrics(),
      clock,
    });
  }

  static async start(issuer: CloudIssuer, change: Partial<GcpOptions> = {}): Promise<GcpBench> {
    const clock = new FakeClock();
    const gcp = await Gcp.start({
      clock,
      providers: [provider(issuer.url)],
      serviceAccounts: [
        { email: REPORTER, actors: [SUBJECT, `serviceAccount:${BRIDGE}`] },
        { email: BRIDGE, actors: [SUBJECT] },
      ],
      ...change,
    });
    return new GcpBench(issuer, gcp, clock);
  }

  target(deps: Partial<GcpTargetDeps> = {}): Target<GcpGrant> {
    const { issuer: authority, outbound, clock, gcp } = this;
    const endpoints = { stsEndpoint: gcp.url, iamCredentialsEndpoint: gcp.url };
    return createGcpTarget({ authority, outbound, clock, ...endpoints, ...deps });
  }

  issueBy(target: Target<GcpGrant>, asked: GcpGrant = grant): Promise<Credential> {
    const issuedAt = Math.floor(this.clock.now() / 1000);
    return target.issue(asked, identity, { id: 'jti-1', issuedAt, traceId: 'trace' });
  }

  issue(asked: GcpGrant = grant, deps: Partial<GcpTargetDeps> = {}): Promise<Credential> {
    return this.issueBy(this.target(deps), asked);
  }

  async refusal(asked: GcpGrant = grant, deps: Partial<GcpTargetDeps> = {}): Promise<OAuthError> {
    const error = await this.issue(asked, deps).then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    if (!(error instanceof OAuthError)) throw new Error('an OAuthError was expected', { cause: error });
    return error;
  }

  outcomes(): readonly string[] {
    return this.gcp.calls.map(({ service, outcome }) => `${service} ${outcome}`);
  }

  async close(): Promise<void> {
    await this.gcp.close();
    await this.outbound.close();
  }
}
