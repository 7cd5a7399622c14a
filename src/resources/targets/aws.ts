import { createHash } from 'node:crypto';
import { z } from 'zod';
import type { VerifiedIdentity } from '../../core/identity.ts';
import { literalText, resolveTemplate, type TemplateSource, templateFault } from './template.ts';

/** Path and name of a role; no template characters (IAM role ARN). */
const ROLE_ARN = /^arn:(aws|aws-cn|aws-us-gov):iam::\d{12}:role\/(?:[\w+=,.@-]+\/)*[\w+=,.@-]{1,64}$/;
const TAG_TEXT = /^[\p{L}\p{Z}\p{N}_.:/=+\-@]*$/u;
const SESSION_NAME = /^[\w+=,.@-]{2,64}$/;
const ILLEGAL_IN_SESSION_NAME = /[^\w+=,.@-]/g;
const MAX_TAGS = 50;
/** Carnet's own tags of a Kubernetes identity: issuer, namespace, serviceAccount, mapping. */
const OWN_TAGS = 4;
const MAX_TAG_VALUE = 256;

const template = z
  .string()
  .max(1024)
  .superRefine((text, context) => {
    const fault = templateFault(text);
    if (fault !== undefined) context.addIssue({ code: 'custom', message: fault });
  });

/** A managed policy that narrows a session. */
export const awsPolicyArn = z
  .string()
  .max(2048)
  .regex(/^arn:aws[a-z-]*:iam::(\d{12}|aws):policy\/[\w+=,.@/-]{1,512}$/, 'must be the ARN of a managed policy');

const tagTemplate = template.refine((text) => TAG_TEXT.test(literalText(text)), {
  message: 'an AWS tag value may hold letters, digits, spaces and _ . : / = + - @',
});

/** AWS: a role assumed with a web identity token. Templates: `sessionName` and the values of `tags`. */
export const awsTarget = z
  .strictObject({
    roleArn: z.string().max(2048).regex(ROLE_ARN, 'must be the ARN of an IAM role, without templates'),
    region: z.string().regex(/^[a-z]{2}(-[a-z]+)+-\d$/, 'must be an AWS region'),
    sessionName: template.min(1).optional(),
    tags: z.record(z.string(), tagTemplate).superRefine(checkTagKeys).optional(),
    policyArns: z
      .array(awsPolicyArn)
      .min(1)
      .max(10)
      .meta({ description: 'Managed policies that narrow the session, each at most the role.' })
      .optional(),
    secondHop: z
      .strictObject({
        roleArn: z.string().max(2048).regex(ROLE_ARN, 'must be the ARN of an IAM role, without templates'),
        externalId: z
          .string()
          .min(2)
          .max(1224)
          .regex(/^[\w+=,.@:/-]+$/, 'may hold letters, digits and + = , . @ : / - _')
          .optional(),
      })
      .meta({ description: 'A role that is assumed with the session of roleArn, for at most an hour.' })
      .optional(),
  })
  .superRefine((target, context) => {
    const roles = [target.roleArn, target.secondHop?.roleArn ?? target.roleArn].filter((role) => ROLE_ARN.test(role));
    if (roles.every((role) => partitionOf(role) === partitionOfRegion(target.region))) return;
    context.addIssue({ code: 'custom', path: ['region'], message: 'is not in the partition of the role' });
  });
export type AwsTarget = z.infer<typeof awsTarget>;

/** AssumeRoleWithWebIdentity's DurationSeconds: 900..43200, an hour by default. */
export const AWS_TTL = { minSeconds: 900, maxSeconds: 43_200, defaultSeconds: 3600, defaultMaxSeconds: 3600 } as const;

/** A session that was opened with another one ends after an hour at most (clouds.md 2.1). */
export const AWS_SECOND_HOP_TTL = { ...AWS_TTL, maxSeconds: 3600 } as const;

/** The audience of every assertion for AWS. */
export const AWS_AUDIENCE = 'sts.amazonaws.com';

export interface AwsSession {
  readonly sessionName: string;
  readonly tags: Readonly<Record<string, string>>;
  readonly transitiveTagKeys: readonly string[];
}
export type AwsSessionResult =
  | { readonly ok: true; readonly session: AwsSession }
  /** What cannot be said about this identity to AWS. */
  | { readonly ok: false; readonly detail: string };

