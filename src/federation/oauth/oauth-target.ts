import type { Authority } from '../../authority/authority.ts';
import { type Clock, toSeconds } from '../../core/clock.ts';
import type { Credential, Issuance, Target } from '../../core/credential.ts';
import type { OauthGrant } from '../../core/decision.ts';
import { TokenType } from '../../core/token-types.ts';
import { readOrigin } from '../../outbound/destination.ts';
import type { Outbound } from '../../outbound/outbound.ts';
import { assertionClaims, deliveredAssertion } from '../cloud-assertion.ts';
import { startDeadline } from '../deadline.ts';
import { fetchTokenEndpoint } from './server-metadata.ts';
import { readToken } from './token-answer.ts';
import { TokenEndpoints } from './token-endpoints.ts';
import { requestToken } from './token-request.ts';

const DEADLINE_MS = 5_000;

export interface OauthTargetDeps {
  readonly authority: Pick<Authority, 'sign'>;
  readonly outbound: Outbound;
  readonly clock: Clock;
  /** `outbound.allowOrigins`: where a server's token endpoint may be, beside the origin of its issuer. */
  readonly allowOrigins: readonly string[];
  /** Deadline of an issuance, metadata included. Default 5,000 ms. */
  readonly timeoutMs?: number;
}

/**
 * Any OAuth server: Carnet's assertion for that server alone, exchanged at its token endpoint for an access token, or
 * handed out as it is with `deliver: assertion`. Nothing is signed before the server's metadata has been checked.
 */
export function createOauthTarget(deps: OauthTargetDeps): Target<OauthGrant> {
  const { authority, outbound, clock, timeoutMs = DEADLINE_MS } = deps;
  const allowOrigins = new Set(deps.allowOrigins.map(readOrigin));
  const endpoints = new TokenEndpoints(clock, (issuer) =>
    fetchTokenEndpoint(issuer, { outbound, allowOrigins, timeoutMs: startDeadline(clock, timeoutMs) }),
  );

  async function exchanged(grant: OauthGrant, issuance: Issuance): Promise<Credential> {
    const leftMs = startDeadline(clock, timeoutMs);
    const endpoint = await endpoints.find(grant.issuer);
    const assertion = await authority.sign('cloud', assertionClaims(grant, grant.issuer, issuance));
    const askedAt = toSeconds(clock.now());
    const answer = await requestToken({ outbound, endpoint, timeoutMs: leftMs() }, grant, assertion);
    const { accessToken, lifetimeSeconds } = readToken(answer, grant);
    return {
      issuedTokenType: TokenType.accessToken,
      tokenType: 'Bearer',
      accessToken,
      expiresAt: askedAt + lifetimeSeconds,
      // The token is opaque; this is what the server has seen in the assertion that it issued it for.
      id: issuance.id,
    };
  }

  return {
    kind: 'oauth',
    issue: async (grant, _identity, issuance) => {
      if (grant.deliver === 'credentials') return await exchanged(grant, issuance);
      const claims = assertionClaims(grant, grant.issuer, issuance);
      return deliveredAssertion(await authority.sign('cloud', claims), claims, issuance);
    },
  };
}
