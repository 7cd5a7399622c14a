import type { Authority } from '../../authority/authority.ts';
import type { Clock } from '../../core/clock.ts';
import type { Target } from '../../core/credential.ts';
import type { GcpGrant } from '../../core/decision.ts';
import { OAuthError } from '../../core/oauth-error.ts';
import type { Secret } from '../../core/secret.ts';
import type { Outbound } from '../../outbound/outbound.ts';
import { deliveredAssertion } from '../cloud-assertion.ts';
import { RetryBudget } from '../retry-budget.ts';
import { gcpAssertion } from './assertion.ts';
import { fromBoundaryError, fromGoogleError } from './google-error.ts';
import { createFlight } from './google-flight.ts';
import { endWithin, type GoogleToken } from './google-token.ts';
import { serviceAccountToken } from './service-account.ts';
import { boundedToken, federatedToken } from './token-exchange.ts';

const CALL_MS = 5_000;
/** Ends before the patience of whoever waits for the flight does. */
const FLIGHT_MS = 9_000;

export interface GcpTargetDeps {
  readonly authority: Pick<Authority, 'sign'>;
  readonly outbound: Outbound;
  readonly clock: Clock;
  /** `clouds.gcp`: instead of Google's own, for a private link or a double. */
  readonly stsEndpoint?: string;
  readonly iamCredentialsEndpoint?: string;
  /** Deadline of each call. Default 5,000 ms. */
  readonly callMs?: number;
  /** Deadline of all calls together. Default 9,000 ms. */
  readonly flightMs?: number;
}

/**
 * Google Cloud: Carnet's assertion for a federated token, that one for a token of the service account where the grant names
 * one, and that one for a bounded one where the grant has an access boundary. With `deliver: assertion` the assertion
 * itself is handed out. The caller's wishes never reach Google, only the grant does.
 */
export function createGcpTarget(deps: GcpTargetDeps): Target<GcpGrant> {
  const { authority, clock } = deps;
  const call = { ...deps, retries: new RetryBudget() };
  return {
    kind: 'gcp',
    issue: async (grant, identity, issuance) => {
      assertPossible(grant);
      const claims = gcpAssertion(grant, identity, issuance);
      const assertion = await authority.sign('cloud', claims);
      if (grant.deliver === 'assertion') return deliveredAssertion(assertion, claims, issuance);
      const token = await flown(call, grant, assertion).catch((error) => {
        throw fromGoogleError(error, claims);
      });
      return {
        issuedTokenType: grant.issuedTokenType,
        tokenType: 'Bearer',
        accessToken: token.token,
        expiresAt: endWithin(grant, token, clock.now()),
        // Google's tokens have no id that may be shown; the assertion's `jti` names what this one was made from.
        id: issuance.id,
        ...(grant.idTokenAudience === undefined && { scope: grant.scopes.join(' ') }),
      };
    },
  };
}

type CallDeps = GcpTargetDeps & { readonly retries: RetryBudget };

async function flown(deps: CallDeps, grant: GcpGrant, assertion: Secret): Promise<GoogleToken> {
  const { outbound, clock, callMs = CALL_MS, flightMs = FLIGHT_MS } = deps;
  const call = { ...deps, flight: createFlight({ outbound, clock, callMs, flightMs }) };
  const federated = await federatedToken(call, grant, assertion);
  const { serviceAccount, accessBoundary, enforcedBy } = grant;
  const token =
    serviceAccount === undefined ? federated : await serviceAccountToken(call, grant, serviceAccount, federated);
  if (accessBoundary === undefined) return token;
  return await boundedToken(call, accessBoundary, token).catch((error) => {
    // What holds no intent and narrows all the same is the caller's own.
    throw enforcedBy.length === 0 ? fromBoundaryError(error) : error;
  });
}

/** An ID token is of a service account, and nothing bounds it: a grant that asks for more must not get less narrow. */
function assertPossible({ idTokenAudience, serviceAccount, accessBoundary }: GcpGrant): void {
  if (idTokenAudience === undefined || (serviceAccount !== undefined && accessBoundary === undefined)) return;
  throw new OAuthError('internal', { detail: 'an ID token needs a service account and takes no access boundary' });
}
