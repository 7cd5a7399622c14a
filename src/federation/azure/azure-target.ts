import type { Authority } from '../../authority/authority.ts';
import type { Clock } from '../../core/clock.ts';
import type { Credential, Issuance, Target } from '../../core/credential.ts';
import type { AzureGrant } from '../../core/decision.ts';
import type { Secret } from '../../core/secret.ts';
import { TargetFailure } from '../../core/target-failure.ts';
import type { Outbound } from '../../outbound/outbound.ts';
import { deliveredAssertion } from '../cloud-assertion.ts';
import { startDeadline } from '../deadline.ts';
import { azureAssertion } from './assertion.ts';
import type { AzureCall } from './azure-call.ts';

const DEADLINE_MS = 5_000;

export interface AzureTargetDeps {
  readonly authority: Pick<Authority, 'sign'>;
  readonly outbound: Outbound;
  readonly clock: Clock;
  /** `clouds.azure.authorityHost`: instead of the authority of the mapping's cloud. */
  readonly authorityHost?: string;
  /** Deadline of all calls together. Default 5,000 ms. */
  readonly timeoutMs?: number;
}

/**
 * Azure: Carnet's assertion, exchanged for a token of Entra by the client credentials grant and, where the grant names a
 * registry, that token for one of the registry; or handed out as it is with `deliver: assertion`. How long a token lives
 * is Entra's choice, and the credential says so.
 */
export function createAzureTarget(deps: AzureTargetDeps): Target<AzureGrant> {
  const { authority, outbound, clock, authorityHost, timeoutMs = DEADLINE_MS } = deps;
  return {
    kind: 'azure',
    issue: async (grant, _identity, issuance) => {
      const claims = azureAssertion(grant, issuance);
      const assertion = await authority.sign('cloud', claims);
      if (grant.deliver === 'assertion') return deliveredAssertion(assertion, claims, issuance);
      const call = { outbound, clock, timeoutMs: startDeadline(clock, timeoutMs) };
      return await exchanged(call, authorityHost ?? grant.authority, grant, assertion, issuance);
    },
  };
}

async function exchanged(
  call: AzureCall,
  authority: string,
  grant: AzureGrant,
  assertion: Secret,
  issuance: Issuance,
): Promise<Credential> {
  // Who has no mapping for Azure does not load its SDK: 300 ms and 44 MB.
  const [{ requestToken }, { registryToken }] = await Promise.all([
    import('./entra-call.ts'),
    import('./registry-call.ts'),
  ]);
  const { registry } = grant;
  // Lifetimes count from before the call, so that none is said to end later than it does.
  const askedAt = Math.floor(call.clock.now() / 1000);
  const entra = await requestToken(call, authority, grant, assertion);
  const given =
    registry === undefined
      ? { ...entra, expiresAt: askedAt + entra.lifetimeSeconds }
      : await registryToken(call, { tenant: grant.tenant, registry }, entra.token);
  assertShortEnough(given.lifetimeSeconds, grant);
  const expiresAt = Math.min(given.expiresAt, askedAt + given.lifetimeSeconds);
  if (expiresAt * 1000 <= call.clock.now()) throw TargetFailure.transient('Azure: the token has ended');
  return {
    issuedTokenType: grant.issuedTokenType,
    tokenType: 'Bearer',
    accessToken: given.token,
    expiresAt,
    // Entra's tokens are opaque to those who carry them; its sign-in log has the assertion's jti and the request id.
    id: issuance.id,
    ...(entra.requestId !== undefined && { upstreamRequestId: entra.requestId }),
  };
}

/** Nobody can shorten or revoke a token of Entra: one that is longer than the guardrails let it be is dropped. */
function assertShortEnough(lifetimeSeconds: number, { ttlCeilingSeconds, ttlSeconds }: AzureGrant): void {
  const ceiling = ttlCeilingSeconds ?? ttlSeconds;
  if (lifetimeSeconds <= ceiling) return;
  throw TargetFailure.tooLong(`Azure: a token of ${lifetimeSeconds} s was given, ${ceiling} s are allowed`);
}
