import { toSeconds } from '../core/clock.ts';
import type { Credential } from '../core/credential.ts';
import { OAuthError } from '../core/oauth-error.ts';

/** Seconds that a credential still lives, an integer above zero, counted from the whole second that its `iat` names. */
export function expiresIn(credential: Credential, now: number): number {
  const seconds = credential.expiresAt - toSeconds(now);
  if (seconds <= 0) throw new OAuthError('internal', { detail: 'the credential had expired before it was answered' });
  return seconds;
}

/** Success members of RFC 8693 section 2.2.1 and no others (S2 to S6). */
export function tokenResponse(credential: Credential, now: number) {
  return {
    access_token: credential.accessToken.reveal(),
    issued_token_type: credential.issuedTokenType,
    token_type: credential.tokenType,
    expires_in: expiresIn(credential, now),
  };
}
