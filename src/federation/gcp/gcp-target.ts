import type { Authority } from '../../authority/authority.ts';
import type { Clock } from '../../core/clock.ts';
import type { Target } from '../../core/credential.ts';
import type { GcpGrant } from '../../core/decision.ts';
import { OAuthError } from '../../core/oauth-error.ts';
import type { Outbound } from '../../outbound/outbound.ts';

export interface GcpTargetDeps {
  readonly authority: Pick<Authority, 'sign'>;
  readonly outbound: Outbound;
  readonly clock: Clock;
  /** `clouds.gcp`: instead of Google's own, for a private link or a double. */
  readonly stsEndpoint?: string;
  readonly iamCredentialsEndpoint?: string;
}

export function createGcpTarget(_deps: GcpTargetDeps): Target<GcpGrant> {
  return {
    kind: 'gcp',
    issue: async () => {
      throw new OAuthError('internal', { detail: 'mappings with this target are inactive' });
    },
  };
}
