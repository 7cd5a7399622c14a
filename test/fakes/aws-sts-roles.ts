import { permits } from './aws-sts-policy.ts';
import type { IssuedSession } from './aws-sts-sessions.ts';
import type { WebIdentity } from './aws-sts-token.ts';
import { StsRefusal } from './aws-sts-wire.ts';

interface Role {
  readonly arn: string;
  /** Default 3600. */
  readonly maxSessionSeconds?: number;
  /** Whether the trust policy allows `sts:TagSession` and `sts:SetSourceIdentity`. Both default to true. */
  readonly allowTagSession?: boolean;
  readonly allowSetSourceIdentity?: boolean;
}

/** An IAM role that an OIDC provider may assume, and what its trust policy says. */
export interface AwsRole extends Role {
  /** URL of the OIDC provider that the trust policy names. */
  readonly provider: string;
  /** `<provider>:aud` and `<provider>:sub`, exact. */
  readonly audiences: readonly string[];
  readonly subjects: readonly string[];
  /** `Bool sts:RoleAuthorizedByIdp`. */
  readonly requireRoleAuthorizedByIdp?: boolean;
}

/** An IAM role that sessions of other roles may assume. */
export interface ChainedRole extends Role {
  /** ARNs of the roles that the trust policy names. */
  readonly principals: readonly string[];
  /** `StringEquals sts:ExternalId`. */
  readonly externalId?: string;
}

/** Throws StsRefusal, always with the one text: AWS does not tell a role that is not there from one that trusts others. */
export function assertTrusted(role: AwsRole | undefined, identity: WebIdentity): asserts role is AwsRole {
  const trusted =
    role !== undefined &&
    role.provider === identity.provider.url &&
    role.audiences.includes(identity.audience) &&
    role.subjects.includes(identity.subject) &&
    (identity.roles !== undefined || role.requireRoleAuthorizedByIdp !== true) &&
    takesAlong(role, identity);
  if (!trusted) throw new StsRefusal('AccessDenied', 'Not authorized to perform sts:AssumeRoleWithWebIdentity');
}

/**
 * Both sides must allow each of the actions: the trust of the role, and the policies of the session that asks. Tags that
 * are transitive and the source identity come along, so their actions are asked for too. Throws StsRefusal.
 */
export function assertMayChain(
  role: ChainedRole | undefined,
  { caller, roleArn, externalId }: { caller: IssuedSession; roleArn: string; externalId: string | null },
): asserts role is ChainedRole {
  const actions = [
    'sts:AssumeRole',
    ...(caller.tags.size > 0 ? ['sts:TagSession'] : []),
    ...(caller.sourceIdentity === undefined ? [] : ['sts:SetSourceIdentity']),
  ];
  const denied = actions.find((action) => !permits(caller.policies, action, roleArn));
  if (denied !== undefined) throw notAuthorized(caller, denied, roleArn);
  const trusted =
    role?.principals.includes(caller.roleArn) && (role.externalId === undefined || role.externalId === externalId);
  if (!trusted) throw notAuthorized(caller, 'sts:AssumeRole', roleArn);
  if (role === undefined || !takesAlong(role, caller)) throw notAuthorized(caller, 'sts:TagSession', roleArn);
}

export function assertDuration(role: AwsRole | ChainedRole, seconds: number): void {
  if (seconds <= (role.maxSessionSeconds ?? 3600)) return;
  const text = 'The requested DurationSeconds exceeds the MaxSessionDuration set for this role.';
  throw new StsRefusal('ValidationError', text);
}

interface Luggage {
  readonly tags: ReadonlyMap<string, string>;
  readonly sourceIdentity: string | undefined;
}

function takesAlong(role: Role, { tags, sourceIdentity }: Luggage): boolean {
  return (
    (tags.size === 0 || role.allowTagSession !== false) &&
    (sourceIdentity === undefined || role.allowSetSourceIdentity !== false)
  );
}

function notAuthorized({ arn }: IssuedSession, action: string, roleArn: string): StsRefusal {
  return new StsRefusal('AccessDenied', `User: ${arn} is not authorized to perform: ${action} on resource: ${roleArn}`);
}
