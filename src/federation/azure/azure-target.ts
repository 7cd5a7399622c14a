import type { Authority } from '../../authority/authority.ts';
import type { Clock } from '../../core/clock.ts';
import type { Target } from '../../core/credential.ts';
import type { AzureGrant } from '../../core/decision.ts';
import { OAuthError } from '../../core/oauth-error.ts';
import type { Outbound } from '../../outbound/outbound.ts';

export interface AzureTargetDeps {
  readonly authority: Pick<Authority, 'sign'>;
  readonly outbound: Outbound;
  readonly clock: Clock;
  /** `clouds.azure.authorityHost`: instead of the authority of the mapping's cloud. */
  readonly authorityHost?: string;
}

export function createAzureTarget(_deps: AzureTargetDeps): Target<AzureGrant> {
  return {
    kind: 'azure',
    issue: async () => {
      throw new OAuthError('internal', { detail: 'mappings with this target are inactive' });
    },
  };
}
