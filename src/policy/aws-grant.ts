import type { AwsGrant } from '../core/decision.ts';
import { type AwsTarget, awsSession } from '../resources/targets/aws.ts';
import { common, type GrantResult, type Settled } from './settled.ts';

/** A session of the role; with a second hop it is named after the role whose session the caller gets. */
export function awsGrant(settled: Settled, target: AwsTarget): GrantResult {
  const result = awsSession(target, { identity: settled.identity, mapping: settled.mapping });
  if (!result.ok) return { ok: false, reason: 'condition_not_met', detail: result.detail };
  const { roleArn, region, policyArns, secondHop } = target;
  const grant: AwsGrant = {
    ...common(settled),
    kind: 'aws',
    targetId: secondHop?.roleArn ?? roleArn,
    roleArn,
    region,
    ...result.session,
    ...(policyArns !== undefined && { policyArns }),
    ...(secondHop !== undefined && { secondHop: hopOf(secondHop) }),
  };
  return { ok: true, grant, detail: `session ${result.session.sessionName}` };
}

function hopOf({ roleArn, externalId }: NonNullable<AwsTarget['secondHop']>): NonNullable<AwsGrant['secondHop']> {
  return externalId === undefined ? { roleArn } : { roleArn, externalId };
}
