import { describe, expect, test } from 'vitest';
import { awsIntentFault, compileAwsIntents } from '../../../src/resources/targets/aws-intents.ts';
import { awsOf, intended } from '../../support/compiling.ts';

const HOME = ':eu-west-1:123456789012:';
const KEY = '11111111-2222-3333-4444-555555555555';
const LOGIN = { Effect: 'Allow', Action: ['ecr:GetAuthorizationToken'], Resource: '*' };

function statements(words: readonly string[], changes: object = {}): readonly unknown[] {
  const { narrowing } = compileAwsIntents(awsOf(changes), intended(...words));
  if (narrowing?.kind !== 'aws' || narrowing.policy === undefined) throw new Error('no policy');
  return JSON.parse(narrowing.policy).Statement;
}

function fault(word: string, changes: object = {}): string | undefined {
  const [intent] = intended(word);
  return intent && awsIntentFault(awsOf(changes), intent)?.message;
}

describe('intents as a session policy (clouds.md 4)', () => {
  test.each<[string, readonly string[], string, object?]>([
    ['object.read:reports/2026/', ['s3:GetObject'], 'arn:aws:s3:::reports/2026/*'],
    ['object.read:reports', ['s3:GetObject'], 'arn:aws:s3:::reports/*'],
    ['object.write:reports/in/', ['s3:PutObject', 's3:AbortMultipartUpload'], 'arn:aws:s3:::reports/in/*'],
    ['object.list:reports/2026/', ['s3:ListBucket'], 'arn:aws:s3:::reports', { StringLike: { 's3:prefix': '2026/*' } }],
    ['object.list:reports', ['s3:ListBucket'], 'arn:aws:s3:::reports'],
    ['object.delete:reports/tmp/', ['s3:DeleteObject'], 'arn:aws:s3:::reports/tmp/*'],
    ['queue.publish:orders', ['sqs:SendMessage', 'sqs:GetQueueUrl'], `arn:aws:sqs${HOME}orders`],
    [
      'queue.publish:arn:aws:sns:us-east-1:999999999999:news',
      ['sns:Publish'],
      'arn:aws:sns:us-east-1:999999999999:news',
    ],
    [
      'queue.consume:orders.fifo',
      ['sqs:ReceiveMessage', 'sqs:DeleteMessage', 'sqs:ChangeMessageVisibility', 'sqs:GetQueueAttributes'],
      `arn:aws:sqs${HOME}orders.fifo`,
    ],
    ['secret.read:prod/db', ['secretsmanager:GetSecretValue'], `arn:aws:secretsmanager${HOME}secret:prod/db-??????`],
    [
      `secret.read:arn:aws:secretsmanager${HOME}secret:prod/db-AbCdEf`,
      ['secretsmanager:GetSecretValue'],
      `arn:aws:secretsmanager${HOME}secret:prod/db-AbCdEf`,
    ],
    [
      'secret.read:rds!db-8086eb77',
      ['secretsmanager:GetSecretValue'],
      `arn:aws:secretsmanager${HOME}secret:rds!db-8086eb77-??????`,
    ],
    [
      `secret.read:arn:aws:secretsmanager${HOME}secret:rds!db-8086eb77-AbCdEf`,
      ['secretsmanager:GetSecretValue'],
      `arn:aws:secretsmanager${HOME}secret:rds!db-8086eb77-AbCdEf`,
    ],
    [`key.encrypt:${KEY}`, ['kms:Encrypt', 'kms:GenerateDataKey'], `arn:aws:kms${HOME}key/${KEY}`],
    [
      `key.decrypt:arn:aws:kms:us-east-1:999999999999:key/${KEY}`,
      ['kms:Decrypt'],
      `arn:aws:kms:us-east-1:999999999999:key/${KEY}`,
    ],
  ])('%s is %j on %s', (word, Action, Resource, Condition) => {
    expect(statements([word])).toEqual([{ Effect: 'Allow', Action, Resource, ...(Condition && { Condition }) }]);
  });

  test('image.pull logs in once, whatever the number of repositories', () => {
    const pull = ['ecr:BatchGetImage', 'ecr:GetDownloadUrlForLayer', 'ecr:BatchCheckLayerAvailability'];
    const repository = (name: string) => ({
      Effect: 'Allow',
      Action: pull,
      Resource: `arn:aws:ecr${HOME}repository/${name}`,
    });
    expect(statements(['image.pull:team/app', 'image.pull:base'])).toEqual([
      repository('team/app'),
      repository('base'),
      LOGIN,
    ]);
  });

  test('is one minified document, and every intent is enforced by it', () => {
    const compiled = compileAwsIntents(awsOf(), intended('object.read:reports/2026/', 'object.list:reports'));
    expect(compiled).toEqual({
      enforcedBy: ['session-policy', 'session-policy'],
      narrowing: {
        kind: 'aws',
        policy:
          '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["s3:GetObject"],"Resource":"arn:aws:s3:::reports/2026/*"},{"Effect":"Allow","Action":["s3:ListBucket"],"Resource":"arn:aws:s3:::reports"}]}',
      },
    });
  });

  test.each([
    ['arn:aws-cn:iam::123456789012:role/reports', 'cn-north-1', 'arn:aws-cn:'],
    ['arn:aws-us-gov:iam::123456789012:role/reports', 'us-gov-west-1', 'arn:aws-us-gov:'],
  ])('is in the partition of the role %s', (roleArn, region, partition) => {
    const arns = statements(['object.read:reports', 'object.list:reports', 'secret.read:db'], { roleArn, region }).map(
      (one) => (one as { Resource: string }).Resource,
    );
    for (const arn of arns) expect(arn.startsWith(partition)).toBe(true);
    expect(fault('queue.publish:arn:aws:sqs:eu-west-1:123456789012:orders', { roleArn, region })).toContain('SQS');
  });

  test('takes names to be in the account whose session the caller gets', () => {
    const secondHop = { roleArn: 'arn:aws:iam::999999999999:role/inner' };
    expect(statements(['queue.consume:orders'], { secondHop })).toMatchObject([
      { Resource: 'arn:aws:sqs:eu-west-1:999999999999:orders' },
    ]);
  });

  test.each([
    ['object.read:re_ports', 'bucket must be the name of an S3 bucket: a-z, 0-9 and . -, 3 to 63 characters'],
    [`object.list:${'b'.repeat(64)}`, 'bucket must be the name of an S3 bucket: a-z, 0-9 and . -, 3 to 63 characters'],
    ['queue.publish:a/b', 'must be the name or the ARN of an SQS queue or the ARN of an SNS topic'],
    ['queue.consume:arn:aws:sns:eu-west-1:123456789012:news', 'must be the name or the ARN of an SQS queue'],
    ['queue.consume:arn:aws:sqs:eu-west-1:12345:orders', 'must be the name or the ARN of an SQS queue'],
    [`secret.read:arn:aws:secretsmanager${HOME}secret:prod/db`, 'must be the name or the whole ARN of a secret'],
    [
      'key.decrypt:alias/payments',
      'must be the id or the ARN of a KMS key, not an alias, which may come to mean another key',
    ],
    [
      `key.decrypt:arn:aws:kms${HOME}alias/payments`,
      'must be the id or the ARN of a KMS key, not an alias, which may come to mean another key',
    ],
    ['queue.publish:rds!orders', 'must be the name or the ARN of an SQS queue or the ARN of an SNS topic'],
    ['image.pull:team!app', 'must be the name or the ARN of an ECR repository'],
    ['image.pull:Team/App', 'must be the name or the ARN of an ECR repository'],
    ['image.pull:team/app:latest', 'must be the name or the ARN of an ECR repository'],
  ])('has no resource for %s', (word, message) => {
    expect(fault(word)).toBe(message);
  });

  test('says when it is longer than AWS takes', () => {
    const words = (count: number) =>
      Array.from({ length: count }, (_, at) => `object.read:reports/${'x'.repeat(400)}${at}/`);
    expect(compileAwsIntents(awsOf(), intended(...words(3))).oversize).toBeUndefined();
    expect(compileAwsIntents(awsOf(), intended(...words(5))).oversize).toMatch(
      /^the session policy has 2\d\d\d characters, and AWS takes 2048$/,
    );
  });
});
