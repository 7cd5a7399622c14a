import { covers, type Intent, intentOf } from '../../src/resources/intents.ts';
import type { StorageRequest } from './boundary-evaluator.ts';
import type { IamRequest } from './iam-evaluator.ts';
import { fc } from './properties.ts';

const BUCKETS = ['reports', 'reports2', 'archive'];
const PREFIXES = ['', '2026/', '2026', '20', '2026/a', 'in/x=1,y', 'a(b)!~', '+.'];
const NAMES = ['orders', 'orders2', 'orders.fifo'];
const SECRETS = ['prod/db', 'prod/db2', 'prod'];
const KEYS = ['11111111-2222-3333-4444-555555555555', 'mrk-0123456789abcdef0123456789abcdef'];
const REPOSITORIES = ['team/app', 'team', 'base'];
const TOPIC = 'arn:aws:sns:us-east-1:999999999999:news';

export function intent(word: string): Intent {
  const found = intentOf(word);
  if (found === undefined) throw new Error(`${word} is no intent`);
  return found;
}

export const objectIntents = fc
  .tuple(
    fc.constantFrom('object.read', 'object.write', 'object.list', 'object.delete'),
    fc.constantFrom(...BUCKETS),
    fc.constantFrom(...PREFIXES),
  )
  .map(([allow, bucket, prefix]) => intent(`${allow}:${bucket}/${prefix}`));
export const namedIntents = fc
  .oneof(
    fc.tuple(fc.constantFrom('queue.publish', 'queue.consume'), fc.constantFrom(...NAMES)),
    fc.constant(['queue.publish', TOPIC]),
    fc.tuple(fc.constant('secret.read'), fc.constantFrom(...SECRETS)),
    fc.tuple(fc.constantFrom('key.encrypt', 'key.decrypt'), fc.constantFrom(...KEYS)),
    fc.tuple(fc.constant('image.pull'), fc.constantFrom(...REPOSITORIES)),
  )
  .map((parts) => intent(parts.join(':')));
/** Lists as a mapping may have them: none within another. */
export const listsOf = (one: fc.Arbitrary<Intent>) =>
  fc
    .array(one, { minLength: 1, maxLength: 5 })
    .map((list) =>
      list.filter((wish, at) => !list.some((other, index) => index !== at && isWithin(wish, other, at, index))),
    );
function isWithin(narrow: Intent, wide: Intent, at: number, index: number): boolean {
  return covers(wide, narrow) && (index < at || !covers(narrow, wide));
}

/** Names near the ones that intents speak of, and names with characters that mean something in a pattern. */
const objectNames = fc.oneof(
  fc
    .tuple(fc.constantFrom(...PREFIXES), fc.constantFrom('', 'x', '/x', '*', '?', '.txt', "')||true"))
    .map((parts) => parts.join('')),
  fc.constantFrom(...PREFIXES).map((prefix) => prefix.slice(0, -1)),
  fc.string({ maxLength: 8 }),
);
const near = (...names: readonly string[]) =>
  fc.tuple(fc.constantFrom(...names), fc.constantFrom('', '', '', 'x', '-a')).map((parts) => parts.join(''));

export const HOME = ':eu-west-1:123456789012:';
const homes = fc.constantFrom(HOME, HOME, HOME, ':eu-west-1:999999999999:', ':us-east-1:123456789012:');
const suffixes = fc.constantFrom('-AbCdEf', '-123456', '-12345', '-1234567', '2-AbCdEf', '');

