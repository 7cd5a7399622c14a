import type { AwsGrant } from '../../src/core/decision.ts';
import type { KubernetesIdentity } from '../../src/core/identity.ts';
import { OAuthError } from '../../src/core/oauth-error.ts';
import type { AwsRole } from '../fakes/aws-sts-roles.ts';

export const ROLE = 'arn:aws:iam::123456789012:role/team/pay';
export const grant: AwsGrant = {
  kind: 'aws',
  mapping: 'payments-reports',
  targetId: ROLE,
  roleArn: ROLE,
  region: 'eu-west-1',
  sessionName: 'payments.reporter',
  tags: { 'carnet:issuer': 'prod', 'carnet:namespace': 'payments', team: 'money' },
  transitiveTagKeys: ['carnet:issuer', 'carnet:namespace'],
  ttlSeconds: 1800,
  issuedTokenType: 'urn:carnet:token-type:aws-credentials',
  enforcedBy: [],
  deliver: 'credentials',
};
export const identity: KubernetesIdentity = {
  kind: 'kubernetes',
  issuer: 'prod',
  subject: 'system:serviceaccount:payments:reporter',
  cluster: 'prod',
  namespace: 'payments',
  serviceAccount: 'reporter',
  serviceAccountUid: 'uid',
  binding: 'pod',
  liveness: 'not_asked',
  issuedAt: 0,
  expiresAt: 0,
  jtiSha256: '',
};

/** A role that trusts Carnet for the mapping of `grant`. */
export function trusting(issuer: string, change: Partial<AwsRole> = {}): AwsRole {
  return {
    arn: ROLE,
    provider: issuer,
    audiences: ['sts.amazonaws.com'],
    subjects: ['mapping:payments-reports'],
    requireRoleAuthorizedByIdp: true,
    ...change,
  };
}

export async function refusalOf(promise: Promise<unknown>): Promise<OAuthError> {
  const error = await promise.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof OAuthError)) throw new Error('an OAuthError was expected', { cause: error });
  return error;
}
