import { OAuthError } from '../../src/core/oauth-error.ts';
import {
  type Outbound,
  type OutboundAnswer,
  OutboundError,
  type OutboundRequest,
} from '../../src/outbound/outbound.ts';
import type { TrustedIssuer, TrustedIssuers } from '../../src/resources/issuers.ts';
import { createMetrics } from '../../src/telemetry/metrics.ts';
import { createIssuerKeys, type IssuerKeys } from '../../src/verifiers/issuer-keys.ts';
import { memoryKeyOwnership, type SharedKey } from '../../src/verifiers/key-ownership.ts';
import type { FakeKey } from '../fakes/cluster-keys.ts';
import { FakeClock } from '../support/fake-clock.ts';

export const AUDIENCE = 'https://sts.example.org';
export const ISS = 'https://kubernetes.default.svc.cluster.local';
const KUBERNETES_PATH = '/cluster/{cluster}/ns/{namespace}/sa/{serviceAccount}';

/** A TrustedIssuer for a cluster, with what a test changes about it. */
export function clusterIssuer(name: string, changes: Partial<TrustedIssuer> = {}): TrustedIssuer {
  return {
    name,
    labels: {},
    issuer: ISS,
    previousIssuers: [],
    audiences: [AUDIENCE],
    allowExtraAudiences: false,
    algorithms: ['RS256', 'ES256'],
    maxTokenLifetimeSeconds: 86_400,
    clockSkewSeconds: 30,
    keys: { kind: 'static', jwks: { keys: [] } },
    profile: { kind: 'kubernetes', cluster: name, spiffePath: KUBERNETES_PATH },
    ...changes,
  };
}

export function ciIssuer(name: string, changes: Partial<TrustedIssuer> = {}): TrustedIssuer {
  return clusterIssuer(name, {
    issuer: 'https://ci.example.org',
    profile: { kind: 'oidc', requireClaims: {} },
    ...changes,
  });
}

export function staticKeys(...keys: readonly Pick<FakeKey, 'jwk'>[]): TrustedIssuer['keys'] {
  return { kind: 'static', jwks: { keys: keys.map(({ jwk }) => jwk) } };
}

export function trustedIssuers(...issuers: readonly TrustedIssuer[]): TrustedIssuers {
  const byIss = new Map<string, TrustedIssuer[]>();
  for (const one of issuers) {
    for (const iss of [one.issuer, ...one.previousIssuers.map(({ issuer }) => issuer)]) {
      byIss.set(iss, [...(byIss.get(iss) ?? []), one]);
    }
  }
  return { byName: new Map(issuers.map((one) => [one.name, one])), byIss, trustDomain: 'example.org' };
}

/** What answers instead of the network, and every request that reached it. */
export class ScriptedOutbound implements Outbound {
  readonly requests: OutboundRequest[] = [];
  /** By URL: the answer, or what to throw. */
  readonly script = new Map<string, Partial<OutboundAnswer> | Error>();
  /** Answers wait for this. */
  gate: Promise<void> = Promise.resolve();
  /** By URL: what its answers wait for beside that. */
  readonly gates = new Map<string, Promise<void>>();

  json(url: string, value: unknown, headers: Readonly<Record<string, string>> = {}): void {
    const body = Buffer.from(JSON.stringify(value));
    this.script.set(url, { body, headers: { 'content-type': 'application/json', ...headers } });
  }

  async request(request: OutboundRequest): Promise<OutboundAnswer> {
    this.requests.push(request);
    await this.gate;
    await this.gates.get(request.url);
    const answer = this.script.get(request.url) ?? new OutboundError('unreachable', 'nothing listens');
    if (answer instanceof Error) throw answer;
    return { status: 200, headers: {}, body: Buffer.alloc(0), ...answer };
  }

  async close(): Promise<void> {}
}

export interface KeysUnderTest {
  readonly keys: IssuerKeys;
  readonly outbound: ScriptedOutbound;
  readonly clock: FakeClock;
  readonly shared: SharedKey[];
  readonly failures: string[];
  readonly metrics: ReturnType<typeof createMetrics>;
}

/** Issuers' keys over a scripted network, without jitter. */
export function keysUnderTest(
  clock = new FakeClock(),
  outbound = new ScriptedOutbound(),
  maxWaiting?: number,
): KeysUnderTest {
  const shared: SharedKey[] = [];
  const failures: string[] = [];
  const metrics = createMetrics();
  const keys = createIssuerKeys({
    outbound,
    clock,
    metrics,
    ownership: memoryKeyOwnership((one) => shared.push(one)),
    random: () => 1,
    ...(maxWaiting !== undefined && { maxWaiting }),
    onFailure: (issuer, reason) => failures.push(`${issuer}: ${reason}`),
  });
  return { keys, outbound, clock, shared, failures, metrics };
}

/** The OAuthError that something is refused with; anything else fails the test. */
export async function refusal(attempt: Promise<unknown> | (() => unknown)): Promise<OAuthError> {
  try {
    await (typeof attempt === 'function' ? attempt() : attempt);
  } catch (error) {
    if (error instanceof OAuthError) return error;
    throw error;
  }
  throw new Error('it was accepted');
}
