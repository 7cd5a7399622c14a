import type { GcpGrant } from '../core/decision.ts';
import type { GcpTarget } from '../resources/targets/gcp.ts';
import { CLOUD_PLATFORM } from '../resources/targets/gcp-intents.ts';
import { common, type GrantResult, type Settled } from './settled.ts';

/** A token of the service account, or of the federated identity where the mapping names none. */
export function gcpGrant(settled: Settled, target: GcpTarget): GrantResult {
  const { provider, serviceAccount, delegates = [], idToken, scopes } = target;
  const targetId = serviceAccount ?? provider;
  const grant: GcpGrant = {
    ...common(settled),
    kind: 'gcp',
    targetId,
    provider,
    ...(serviceAccount !== undefined && { serviceAccount }),
    delegates,
    scopes: idToken === undefined ? (scopes ?? [CLOUD_PLATFORM]) : [],
    ...(idToken !== undefined && { idTokenAudience: idToken.audience }),
  };
  return { ok: true, grant, detail: targetId };
}
