import { type CloudQuota, COSTS } from './size-costs.ts';

/** What is to be served: so many pods, each with a credential of such a life, at replicas of so many cores. */
export interface Demand {
  readonly pods: number;
  readonly ttlSeconds: number;
  readonly coresPerReplica: number;
}

export type Use = 'aws' | 'jwt-svid';

export interface Plan {
  readonly use: Use;
  /** A pod asks again after so long. */
  readonly refreshSeconds: number;
  readonly exchangesPerSecond: number;
  readonly replicas: number;
  readonly cloudCallsPerSecond: number;
  readonly auditBytesPerMonth: number;
  /** Seconds that all of them compute to serve every pod once. When all ask at the same time it takes longer. */
  readonly rolloutSeconds: number;
}

export interface QuotaUse extends CloudQuota {
  readonly wantedPerSecond: number;
  /** 1 is the whole quota; absent where the quota is unknown. */
  readonly share?: number;
}

/** SDKs of AWS renew from 15 to 5 minutes before the end; the first of these makes the most calls. */
const AWS_EARLY_SECONDS = 900;
/** A busier process answers late: p99 leaves it (docs/performance.md). */
const BUSY = 0.5;
/** One may be gone while nodes are drained. */
const LEAST_REPLICAS = 2;
/** A process has one thread for exchanges. */
const USABLE_CORES = 1;
const MONTH_SECONDS = 30 * 86_400;

export function planFor(use: Use, { pods, ttlSeconds, coresPerReplica }: Demand): Plan {
  const refreshSeconds = refreshAfter(use, ttlSeconds);
  const exchangesPerSecond = pods / refreshSeconds;
  const cpuSeconds = COSTS.exchangeCpuSeconds + (use === 'aws' ? COSTS.cloudAssertionCpuSeconds : 0);
  const cores = Math.min(coresPerReplica, USABLE_CORES);
  const replicas = Math.max(LEAST_REPLICAS, Math.ceil((exchangesPerSecond * cpuSeconds) / (cores * BUSY)));
  return {
    use,
    refreshSeconds,
    exchangesPerSecond,
    replicas,
    // What is issued to one pod is given to others only where the mapping shares it, which this reckons without.
    cloudCallsPerSecond: use === 'aws' ? exchangesPerSecond : 0,
    auditBytesPerMonth: exchangesPerSecond * MONTH_SECONDS * COSTS.auditBytesPerExchange,
    rolloutSeconds: (pods * cpuSeconds) / (replicas * cores),
  };
}

/** SVIDs are renewed at half of their life, AWS credentials 15 minutes before its end, but not before its half. */
function refreshAfter(use: Use, ttlSeconds: number): number {
  const half = ttlSeconds / 2;
  return use === 'aws' ? Math.max(half, ttlSeconds - AWS_EARLY_SECONDS) : half;
}

export function quotaUse(quota: CloudQuota, wantedPerSecond: number): QuotaUse {
  const { callsPerSecond } = quota;
  return {
    ...quota,
    wantedPerSecond,
    ...(callsPerSecond !== undefined && { share: wantedPerSecond / callsPerSecond }),
  };
}