interface Service {
  readonly actions: readonly string[];
  readonly resources: fc.Arbitrary<string>;
}
const S3_OBJECT: Service = {
  actions: [
    's3:GetObject',
    's3:GetObjectVersion',
    's3:GetObjectAcl',
    's3:PutObject',
    's3:PutObjectAcl',
    's3:AbortMultipartUpload',
    's3:DeleteObject',
    's3:DeleteObjectVersion',
    's3:*',
  ],
  resources: fc.tuple(near(...BUCKETS), objectNames).map(([bucket, name]) => `arn:aws:s3:::${bucket}/${name}`),
};
const S3_BUCKET: Service = {
  actions: [
    's3:ListBucket',
    's3:ListBucketVersions',
    's3:ListBucketMultipartUploads',
    's3:GetBucketAcl',
    's3:DeleteBucket',
  ],
  resources: near(...BUCKETS).map((bucket) => `arn:aws:s3:::${bucket}`),
};
const SERVICES: readonly Service[] = [
  {
    actions: [
      'sqs:SendMessage',
      'sqs:GetQueueUrl',
      'sqs:ReceiveMessage',
      'sqs:DeleteMessage',
      'sqs:ChangeMessageVisibility',
      'sqs:GetQueueAttributes',
      'sqs:PurgeQueue',
      'sqs:AddPermission',
    ],
    resources: fc.tuple(homes, near(...NAMES)).map(([home, name]) => `arn:aws:sqs${home}${name}`),
  },
  { actions: ['sns:Publish', 'sns:Subscribe'], resources: fc.constantFrom(TOPIC, `${TOPIC}x`) },
  {
    actions: ['secretsmanager:GetSecretValue', 'secretsmanager:PutSecretValue', 'secretsmanager:DescribeSecret'],
    resources: fc
      .tuple(homes, near(...SECRETS), suffixes)
      .map(([home, name, end]) => `arn:aws:secretsmanager${home}secret:${name}${end}`),
  },
  {
    actions: [
      'kms:Encrypt',
      'kms:Decrypt',
      'kms:GenerateDataKey',
      'kms:GenerateDataKeyPair',
      'kms:ReEncryptFrom',
      'kms:CreateGrant',
    ],
    resources: fc.tuple(homes, near(...KEYS)).map(([home, name]) => `arn:aws:kms${home}key/${name}`),
  },
  {
    actions: [
      'ecr:BatchGetImage',
      'ecr:GetDownloadUrlForLayer',
      'ecr:BatchCheckLayerAvailability',
      'ecr:PutImage',
      'ecr:DescribeImages',
    ],
    resources: fc.tuple(homes, near(...REPOSITORIES)).map(([home, name]) => `arn:aws:ecr${home}repository/${name}`),
  },
  { actions: ['ecr:GetAuthorizationToken', 'iam:PassRole', 'sts:AssumeRole'], resources: fc.constant('*') },
];
export const iamRequests: fc.Arbitrary<IamRequest> = fc.oneof(
  { weight: 4, arbitrary: requestsOf(S3_OBJECT) },
  {
    weight: 3,
    arbitrary: fc
      .tuple(requestsOf(S3_BUCKET), fc.option(objectNames, { nil: undefined }))
      .map(([request, prefix]) => (prefix === undefined ? request : { ...request, context: { 's3:prefix': prefix } })),
  },
  ...SERVICES.map((service) => ({ weight: 1, arbitrary: requestsOf(service) })),
);
function requestsOf({ actions, resources }: Service): fc.Arbitrary<IamRequest> {
  return fc.record({ action: fc.constantFrom(...actions), resource: resources });
}

export const storageRequests: fc.Arbitrary<StorageRequest> = fc.oneof(
  fc.record({
    permission: fc.constantFrom(
      'storage.objects.get',
      'storage.objects.create',
      'storage.objects.delete',
      'storage.objects.update',
      'storage.objects.setIamPolicy',
    ),
    bucket: near(...BUCKETS),
    object: objectNames,
  }),
  fc.record({ permission: fc.constant('storage.objects.list'), bucket: near(...BUCKETS), listPrefix: objectNames }),
  fc.record({
    permission: fc.constantFrom('storage.objects.list', 'storage.buckets.get', 'storage.buckets.delete'),
    bucket: near(...BUCKETS),
  }),
);
