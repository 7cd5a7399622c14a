import { z } from 'zod';

const OBJECT_INTENTS = ['object.read', 'object.write', 'object.list', 'object.delete'] as const;
const QUEUE_INTENTS = ['queue.publish', 'queue.consume'] as const;
const KEY_INTENTS = ['key.encrypt', 'key.decrypt'] as const;

/** As many as a Credential Access Boundary has rules. */
export const MAX_INTENTS = 10;

/**
 * Texts that become part of a cloud's policy. None holds `* ? $ { } ' " \`, a blank or a control character, so that none
 * is a pattern or a variable of IAM or ends a string of CEL.
 */
const bucket = z
  .string()
  .regex(
    /^[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]$/,
    'must be the name of a bucket or container: a-z, 0-9 and . _ -, 3 to 222 characters',
  );
const prefix = z
  .string()
  .min(1)
  .max(512)
  .regex(/^[\w/.=+,@:~!()-]+$/, 'may hold letters, digits and / _ . = + , @ : ~ ! ( ) - only: no wildcard, no quote')
  .meta({ description: 'How the names of the objects begin, to the letter: end it in / to mean a folder.' });
const resourceName = z
  .string()
  .max(512)
  .regex(/^[\w/][\w/.=+@:~!-]*$/, 'may hold letters, digits and / _ . = + @ : ~ ! - only: no wildcard, no quote');

const enforcedBy = z
  .enum(['identity-selection', 'scope'])
  .meta({
    description:
      'Where the target cannot narrow: what the owner says holds the credential to this intent, the identity that the target names or, at an OAuth server, its scopes. Carnet cannot check it.',
  })
  .optional();

const intent = z.discriminatedUnion('allow', [
  z.strictObject({
    allow: z.enum(OBJECT_INTENTS),
    resource: z.strictObject({ bucket, prefix: prefix.optional() }),
    enforcedBy,
  }),
  z.strictObject({ allow: z.enum(QUEUE_INTENTS), resource: z.strictObject({ queue: resourceName }), enforcedBy }),
  z.strictObject({
    allow: z.literal('secret.read'),
    resource: z.strictObject({ secret: resourceName }),
    enforcedBy,
  }),
  z.strictObject({ allow: z.enum(KEY_INTENTS), resource: z.strictObject({ key: resourceName }), enforcedBy }),
  z.strictObject({
    allow: z.literal('image.pull'),
    resource: z.strictObject({ repository: resourceName }),
    enforcedBy,
  }),
]);
/** What a workload is for, on one resource (DESIGN section 7). */
export type Intent = z.infer<typeof intent>;
export type ObjectIntent = Extract<Intent, { resource: { bucket: string } }>;

/** `spec.intents` of a mapping. */
export const intents = z.union([z.literal('unrestricted'), z.array(intent).min(1).max(MAX_INTENTS)]);

export function isObjectIntent(one: Intent): one is ObjectIntent {
  return OBJECT_INTENTS.some((allow) => allow === one.allow);
}

/** True when whatever `narrow` allows `wide` allows too. */
export function covers(wide: Intent, narrow: Intent): boolean {
  if (wide.allow !== narrow.allow) return false;
  if (!isObjectIntent(wide) || !isObjectIntent(narrow)) return resourceText(wide) === resourceText(narrow);
  return (
    wide.resource.bucket === narrow.resource.bucket &&
    (narrow.resource.prefix ?? '').startsWith(wide.resource.prefix ?? '')
  );
}

/** The other intent of a list beside which the one at `at` adds nothing; of two that are the same the first counts. */
export function widerThan(list: readonly Intent[], at: number): Intent | undefined {
  const one = list[at];
  if (one === undefined) return undefined;
  return list.find((other, index) => index !== at && covers(other, one) && (index < at || !covers(one, other)));
}

/** An intent as a word of `scope`: `object.read:bucket/prefix`, `secret.read:name`. */
export function intentText(one: Intent): string {
  return `${one.allow}:${resourceText(one)}`;
}

/** The intent that a word of `scope` names, or undefined when it names none. */
export function intentOf(word: string): Intent | undefined {
  const [, allow = '', name = ''] = /^([a-z.]+):(.+)$/.exec(word) ?? [];
  const [, bucketName, prefixText] = /^([^/]+)(?:\/(.*))?$/.exec(name) ?? [];
  const resources = [
    { bucket: bucketName, ...(prefixText !== undefined && prefixText !== '' && { prefix: prefixText }) },
    { queue: name },
    { secret: name },
    { key: name },
    { repository: name },
  ];
  return resources.map((resource) => intent.safeParse({ allow, resource }).data).find((one) => one !== undefined);
}

function resourceText({ resource }: Intent): string {
  if ('bucket' in resource) {
    return resource.prefix === undefined ? resource.bucket : `${resource.bucket}/${resource.prefix}`;
  }
  if ('queue' in resource) return resource.queue;
  if ('secret' in resource) return resource.secret;
  return 'key' in resource ? resource.key : resource.repository;
}
