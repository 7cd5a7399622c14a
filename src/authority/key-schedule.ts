import type { Keyring, RingKey } from './keyring.ts';

const HOUR_MS = 3_600_000;

/** The promise: a key is in the published documents for this long before it signs, unless somebody said otherwise by hand. */
export const PUBLISHED_BEFORE_USE_MS = 24 * HOUR_MS;
/** Clocks of replicas, and of the machine that runs `carnet keys`, may differ by this much. */
export const CLOCK_DIFFERENCE_MS = HOUR_MS / 6;
/** What the schedule plans with: the promise, and room for clocks that differ and for the reading of the store. */
export const LEAD_MS = PUBLISHED_BEFORE_USE_MS + HOUR_MS;
/** A replica that could not read its keys for this long signs no more: it may have missed a change. */
export const MAX_UNREAD_MS = 24 * HOUR_MS;
/**
 * How long a key stays published after its last signature: the longest token (24 h, token-profile.ts), signed at the end
 * of the longest time that a replica may have missed the change, and two hours for caches and clocks.
 */
export const RETENTION_MS = MAX_UNREAD_MS + 26 * HOUR_MS;
/** Below this more than three keys would be published at a time. */
export const MIN_ROTATION_MS = 48 * HOUR_MS;

export type KeyState = 'prepared' | 'active' | 'retired' | 'gone';

/**
 * The key that signs now: of those whose time has come and that are not retired, the one that became active last. Where
 * there is none, the next one whose time comes within CLOCK_DIFFERENCE_MS: that is a first key, or one made in a hurry,
 * seen by a replica whose clock is behind. A key that is alone in its ring does not wait at all: it was made by a clock
 * that was ahead, and no other key's turn is taken. Nor does one whose predecessors left the ring after its time had come by
 * a clock that was ahead: whose turn it is now is erased. Undefined when there is none either.
 */
export function activeKey(ring: Keyring, now: number): RingKey | undefined {
  const usable = ring.filter(({ retiredAt }) => retiredAt === undefined || retiredAt > now);
  const latest = usable
    .filter((key) => key.activeAt <= now)
    .reduce<RingKey | undefined>((last, key) => (last && last.activeAt > key.activeAt ? last : key), undefined);
  if (latest) return latest;
  const [next] = usable.toSorted((a, b) => a.activeAt - b.activeAt);
  if (ring.length === 1 || !next) return next;
  const leftAt = Math.max(...ring.map(({ removalAt = 0 }) => removalAt));
  return next.activeAt - now <= CLOCK_DIFFERENCE_MS || next.activeAt <= leftAt ? next : undefined;
}

/** The keys in the published documents, oldest first: prepared, active, and those whose tokens may still be valid. */
export function publishedKeys(ring: Keyring, now: number): readonly RingKey[] {
  return ring.filter(({ goneAt }) => goneAt === undefined || goneAt > now);
}

/** The key that is published and has not signed yet, if there is one. */
export function preparedKey(ring: Keyring, now: number): RingKey | undefined {
  return ring.find((key) => stateOf(ring, key, now) === 'prepared');
}

export function stateOf(ring: Keyring, key: RingKey, now: number): KeyState {
  if (key.goneAt !== undefined && key.goneAt <= now) return 'gone';
  if (activeKey(ring, now) === key) return 'active';
  return key.activeAt > now ? 'prepared' : 'retired';
}

/**
 * When the published keys last changed, milliseconds: a function of the ring, so equal on every replica and after a
 * restart, and later than before even where a lost store had to be begun anew. Whoever adds or removes a key gives that
 * an instant later than this one.
 */
export function lastChangeAt(ring: Keyring, now: number): number {
  return Math.max(
    ...ring.flatMap(({ publishedAt, goneAt = 0, removalAt = 0 }) => [
      publishedAt,
      removalAt,
      goneAt > now ? 0 : goneAt,
    ]),
  );
}

/** When another key signs than now: the prepared one's time, else when the schedule wants one. */
export function nextRotationAt(ring: Keyring, now: number, rotateEveryMs: number): number {
  return preparedKey(ring, now)?.activeAt ?? (activeKey(ring, now)?.activeAt ?? now) + rotateEveryMs;
}

/** When the next key is to be published, if none is prepared. */
export function preparationAt(ring: Keyring, now: number, rotateEveryMs: number): number {
  return nextRotationAt(ring, now, rotateEveryMs) - LEAD_MS;
}

/** Whether the next key should have been published by now and is not. */
export function isOverdue(ring: Keyring, now: number, rotateEveryMs: number): boolean {
  const latest = nextRotationAt(ring, now, rotateEveryMs) - PUBLISHED_BEFORE_USE_MS;
  return preparedKey(ring, now) === undefined && now > latest;
}
