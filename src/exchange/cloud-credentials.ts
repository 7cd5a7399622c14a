import type { Clock } from '../core/clock.ts';
import type { Credential } from '../core/credential.ts';
import type { VerifiedIdentity } from '../core/identity.ts';
import { lengthPrefixedHash } from '../core/length-prefixed-hash.ts';
import { OAuthError } from '../core/oauth-error.ts';
import { TargetFailure } from '../core/target-failure.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import { Bulkhead } from './bulkhead.ts';
import { credentialKey } from './credential-key.ts';
import { Flights, type Route, tooLate } from './flights.ts';
import { HeldCredentials } from './held-credentials.ts';
import { type Concerned, RememberedFailures } from './remembered-failures.ts';
import { type CloudGrant, targetAccount } from './target-account.ts';

/** What a decision allows to be had from a cloud, and how it is had. */
export interface Wanted {
  readonly grant: CloudGrant;
  readonly identity: VerifiedIdentity;
  /** Of the decision, seconds: its ttl counts from here. */
  readonly issuedAt: number;
  /** The token may be used once: nothing is shared with anybody. */
  readonly alone: boolean;
  /** Asks the cloud and records what it gave: nobody has the credential before its name is durable. */
  readonly issue: () => Promise<Credential>;
  /** The same ahead of need, with a record of its own that it was allowed. */
  readonly renew: () => Promise<Credential>;
}

export interface Obtained {
  readonly credential: Credential;
  /** It was issued, and recorded, for another request. */
  readonly reused: boolean;
}

interface CloudCredentialsDeps {
  readonly clock: Clock;
  readonly metrics: Pick<Metrics, 'cloudCredentials' | 'cloudCalls'>;
  /** Scatters renewals: a number of [0, 1). */
  readonly random?: () => number;
  /** How long callers wait for a flight. Default 10,000 ms. */
  readonly patienceMs?: number;
}

/** Two outward calls, with their deadlines. A target's own deadline comes before it. */
const PATIENCE_MS = 10_000;

interface Departure extends Concerned, Route {
  /** In whose name it waits in line: pods of one ServiceAccount wait behind each other. */
  readonly name: string;
  readonly grant: CloudGrant;
  readonly work: () => Promise<Credential>;
}

/**
 * Credentials of clouds: one call for all who may be given the same, held in memory while it is worth handing out (DESIGN
 * section 11), behind one model of failure for every kind of target. What a fresh decision does not allow is never found:
 * the key is made of the grant, and the credential ends within the ttl of the decision.
 */
export class CloudCredentials {
  readonly #deps: CloudCredentialsDeps;
  readonly #held: HeldCredentials;
  readonly #failures = new RememberedFailures();
  readonly #bulkhead = new Bulkhead();
  readonly #flights: Flights;

  constructor(deps: CloudCredentialsDeps) {
    this.#deps = deps;
    this.#held = new HeldCredentials(deps.random ?? Math.random);
    this.#flights = new Flights(deps.patienceMs ?? PATIENCE_MS);
  }

  /** Throws OAuthError: what the flight threw, or TargetFailure without any call. */
  async obtain(wanted: Wanted): Promise<Obtained> {
    const { grant, alone } = wanted;
    const now = this.#deps.clock.now();
    const departure = departureOf(wanted);
    const held = alone ? undefined : this.#held.find(departure.key, departure.latestEnd, now);
    if (held !== undefined) {
      this.#count(grant, 'held');
      if (held.renew) this.#renew({ ...departure, work: wanted.renew }, now);
      return { credential: held.credential, reused: true };
    }
    const failure = this.#failures.of(departure, now);
    if (failure !== undefined) {
      this.#count(grant, 'remembered_failure');
      throw failure;
    }
    const joined = alone ? undefined : this.#flights.joinable(departure);
    try {
      const credential = await this.#bulkhead.wait({ kind: grant.kind, account: departure.account }, () => {
        this.#count(grant, joined === undefined ? 'call' : 'joined');
        return joined ?? this.#depart(departure);
      });
      return { credential, reused: joined !== undefined };
    } catch (thrown) {
      if (joined !== undefined && isWithdrawn(thrown)) return await this.obtain(wanted);
      throw thrown;
    }
  }

  /** Resolves when no call is under way any more. */
  async settled(): Promise<void> {
    await this.#flights.settled();
  }

  /** Nobody waits for it: whoever asked has a credential already, and a failure leaves that one where it is. */
  #renew(departure: Departure, now: number): void {
    if (this.#flights.joinable(departure) !== undefined || this.#failures.of(departure, now) !== undefined) return;
    this.#count(departure.grant, 'renewal');
    this.#depart(departure).catch(() => undefined);
  }

  #depart(departure: Departure): Promise<Credential> {
    const { key, account, name, latestEnd, shared } = departure;
    return this.#flights.start(departure, async (awaited) => {
      try {
        const issued = await this.#bulkhead.call(account, name, () => {
          if (!awaited()) throw tooLate();
          return this.#called(departure);
        });
        const credential = { ...issued, expiresAt: Math.min(issued.expiresAt, latestEnd) };
        if (shared) this.#held.keep(key, credential, this.#deps.clock.now());
        return credential;
      } catch (thrown) {
        this.#failures.remember(departure, thrown, this.#deps.clock.now());
        throw thrown;
      }
    });
  }

  async #called({ grant, work }: Departure): Promise<Credential> {
    let outcome = 'issued';
    try {
      return await work();
    } catch (thrown) {
      outcome = thrown instanceof TargetFailure ? thrown.failure : 'failed';
      throw thrown;
    } finally {
      this.#deps.metrics.cloudCalls.inc({ target: grant.kind, outcome });
    }
  }

  #count({ kind }: CloudGrant, outcome: string): void {
    this.#deps.metrics.cloudCredentials.inc({ target: kind, outcome });
  }
}

function departureOf({ grant, identity, issuedAt, alone, issue }: Wanted): Departure {
  return {
    key: credentialKey(grant, identity),
    account: targetAccount(grant),
    name: lengthPrefixedHash(identity.issuer, identity.subject),
    grant,
    latestEnd: issuedAt + (grant.ttlCeilingSeconds ?? grant.ttlSeconds),
    shared: !alone,
    work: issue,
  };
}

/** What stopped the request that had set off says nothing of those that joined it. */
function isWithdrawn(thrown: unknown): boolean {
  return thrown instanceof OAuthError && thrown.key === 'target_denied' && !(thrown instanceof TargetFailure);
}
