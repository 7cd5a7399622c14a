import type { AzureGrant, JwtSvidGrant, OauthGrant } from '../core/decision.ts';
import { AZURE_CLOUDS, type AzureTarget, azureScopeOf } from '../resources/targets/azure.ts';
import { audienceOf, type JwtSvidTarget } from '../resources/targets/jwt-svid.ts';
import type { OauthTarget } from '../resources/targets/oauth.ts';
import { awsGrant } from './aws-grant.ts';
import { gcpGrant } from './gcp-grant.ts';
import { common, type GrantResult, type Settled } from './settled.ts';

/** The grant with all that the identity gives it; refused where the identity lacks what the target needs. */
export function grantOf(settled: Settled): GrantResult {
  const { target } = settled.terms;
  switch (target.kind) {
    case 'aws':
      return awsGrant(settled, target.spec);
    case 'gcp':
      return gcpGrant(settled, target.spec);
    case 'azure':
      return azureGrant(settled, target.spec);
    case 'oauth':
      return oauthGrant(settled, target.spec);
    case 'jwtSvid':
      return svidGrant(settled, target.spec);
    default:
      return target satisfies never;
  }
}

function azureGrant(settled: Settled, target: AzureTarget): GrantResult {
  const { tenant, clientId } = target;
  const scope = azureScopeOf(target, settled.address);
  if (scope === undefined) return { ok: false, reason: 'inactive', detail: 'the address names no one scope' };
  const { authority, audience } = AZURE_CLOUDS[target.cloud ?? 'public'];
  const names = { targetId: clientId, tenant, clientId, scope, authority, assertionAudience: audience };
  const grant: AzureGrant = { ...common(settled), kind: 'azure', ...names };
  return { ok: true, grant, detail: `client ${clientId} for ${scope}` };
}

function oauthGrant(
  settled: Settled,
  { issuer, grantType, scopes, audience, resource, clientId }: OauthTarget,
): GrantResult {
  const grant: OauthGrant = {
    ...common(settled),
    kind: 'oauth',
    targetId: issuer,
    issuer,
    grantType,
    scopes: scopes ?? [],
    ...(audience !== undefined && { audience }),
    ...(resource !== undefined && { resource }),
    ...(clientId !== undefined && { clientId }),
  };
  return { ok: true, grant, detail: `${grantType} at ${issuer}` };
}

function svidGrant(settled: Settled, target: JwtSvidTarget): GrantResult {
  const { spiffeId, issuer } = settled.identity;
  if (spiffeId === undefined) {
    return { ok: false, reason: 'no_spiffe_id', detail: `issuer ${issuer} gives this identity no SPIFFE ID` };
  }
  const audience = audienceOf(target, settled.address);
  if (audience === undefined) return { ok: false, reason: 'inactive', detail: 'the address names no one audience' };
  const grant: JwtSvidGrant = { kind: 'jwtSvid', targetId: audience, audience, spiffeId, ...common(settled) };
  return { ok: true, grant, detail: spiffeId };
}