/** Session name and tags of one identity, or why there are none: a variable it lacks, a value that AWS would not take. */
export function awsSession(target: AwsTarget, source: TemplateSource): AwsSessionResult {
  const name = resolveTemplate(target.sessionName ?? defaultSessionName(source.identity), source);
  if (!name.ok) return lacks('sessionName', name.missing);
  const own = ownTags(source);
  const tags: [string, string][] = [...own];
  for (const [key, value] of Object.entries(target.tags ?? {})) {
    const resolved = resolveTemplate(value, source);
    if (!resolved.ok) return lacks(`tags.${key}`, resolved.missing);
    tags.push([key, resolved.text]);
  }
  const illegal = tags.find(([, value]) => !isTagValue(value));
  if (illegal !== undefined) return { ok: false, detail: `the value of tag ${illegal[0]} is not legal in AWS` };
  if (tags.length > MAX_TAGS) return { ok: false, detail: `more than ${MAX_TAGS} session tags` };
  return {
    ok: true,
    session: {
      sessionName: legalSessionName(name.text),
      tags: Object.fromEntries(tags),
      transitiveTagKeys: own.map(([key]) => key),
    },
  };
}

/** A text as a legal session name, stable: what is illegal or too long ends in 16 hex of SHA-256 of the whole text. */
export function legalSessionName(text: string): string {
  if (SESSION_NAME.test(text)) return text;
  const digest = createHash('sha256').update(text).digest('hex').slice(0, 16);
  return `${text.replaceAll(ILLEGAL_IN_SESSION_NAME, '').slice(0, 47)}-${digest}`;
}

function defaultSessionName(identity: VerifiedIdentity): string {
  return identity.kind === 'kubernetes' ? '{namespace}.{serviceAccount}' : '{mapping}';
}

function ownTags({ identity, mapping }: TemplateSource): [string, string][] {
  const workload: [string, string][] =
    identity.kind === 'kubernetes'
      ? [
          ['carnet:namespace', identity.namespace],
          ['carnet:serviceAccount', identity.serviceAccount],
        ]
      : [];
  return [['carnet:issuer', identity.issuer], ...workload, ['carnet:mapping', mapping]];
}

function isTagValue(value: string): boolean {
  return [...value].length <= MAX_TAG_VALUE && TAG_TEXT.test(value);
}

function lacks(field: string, variable: string): AwsSessionResult {
  return { ok: false, detail: `the identity has no {${variable}} for ${field}` };
}

function checkTagKeys(tags: Record<string, string>, context: z.RefinementCtx): void {
  const seen = new Set<string>();
  for (const key of Object.keys(tags)) {
    const folded = key.toLowerCase();
    const message = tagKeyFault(key, folded, seen);
    if (message !== undefined) context.addIssue({ code: 'custom', path: [key], message });
    seen.add(folded);
  }
  if (seen.size + OWN_TAGS <= MAX_TAGS) return;
  context.addIssue({
    code: 'custom',
    message: `at most ${MAX_TAGS - OWN_TAGS} tags: AWS takes ${MAX_TAGS} with Carnet's own`,
  });
}

function tagKeyFault(key: string, folded: string, seen: ReadonlySet<string>): string | undefined {
  if (folded.startsWith('carnet:')) return 'carnet: is reserved for the tags that Carnet sets itself';
  if (folded.startsWith('aws:')) return 'aws: is reserved by AWS';
  if (seen.has(folded)) return 'differs from another tag in case only; AWS takes them for one';
  const legal = key !== '' && [...key].length <= 128 && TAG_TEXT.test(key);
  return legal ? undefined : 'an AWS tag key has 1 to 128 letters, digits, spaces and _ . : / = + - @';
}

function partitionOf(roleArn: string): string | undefined {
  return roleArn.split(':')[1];
}

function partitionOfRegion(region: string): string {
  if (region.startsWith('cn-')) return 'aws-cn';
  return region.startsWith('us-gov-') ? 'aws-us-gov' : 'aws';
}
