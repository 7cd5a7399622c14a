import type { OAuthError } from '../core/oauth-error.ts';
import type { DoorOfExchange } from '../exchange/exchange-request.ts';
import { awsError, stsError } from './aws-error.ts';
import { type ErrorBody, oauthError } from './error-handler.ts';

/** A door at which requests ask for a credential, as far as it shows before the framework has routed them. */
export interface CredentialDoor {
  readonly door: DoorOfExchange;
  readonly method: 'GET' | 'POST';
  /** Its pattern, below the base of the workloads' doors. */
  readonly route: string;
  /** Whole paths below that base. */
  readonly paths: RegExp;
  readonly errorBody: (error: OAuthError, traceId: string) => ReturnType<ErrorBody>;
}

export const CREDENTIAL_DOORS: readonly CredentialDoor[] = [
  { door: 'token', method: 'POST', route: '/oauth2/token', paths: /^\/oauth2\/token$/, errorBody: oauthError },
  { door: 'sdk-aws-sts', method: 'POST', route: '/sdk/aws', paths: /^\/sdk\/aws\/?$/, errorBody: stsError },
  {
    door: 'sdk-aws',
    method: 'GET',
    route: '/sdk/aws/:mapping',
    paths: /^\/sdk\/aws\/[^/]+\/?$/,
    errorBody: awsError,
  },
  {
    door: 'sdk-gcp',
    method: 'POST',
    route: '/sdk/gcp/:mapping/token',
    paths: /^\/sdk\/gcp\/[^/]+\/token\/?$/,
    errorBody: oauthError,
  },
  {
    door: 'sdk-azure',
    method: 'POST',
    route: '/sdk/azure/:tenant/oauth2/v2.0/token',
    paths: /^\/sdk\/azure\/[^/]+\/oauth2\/v2\.0\/token\/?$/,
    errorBody: oauthError,
  },
];

/** Method and URL of a request, the URL from its first slash. */
export interface Asked {
  readonly method?: string | undefined;
  readonly url?: string | undefined;
}

/**
 * The door that a request is meant for; undefined where no credential is asked for, and for a path that is written in
 * another way than people write it, which only the router knows to be the same.
 */
export function credentialDoor({ method, url = '' }: Asked, base: string): CredentialDoor | undefined {
  if (!url.startsWith(base)) return undefined;
  const query = url.indexOf('?');
  const path = url.slice(base.length, query === -1 ? undefined : query);
  return CREDENTIAL_DOORS.find((door) => door.method === method && door.paths.test(path));
}
