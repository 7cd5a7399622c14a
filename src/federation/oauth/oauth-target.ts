import type { Authority } from '../../authority/authority.ts';
import type { Clock } from '../../core/clock.ts';
import type { Target } from '../../core/credential.ts';
import type { OauthGrant } from '../../core/decision.ts';
import { OAuthError } from '../../core/oauth-error.ts';
import type { Outbound } from '../../outbound/outbound.ts';

export interface OauthTargetDeps {
  readonly authority: Pick<Authority, 'sign'>;
  readonly outbound: Outbound;
  readonly clock: Clock;
}

export function createOauthTarget(_deps: OauthTargetDeps): Target<OauthGrant> {
  return {
    kind: 'oauth',
    issue: async () => {
      throw new OAuthError('internal', { detail: 'mappings with this target are inactive' });
    },
  };
}
