import { isJsonObject, type JsonValue } from '../core/json.ts';
import { type DocumentStore, VersionConflict } from '../store/document-store.ts';
import type { Purpose } from './authority.ts';
import { CLOCK_DIFFERENCE_MS, type KeyState, stateOf } from './key-schedule.ts';
import type { Keyring } from './keyring.ts';

/** Collection of the store with one document per purpose: which change of which key was told last. */
const KEY_JOURNAL = 'signing-key-journal';

/** `revoked`: taken away by hand before its end. */
export interface KeyEvent {
  readonly purpose: Purpose;
  readonly kid: string;
  readonly change: KeyState | 'revoked';
}

interface Told {
  readonly kid: string;
  readonly state: KeyState;
  readonly goneAt: number | null;
}

const ORDER: readonly KeyState[] = ['prepared', 'active', 'retired', 'gone'];

interface KeyJournalDeps {
  readonly store: DocumentStore;
  /** Resolves once the event is durable. */
  readonly record: (event: KeyEvent) => Promise<void>;
}

/**
 * Tells of every change of a key at least once: those by the schedule, by another replica, by `carnet keys`, and those
 * that happened while nothing ran. What was told is remembered in the store only after it is recorded; replicas that
 * look together, or a crash in between, can tell a change twice.
 */
export class KeyJournal {
  readonly #deps: KeyJournalDeps;

  constructor(deps: KeyJournalDeps) {
    this.#deps = deps;
  }

  /** `read` is called after the journal was read: a ring older than the journal would show its newest keys as revoked. */
  async follow(purpose: Purpose, read: () => Promise<{ readonly ring: Keyring; readonly now: number }>): Promise<void> {
    const { store, record } = this.#deps;
    const stored = await store.get(KEY_JOURNAL, purpose);
    const before = readTold(stored?.value);
    const { ring, now } = await read();
    const after = tell(ring, before, now);
    const events = [...changed(before, after), ...removed(before, after, now)];
    for (const event of events) await record({ purpose, ...event });
    if (JSON.stringify(before) === JSON.stringify(after)) return;
    try {
      await store.put(KEY_JOURNAL, purpose, { v: 1, keys: after.map((one) => ({ ...one })) }, stored?.version ?? 0);
    } catch (error) {
      // Another replica told the same; what is left is seen at the next look.
      if (!(error instanceof VersionConflict)) throw error;
    }
  }
}

/** A state that was told is not taken back by a replica whose clock is behind. */
function tell(ring: Keyring, before: readonly Told[], now: number): readonly Told[] {
  return ring.map((one) => {
    const state = stateOf(ring, one, now);
    const told = before.find(({ kid }) => kid === one.key.kid)?.state ?? state;
    const later = ORDER.indexOf(told) > ORDER.indexOf(state) ? told : state;
    return { kid: one.key.kid, state: later, goneAt: one.goneAt ?? null };
  });
}

type Change = Omit<KeyEvent, 'purpose'>;

function changed(before: readonly Told[], after: readonly Told[]): readonly Change[] {
  const told = new Map(before.map(({ kid, state }) => [kid, state]));
  return after.filter(({ kid, state }) => told.get(kid) !== state).map(({ kid, state }) => ({ kid, change: state }));
}

function removed(before: readonly Told[], after: readonly Told[], now: number): readonly Change[] {
  const left = new Set(after.map(({ kid }) => kid));
  return before
    .filter(({ kid, state }) => !left.has(kid) && state !== 'gone')
    .map(({ kid, goneAt }) => {
      const ended = goneAt !== null && goneAt <= now + CLOCK_DIFFERENCE_MS;
      return { kid, change: ended ? 'gone' : 'revoked' };
    });
}

function readTold(value: JsonValue | undefined): readonly Told[] {
  const keys = isJsonObject(value) && Array.isArray(value['keys']) ? value['keys'] : [];
  return keys.flatMap((row) => {
    if (!isJsonObject(row)) return [];
    const { kid, state, goneAt } = row;
    const known = ORDER.find((one) => one === state);
    if (typeof kid !== 'string' || known === undefined) return [];
    return [{ kid, state: known, goneAt: typeof goneAt === 'number' ? goneAt : null }];
  });
}
