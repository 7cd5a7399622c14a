import type { Clock } from '../core/clock.ts';
import type { Outbound } from '../outbound/outbound.ts';
import type { TrustedIssuer, TrustedIssuers } from '../resources/issuers.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import {
  boundedTtlSeconds,
  type Effort,
  HeldKeys,
  type HeldKeysState,
  type KeyLookup,
  type KeyOrigin,
} from './held-keys.ts';
import { fetchKeys, staticVersion } from './key-fetch.ts';
import type { Holding, KeyOwnership } from './key-ownership.ts';
import type { VerificationKey } from './key-set.ts';
import { createSharedFetch, type SharedKeysDeps } from './shared-keys.ts';

export interface IssuerKeysState extends HeldKeysState {
  /** Name of the TrustedIssuer. */
  readonly issuer: string;
}

/** The keys of all trusted issuers. */
export interface IssuerKeys {
  /** The key of an issuer by `kid`, if it counts for that issuer; at once where it is in memory. Never rejects. */
  find(issuer: TrustedIssuer, kid: string, effort: Effort): KeyLookup | Promise<KeyLookup>;
  /**
   * Makes these the configured issuers: what left or has another key source is dropped at once, static keys are read.
   * To be called with a snapshot's issuers before that snapshot becomes current.
   */
  follow(issuers: TrustedIssuers): void;
  /** Asks for all keys that are not there yet, a few at a time. Resolves when each has been tried. Never rejects. */
  warm(): Promise<void>;
  /** One entry per followed issuer, by name. */
  state(): readonly IssuerKeysState[];
}

export interface IssuerKeysDeps {
  readonly outbound: Outbound;
  readonly clock: Clock;
  readonly metrics: Pick<Metrics, 'keyFetches' | 'keyAgeSeconds'>;
  readonly ownership: KeyOwnership;
  /** Where replicas share what they have fetched; absent where each is on its own. */
  readonly shared?: Pick<SharedKeysDeps, 'cache' | 'seal' | 'wait' | 'onRejected'>;
  /** 0 up to 1, for jitter; `Math.random` unless told. */
  readonly random?: () => number;
  /** How many lookups may wait for one issuer's answer: one that hangs must not hold up the others. Absent: no bound. */
  readonly maxWaiting?: number;
  /** Told of each failed attempt; the reason holds no path, header or body. */
  readonly onFailure?: (issuer: string, reason: string) => void;
}

interface Held {
  /** What the state belongs to: another name, `iss` or source is another state. */
  readonly source: string;
  readonly keys: HeldKeys;
}

interface Wish {
  readonly kid: string;
  readonly effort: Effort;
}

const WARM_AT_ONCE = 8;
const NOT_CONFIGURED: KeyLookup = {
  found: 'unavailable',
  reason: 'the issuer is no longer configured like this',
  retryAfterSeconds: 1,
};

export function createIssuerKeys(deps: IssuerKeysDeps): IssuerKeys {
  const held = new Map<string, Held>();
  const sources = new WeakMap<TrustedIssuer, string>();
  const names = new WeakMap<VerificationKey, { readonly issuer: TrustedIssuer; readonly owned: readonly string[] }>();
  let followed: TrustedIssuers | undefined;

  function sourceOf(issuer: TrustedIssuer): string {
    const known = sources.get(issuer);
    if (known !== undefined) return known;
    const source = JSON.stringify([issuer.name, issuer.issuer, issuer.keys]);
    sources.set(issuer, source);
    return source;
  }

  function heldKeys(issuer: TrustedIssuer): HeldKeys | undefined {
    const present = held.get(issuer.name);
    const source = sourceOf(issuer);
    if (present?.source === source) return present.keys;
    const configured = followed?.byName.get(issuer.name);
    // A request that still runs on an older snapshot must not bring back what has been dropped.
    if (followed !== undefined && (configured === undefined || sourceOf(configured) !== source)) return undefined;
    present?.keys.drop();
    const current = () => followed?.byName.get(issuer.name) ?? issuer;
    const keys = holdKeys(issuer, { source, current }, deps);
    held.set(issuer.name, { source, keys });
    return keys;
  }

  async function sought(issuer: TrustedIssuer, keys: HeldKeys, { kid, effort }: Wish): Promise<KeyLookup> {
    const lookup = await keys.find(kid, effort);
    // The issuer may have left meanwhile: its keys verify nothing more, and nobody loses a key to it.
    if (held.get(issuer.name)?.keys !== keys) return NOT_CONFIGURED;
    return lookup.found === 'key' ? counting(issuer, lookup.key) : lookup;
  }

  /** A key that the issuer holds, if it counts for it. */
  function counting(issuer: TrustedIssuer, key: VerificationKey): KeyLookup {
    const { ownership } = deps;
    let counts = true;
    for (const one of namesOf(issuer, key)) {
      if (ownership.owner(one) === undefined) ownership.claim(issuer.name, one, holdingOf(issuer));
      counts &&= ownership.owner(one) === issuer.name;
    }
    return counts ? { found: 'key', key } : { found: 'absent' };
  }

  /** They depend on the issuer as it is configured and on nothing else. */
  function namesOf(issuer: TrustedIssuer, key: VerificationKey): readonly string[] {
    const known = names.get(key);
    if (known?.issuer === issuer) return known.owned;
    const owned = ownedNames(issuer, [key.thumbprint]);
    names.set(key, { issuer, owned });
    return owned;
  }

  function forget(name: string, keys: HeldKeys): void {
    keys.drop();
    held.delete(name);
    deps.metrics.keyAgeSeconds.remove({ issuer: name });
  }

  return {
    find(issuer, kid, effort) {
      const keys = heldKeys(issuer);
      if (keys === undefined) return NOT_CONFIGURED;
      const key = keys.keyWithNothingDue(kid);
      return key === undefined ? sought(issuer, keys, { kid, effort }) : counting(issuer, key);
    },
    follow(issuers) {
      followed = issuers;
      for (const [name, { keys, source }] of held) {
        const configured = issuers.byName.get(name);
        if (configured === undefined || sourceOf(configured) !== source) forget(name, keys);
        if (configured === undefined) deps.ownership.release(name);
      }
      deps.ownership.follow(issuers.byName);
      for (const issuer of issuers.byName.values()) {
        const fresh = !held.has(issuer.name);
        const keys = heldKeys(issuer);
        // Static holders come before those who fetch: they are asked before anybody can fetch.
        if (fresh && issuer.keys.kind === 'static') void keys?.refresh();
      }
    },
    async warm() {
      const waiting = [...held.values()].filter(({ keys }) => keys.state().fetchedAt === undefined);
      const work = async () => {
        for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) await next.keys.refresh();
      };
      await Promise.all(Array.from({ length: WARM_AT_ONCE }, work));
    },
    state: () =>
      [...held]
        .map(([issuer, { keys }]) => ({ issuer, ...keys.state() }))
        .sort((one, other) => (one.issuer < other.issuer ? -1 : 1)),
  };
}

