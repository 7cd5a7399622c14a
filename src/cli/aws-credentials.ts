import { isJsonObject, type JsonObject } from '../core/json.ts';
import type { Secret } from '../core/secret.ts';

/** The Version 1 document of AWS's `credential_process`. */
export interface AwsCredentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken: string;
  /** RFC 3339. */
  readonly expiration: string;
}

/** True for a text that a credential may be, printed or put in an environment: RFC 6749 appendix A.12. */
export function isCredentialText(text: string): boolean {
  return /^[\x20-\x7e]+$/.test(text);
}

/** Reads a `credential_process` document; undefined when the text is not one. */
export function readAwsCredentials(document: Secret): AwsCredentials | undefined {
  const value = parse(document.reveal());
  if (value?.['Version'] !== 1) return undefined;
  const { AccessKeyId, SecretAccessKey, SessionToken, Expiration } = value;
  if (typeof AccessKeyId !== 'string' || typeof SecretAccessKey !== 'string') return undefined;
  if (typeof SessionToken !== 'string' || typeof Expiration !== 'string') return undefined;
  if (![AccessKeyId, SecretAccessKey, SessionToken, Expiration].every(isCredentialText)) return undefined;
  return {
    accessKeyId: AccessKeyId,
    secretAccessKey: SecretAccessKey,
    sessionToken: SessionToken,
    expiration: Expiration,
  };
}

function parse(text: string): JsonObject | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isJsonObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
