import type { Clock } from '../../core/clock.ts';
import type { GcpGrant } from '../../core/decision.ts';
import type { Secret } from '../../core/secret.ts';
import { GRANT_TYPE_TOKEN_EXCHANGE, TokenType } from '../../core/token-types.ts';
import { CLOUD_PLATFORM } from '../../resources/targets/gcp-intents.ts';
import type { RetryBudget } from '../retry-budget.ts';
import { GoogleError } from './google-error.ts';
import type { GoogleFlight } from './google-flight.ts';
import { type GoogleToken, readExchanged } from './google-token.ts';
import type { StsClient } from './sts-client.ts';

const GOOGLE_STS = 'https://sts.googleapis.com';
const TRIES = 2;
const COMMON = { grantType: GRANT_TYPE_TOKEN_EXCHANGE, requestedTokenType: TokenType.accessToken };

export interface ExchangeDeps {
  readonly flight: GoogleFlight;
  readonly clock: Clock;
  readonly retries: Pick<RetryBudget, 'called' | 'spend'>;
  /** Base URL of STS, where it is not Google's own. */
  readonly stsEndpoint?: string;
}

/**
 * Carnet's assertion for a federated token (clouds.md 2.4, step 1). Tried again once, within deadline and budget, where
 * Google could not fetch Carnet's keys: nothing has been issued then.
 */
export async function federatedToken(deps: ExchangeDeps, grant: GcpGrant, assertion: Secret): Promise<GoogleToken> {
  const asked = grant.serviceAccount === undefined && grant.scopes.length > 0 ? grant.scopes : [CLOUD_PLATFORM];
  deps.retries.called();
  for (let tried = 1; ; tried += 1) {
    const askedAt = deps.clock.now();
    try {
      const client = await stsClient(deps);
      const answer = await client.exchangeToken({
        ...COMMON,
        audience: grant.provider,
        scope: [...asked],
        subjectToken: assertion.reveal(),
        subjectTokenType: TokenType.jwt,
      });
      return readExchanged(answer, askedAt);
    } catch (error) {
      const again = tried < TRIES && isIssuerOutOfReach(error) && deps.retries.spend();
      if (!again) throw error;
    }
  }
}

/** A token of Google for one within the boundary (step 4). A bounded token cannot be bounded again, so this comes last. */
export async function boundedToken(deps: ExchangeDeps, boundary: string, source: GoogleToken): Promise<GoogleToken> {
  const askedAt = deps.clock.now();
  const client = await stsClient(deps);
  const answer = await client.exchangeToken(
    { ...COMMON, subjectToken: source.token.reveal(), subjectTokenType: TokenType.accessToken },
    {},
    JSON.parse(boundary),
  );
  return readExchanged(answer, askedAt, source);
}

function isIssuerOutOfReach(thrown: unknown): boolean {
  return thrown instanceof GoogleError && thrown.issuerOutOfReach;
}

/** Google's library is loaded by the first flight: it takes 16 MB, which who has no mapping for Google does not pay. */
async function stsClient({ flight, stsEndpoint = GOOGLE_STS }: ExchangeDeps): Promise<StsClient> {
  const { StsClient } = await import('./sts-client.ts');
  return new StsClient(`${stsEndpoint}/v1/token`, flight.exchange);
}
