import { OAuthError } from './oauth-error.ts';

/**
 * What a failed call of a target means for whoever asks for the same again: `denied` and `not_found` stay so until
 * somebody mends the target's side, `throttled` until its Retry-After has passed, `transient` says nothing of the next.
 */
export type FailureClass = 'denied' | 'not_found' | 'throttled' | 'transient';

/** A failure of a target, in Carnet's words: `detail` holds codes and numbers of the target and none of its texts. */
export class TargetFailure extends OAuthError {
  readonly failure: FailureClass;

  private constructor(failure: FailureClass, detail: string, retryAfterSeconds?: number) {
    if (failure === 'denied' || failure === 'not_found') {
      super('target_denied', { reason: 'cloud_trust_missing', detail });
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

  static throttled(detail: string, retryAfterSeconds?: number): TargetFailure {
    return new TargetFailure('throttled', detail, retryAfterSeconds);
  }

  /** Down, silent, unreadable, or not yet knowing what was set up a moment ago. */
  static transient(detail: string, retryAfterSeconds?: number): TargetFailure {
    return new TargetFailure('transient', detail, retryAfterSeconds);
  }
}
