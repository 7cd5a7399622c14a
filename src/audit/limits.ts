export interface AuditLimits {
  readonly maxSegmentBytes: number;
  /** "allowed" and "reused" stop while less than this is free; what follows an earlier "allowed" goes on. */
  readonly minFreeBytes: number;
  /** Records that may wait for their commit before "allowed" is refused. */
  readonly maxQueued: number;
  /** A commit that takes longer than this counts as a broken disk until it ends. */
  readonly maxCommitMilliseconds: number;
  readonly maxRefusedQueued: number;
  readonly refusedPerSecond: number;
  readonly refusedBurst: number;
}

export const DEFAULT_LIMITS: AuditLimits = {
  maxSegmentBytes: 64 * 1024 * 1024,
  minFreeBytes: 64 * 1024 * 1024,
  maxQueued: 20_000,
  maxCommitMilliseconds: 10_000,
  maxRefusedQueued: 1_000,
  refusedPerSecond: 100,
  refusedBurst: 1_000,
};
