import type { Clock } from '../../core/clock.ts';
import type { GcpGrant } from '../../core/decision.ts';
import { CLOUD_PLATFORM } from '../../resources/targets/gcp-intents.ts';
import type { GoogleFlight } from './google-flight.ts';
import { type GoogleToken, readAccessToken, readIdToken } from './google-token.ts';

const GOOGLE_IAM_CREDENTIALS = 'https://iamcredentials.googleapis.com';

export interface ServiceAccountDeps {
  readonly flight: GoogleFlight;
  readonly clock: Clock;
  /** Base URL of IAM Credentials, where it is not Google's own. */
  readonly iamCredentialsEndpoint?: string;
}

/**
 * The federated token for a token of the service account (clouds.md 2.4, step 3): an access token that lives as long as
 * granted, or an ID token, whose lifetime is Google's. Plain POSTs and not the library's: ADR 13.
 */
export async function serviceAccountToken(
  { flight, clock, iamCredentialsEndpoint = GOOGLE_IAM_CREDENTIALS }: ServiceAccountDeps,
  grant: GcpGrant,
  serviceAccount: string,
  federated: GoogleToken,
): Promise<GoogleToken> {
  const url = `${iamCredentialsEndpoint}/v1/${resourceName(serviceAccount)}`;
  const delegates = grant.delegates.map(resourceName);
  const chain = delegates.length === 0 ? {} : { delegates };
  const bearer = federated.token.reveal();
  if (grant.idTokenAudience !== undefined) {
    const body = { ...chain, audience: grant.idTokenAudience, includeEmail: true };
    return readIdToken(await flight.post(`${url}:generateIdToken`, bearer, body), grant, clock.now());
  }
  const scope = grant.scopes.length === 0 ? [CLOUD_PLATFORM] : [...grant.scopes];
  const body = { ...chain, scope, lifetime: `${grant.ttlSeconds}s` };
  return readAccessToken(await flight.post(`${url}:generateAccessToken`, bearer, body), clock.now());
}

/** `-` in the place of the project is what Google demands. */
function resourceName(email: string): string {
  return `projects/-/serviceAccounts/${email}`;
}
