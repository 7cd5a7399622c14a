import { OAuthError, type Reason } from './oauth-error.ts';

/**
 * What a failed call of a target means for whoever asks for the same again: `denied`, `not_found`, `too_long` (a
 * lifetime above what a guardrail allows) and `too_narrow` (more narrowing than the target holds) stay so until somebody
 * mends the target's side or the mapping, `throttled` until its Retry-After has passed, `transient` says nothing of the next.
 */
export type FailureClass = 'denied' | 'not_found' | 'too_long' | 'too_narrow' | 'throttled' | 'transient';

/** What callers learn of a refusal; the other classes are 503. */
const REASONS: { readonly [K in FailureClass]?: Reason } = {
  denied: 'cloud_trust_missing',
  not_found: 'cloud_trust_missing',
  too_long: 'guardrail',
  too_narrow: 'intents_not_enforceable',
};

/** A failure of a target, in Carnet's words: `detail` holds codes and numbers of the target and none of its texts. */
export class TargetFailure extends OAuthError {
  readonly failure: FailureClass;

  private constructor(failure: FailureClass, detail: string, retryAfterSeconds?: number) {
    const reason = REASONS[failure];
    if (reason !== undefined) {
      super('target_denied', { reason, detail });
    } else {
      super('target_unavailable', { detail, ...(retryAfterSeconds !== undefined && { retryAfterSeconds }) });
    }
    this.failure = failure;
  }

  /** The target knows the caller and refuses: only whoever runs it can mend that. */
  static denied(detail: string): TargetFailure {
    return new TargetFailure('denied', detail);
  }

  /** What the mapping names is not there. */
  static notFound(detail: string): TargetFailure {
    return new TargetFailure('not_found', detail);
  }

  /** Nobody can shorten what the target gave, so it is dropped. */
  static tooLong(detail: string): TargetFailure {
    return new TargetFailure('too_long', detail);
  }

  /** What the mapping says of intents and tags is more than the target takes: its owner can mend that. */
  static tooNarrow(detail: string): TargetFailure {
    return new TargetFailure('too_narrow', detail);
  }

  static throttled(detail: string, retryAfterSeconds?: number): TargetFailure {
    return new TargetFailure('throttled', detail, retryAfterSeconds);
  }

  /** Down, silent, unreadable, or not yet knowing what was set up a moment ago. */
  static transient(detail: string, retryAfterSeconds?: number): TargetFailure {
    return new TargetFailure('transient', detail, retryAfterSeconds);
  }
  /** The same failure for somebody on whose behalf nobody asked again. */
  remembered(retryAfterSeconds?: number): TargetFailure {
    return new TargetFailure(this.failure, `${this.detail}; remembered, not asked again`, retryAfterSeconds);
  }
}
