import { setTimeout as pass } from 'node:timers/promises';
import type { Authority } from './authority/authority.ts';
import type { Config } from './config/config.ts';
import type { Clock } from './core/clock.ts';
import type { ExchangeTargets } from './exchange/issuing.ts';
import { atFirstUse } from './federation/at-first-use.ts';
import { createJwtSvidTarget } from './federation/jwt-svid/jwt-svid-target.ts';
import type { Outbound } from './outbound/outbound.ts';
import type { Cache } from './store/cache.ts';
import type { CacheSeal } from './store/cache-seal.ts';
import type { Log } from './telemetry/logger.ts';
import type { Metrics } from './telemetry/metrics.ts';
import { createIssuerKeys, type IssuerKeys } from './verifiers/issuer-keys.ts';
import type { KeyOwnership } from './verifiers/key-ownership.ts';

// The composition root's part for whoever asks others: for keys, and for credentials.

/** A quarter of the exchanges that the door lets in at once. */
const MAX_WAITING_FOR_KEYS = 256;

interface WayOut {
  readonly outbound: Outbound;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
}

interface IssuerKeysParts extends WayOut {
  readonly ownership: KeyOwnership;
  readonly shared?: { readonly cache: Cache; readonly seal: CacheSeal };
}

export function issuerKeys({ log, shared, ...deps }: IssuerKeysParts): IssuerKeys {
  const onRejected = (issuer: string, reason: string) => {
    deps.metrics.cacheRejected.inc({ issuer });
    log.error('what lies in the cache for an issuer is not believed', { issuer, detail: reason });
  };
  return createIssuerKeys({
    ...deps,
    maxWaiting: MAX_WAITING_FOR_KEYS,
    ...(shared && { shared: { ...shared, wait: (milliseconds) => pass(milliseconds), onRejected } }),
    onFailure: (issuer, reason) => log.warn('the keys of an issuer cannot be had', { issuer, detail: reason }),
  });
}

/** Endpoints named in `clouds` may be anywhere, private addresses too. */
export function allowedOrigins({ clouds, outbound }: Config): readonly string[] {
  const endpoints = [clouds.aws, clouds.gcp, clouds.azure].flatMap((cloud) => Object.values(cloud));
  return [...outbound.allowOrigins, ...endpoints.map((endpoint) => new URL(endpoint).origin)];
}

interface TargetParts extends WayOut {
  readonly config: Config;
  readonly authority: Authority;
}

/** Who maps to no cloud loads the code of none: it comes with the first credential that is asked for. */
export function targetsOf({ config, authority, outbound, clock, log, metrics }: TargetParts): ExchangeTargets {
  const { clouds } = config;
  const federation = { authority, outbound, clock };
  return {
    aws: atFirstUse('aws', async () => {
      const { createAwsTarget } = await import('./federation/aws/aws-target.ts');
      return createAwsTarget({ ...federation, log, metrics, ...clouds.aws });
    }),
    gcp: atFirstUse('gcp', async () => {
      const { createGcpTarget } = await import('./federation/gcp/gcp-target.ts');
      return createGcpTarget({ ...federation, ...clouds.gcp });
    }),
    azure: atFirstUse('azure', async () => {
      const { createAzureTarget } = await import('./federation/azure/azure-target.ts');
      return createAzureTarget({ ...federation, ...clouds.azure });
    }),
    oauth: atFirstUse('oauth', async () => {
      const { createOauthTarget } = await import('./federation/oauth/oauth-target.ts');
      return createOauthTarget({ ...federation, allowOrigins: config.outbound.allowOrigins });
    }),
    jwtSvid: createJwtSvidTarget({ authority }),
  };
}
