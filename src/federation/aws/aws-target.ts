import type { Authority } from '../../authority/authority.ts';
import type { Clock } from '../../core/clock.ts';
import type { Credential, Target } from '../../core/credential.ts';
import type { AwsGrant } from '../../core/decision.ts';
import { Secret } from '../../core/secret.ts';
import { TokenType } from '../../core/token-types.ts';
import type { Outbound } from '../../outbound/outbound.ts';
import { deliveredAssertion } from '../cloud-assertion.ts';
import { RetryBudget } from '../retry-budget.ts';
import { awsAssertion } from './assertion.ts';
import { readRoleArn, regionalEndpoint } from './role-arn.ts';
import { credentialProcessDocument, readSession } from './session.ts';
import { assumeRole, type StsCallDeps } from './sts-call.ts';
import { fromStsError } from './sts-error.ts';

const DEADLINE_MS = 5_000;

export interface AwsTargetDeps {
  readonly authority: Pick<Authority, 'sign'>;
  readonly outbound: Outbound;
  readonly clock: Clock;
  /** `clouds.aws.stsEndpoint`: instead of the regional endpoint, for a private link or a double. */
  readonly stsEndpoint?: string;
  /** Deadline of the call. Default 5,000 ms. */
  readonly timeoutMs?: number;
}

/**
 * AWS: Carnet's assertion, exchanged for a role session by AssumeRoleWithWebIdentity, or handed out as it is with
 * `deliver: assertion`. One call per grant; the caller's wishes never reach AWS, only the grant does.
 */
export function createAwsTarget(deps: AwsTargetDeps): Target<AwsGrant> {
  const { authority, outbound, clock, stsEndpoint, timeoutMs = DEADLINE_MS } = deps;
  const retries = new RetryBudget();
  return {
    kind: 'aws',
    issue: async (grant, _identity, issuance) => {
      const claims = awsAssertion(grant, issuance);
      const assertion = await authority.sign('cloud', claims);
      if (grant.deliver === 'assertion') return deliveredAssertion(assertion, claims, issuance);
      const endpoint = stsEndpoint ?? regionalEndpoint(readRoleArn(grant.roleArn), grant.region);
      return await exchanged({ outbound, clock, endpoint, timeoutMs, retries }, grant, assertion);
    },
  };
}

async function exchanged(call: StsCallDeps, grant: AwsGrant, assertion: Secret): Promise<Credential> {
  const output = await assumeRole(call, grant, assertion).catch((error) => {
    throw fromStsError(error);
  });
  const session = readSession(output, grant, call.clock.now());
  return {
    issuedTokenType: TokenType.awsCredentials,
    tokenType: 'N_A',
    accessToken: new Secret(credentialProcessDocument(session)),
    expiresAt: session.expiresAt,
    id: session.accessKeyId,
    ...(session.requestId === undefined ? {} : { upstreamRequestId: session.requestId }),
  };
}
