import type { KeyObject } from 'node:crypto';
import { CompactSign } from 'jose';
import type { Clock } from '../core/clock.ts';
import type { JsonObject } from '../core/json.ts';
import { Secret } from '../core/secret.ts';
import type { DocumentStore } from '../store/document-store.ts';
import type { Authority, PublicJwk, Purpose } from './authority.ts';
import { activeKey, lastChangeAt, publishedKeys } from './key-schedule.ts';
import { type Keyrings, loadKeyrings } from './keyring.ts';
import { checkClaims, checkSigned } from './token-profile.ts';

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
}

/** Loads Carnet's signing keys, making those that were never made. Throws KeyFault. */
export async function createAuthority(deps: LocalAuthorityDeps): Promise<LocalAuthority> {
  return new KeyringAuthority(deps, await loadKeyrings(deps));
}

class KeyringAuthority implements LocalAuthority {
  readonly #issuers: Readonly<Record<Purpose, string>>;
  readonly #clock: Clock;
  readonly #rings: Keyrings;

  constructor({ issuer, clock }: LocalAuthorityDeps, rings: Keyrings) {
    this.#issuers = { cloud: issuer, svid: `${issuer}/svid` };
    this.#clock = clock;
    this.#rings = rings;
  }

  issuer(purpose: Purpose): string {
    return this.#issuers[purpose];
  }

  async sign(purpose: Purpose, claims: JsonObject): Promise<Secret> {
    const active = activeKey(this.#rings[purpose], this.#clock.now());
    if (!active) throw new Error(`refused to sign: no key for ${purpose} is active`);
    const { publicJwk, kid } = active.key;
    const issuer = this.#issuers[purpose];
    const payload = JSON.stringify({ iss: issuer, ...claims });
    checkClaims(purpose, issuer, JSON.parse(payload));
    const header = { alg: publicJwk.alg, kid, typ: 'JWT' };
    const token = await new CompactSign(Buffer.from(payload)).setProtectedHeader(header).sign(active.key.privateKey());
    checkSigned(token, { alg: publicJwk.alg, kid, payload });
    return new Secret(token);
  }

  publicKeys(purpose: Purpose): readonly PublicJwk[] {
    return publishedKeys(this.#rings[purpose], this.#clock.now()).map(({ key }) => key.publicJwk);
  }

  keysChangedAt(purpose: Purpose): number {
    return lastChangeAt(this.#rings[purpose], this.#clock.now());
  }
}
