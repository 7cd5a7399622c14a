import type { KeyObject } from 'node:crypto';
import type { Clock } from '../core/clock.ts';
import type { JsonObject } from '../core/json.ts';
import { OAuthError } from '../core/oauth-error.ts';
import { Secret } from '../core/secret.ts';
import { after, type Soon } from '../core/soon.ts';
import type { DocumentStore } from '../store/document-store.ts';
import { type Authority, PURPOSES, type PublicJwk, type Purpose } from './authority.ts';
import { issuersOf } from './discovery.ts';
import { signCompact } from './jws-signer.ts';
import { KeyFault } from './key-fault.ts';
import { activeKey, lastChangeAt, MAX_UNREAD_MS, publishedKeys } from './key-schedule.ts';
import { type Keyring, type Keyrings, loadKeyrings, readRing } from './keyring.ts';
import { checkSigned, payloadOf } from './token-profile.ts';

interface LocalAuthorityDeps {
  /** `issuer` of the configuration: the cloud issuer, byte for byte. The SVID issuer is this and `/svid`. */
  readonly issuer: string;
  readonly store: DocumentStore;
  /** 32 bytes, from `loadEncryptionKey`. */
  readonly encryptionKey: KeyObject;
  readonly clock: Clock;
}

/** An Authority whose private keys are in this process. */
export interface LocalAuthority extends Authority {
  /** When the published keys of the purpose last changed, milliseconds; equal on every replica (SPIFFE's sequence). */
  keysChangedAt(purpose: Purpose): number;
  /** The keys as they were last read from the store. */
  keyring(purpose: Purpose): Keyring;
  /** When all keys were last read from the store, milliseconds. */
  readAt(): number;
  /** Reads the keys again. Throws KeyFault or what the store throws, and then goes on with the keys that it has. */
  refresh(): Promise<void>;
}

/** Loads Carnet's signing keys, making those that were never made. Throws KeyFault. */
export async function createAuthority(deps: LocalAuthorityDeps): Promise<LocalAuthority> {
  const now = deps.clock.now();
  const rings = await loadKeyrings(deps);
  return new KeyringAuthority(deps, { rings, readAt: deps.store.asOf?.() ?? now });
}

class KeyringAuthority implements LocalAuthority {
  readonly #deps: LocalAuthorityDeps;
  readonly #issuers: Readonly<Record<Purpose, string>>;
  readonly #versions: Partial<Record<Purpose, number>> = {};
  #rings: Keyrings;
  #readAt: number;
  #refreshing: Promise<void> | undefined;

  constructor(deps: LocalAuthorityDeps, { rings, readAt }: { rings: Keyrings; readAt: number }) {
    this.#deps = deps;
    this.#issuers = issuersOf(deps.issuer);
    this.#rings = rings;
    this.#readAt = readAt;
  }

  issuer(purpose: Purpose): string {
    return this.#issuers[purpose];
  }

  sign(purpose: Purpose, claims: JsonObject): Soon<Secret> {
    try {
      const now = this.#deps.clock.now();
      if (now - this.#readAt <= MAX_UNREAD_MS) return this.#signAt(now, purpose, claims);
      return this.#readAgain().then(() => this.#signAt(this.#deps.clock.now(), purpose, claims));
    } catch (error) {
      return Promise.reject(error);
    }
  }

  #signAt(now: number, purpose: Purpose, claims: JsonObject): Soon<Secret> {
    const active = activeKey(this.#rings[purpose], now);
    if (!active) throw new OAuthError('signing_unavailable', { detail: `no key for ${purpose} is active` });
    const payload = payloadOf(purpose, this.#issuers[purpose], claims);
    return after(signCompact(active.key, payload), (token) => {
      checkSigned(token, { header: active.key.header, payload });
      return new Secret(token);
    });
  }

  publicKeys(purpose: Purpose): readonly PublicJwk[] {
    return publishedKeys(this.#rings[purpose], this.#deps.clock.now()).map(({ key }) => key.publicJwk);
  }

  keysChangedAt(purpose: Purpose): number {
    return lastChangeAt(this.#rings[purpose], this.#deps.clock.now());
  }

  keyring(purpose: Purpose): Keyring {
    return this.#rings[purpose];
  }

  readAt(): number {
    return this.#readAt;
  }

  async refresh(): Promise<void> {
    // A reading that is under way may have begun before the change that is asked for.
    await this.#refreshing?.catch(() => undefined);
    this.#refreshing ??= this.#read().finally(() => {
      this.#refreshing = undefined;
    });
    await this.#refreshing;
  }

  async #read(): Promise<void> {
    const now = this.#deps.clock.now();
    for (const purpose of PURPOSES) {
      const stored = await readRing(this.#deps, purpose, this.#versions[purpose]);
      if (stored === undefined) throw new KeyFault(`store: the keys of ${purpose} are gone; restore it from a backup`);
      if (stored === 'unchanged') continue;
      this.#rings = { ...this.#rings, [purpose]: stored.ring };
      this.#versions[purpose] = stored.version;
    }
    // What a copy says counts from when it was taken.
    this.#readAt = this.#deps.store.asOf?.() ?? now;
  }

  /** A replica that missed a change must not sign with what nobody publishes any more. */
  async #readAgain(): Promise<void> {
    try {
      await this.refresh();
    } catch (cause) {
      const detail = 'the keys could not be read from the store for a day';
      throw new OAuthError('signing_unavailable', { detail, cause });
    }
  }
}