function holdingOf({ keys }: TrustedIssuer): Holding {
  return keys.kind === 'static' ? 'static' : 'fetched';
}

/**
 * A key is owned for each `iss` that its holder may write: only there could two issuers be taken for one another, and who
 * copies the published keys of an issuer with another `iss` takes nothing away from it.
 */
function ownedNames({ issuer, previousIssuers }: TrustedIssuer, thumbprints: readonly string[]): readonly string[] {
  if (previousIssuers.length === 0) return thumbprints.map((thumbprint) => `${thumbprint} ${issuer}`);
  const written = [...new Set([issuer, ...previousIssuers.map((previous) => previous.issuer)])];
  return thumbprints.flatMap((thumbprint) => written.map((iss) => `${thumbprint} ${iss}`));
}

interface Followed {
  readonly source: string;
  /** The issuer as it is configured now: `previousIssuers` may have changed since. */
  readonly current: () => TrustedIssuer;
}

function holdKeys(issuer: TrustedIssuer, { source, current }: Followed, deps: IssuerKeysDeps): HeldKeys {
  const { clock, metrics, ownership, outbound, random = Math.random, onFailure } = deps;
  const { maxWaiting = Number.POSITIVE_INFINITY } = deps;
  const origin = issuer.keys.kind === 'static' ? staticOrigin(issuer, outbound) : fetchedOrigin(issuer, source, deps);
  return new HeldKeys(origin, {
    clock,
    random,
    maxWaiting,
    onFetched(keys, fetchedAt, shared) {
      metrics.keyFetches.inc({ issuer: issuer.name, outcome: shared ? 'shared' : 'ok' });
      metrics.keyAgeSeconds.set({ issuer: issuer.name }, fetchedAt / 1000);
      const thumbprints = [...keys.byKid.values()].map(({ thumbprint }) => thumbprint);
      ownership.show(issuer.name, ownedNames(current(), thumbprints), holdingOf(issuer));
    },
    onFailed(reason) {
      metrics.keyFetches.inc({ issuer: issuer.name, outcome: 'failed' });
      onFailure?.(issuer.name, reason);
    },
  });
}

const FETCHED_TTL_SECONDS = { min: 60, missing: 300, max: 24 * 3600 };

function fetchedOrigin(issuer: TrustedIssuer, source: string, { outbound, clock, shared }: IssuerKeysDeps): KeyOrigin {
  const ask = () => fetchKeys(issuer, outbound);
  const ttlSeconds = (said: number | undefined) => boundedTtlSeconds(FETCHED_TTL_SECONDS, said);
  return {
    fetch:
      shared === undefined
        ? ask
        : createSharedFetch({ issuer: issuer.name, source, ttlSeconds, ask }, { ...shared, clock }),
    ttlSeconds: FETCHED_TTL_SECONDS,
    maxBackoffSeconds: 60,
    asksForUnknownKid: true,
  };
}

function staticOrigin(issuer: TrustedIssuer, outbound: Outbound): KeyOrigin {
  let seen: string | undefined;
  const inline = issuer.keys.kind === 'static' && issuer.keys.jwksFile === undefined;
  // A file is looked at once a second, so a change counts within that.
  const ttl = inline ? Number.POSITIVE_INFINITY : 1;
  return {
    async fetch() {
      const version = await staticVersion(issuer.keys);
      if (version === seen) return 'unchanged';
      const fetched = await fetchKeys(issuer, outbound);
      seen = version;
      return fetched;
    },
    ttlSeconds: { min: ttl, missing: ttl, max: ttl },
    maxBackoffSeconds: 1,
    asksForUnknownKid: false,
  };
}
