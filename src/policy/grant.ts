import type { Grant } from '../core/decision.ts';
import type { VerifiedIdentity } from '../core/identity.ts';
import type { Reason } from '../core/oauth-error.ts';
import type { TokenType } from '../core/token-types.ts';
import { type AwsTarget, awsSession } from '../resources/targets/aws.ts';
import { audienceOf, type JwtSvidTarget } from '../resources/targets/jwt-svid.ts';
import type { Terms } from './compiled-mapping.ts';

/** What has been settled before the grant is made out. */
export interface Settled {
  readonly mapping: string;
  readonly terms: Terms;
  readonly identity: VerifiedIdentity;
  readonly address: string;
  readonly ttlSeconds: number;
  readonly issuedTokenType: TokenType;
}

export type GrantResult =
  | { readonly ok: true; readonly grant: Grant; readonly detail: string }
  | { readonly ok: false; readonly reason: Reason; readonly detail: string };

/** The grant with all that the identity gives it; refused where the identity lacks what the target needs. */
export function grantOf(settled: Settled): GrantResult {
  const { target } = settled.terms;
  return target.kind === 'aws' ? awsGrant(settled, target.spec) : svidGrant(settled, target.spec);
}

function awsGrant(settled: Settled, target: AwsTarget): GrantResult {
  const result = awsSession(target, { identity: settled.identity, mapping: settled.mapping });
  if (!result.ok) return { ok: false, reason: 'condition_not_met', detail: result.detail };
  const { roleArn, region } = target;
  const grant: Grant = { ...common(settled), kind: 'aws', targetId: roleArn, roleArn, region, ...result.session };
  return { ok: true, grant, detail: `session ${result.session.sessionName}` };
}

function svidGrant(settled: Settled, target: JwtSvidTarget): GrantResult {
  const { spiffeId } = settled.identity;
  const detail = `issuer ${settled.identity.issuer} gives this identity no SPIFFE ID`;
  if (spiffeId === undefined) return { ok: false, reason: 'no_spiffe_id', detail };
  const audience = audienceOf(target, settled.address);
  if (audience === undefined) return { ok: false, reason: 'inactive', detail: 'the address names no one audience' };
  const grant: Grant = { ...common(settled), kind: 'jwtSvid', targetId: audience, audience, spiffeId };
  return { ok: true, grant, detail: spiffeId };
}

function common({ mapping, terms, ttlSeconds, issuedTokenType }: Settled) {
  const { deliver, shareAcrossPods } = terms;
  return { mapping, ttlSeconds, issuedTokenType, enforcedBy: [], deliver, ...(shareAcrossPods && { shareAcrossPods }) };
}
