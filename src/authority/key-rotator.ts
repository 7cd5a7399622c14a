import type { Metrics } from '../telemetry/metrics.ts';
import { PURPOSES, type Purpose } from './authority.ts';
import { type KeyEvent, KeyJournal } from './key-journal.ts';
import { KeyRotation, type KeyRotationDeps } from './key-rotation.ts';
import { activeKey, MAX_UNREAD_MS, publishedKeys } from './key-schedule.ts';
import { type Keyring, SIGNING_KEYS } from './keyring.ts';
import type { LocalAuthority } from './local-authority.ts';

const TICK_MS = 60_000;

/** How Carnet's own keys are, as `/readyz` shows it. */
export interface KeysState {
  readonly state: 'ok' | 'degraded' | 'failed';
  readonly detail?: string;
}

/** Keeps the keys of one replica on the schedule. */
export interface KeyRotator {
  /** One pass: takes the steps that are due, reads the keys, tells of changes. Never throws; `state` shows a failure. */
  pass(): Promise<void>;
  state(): KeysState;
  /** Ends the timer and waits for the pass under way. */
  close(): Promise<void>;
}

interface KeyRotatorDeps extends KeyRotationDeps {
  readonly authority: LocalAuthority;
  readonly metrics: Metrics;
  /** Resolves once the event is durable. An event can come twice (key-journal.ts). */
  readonly record: (event: KeyEvent) => Promise<void>;
  readonly onFailure: (failure: { readonly purpose: Purpose; readonly cause: unknown }) => void;
  /** Calls back each minute until the returned function is called. */
  readonly everyMinute?: (run: () => void) => () => void;
}

/**
 * Follows the keys in the store from now on: after each write to them, by whichever process, and each minute. Resolves
 * after the first pass.
 */
export async function startKeyRotator(deps: KeyRotatorDeps): Promise<KeyRotator> {
  const rotator = new WatchingRotator(deps);
  await rotator.pass();
  return rotator;
}

class WatchingRotator implements KeyRotator {
  readonly #deps: KeyRotatorDeps;
  readonly #rotation: KeyRotation;
  readonly #journal: KeyJournal;
  readonly #stops: readonly (() => void)[];
  readonly #faults = new Set<Purpose>();
  #passing: Promise<void> | undefined;
  /** A pass that begins after it was asked for; all who ask during one pass share the next. */
  #next: Promise<void> | undefined;
  #closed = false;

  constructor(deps: KeyRotatorDeps) {
    this.#deps = deps;
    this.#rotation = new KeyRotation(deps);
    this.#journal = new KeyJournal(deps);
    const run = () => void this.pass();
    this.#stops = [deps.store.watch(SIGNING_KEYS, run), (deps.everyMinute ?? realMinutes)(run)];
  }

  async pass(): Promise<void> {
    if (this.#closed) return;
    if (this.#passing !== undefined) {
      this.#next ??= this.#passing.then(() => {
        this.#next = undefined;
        return this.pass();
      });
      return await this.#next;
    }
    this.#passing = this.#run().finally(() => {
      this.#passing = undefined;
    });
    await this.#passing;
  }

  state(): KeysState {
    const { authority, clock } = this.#deps;
    const now = clock.now();
    const inactive = PURPOSES.filter((purpose) => !activeKey(authority.keyring(purpose), now));
    if (inactive.length > 0) return { state: 'failed', detail: `no key is active for ${inactive.join(', ')}` };
    if (now - authority.readAt() > MAX_UNREAD_MS)
      return { state: 'failed', detail: 'the keys could not be read from the store for a day' };
    const overdue = PURPOSES.filter((purpose) => this.#rotation.plan(authority.keyring(purpose)).overdue);
    if (overdue.length > 0) return { state: 'degraded', detail: `rotation is overdue for ${overdue.join(', ')}` };
    if (this.#faults.size > 0)
      return {
        state: 'degraded',
        detail: `the keys in the store cannot be followed for ${[...this.#faults].join(', ')}`,
      };
    return { state: 'ok' };
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const stop of this.#stops) stop();
    await this.#next;
    await this.#passing;
  }

  async #run(): Promise<void> {
    for (const purpose of PURPOSES) {
      const followed = await this.#managed(purpose, () => this.#follow(purpose));
      // Time alone moves the keys on, so they are measured also while the store is down.
      const measured = await this.#managed(purpose, async () => this.#measure(purpose));
      if (followed && measured) this.#faults.delete(purpose);
    }
  }

  async #managed(purpose: Purpose, step: () => Promise<void>): Promise<boolean> {
    try {
      await step();
      return true;
    } catch (cause) {
      this.#faults.add(purpose);
      this.#deps.onFailure({ purpose, cause });
      return false;
    }
  }

  async #follow(purpose: Purpose): Promise<void> {
    // What others changed first: a step of the schedule that fails must not keep a revocation from this replica.
    await this.#deps.authority.refresh();
    await this.#rotation.tend(purpose);
    await this.#journal.follow(purpose, () => this.#stored(purpose));
  }

  async #stored(purpose: Purpose): Promise<{ readonly ring: Keyring; readonly now: number }> {
    const { authority, clock } = this.#deps;
    await authority.refresh();
    return { ring: authority.keyring(purpose), now: clock.now() };
  }

  #measure(purpose: Purpose): void {
    const { authority, clock, metrics } = this.#deps;
    const now = clock.now();
    const ring = authority.keyring(purpose);
    const { nextRotationAt } = this.#rotation.plan(ring);
    metrics.signingKeyActiveSince.set({ purpose }, (activeKey(ring, now)?.activeAt ?? 0) / 1000);
    metrics.signingKeyNextRotation.set({ purpose }, nextRotationAt / 1000);
    metrics.signingKeysPublished.set({ purpose }, publishedKeys(ring, now).length);
  }
}

function realMinutes(run: () => void): () => void {
  const timer = setInterval(run, TICK_MS).unref();
  return () => clearInterval(timer);
}
