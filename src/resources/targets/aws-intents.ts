import { type Intent, isObjectIntent } from '../intents.ts';
import type { AwsTarget } from './aws.ts';
import type { CompiledIntents, IntentFault } from './compiled-intents.ts';

/** Characters that AWS takes of an inline session policy and the ARNs of managed ones together. */
export const MAX_POLICY_LENGTH = 2048;

type NamedIntent = Exclude<Intent, { resource: { bucket: string } }>;

interface Statement {
  readonly Effect: 'Allow';
  readonly Action: readonly string[];
  readonly Resource: string;
  readonly Condition?: { readonly StringLike: { readonly 's3:prefix': string } };
}

/** One kind of resource of AWS. */
interface Service {
  readonly service: string;
  /** The last part of its ARN. */
  readonly inArn: RegExp;
  /** A name alone, in the account of the role and the region of the target. */
  readonly name?: RegExp;
  /** The last part of the ARN for such a name; `?` stands for one character. */
  readonly lastPart?: (name: string) => string;
  readonly words: string;
}

const S3_BUCKET = /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/;
const UUID = '[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}';
const KEY_ID = `(${UUID}|mrk-[0-9a-f]{32})`;
const REPOSITORY = '[a-z0-9]+([._-][a-z0-9]+)*(\\/[a-z0-9]+([._-][a-z0-9]+)*)*';

const QUEUE: Service = {
  service: 'sqs',
  inArn: /^[\w-]{1,80}(\.fifo)?$/,
  name: /^[\w-]{1,80}(\.fifo)?$/,
  lastPart: (name) => name,
  words: 'must be the name or the ARN of an SQS queue',
};
const TOPIC: Service = { service: 'sns', inArn: /^[\w-]{1,256}(\.fifo)?$/, words: 'or the ARN of an SNS topic' };
const SECRET: Service = {
  service: 'secretsmanager',
  // The names of secrets that other services of AWS keep have a "!", as rds!db-….
  inArn: /^secret:[\w/+=.@!-]{1,512}-[A-Za-z0-9]{6}$/,
  name: /^[\w/+=.@!-]{1,512}$/,
  // Secrets Manager ends the ARN in six characters of its own choice.
  lastPart: (name) => `secret:${name}-??????`,
  words: 'must be the name or the whole ARN of a secret',
};
const KEY: Service = {
  service: 'kms',
  inArn: new RegExp(`^key/${KEY_ID}$`),
  name: new RegExp(`^${KEY_ID}$`),
  lastPart: (name) => `key/${name}`,
  words: 'must be the id or the ARN of a KMS key, not an alias, which may come to mean another key',
};
const IMAGES: Service = {
  service: 'ecr',
  inArn: new RegExp(`^repository/${REPOSITORY}$`),
  name: new RegExp(`^${REPOSITORY}$`),
  lastPart: (name) => `repository/${name}`,
  words: 'must be the name or the ARN of an ECR repository',
};

const SERVICES: Readonly<Record<NamedIntent['allow'], readonly Service[]>> = {
  'queue.publish': [QUEUE, TOPIC],
  'queue.consume': [QUEUE],
  'secret.read': [SECRET],
  'key.encrypt': [KEY],
  'key.decrypt': [KEY],
  'image.pull': [IMAGES],
};

/** The fewest actions by which each intent can be had, by service (clouds.md 4). */
const ACTIONS: Readonly<Record<Intent['allow'], Readonly<Record<string, readonly string[]>>>> = {
  'object.read': { s3: ['s3:GetObject'] },
  'object.write': { s3: ['s3:PutObject', 's3:AbortMultipartUpload'] },
  'object.list': { s3: ['s3:ListBucket'] },
  'object.delete': { s3: ['s3:DeleteObject'] },
  'queue.publish': { sqs: ['sqs:SendMessage', 'sqs:GetQueueUrl'], sns: ['sns:Publish'] },
  'queue.consume': {
    sqs: ['sqs:ReceiveMessage', 'sqs:DeleteMessage', 'sqs:ChangeMessageVisibility', 'sqs:GetQueueAttributes'],
  },
  'secret.read': { secretsmanager: ['secretsmanager:GetSecretValue'] },
  // What encrypts more than 4 KiB asks for a data key; it opens nothing that was encrypted before.
  'key.encrypt': { kms: ['kms:Encrypt', 'kms:GenerateDataKey'] },
  'key.decrypt': { kms: ['kms:Decrypt'] },
  'image.pull': { ecr: ['ecr:BatchGetImage', 'ecr:GetDownloadUrlForLayer', 'ecr:BatchCheckLayerAvailability'] },
};

