import {
  AssumeRoleWithWebIdentityCommand,
  type AssumeRoleWithWebIdentityCommandOutput,
  STSClient,
} from '@aws-sdk/client-sts';
import type { Clock } from '../../core/clock.ts';
import type { AwsGrant } from '../../core/decision.ts';
import type { Secret } from '../../core/secret.ts';
import type { Outbound } from '../../outbound/outbound.ts';
import { createSmithyHandler, type SmithyHandler } from '../../outbound/smithy-handler.ts';
import type { RetryBudget } from '../retry-budget.ts';
import { wireCode } from './sts-error.ts';

const MAX_ANSWER_BYTES = 64 * 1024;
const TRIES = 2;

export interface StsCallDeps {
  readonly outbound: Outbound;
  readonly clock: Clock;
  /** Base URL of STS. */
  readonly endpoint: string;
  /** Deadline of all tries together. */
  readonly timeoutMs: number;
  readonly retries: Pick<RetryBudget, 'called' | 'spend'>;
}

/**
 * AssumeRoleWithWebIdentity by a client that lives for this call. Tried again once, within deadline and budget, where AWS
 * could not fetch Carnet's keys: that is the one failure AWS calls transient. Throws what the SDK or Outbound throws.
 */
export async function assumeRole(
  deps: StsCallDeps,
  grant: AwsGrant,
  assertion: Secret,
): Promise<AssumeRoleWithWebIdentityCommandOutput> {
  const deadlineAt = deps.clock.now() + deps.timeoutMs;
  // The clock may be set while the call runs; what is left is never more than the whole and never nothing.
  const timeoutMs = () => Math.max(1, Math.min(deps.timeoutMs, deadlineAt - deps.clock.now()));
  const handler = createSmithyHandler({
    outbound: deps.outbound,
    purpose: 'aws',
    maxBytes: MAX_ANSWER_BYTES,
    timeoutMs,
  });
  const client = isolatedClient(deps.endpoint, grant.region, handler);
  try {
    return await sendTwice(client, deps.retries, { grant, assertion });
  } finally {
    client.destroy();
  }
}

interface Question {
  readonly grant: AwsGrant;
  readonly assertion: Secret;
}

async function sendTwice(client: STSClient, retries: StsCallDeps['retries'], { grant, assertion }: Question) {
  retries.called();
  for (let tried = 1; ; tried += 1) {
    try {
      return await client.send(
        new AssumeRoleWithWebIdentityCommand({
          RoleArn: grant.roleArn,
          RoleSessionName: grant.sessionName,
          WebIdentityToken: assertion.reveal(),
          DurationSeconds: grant.ttlSeconds,
        }),
      );
    } catch (error) {
      const again = tried < TRIES && wireCode(error) === 'IDPCommunicationError' && retries.spend();
      if (!again) throw error;
    }
  }
}

/** Every setting that the SDK would otherwise read from the environment or from files in the home folder. */
function isolatedClient(endpoint: string, region: string, requestHandler: SmithyHandler): STSClient {
  return new STSClient({
    endpoint,
    region,
    requestHandler,
    useDualstackEndpoint: false,
    useFipsEndpoint: false,
    maxAttempts: 1,
    retryMode: 'standard',
    authSchemePreference: ['smithy.api#noAuth'],
    userAgentAppId: '',
    defaultUserAgentProvider: async () => [['carnet']],
    credentials: async () => {
      throw new Error('this call is not signed');
    },
  });
}
