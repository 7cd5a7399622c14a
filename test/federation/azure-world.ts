import type { Issuance } from '../../src/core/credential.ts';
import type { AzureGrant } from '../../src/core/decision.ts';
import type { KubernetesIdentity } from '../../src/core/identity.ts';
import { OAuthError } from '../../src/core/oauth-error.ts';
import { type AzureTargetDeps, createAzureTarget } from '../../src/federation/azure/azure-target.ts';
import { createOutbound } from '../../src/outbound/guarded-outbound.ts';
import type { Outbound } from '../../src/outbound/outbound.ts';
import { createMetrics } from '../../src/telemetry/metrics.ts';
import { Entra } from '../fakes/entra.ts';
import type { EntraApplication } from '../fakes/entra-assertion.ts';
import { FakeClock } from '../support/fake-clock.ts';
import type { CloudIssuer } from './cloud-issuer.ts';

export const TENANT = '11111111-2222-3333-4444-555555555555';
export const CLIENT = '99999999-8888-7777-6666-555555555555';
export const AUDIENCE = 'api://AzureADTokenExchange';
export const STORAGE = 'https://storage.azure.com';

export const azureGrant: AzureGrant = {
  kind: 'azure',
  mapping: 'edge-blob',
  targetId: CLIENT,
  ttlSeconds: 3_600,
  ttlCeilingSeconds: Number.POSITIVE_INFINITY,
  issuedTokenType: 'urn:ietf:params:oauth:token-type:access_token',
  enforcedBy: [],
  deliver: 'credentials',
  tenant: TENANT,
  clientId: CLIENT,
  scope: `${STORAGE}/.default`,
  authority: 'https://login.microsoftonline.com',
  assertionAudience: AUDIENCE,
};

export const workload: KubernetesIdentity = {
  kind: 'kubernetes',
  issuer: 'edge-1',
  subject: 'system:serviceaccount:edge:uploader',
  cluster: 'edge-1',
  namespace: 'edge',
  serviceAccount: 'uploader',
  serviceAccountUid: 'uid',
  binding: 'pod',
  liveness: 'not_asked',
  issuedAt: 0,
  expiresAt: 0,
  jtiSha256: '',
};

/** An application with one federated credential: for the mapping of `azureGrant`, from this issuer. */
export function application(issuer: string): EntraApplication {
  return {
    tenant: TENANT,
    clientId: CLIENT,
    credentials: [{ issuer, subject: 'mapping:edge-blob', audience: AUDIENCE }],
  };
}

/** One Entra, one guarded way out to it and whatever origins are listed, one clock. */
export class AzureWorld {
  readonly issuer: CloudIssuer;
  readonly clock: FakeClock;
  readonly entra: Entra;
  #ways: Outbound[] = [];

  private constructor(issuer: CloudIssuer, clock: FakeClock, entra: Entra) {
    this.issuer = issuer;
    this.clock = clock;
    this.entra = entra;
  }

  static async start(issuer: CloudIssuer): Promise<AzureWorld> {
    const clock = new FakeClock();
    const applications = [application(issuer.url)];
    const resources = [STORAGE, 'https://management.azure.com'];
    return new AzureWorld(issuer, clock, await Entra.start({ applications, resources, clock }));
  }

  /** The guarded way out. `routes` stands for name service and TLS: which double answers for a public origin. */
  outbound(routes: Readonly<Record<string, string>> = {}): Outbound {
    const guarded = createOutbound({
      allowOrigins: [this.entra.url, ...Object.values(routes)],
      allowLoopbackHttp: true,
      metrics: createMetrics(),
      clock: this.clock,
    });
    this.#ways.push(guarded);
    return {
      request: (request) => {
        const { origin } = new URL(request.url);
        return guarded.request({ ...request, url: request.url.replace(origin, routes[origin] ?? origin) });
      },
      close: () => guarded.close(),
    };
  }

  /** A target that calls the authority of the grant, unless `deps` names another. */
  target(deps: Partial<AzureTargetDeps> = {}) {
    return createAzureTarget({
      authority: this.issuer,
      outbound: deps.outbound ?? this.outbound(),
      clock: this.clock,
      ...deps,
    });
  }

  issuance(): Issuance {
    return { id: 'jti-1', issuedAt: Math.floor(this.clock.now() / 1000), traceId: 'trace' };
  }

  /** One issuance with Entra in the place of the grant's authority. */
  issue(change: Partial<AzureGrant> = {}, deps: Partial<AzureTargetDeps> = {}) {
    const target = this.target({ authorityHost: this.entra.url, ...deps });
    return target.issue({ ...azureGrant, ...change }, workload, this.issuance());
  }

  async close(): Promise<void> {
    await Promise.all(this.#ways.map((way) => way.close()));
    await this.entra.close();
  }
}

export async function refusalOf(promise: Promise<unknown>): Promise<OAuthError> {
  const error = await promise.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof OAuthError)) throw new Error('an OAuthError was expected', { cause: error });
  return error;
}
