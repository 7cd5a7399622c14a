import type { Clock } from '../core/clock.ts';
import type { Credential } from '../core/credential.ts';
import type { VerifiedIdentity } from '../core/identity.ts';
import { OAuthError } from '../core/oauth-error.ts';
import { TargetFailure } from '../core/target-failure.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import { Bulkhead } from './bulkhead.ts';
import { credentialKey } from './credential-key.ts';
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
const RETRY_AFTER_SECONDS = 5;

/** One call on its way. It belongs to nobody: it runs to its end and is kept whoever still waits. */
interface Flight {
  /** What comes of it ends no later, seconds. */
  readonly latestEnd: number;
  readonly answer: Promise<Credential>;
}

interface Departure extends Concerned {
  readonly grant: CloudGrant;
  readonly latestEnd: number;
  /** False: nobody else gets what comes of it. */
  readonly shared: boolean;
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
  readonly #flights = new Map<string, Flight>();
  readonly #underWay = new Set<Promise<unknown>>();

  constructor(deps: CloudCredentialsDeps) {
    this.#deps = deps;
    this.#held = new HeldCredentials(deps.random ?? Math.random);
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
    const joined = alone ? undefined : this.#flightFor(departure);
    try {
      const credential = await this.#bulkhead.wait(grant.kind, () => {
        this.#count(grant, joined === undefined ? 'call' : 'joined');
        return (joined ?? this.#depart(departure)).answer;
      });
      return { credential, reused: joined !== undefined };
    } catch (thrown) {
      if (joined !== undefined && isWithdrawn(thrown)) return await this.obtain(wanted);
      throw thrown;
    }
  }

  /** Resolves when no call is under way any more. */
  async settled(): Promise<void> {
    await Promise.allSettled(this.#underWay);
  }

  /** Nobody waits for it: whoever asked has a credential already, and a failure leaves that one where it is. */
  #renew(departure: Departure, now: number): void {
    if (this.#flightFor(departure) !== undefined || this.#failures.of(departure, now) !== undefined) return;
    this.#count(departure.grant, 'renewal');
    this.#depart(departure);
  }

  /** One whose credential this caller may have. */
  #flightFor({ key, latestEnd }: Departure): Flight | undefined {
    const flight = this.#flights.get(key);
    return flight !== undefined && flight.latestEnd <= latestEnd ? flight : undefined;
  }

  #depart(departure: Departure): Flight {
    const { key, latestEnd, shared } = departure;
    let awaited = true;
    const landed = this.#fly(departure, () => awaited);
    this.#underWay.add(landed);
    const flight: Flight = { latestEnd, answer: within(this.#deps.patienceMs ?? PATIENCE_MS, landed) };
    if (shared) this.#flights.set(key, flight);
    const forget = () => {
      awaited = false;
      if (this.#flights.get(key) === flight) this.#flights.delete(key);
    };
    flight.answer.then(forget, forget);
    const gone = () => this.#underWay.delete(landed);
    landed.then(gone, gone);
    return flight;
  }

  async #fly({ key, account, grant, latestEnd, shared, work }: Departure, awaited: () => boolean): Promise<Credential> {
    const { clock, metrics } = this.#deps;
    try {
      const issued = await this.#bulkhead.call(account, key, () => {
        if (!awaited()) throw tooLate();
        return work();
      });
      const credential = { ...issued, expiresAt: Math.min(issued.expiresAt, latestEnd) };
      if (shared) this.#held.keep(key, credential, clock.now());
      metrics.cloudCalls.inc({ target: grant.kind, outcome: 'issued' });
      return credential;
    } catch (thrown) {
      this.#failures.remember({ key, account }, thrown, clock.now());
      const outcome = thrown instanceof TargetFailure ? thrown.failure : 'failed';
      metrics.cloudCalls.inc({ target: grant.kind, outcome });
      throw thrown;
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

function tooLate(): TargetFailure {
  return TargetFailure.transient('no answer in time', RETRY_AFTER_SECONDS);
}

/** The answer, or after so long a failure in its place: what comes later is for others. */
function within(milliseconds: number, answer: Promise<Credential>): Promise<Credential> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(tooLate()), milliseconds);
    answer.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}
