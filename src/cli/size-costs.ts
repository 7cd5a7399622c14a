/** What the arithmetic of `carnet size` rests on. Costs are figures of the bench (docs/performance.md); take your own there. */
export const COSTS = {
  measuredOn: '2026-11-27',
  machine: 'one of two virtual cores of an AMD EPYC, Node 26.10',
  /** CPU seconds of an exchange for a JWT-SVID whose client opens a TLS connection for it, as pods do; that of a rollout. */
  exchangeCpuSeconds: 0.00081,
  /** An RS256 signature in place of an ES256 one. The call to the cloud itself costs more, which nobody has measured. */
  cloudAssertionCpuSeconds: 0.00025,
  /** Two records, "allowed" and "issued". */
  auditBytesPerExchange: 2600,
} as const;

/** How many calls a cloud answers. Not told: unknown. */
export interface CloudQuota {
  readonly cloud: string;
  readonly scope: string;
  readonly callsPerSecond?: number;
  readonly source?: string;
  readonly asOf: string;
  readonly note: string;
}

export const QUOTAS: readonly CloudQuota[] = [
  {
    cloud: 'aws',
    scope: 'STS, account and Region',
    callsPerSecond: 600,
    source: 'https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html',
    asOf: '2026-11-22',
    note: 'the default for calls with AWS credentials; none is published for AssumeRoleWithWebIdentity by itself',
  },
  {
    cloud: 'gcp',
    scope: 'token exchange, project',
    callsPerSecond: 100,
    source: 'https://docs.cloud.google.com/iam/quotas',
    asOf: '2026-11-22',
    note: 'the default of 6,000 a minute',
  },
  {
    cloud: 'azure',
    scope: 'token endpoint, tenant',
    asOf: '2026-11-22',
    note: 'no figure was found',
  },
];
