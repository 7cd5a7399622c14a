import { isJsonObject } from '../core/json.ts';
import { OAuthError } from '../core/oauth-error.ts';
import type { Secret } from '../core/secret.ts';

/** The only form of instants that every SDK reads: no fraction, no offset (clouds.md rule 6). */
const EXPIRATION = /^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z$/;

/** AWS credentials in AWS's names, each a text that is not empty. */
export interface SessionKeys {
  readonly AccessKeyId: string;
  readonly SecretAccessKey: string;
  readonly SessionToken: string;
  /** `YYYY-MM-DDTHH:MM:SSZ` */
  readonly Expiration: string;
  readonly AccountId?: string;
}

/** The keys of a `credential_process` document, which is what an AWS target issues. Throws `internal` for anything else. */
export function sessionKeys(accessToken: Secret): SessionKeys {
  const document = parsed(accessToken.reveal());
  const { AccessKeyId, SecretAccessKey, SessionToken, Expiration, AccountId } = isJsonObject(document) ? document : {};
  const strings = { AccessKeyId, SecretAccessKey, SessionToken, Expiration };
  const whole = Object.values(strings).every((value) => typeof value === 'string' && value !== '');
  if (!whole || !EXPIRATION.test(String(Expiration))) {
    throw new OAuthError('internal', { detail: 'the credential is not a credential_process document' });
  }
  const account = typeof AccountId === 'string' ? { AccountId } : {};
  return { ...(strings as Record<keyof typeof strings, string>), ...account };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // The parser's own error would quote the credential.
    return undefined;
  }
}
