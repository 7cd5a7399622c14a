import type { AwsGrant } from '../../core/decision.ts';

/** AWS gives a session that comes from another session an hour at most (role chaining). */
const CHAINED_SECONDS = 3600;
/** The least that AWS gives; the first of two sessions serves one call. */
const SHORTEST_SECONDS = 900;

/** One role to assume, with all that narrows the session. */
export interface Hop {
  readonly roleArn: string;
  readonly seconds: number;
  /** The inline session policy. */
  readonly policy?: string;
  /** Managed session policies. */
  readonly policyArns?: readonly string[];
}

/** The last hop is the one that the caller gets. */
export interface Hops {
  readonly first: Hop;
  /** `externalId` is for the trust policy of that role. */
  readonly second?: Hop & { readonly externalId?: string };
}

/**
 * The grant's narrowing belongs to the session that the caller gets, so with two hops it goes with the second: with the
 * first it would hold back the second hop itself, and AWS does not carry a session policy over. The first session may do
 * nothing but the second hop.
 */
export function hopsOf(grant: AwsGrant): Hops {
  const { roleArn, ttlSeconds, secondHop } = grant;
  if (secondHop === undefined) return { first: { roleArn, seconds: ttlSeconds, ...narrowing(grant) } };
  return {
    first: { roleArn, seconds: SHORTEST_SECONDS, policy: onlyToward(secondHop.roleArn) },
    second: { ...secondHop, seconds: Math.min(ttlSeconds, CHAINED_SECONDS), ...narrowing(grant) },
  };
}

/** The parameters of either call that a hop decides. */
export function hopParameters({ roleArn, seconds, policy, policyArns }: Hop) {
  return {
    RoleArn: roleArn,
    DurationSeconds: seconds,
    ...(policy !== undefined && { Policy: policy }),
    ...(policyArns !== undefined && { PolicyArns: policyArns.map((arn) => ({ arn })) }),
  };
}

function narrowing({ policy, policyArns }: AwsGrant): Pick<Hop, 'policy' | 'policyArns'> {
  return { ...(policy !== undefined && { policy }), ...(policyArns !== undefined && { policyArns }) };
}

/** The two others let transitive tags and the source identity come along. */
function onlyToward(roleArn: string): string {
  const Action = ['sts:AssumeRole', 'sts:SetSourceIdentity', 'sts:TagSession'];
  return JSON.stringify({ Version: '2012-10-17', Statement: [{ Effect: 'Allow', Action, Resource: roleArn }] });
}
