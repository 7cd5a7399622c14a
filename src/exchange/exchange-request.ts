import type { Credential } from '../core/credential.ts';
import type { Ask } from '../core/decision.ts';
import type { Secret } from '../core/secret.ts';
import type { TokenType } from '../core/token-types.ts';

/** One request of a caller, checked in form and not yet verified in anything. */
export interface ExchangeRequest {
  readonly subjectToken: Secret;
  readonly subjectTokenType: typeof TokenType.jwt | typeof TokenType.idToken;
  readonly ask: Ask;
}

/** The routes through which credentials leave, as metrics and log name them. */
export type DoorOfExchange = 'token' | 'sdk-aws' | 'sdk-aws-sts' | 'sdk-gcp' | 'sdk-azure';

/** The use case behind every door through which credentials leave. Throws OAuthError. */
export type Exchange = (
  request: ExchangeRequest,
  context: { readonly traceId: string; readonly door: DoorOfExchange },
) => Promise<Credential>;