/** Logging in to a registry knows no resource; what it logs in for is in the other statement. */
const REGISTRY_LOGIN: Statement = { Effect: 'Allow', Action: ['ecr:GetAuthorizationToken'], Resource: '*' };

/** Why AWS has no such resource for the intent, or undefined. */
export function awsIntentFault(target: AwsTarget, intent: Intent): IntentFault | undefined {
  if (isObjectIntent(intent)) {
    if (S3_BUCKET.test(intent.resource.bucket)) return undefined;
    return { message: 'bucket must be the name of an S3 bucket: a-z, 0-9 and . -, 3 to 63 characters' };
  }
  if (arnOf(target, intent) !== undefined) return undefined;
  const words = SERVICES[intent.allow].map((service) => service.words).join(' ');
  return { message: words, hint: `an ARN has to be of the partition of the role, ${placeOf(target).partition}` };
}

/** The session policy that allows exactly these intents, minified. */
export function compileAwsIntents(target: AwsTarget, intents: readonly Intent[]): CompiledIntents {
  const statements = intents.map((intent) => statementOf(target, intent));
  if (intents.some(({ allow }) => allow === 'image.pull')) statements.push(REGISTRY_LOGIN);
  const policy = JSON.stringify({ Version: '2012-10-17', Statement: statements });
  const oversize = `the session policy has ${policy.length} characters, and AWS takes ${MAX_POLICY_LENGTH}`;
  return {
    enforcedBy: intents.map(() => 'session-policy'),
    narrowing: { kind: 'aws', policy },
    ...(policy.length > MAX_POLICY_LENGTH && { oversize }),
  };
}

function statementOf(target: AwsTarget, intent: Intent): Statement {
  const { partition } = placeOf(target);
  if (!isObjectIntent(intent)) {
    const Resource = arnOf(target, intent);
    if (Resource === undefined) throw new Error('the resource of an intent has no ARN');
    return { Effect: 'Allow', Action: ACTIONS[intent.allow][Resource.split(':')[2] ?? ''] ?? [], Resource };
  }
  const { bucket, prefix = '' } = intent.resource;
  const Action = ACTIONS[intent.allow]['s3'] ?? [];
  if (intent.allow !== 'object.list') {
    return { Effect: 'Allow', Action, Resource: `arn:${partition}:s3:::${bucket}/${prefix}*` };
  }
  const list: Statement = { Effect: 'Allow', Action, Resource: `arn:${partition}:s3:::${bucket}` };
  return prefix === '' ? list : { ...list, Condition: { StringLike: { 's3:prefix': `${prefix}*` } } };
}

/** The ARN of a resource that is named by its name or its ARN. */
function arnOf(target: AwsTarget, intent: NamedIntent): string | undefined {
  const text = Object.values(intent.resource)[0] ?? '';
  const { partition, account } = placeOf(target);
  for (const { service, inArn, name, lastPart } of SERVICES[intent.allow]) {
    const arn = new RegExp(`^arn:${partition}:${service}:[a-z]{2}(?:-[a-z]+)+-\\d:\\d{12}:(.+)$`).exec(text);
    if (inArn.test(arn?.[1] ?? '')) return text;
    if (name?.test(text) === true && lastPart !== undefined) {
      return `arn:${partition}:${service}:${target.region}:${account}:${lastPart(text)}`;
    }
  }
  return undefined;
}

/** Where resources are that are named by name alone: with the role whose session the caller gets. */
function placeOf({ roleArn, secondHop }: AwsTarget): { partition: string; account: string } {
  const [, partition = '', , , account = ''] = (secondHop?.roleArn ?? roleArn).split(':');
  return { partition, account };
}
