import { PURPOSES, type Purpose } from './authority.ts';
import {
  activeKey,
  isOverdue,
  nextRotationAt,
  PUBLISHED_BEFORE_USE_MS,
  preparationAt,
  preparedKey,
  stateOf,
} from './key-schedule.ts';
import { withActivated, withoutGone, withoutKey, withPrepared } from './key-steps.ts';
import { changeRing, type Keyring, type KeyringDeps, type RingKey, readRing } from './keyring.ts';
import { generateSigningKey } from './signing-keys.ts';

export interface KeyRotationDeps extends KeyringDeps {
  /** At least MIN_ROTATION_MS. */
  readonly rotateEveryMs: number;
}

/** What was asked for is not done, and why; the message is for people and holds no key material. */
export class KeyRefusal extends Error {
  override readonly name = 'KeyRefusal';
}

export interface Revoked {
  readonly purpose: Purpose;
  readonly kid: string;
  /** The key that signs now. */
  readonly activeKid: string;
  /** How long the key that signs now has been published, milliseconds. */
  readonly publishedForMs: number;
  /** Whether the revoked key was the one that signed. */
  readonly wasActive: boolean;
}

/**
 * The steps of a rotation on the stored rings. Each is one compare-and-swap, so any number of processes may take them
 * together, and a process that ends in between has either done its step or not.
 */
export class KeyRotation {
  readonly #deps: KeyRotationDeps;

  constructor(deps: KeyRotationDeps) {
    this.#deps = deps;
  }

  /** The stored ring; undefined where the service has not made one yet. Throws KeyFault. */
  async read(purpose: Purpose): Promise<Keyring | undefined> {
    const stored = await readRing(this.#deps, purpose);
    return stored === 'unchanged' ? undefined : stored?.ring;
  }

  /** Does what the schedule wants by now: publishes the next key, drops keys that are published no more. */
  async tend(purpose: Purpose): Promise<void> {
    const { clock, rotateEveryMs } = this.#deps;
    await changeRing(this.#deps, purpose, async (stored) => {
      const now = clock.now();
      const ring = withoutGone(stored, now);
      const due = preparedKey(ring, now) === undefined && preparationAt(ring, now, rotateEveryMs) <= now;
      return due ? withPrepared(ring, await generateSigningKey(purpose), { now, rotateEveryMs }) : ring;
    });
  }

  /** Publishes the next key ahead of the schedule, unless one is prepared already. Gives the prepared key's kid. */
  async prepare(purpose: Purpose): Promise<{ readonly kid: string; readonly made: boolean }> {
    const { clock, rotateEveryMs } = this.#deps;
    let made = false;
    const after = await changeRing(this.#deps, purpose, async (ring) => {
      const now = clock.now();
      made = preparedKey(ring, now) === undefined;
      return made ? withPrepared(ring, await generateSigningKey(purpose), { now, rotateEveryMs }) : ring;
    });
    const kid = preparedKey(after, clock.now())?.key.kid;
    if (kid === undefined) throw new KeyRefusal(`the prepared key of ${purpose} was taken away by somebody else`);
    return { kid, made };
  }

  /**
   * Lets the prepared key sign from now on. Throws KeyRefusal where there is none, or where it is not published for
   * PUBLISHED_BEFORE_USE_MS and `unpublished` does not allow that.
   */
  async activate(purpose: Purpose, { unpublished }: { readonly unpublished: boolean }): Promise<string> {
    const { clock } = this.#deps;
    let kid = '';
    await changeRing(this.#deps, purpose, async (ring) => {
      const now = clock.now();
      this.isTooNew(ring, purpose, { unpublished });
      kid = readiness(ring, purpose, now).prepared.key.kid;
      return withActivated(ring, now);
    });
    return kid;
  }

  /** Whether the prepared key is too new for `activate`. Throws the KeyRefusal that `activate` would throw. */
  isTooNew(ring: Keyring, purpose: Purpose, { unpublished }: { readonly unpublished: boolean }): boolean {
    const now = this.#deps.clock.now();
    const { readyAt } = readiness(ring, purpose, now);
    if (readyAt > now && !unpublished) throw tooNew(purpose, readyAt);
    return readyAt > now;
  }

  /**
   * Takes a key out of the published ones and out of signing, at once and for good. Throws KeyRefusal where no purpose,
   * or not the one that is named, has it.
   */
  async revoke(kid: string, only?: Purpose): Promise<Revoked> {
    const purpose = await this.#holderOf(kid, only);
    let wasActive = false;
    const after = await changeRing(this.#deps, purpose, async (ring) => {
      const now = this.#deps.clock.now();
      const revoked = ring.find(({ key }) => key.kid === kid);
      if (!revoked) throw unknown(kid);
      wasActive = stateOf(ring, revoked, now) === 'active';
      return withoutKey(ring, { revoked, spare: await generateSigningKey(purpose), now });
    });
    const now = this.#deps.clock.now();
    const active = activeKey(after, now);
    if (!active) throw new Error(`no key for ${purpose} is active after the revocation`);
    return { purpose, kid, wasActive, activeKid: active.key.kid, publishedForMs: now - active.publishedAt };
  }

  /** When another key will sign than now, and whether it should have been published before now and is not. */
  plan(ring: Keyring): { readonly nextRotationAt: number; readonly overdue: boolean } {
    const { clock, rotateEveryMs } = this.#deps;
    const now = clock.now();
    return {
      nextRotationAt: nextRotationAt(ring, now, rotateEveryMs),
      overdue: isOverdue(ring, now, rotateEveryMs),
    };
  }

  async #holderOf(kid: string, only: Purpose | undefined): Promise<Purpose> {
    for (const purpose of only === undefined ? PURPOSES : [only]) {
      const ring = await this.read(purpose);
      if (ring?.some(({ key }) => key.kid === kid)) return purpose;
    }
    throw unknown(kid);
  }
}

function readiness(ring: Keyring, purpose: Purpose, now: number): { prepared: RingKey; readyAt: number } {
  const prepared = preparedKey(ring, now);
  if (!prepared) throw new KeyRefusal(`no key of ${purpose} is prepared; run carnet keys prepare`);
  return { prepared, readyAt: prepared.publishedAt + PUBLISHED_BEFORE_USE_MS };
}

function tooNew(purpose: Purpose, readyAt: number): KeyRefusal {
  return new KeyRefusal(
    `the prepared key of ${purpose} is published for less than 24 h, and verifiers with an older copy would refuse its ` +
      `tokens; wait until ${new Date(readyAt).toISOString()}, or say --now`,
  );
}

function unknown(kid: string): KeyRefusal {
  return new KeyRefusal(`there is no key ${kid}; carnet keys list shows those that there are`);
}
