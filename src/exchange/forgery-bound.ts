import { hash } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import type { Clock } from '../core/clock.ts';
import { FairLine } from '../core/fair-line.ts';
import { lazily } from '../core/lazily.ts';
import { lengthPrefixedKey } from '../core/length-prefixed-hash.ts';
import { OAuthError } from '../core/oauth-error.ts';
import type { Secret } from '../core/secret.ts';
import { after, type Soon } from '../core/soon.ts';
import { type Rate, TokenBucket } from '../core/token-bucket.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import type { BoundCheck, Presented } from '../verifiers/signature-check.ts';
import { TokenEnds } from './token-ends.ts';

/** Forgeries of one `iss` that are checked as they come. A fleet that is configured wrongly stays below it. */
const FORGERIES: Rate = { perSecond: 50, burst: 512 };
/** Forgeries in the name of one identity that has shown a good token. */
const FORGERIES_OF_ONE: Rate = { perSecond: 0.2, burst: 5 };
/**
 * Beyond: so many checks at once, a millisecond or two of work in front of tokens that are known, and so many wait. With
 * those above they are as many as the door lets in, so that without forgeries nobody is ever refused here.
 */
const LINE = { atOnce: 64, places: 448 };
const RETRY_AFTER_SECONDS = 1;
const MAX_ISSUERS = 4096;
const MAX_TOKENS = 20_000;
const MAX_IDENTITIES = 50_000;

interface ForgeryBoundDeps {
  readonly clock: Clock;
  readonly metrics: Pick<Metrics, 'signatureChecks'>;
}

interface IssuerState {
  readonly forgeries: TokenBucket;
  /** Checks under way that may turn out to be forgeries: what is left has to do for all of them. */
  unproven: number;
  readonly line: FairLine;
}

/**
 * What forged tokens may cost, by `iss` (DESIGN section 4). Only failures count, and they close nothing: while there are
 * too many, tokens and identities that were good lately go ahead, everybody else waits in a short line in which names take
 * turns. Whoever finds no place there is told to come back.
 */
export class ForgeryBound {
  readonly #clock: Clock;
  readonly #metrics: Pick<Metrics, 'signatureChecks'>;
  readonly #ends = new TokenEnds();
  readonly #issuers = lazily(() => new LRUCache<string, IssuerState>({ max: MAX_ISSUERS }));
  /** Hashes of tokens that were good, by their ends: nobody without the token can look like it. */
  readonly #goodTokens = lazily(() => new LRUCache<number, string>({ max: MAX_TOKENS }));
  /** Identities of which a token was good; a forger who knows a name spends the allowance of that name alone. */
  readonly #goodIdentities = lazily(() => new LRUCache<string, TokenBucket>({ max: MAX_IDENTITIES }));
  /** Tokens that were not signed by these keys. That is a fact for ever: repeating one costs and counts nothing. */
  readonly #notSigned = lazily(() => new LRUCache<string, string>({ max: MAX_TOKENS }));
  /** Their ends: a token with another end is none of them and need not be hashed. */
  readonly #endsOfNotSigned = lazily(() => new LRUCache<number, true>({ max: MAX_TOKENS }));

  constructor({ clock, metrics }: ForgeryBoundDeps) {
    this.#clock = clock;
    this.#metrics = metrics;
  }

  /** Runs a signature check, perhaps later. Throws OAuthError `rate_limited` without running it. */
  readonly check: BoundCheck = (presented, run) => {
    const shown = new ShownToken(presented.token, this.#ends);
    if (this.#hasFailed(shown, presented.keys)) {
      this.#metrics.signatureChecks.inc({ outcome: 'repeated' });
      return undefined;
    }
    const alike = this.#goodTokens().get(shown.ending);
    return after(this.#admitted({ presented, shown, alike }, run), (signer) => {
      this.#metrics.signatureChecks.inc({ outcome: signer === undefined ? 'failed' : 'verified' });
      if (signer === undefined) this.#failed(shown, presented);
      else if (alike === undefined) this.#succeeded(shown, presented);
      return signer;
    });
  };

