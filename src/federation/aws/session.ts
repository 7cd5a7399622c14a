import type { AssumeRoleCommandOutput, AssumeRoleWithWebIdentityCommandOutput } from '@aws-sdk/client-sts';
import type { RoleSession } from '../../core/credential.ts';
import type { AwsGrant } from '../../core/decision.ts';
import { Secret } from '../../core/secret.ts';
import { AWS_AUDIENCE } from '../../resources/targets/aws.ts';
import { assertionSubject } from '../cloud-assertion.ts';
import type { Hop } from './hops.ts';
import { readRoleArn } from './role-arn.ts';
import { unusableAnswer } from './sts-error.ts';

/** How far AWS's clock may be ahead of ours; the tolerance that AWS itself gives. */
const SKEW_MS = 5 * 60 * 1000;
/** Longer than any ARN. */
const MAX_FACT_LENGTH = 2048;
const PRINTABLE = /^[\x21-\x7e]+$/;

/** What either call answers; only the first speaks of an assertion. */
export type SessionAnswer = AssumeRoleCommandOutput &
  Partial<Pick<AssumeRoleWithWebIdentityCommandOutput, 'SubjectFromWebIdentityToken' | 'Audience' | 'Provider'>>;

/** A role session as AWS answered it, checked. */
export interface Session {
  readonly accessKeyId: string;
  readonly secretAccessKey: Secret;
  readonly sessionToken: Secret;
  /** Whole seconds; AWS's own end of the session, or the end of what was asked for when that is earlier. */
  readonly expiresAt: number;
  readonly account: string;
  readonly requestId: string | undefined;
  /** For callers who asked in AWS's own protocol. */
  readonly facts: RoleSession;
}

/**
 * Reads AWS's answer as hostile input: it must be a session of the hop's role, under the granted name, that has not
 * ended and is no longer than asked for. Throws OAuthError `target_unavailable`.
 */
export function readSession(
  output: SessionAnswer,
  { grant, hop, now }: { grant: AwsGrant; hop: Hop; now: number },
): Session {
  assertGranted(output, grant, hop);
  const { Credentials: credentials } = output;
  const endsAt = credentials?.Expiration?.getTime() ?? Number.NaN;
  const askedEndsAt = now + hop.seconds * 1000;
  if (!(endsAt > now)) throw unusableAnswer('the session has no end or has ended');
  if (endsAt > askedEndsAt + SKEW_MS) throw unusableAnswer('the session is longer than granted');
  return {
    accessKeyId: printable(credentials?.AccessKeyId, 'AccessKeyId'),
    secretAccessKey: new Secret(printable(credentials?.SecretAccessKey, 'SecretAccessKey')),
    sessionToken: new Secret(printable(credentials?.SessionToken, 'SessionToken')),
    expiresAt: Math.floor(Math.min(endsAt, askedEndsAt) / 1000),
    account: readRoleArn(hop.roleArn).account,
    requestId: requestIdOf(output.$metadata.requestId),
    facts: factsOf(output),
  };
}

/** What was checked against the grant, and the two texts that only AWS knows, where they are legible. */
function factsOf(output: SessionAnswer): RoleSession {
  const { AssumedRoleUser, SubjectFromWebIdentityToken, Audience, Provider, SourceIdentity } = output;
  const facts = {
    assumedRoleId: legible(AssumedRoleUser?.AssumedRoleId),
    subject: SubjectFromWebIdentityToken,
    audience: Audience,
    provider: legible(Provider),
    sourceIdentity: SourceIdentity,
  };
  const said = Object.entries(facts).filter(([, text]) => text !== undefined);
  return { ...Object.fromEntries(said), assumedRoleArn: AssumedRoleUser?.Arn ?? '' };
}

function legible(text: string | undefined): string | undefined {
  return text !== undefined && text.length <= MAX_FACT_LENGTH && PRINTABLE.test(text) ? text : undefined;
}

/** The document that AWS SDKs read from a `credential_process` (clouds.md 3.3). `Expiration` without a fraction. */
export function credentialProcessDocument(session: Session): string {
  return JSON.stringify({
    Version: 1,
    AccessKeyId: session.accessKeyId,
    SecretAccessKey: session.secretAccessKey.reveal(),
    SessionToken: session.sessionToken.reveal(),
    Expiration: new Date(session.expiresAt * 1000).toISOString().replace(/\.\d{3}Z$/, 'Z'),
    AccountId: session.account,
  });
}

function assertGranted(output: SessionAnswer, grant: AwsGrant, hop: Hop): void {
  const { partition, account, roleName } = readRoleArn(hop.roleArn);
  const session = `arn:${partition}:sts::${account}:assumed-role/${roleName}/${grant.sessionName}`;
  if (output.AssumedRoleUser?.Arn !== session) throw unusableAnswer('it names another role or session');
  const echoes: readonly (readonly [string | undefined, string])[] = [
    [output.SubjectFromWebIdentityToken, assertionSubject(grant)],
    [output.Audience, AWS_AUDIENCE],
    [output.SourceIdentity, grant.sessionName],
  ];
  // AWS may leave these out; what it does say must be what was asked.
  if (echoes.some(([said, asked]) => said !== undefined && said !== asked)) {
    throw unusableAnswer('it speaks of another assertion');
  }
}

function printable(value: string | undefined, name: string): string {
  if (value === undefined || !PRINTABLE.test(value)) throw unusableAnswer(`${name} is missing or not printable`);
  return value;
}

/** For the audit record, so bounded; an id of another shape is left out rather than refused. */
function requestIdOf(id: string | undefined): string | undefined {
  return id !== undefined && /^[\w-]{1,128}$/.test(id) ? id : undefined;
}
