import { activeKey, LEAD_MS, lastChangeAt, preparedKey, RETENTION_MS, stateOf } from './key-schedule.ts';
import type { Keyring, RingKey } from './keyring.ts';
import type { SigningKey } from './signing-keys.ts';

const HOUR_MS = 3_600_000;

interface Preparation {
  readonly now: number;
  readonly rotateEveryMs: number;
}

/**
 * The ring with its next key published: it signs from when the schedule wants it, but not before LEAD_MS, and the key
 * before it gets its end in the same write. From here on time alone rotates: no later write is needed.
 */
export function withPrepared(ring: Keyring, key: SigningKey, { now, rotateEveryMs }: Preparation): Keyring {
  const active = activeKey(ring, now);
  const publishedAt = changeInstant(ring, now);
  const activeAt = Math.max((active?.activeAt ?? now) + rotateEveryMs, publishedAt + LEAD_MS);
  const before = mapRing(ring, (one) => {
    // What signs before its time, made by a clock that was ahead, goes on when it is no longer alone.
    const signing = one === active ? begun(one, now) : one;
    return isUnending(one) ? ending(signing, activeAt) : signing;
  });
  return [...before, { key, publishedAt, activeAt }];
}

/** The ring with its prepared key signing from now on. There must be one. */
export function withActivated(ring: Keyring, now: number): Keyring {
  const prepared = preparedKey(ring, now);
  return mapRing(ring, (one) => {
    if (one === prepared) return { ...one, activeAt: now };
    return stateOf(ring, one, now) === 'active' ? ending(begun(one, now), now) : one;
  });
}

/**
 * The ring without one key, at once. After the active one the prepared one signs from now on, or `spare` where there is
 * none; the end that a prepared one had set for the active one is taken back.
 */
export function withoutKey(ring: Keyring, { revoked, spare, now }: Revocation): Keyring {
  const removalAt = changeInstant(ring, now);
  const state = stateOf(ring, revoked, now);
  const left = ring.filter((one) => one !== revoked);
  if (state === 'active') {
    const prepared = preparedKey(ring, now);
    const rest = left.map((one) => (one === prepared ? { ...one, activeAt: now } : one));
    if (prepared) return marked(rest, removalAt);
    return marked([...rest, { key: spare, publishedAt: removalAt, activeAt: now }], removalAt);
  }
  const active = activeKey(ring, now);
  const rest = left.map((one) => (state === 'prepared' && one === active ? unending(one) : one));
  return marked(rest, removalAt);
}

interface Revocation {
  readonly revoked: RingKey;
  /** Signs and is published where no other key can take over. */
  readonly spare: SigningKey;
  readonly now: number;
}

/** The ring without keys that no replica publishes any more; the same ring when there are none. */
export function withoutGone(ring: Keyring, now: number): Keyring {
  const kept = ring.filter(({ goneAt }) => goneAt === undefined || goneAt + HOUR_MS > now);
  return kept.length === ring.length ? ring : marked(kept, lastChangeAt(ring, now));
}

/** Later than every change so far, whatever this replica's clock says. */
function changeInstant(ring: Keyring, now: number): number {
  return Math.max(now, lastChangeAt(ring, now) + 1);
}

/** What signs has begun to, whatever its date says. */
function begun(one: RingKey, now: number): RingKey {
  return { ...one, activeAt: Math.min(one.activeAt, now) };
}

function isUnending({ retiredAt }: RingKey): boolean {
  return retiredAt === undefined;
}

function ending(one: RingKey, retiredAt: number): RingKey {
  return { ...one, retiredAt, goneAt: retiredAt + RETENTION_MS };
}

function unending({ retiredAt: _, goneAt: __, ...one }: RingKey): RingKey {
  return one;
}

function marked([first, ...rest]: readonly RingKey[], removalAt: number): Keyring {
  if (!first) throw new Error('a ring without keys');
  return [{ ...first, removalAt }, ...rest];
}

function mapRing([first, ...rest]: Keyring, change: (one: RingKey) => RingKey): Keyring {
  return [change(first), ...rest.map(change)];
}
