import type { Authority } from '../../authority/authority.ts';
import type { Credential, Target } from '../../core/credential.ts';
import type { AwsGrant } from '../../core/decision.ts';
import { Secret } from '../../core/secret.ts';
import { TokenType } from '../../core/token-types.ts';
import type { Outbound } from '../../outbound/outbound.ts';
import { deliveredAssertion } from '../cloud-assertion.ts';
import { startDeadline } from '../deadline.ts';
import { RetryBudget } from '../retry-budget.ts';
import { awsAssertion } from './assertion.ts';
import type { Flight } from './flight.ts';
import { type Hop, hopsOf } from './hops.ts';
import { PackedPolicy, type PackedPolicyDeps } from './packed-policy.ts';
import { readRoleArn, regionalEndpoint } from './role-arn.ts';
import { credentialProcessDocument, readSession, type Session, type SessionAnswer } from './session.ts';
import { fromStsError } from './sts-error.ts';

const DEADLINE_MS = 5_000;

export interface AwsTargetDeps extends PackedPolicyDeps {
  readonly authority: Pick<Authority, 'sign'>;
  readonly outbound: Outbound;
  /** `clouds.aws.stsEndpoint`: instead of the regional endpoint, for a private link or a double. */
  readonly stsEndpoint?: string;
  /** Deadline of all calls of one issuance together. Default 5,000 ms. */
  readonly timeoutMs?: number;
}

/** A session and what AWS said of its packed size. */
interface Opened {
  readonly session: Session;
  readonly packedPolicyPercent: number | undefined;
}

/**
 * AWS: Carnet's assertion, exchanged for a role session by AssumeRoleWithWebIdentity, or handed out as it is with
 * `deliver: assertion`. With a second hop that session only assumes the second role, and its session is the credential.
 * The caller's wishes never reach AWS, only the grant does.
 */
export function createAwsTarget(deps: AwsTargetDeps): Target<AwsGrant> {
  const { authority, clock } = deps;
  const retries = new RetryBudget();
  const packed = new PackedPolicy(deps);
  return {
    kind: 'aws',
    issue: async (grant, _identity, issuance) => {
      const claims = awsAssertion(grant, issuance);
      const assertion = await authority.sign('cloud', claims);
      if (grant.deliver === 'assertion') return deliveredAssertion(assertion, claims, issuance);
      const opened = (hop: Hop, output: SessionAnswer): Opened => ({
        session: readSession(output, { grant, hop, now: clock.now() }),
        packedPolicyPercent: packed.measure(grant.mapping, output.PackedPolicySize),
      });
      return credentialOf(await lastSession({ ...flightOf(deps, grant), retries }, { grant, assertion, opened }));
    },
  };
}

function flightOf(
  { outbound, clock, stsEndpoint, timeoutMs = DEADLINE_MS }: AwsTargetDeps,
  grant: AwsGrant,
): Omit<Flight, 'retries'> {
  const endpoint = stsEndpoint ?? regionalEndpoint(readRoleArn(grant.roleArn), grant.region);
  return { outbound, endpoint, region: grant.region, timeoutMs: startDeadline(clock, timeoutMs) };
}

interface Ask {
  readonly grant: AwsGrant;
  readonly assertion: Secret;
  readonly opened: (hop: Hop, output: SessionAnswer) => Opened;
}

/** The session for the caller; the first of two ends here. */
async function lastSession(flight: Flight, { grant, assertion, opened }: Ask): Promise<Opened> {
  // Who has no mapping for AWS does not load its SDK.
  const { assumeWithAssertion, assumeWithSession } = await import('./sts-call.ts');
  const { first, second } = hopsOf(grant);
  const { sessionName } = grant;
  // What holds no intent and narrows all the same is the caller's own, and goes with the last hop.
  const callersPolicy = grant.policy !== undefined && grant.enforcedBy.length === 0;
  const output = await assumeWithAssertion(flight, { hop: first, sessionName, assertion }).catch((error) => {
    throw fromStsError(error, { call: 'STS', callersPolicy: callersPolicy && second === undefined });
  });
  const start = opened(first, output);
  if (second === undefined) return start;
  const asked = { hop: second, sessionName, session: start.session };
  const chained = await assumeWithSession(flight, asked).catch((error) => {
    throw fromStsError(error, { call: 'STS, second hop', callersPolicy });
  });
  return opened(second, chained);
}

function credentialOf({ session, packedPolicyPercent }: Opened): Credential {
  return {
    issuedTokenType: TokenType.awsCredentials,
    tokenType: 'N_A',
    accessToken: new Secret(credentialProcessDocument(session)),
    expiresAt: session.expiresAt,
    id: session.accessKeyId,
    roleSession: session.facts,
    ...(session.requestId !== undefined && { upstreamRequestId: session.requestId }),
    ...(packedPolicyPercent !== undefined && { packedPolicyPercent }),
  };
}