  /** Also of a token that is good: keys of a twin of its issuer may be tried before its own. */
  #hasFailed(shown: ShownToken, keys: Presented['keys']): boolean {
    if (this.#endsOfNotSigned().get(shown.ending) === undefined) return false;
    const failed = this.#notSigned().get(shown.hash());
    return failed !== undefined && failed === namesOf(keys);
  }

  #failed(shown: ShownToken, { iss, keys }: Presented): void {
    this.#stateOf(iss).forgeries.spend(1, this.#clock.now());
    this.#notSigned().set(shown.hash(), namesOf(keys));
    this.#endsOfNotSigned().set(shown.ending, true);
  }

  #succeeded(shown: ShownToken, { iss, subject }: Presented): void {
    const identity = lengthPrefixedKey(iss, subject);
    this.#goodTokens().set(shown.ending, shown.hash());
    if (this.#goodIdentities().get(identity) !== undefined) return;
    this.#goodIdentities().set(identity, new TokenBucket(FORGERIES_OF_ONE, this.#clock.now()));
  }

  #admitted<T>({ presented, shown, alike }: Attempt, run: () => Soon<T | undefined>): Soon<T | undefined> {
    const state = this.#stateOf(presented.iss);
    if (state.forgeries.left(this.#clock.now()) - state.unproven >= 1) return unproven(state, run);
    if (alike !== undefined && alike === shown.hash()) return run();
    return this.#inLine(presented, state, run);
  }

  async #inLine<T>(presented: Presented, state: IssuerState, run: () => Soon<T | undefined>): Promise<T | undefined> {
    const identity = lengthPrefixedKey(presented.iss, presented.subject);
    const allowance = this.#goodIdentities().get(identity);
    if (allowance?.take(this.#clock.now()) === true) {
      const signer = await run();
      if (signer !== undefined) allowance.giveBack(1);
      return signer;
    }
    const outcome = await state.line.run(identity, run);
    if (outcome !== 'refused') return outcome;
    this.#metrics.signatureChecks.inc({ outcome: 'refused' });
    throw new OAuthError('rate_limited', {
      detail: 'too many tokens of this issuer fail, and too many wait',
      retryAfterSeconds: RETRY_AFTER_SECONDS,
      issuer: presented.issuer,
    });
  }

  #stateOf(iss: string): IssuerState {
    const known = this.#issuers().get(iss);
    if (known !== undefined) return known;
    const forgeries = new TokenBucket(FORGERIES, this.#clock.now());
    const state: IssuerState = { forgeries, unproven: 0, line: new FairLine(LINE) };
    this.#issuers().set(iss, state);
    return state;
  }
}

function namesOf(keys: Presented['keys']): string {
  return keys.map(({ alg, thumbprint }) => `${alg} ${thumbprint}`).join(' ');
}

function unproven<T>(state: IssuerState, run: () => Soon<T>): Soon<T> {
  const outcome = run();
  return outcome instanceof Promise ? counted(state, outcome) : outcome;
}

async function counted<T>(state: IssuerState, outcome: Promise<T>): Promise<T> {
  state.unproven += 1;
  try {
    return await outcome;
  } finally {
    state.unproven -= 1;
  }
}

interface Attempt {
  readonly presented: Presented;
  readonly shown: ShownToken;
  /** Hash of a token that was good and ends alike. */
  readonly alike: string | undefined;
}

/** A token as it is found again: by its end, and for certain by its hash, which costs ten times as much. */
class ShownToken {
  readonly ending: number;
  readonly #token: Secret;
  #hash: string | undefined;

  constructor(token: Secret, ends: TokenEnds) {
    this.ending = ends.of(token.reveal());
    this.#token = token;
  }

  hash(): string {
    this.#hash ??= hash('sha256', this.#token.reveal(), 'base64url');
    return this.#hash;
  }
}
