import type { Keyring, RingKey } from './keyring.ts';

/**
 * The key that signs now: of those not retired, the one that became active last. The first key of a ring is active at
 * once, also on a replica whose clock is behind that of the one that made it. Undefined when all are retired.
 */
export function activeKey(ring: Keyring, now: number): RingKey | undefined {
  const [first] = ring;
  return publishedKeys(ring, now)
    .filter((key) => key === first || key.activeAt <= now)
    .reduce<RingKey | undefined>((latest, key) => (latest && latest.activeAt > key.activeAt ? latest : key), undefined);
}

/** The keys in the published documents, oldest first: prepared, active, and those whose tokens may still be valid. */
export function publishedKeys(ring: Keyring, now: number): readonly RingKey[] {
  return ring.filter(({ retiredAt }) => retiredAt === undefined || retiredAt > now);
}

/**
 * When the published keys last changed, milliseconds: a function of the ring, so equal on every replica and after a
 * restart, and later than before even where a lost store had to be begun anew. Whoever adds or retires a key gives it an
 * instant later than this one.
 */
export function lastChangeAt(ring: Keyring, now: number): number {
  const retirements = ring.map(({ retiredAt }) => retiredAt ?? 0).filter((retiredAt) => retiredAt <= now);
  return Math.max(...ring.map(({ publishedAt }) => publishedAt), ...retirements);
}
