import type { Grant, JwtSvidGrant } from '../core/decision.ts';
import { readRoleArn } from '../federation/aws/role-arn.ts';

/** A grant of what somebody else than Carnet issues. */
export type CloudGrant = Exclude<Grant, JwtSvidGrant>;

/** Who is asked and whose limits the call counts against: what one of them does must not be felt by the others. */
export function targetAccount(grant: CloudGrant): string {
  switch (grant.kind) {
    case 'aws':
      return `aws ${grant.region} ${readRoleArn(grant.roleArn).account}`;
    case 'gcp':
      return `gcp ${grant.provider}`;
    case 'azure':
      // A registry counts on its own: what it has enough of must not keep the tenant's other mappings from Entra.
      return `azure ${grant.authority} ${grant.tenant} ${grant.registry?.host ?? ''}`;
    case 'oauth':
      return `oauth ${grant.issuer}`;
  }
}
