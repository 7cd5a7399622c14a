import type { Grant, GrantedAccess } from '../core/decision.ts';
import type { VerifiedIdentity } from '../core/identity.ts';
import type { Reason } from '../core/oauth-error.ts';
import type { TokenType } from '../core/token-types.ts';
import type { Terms } from './compiled-mapping.ts';

/** What has been settled before the grant is made out. */
export interface Settled {
  readonly mapping: string;
  readonly terms: Terms;
  readonly identity: VerifiedIdentity;
  readonly address: string;
  readonly ttlSeconds: number;
  readonly ttlCeilingSeconds?: number | undefined;
  readonly issuedTokenType: TokenType;
  readonly access?: GrantedAccess | undefined;
}

export type GrantResult =
  | { readonly ok: true; readonly grant: Grant; readonly detail: string }
  | { readonly ok: false; readonly reason: Reason; readonly detail: string };

/** What grants of all targets have; not held to intents yet. */
export function common({ mapping, terms, ttlSeconds, ttlCeilingSeconds, issuedTokenType, access }: Settled) {
  const { deliver, shareAcrossPods } = terms;
  return {
    mapping,
    ttlSeconds,
    issuedTokenType,
    enforcedBy: [],
    deliver,
    ...(ttlCeilingSeconds !== undefined && { ttlCeilingSeconds }),
    ...(shareAcrossPods && { shareAcrossPods }),
    ...(access !== undefined && { access }),
  };
}
