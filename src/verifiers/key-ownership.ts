/** How an issuer came by a key: `static` holders go before those that fetched it. */
export type Holding = 'static' | 'fetched';

/** One key that two issuers show: with it alone nobody could tell them apart (K3). */
export interface SharedKey {
  readonly thumbprint: string;
  readonly owner: string;
  /** The issuer for which the key does not count. */
  readonly other: string;
}

/** Which issuer each public key counts for, by RFC 7638 thumbprint, a space, and the `iss` for which it counts. */
export interface KeyOwnership {
  /**
   * Notes that an issuer's current set holds these keys and no others; raises the alarm once for each that belongs to
   * another.
   */
  show(issuer: string, thumbprints: Iterable<string>, holding: Holding): void;
  /** Notes that an issuer's current set holds this key among others. */
  claim(issuer: string, thumbprint: string, holding: Holding): void;
  /** Name of the TrustedIssuer a key counts for; undefined when nobody has shown it. */
  owner(thumbprint: string): string | undefined;
  /** Gives up the keys of an issuer that is no longer configured. */
  release(issuer: string): void;
  /** Makes these the issuers for whom a key can count, by name: what others are remembered to own is anybody's. */
  follow(issuers: { has(name: string): boolean }): void;
}

/** For whom a key counts and how that one came by it. */
export interface Owned {
  readonly owner: string;
  readonly holding: Holding;
}

/** Told of each change by a claim or by giving up, `former` being who lost the key. */
export type OnOwned = (thumbprint: string, now: Owned | undefined, former: string | undefined) => void;

export interface MemoryKeyOwnership extends KeyOwnership {
  /** Takes over what is known from elsewhere, in silence. */
  adopt(thumbprint: string, owned: Owned): void;
}

interface Entry extends Owned {
  /** Who else has shown the key, so that each is alarmed about once. */
  readonly others: Set<string>;
}

/** Keys remembered for one issuer. Beyond this the oldest goes: a hostile issuer that rotates for ever fills no memory. */
const MAX_KEYS_PER_ISSUER = 4096;

/**
 * A public key counts for one issuer only: a static holder, else whoever showed it first (DESIGN section 5). Ownership
 * ends when the issuer leaves the configuration or a static holder appears. That of a static holder ends with the key's
 * withdrawal too, since people write such sets and mend them; that of all others outlives it.
 */
export function memoryKeyOwnership(
  onSharedKey: (shared: SharedKey) => void,
  onOwned: OnOwned = () => {},
): MemoryKeyOwnership {
  const entries = new Map<string, Entry>();
  const byOwner = new Map<string, Set<string>>();

  function own(thumbprint: string, { owner: issuer, holding }: Owned, told: OnOwned): void {
    const former = entries.get(thumbprint);
    told(thumbprint, { owner: issuer, holding }, former?.owner);
    if (former !== undefined) byOwner.get(former.owner)?.delete(thumbprint);
    entries.set(thumbprint, { owner: issuer, holding, others: new Set() });
    const owned = byOwner.get(issuer) ?? new Set();
    byOwner.set(issuer, owned.add(thumbprint));
    const [oldest] = owned.size > MAX_KEYS_PER_ISSUER ? owned : [];
    if (oldest === undefined) return;
    owned.delete(oldest);
    entries.delete(oldest);
    told(oldest, undefined, issuer);
  }

  function alarm(entry: Entry, thumbprint: string, other: string): void {
    if (entry.others.has(other)) return;
    entry.others.add(other);
    onSharedKey({ thumbprint, owner: entry.owner, other });
  }

  function giveUp(issuer: string, kept: ReadonlySet<string>): void {
    const owned = byOwner.get(issuer) ?? new Set();
    for (const thumbprint of owned) {
      if (kept.has(thumbprint) || entries.get(thumbprint)?.holding !== 'static') continue;
      owned.delete(thumbprint);
      entries.delete(thumbprint);
      onOwned(thumbprint, undefined, issuer);
    }
  }

  function forget(issuer: string, told: OnOwned): void {
    for (const thumbprint of byOwner.get(issuer) ?? []) {
      entries.delete(thumbprint);
      told(thumbprint, undefined, issuer);
    }
    byOwner.delete(issuer);
  }

  function claim(issuer: string, thumbprint: string, holding: Holding): void {
    const entry = entries.get(thumbprint);
    const takesOver = entry === undefined || (holding === 'static' && entry.holding === 'fetched');
    const holdsOtherwise = entry?.owner === issuer && entry.holding !== holding;
    if (takesOver || holdsOtherwise) own(thumbprint, { owner: issuer, holding }, onOwned);
    const current = entries.get(thumbprint);
    if (current === undefined || entry === undefined) return;
    const loser = current.owner === issuer ? entry.owner : issuer;
    if (loser !== current.owner) alarm(current, thumbprint, loser);
  }

  return {
    show(issuer, thumbprints, holding) {
      const shown = new Set(thumbprints);
      giveUp(issuer, shown);
      for (const thumbprint of shown) claim(issuer, thumbprint, holding);
    },
    claim,
    owner: (thumbprint) => entries.get(thumbprint)?.owner,
    release: (issuer) => forget(issuer, onOwned),
    follow(issuers) {
      for (const issuer of [...byOwner.keys()]) if (!issuers.has(issuer)) forget(issuer, () => {});
    },
    adopt: (thumbprint, owned) => own(thumbprint, owned, () => {}),
  };
}
