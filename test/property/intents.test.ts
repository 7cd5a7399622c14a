import { describe, expect, test } from 'vitest';
import { covers, type Intent, intentText } from '../../src/resources/intents.ts';
import { compileAwsIntents } from '../../src/resources/targets/aws-intents.ts';
import { compileGcpIntents } from '../../src/resources/targets/gcp-intents.ts';
import { readBoundary } from '../fakes/gcp-boundary.ts';
import { boundaryAllows, type StorageRequest } from '../support/boundary-evaluator.ts';
import { awsOf, gcpOf } from '../support/compiling.ts';
import { type IamRequest, iamAllows } from '../support/iam-evaluator.ts';
import {
  HOME,
  iamRequests,
  intent,
  listsOf,
  namedIntents,
  objectIntents,
  storageRequests,
} from '../support/intent-arbitraries.ts';
import { fc } from '../support/properties.ts';

/** What each intent is for, said of the request itself: the actions that serve it, and whether it is about its resource. */
const SERVING: Readonly<Record<Intent['allow'], readonly string[]>> = {
  'object.read': ['s3:GetObject'],
  'object.write': ['s3:PutObject', 's3:AbortMultipartUpload'],
  'object.list': ['s3:ListBucket'],
  'object.delete': ['s3:DeleteObject'],
  'queue.publish': ['sqs:SendMessage', 'sqs:GetQueueUrl', 'sns:Publish'],
  'queue.consume': ['sqs:ReceiveMessage', 'sqs:DeleteMessage', 'sqs:ChangeMessageVisibility', 'sqs:GetQueueAttributes'],
  'secret.read': ['secretsmanager:GetSecretValue'],
  'key.encrypt': ['kms:Encrypt', 'kms:GenerateDataKey'],
  'key.decrypt': ['kms:Decrypt'],
  'image.pull': [
    'ecr:GetAuthorizationToken',
    'ecr:BatchGetImage',
    'ecr:GetDownloadUrlForLayer',
    'ecr:BatchCheckLayerAvailability',
  ],
};

function isMeant({ allow, resource }: Intent, { action, resource: arn, context }: IamRequest): boolean {
  if (!SERVING[allow].includes(action)) return false;
  if ('bucket' in resource) {
    const { bucket, prefix = '' } = resource;
    if (allow !== 'object.list') return arn.startsWith(`arn:aws:s3:::${bucket}/${prefix}`);
    const asked = context?.['s3:prefix'];
    return arn === `arn:aws:s3:::${bucket}` && (prefix === '' || asked?.startsWith(prefix) === true);
  }
  if ('queue' in resource) return arn === resource.queue || arn === `arn:aws:sqs${HOME}${resource.queue}`;
  if ('secret' in resource) {
    const start = `arn:aws:secretsmanager${HOME}secret:${resource.secret}-`;
    return arn.startsWith(start) && arn.length === start.length + 6;
  }
  if ('key' in resource) return arn === `arn:aws:kms${HOME}key/${resource.key}`;
  return action === 'ecr:GetAuthorizationToken' || arn === `arn:aws:ecr${HOME}repository/${resource.repository}`;
}

function policyOf(list: readonly Intent[]): string {
  const { narrowing } = compileAwsIntents(awsOf(), list);
  if (narrowing?.kind !== 'aws' || narrowing.policy === undefined) throw new Error('no policy');
  return narrowing.policy;
}

const PERMISSION: Readonly<Record<string, string>> = {
  'object.read': 'storage.objects.get',
  'object.write': 'storage.objects.create',
  'object.list': 'storage.objects.list',
};

function isMeantAtGoogle(
  { allow, resource }: Intent,
  { permission, bucket, object, listPrefix }: StorageRequest,
): boolean {
  if (!('bucket' in resource) || PERMISSION[allow] !== permission || resource.bucket !== bucket) return false;
  const name = allow === 'object.list' ? (listPrefix ?? '') : object;
  return name?.startsWith(resource.prefix ?? '') === true;
}

function boundaryOf(list: readonly Intent[]): string {
  const { narrowing } = compileGcpIntents(gcpOf(), list);
  if (narrowing?.kind !== 'gcp' || narrowing.accessBoundary === undefined) throw new Error('no boundary');
  return narrowing.accessBoundary;
}

const enforcedAtGoogle = objectIntents.filter(({ allow }) => allow !== 'object.delete');
const anyIntent = fc.oneof(objectIntents, namedIntents);
const runs = { numRuns: 3000 };

describe('a session policy, whatever the intents and the request', () => {
  test('allows what an intent means, and nothing else', () => {
    let allowed = 0;
    fc.assert(
      fc.property(listsOf(anyIntent), iamRequests, (list, request) => {
        const isAllowed = iamAllows(policyOf(list), request);
        expect(isAllowed).toBe(list.some((one) => isMeant(one, request)));
        if (isAllowed) allowed += 1;
      }),
      { numRuns: 30_000 },
    );
    expect(allowed).toBeGreaterThan(300);
  });

  test('allows no more when it is made for intents within the others', () => {
    const narrowed = listsOf(anyIntent).chain((list) =>
      fc.tuple(
        fc.constant(list),
        fc
          .subarray([...list], { minLength: 1 })
          .chain((part) =>
            fc.tuple(...part.map((one) => fc.constantFrom('', 'x/', '2').map((more) => narrower(one, more)))),
          ),
      ),
    );
    fc.assert(
      fc.property(narrowed, iamRequests, ([wide, narrow], request) => {
        for (const one of narrow) expect(wide.some((other) => covers(other, one))).toBe(true);
        if (iamAllows(policyOf(narrow), request)) expect(iamAllows(policyOf(wide), request)).toBe(true);
      }),
      runs,
    );
  });

  test('is the same for the same intents', () => {
    fc.assert(
      fc.property(listsOf(anyIntent), (list) => {
        const again = list.map((one) => intent(intentText(one)));
        expect(compileAwsIntents(awsOf(), again)).toEqual(compileAwsIntents(awsOf(), list));
      }),
    );
  });

  test('holds no action and no statement that could be left out', () => {
    fc.assert(
      fc.property(listsOf(anyIntent), (list) => {
        const whole = policyOf(list);
        const { Version, Statement } = JSON.parse(whole) as {
          Version: string;
          Statement: { Action: string[]; Resource: string; Condition?: { StringLike: { 's3:prefix': string } } }[];
        };
        const without = (at: number, action: string) =>
          JSON.stringify({
            Version,
            Statement: Statement.map((one, index) =>
              index === at ? { ...one, Action: one.Action.filter((other) => other !== action) } : one,
            ),
          });
        Statement.forEach(({ Action, Resource, Condition }, at) => {
          for (const action of Action) {
            const resource = Resource.replace('-??????', '-AbCdEf').replace(/\*$/, Resource === '*' ? '*' : '');
            const prefix = Condition?.StringLike['s3:prefix'].slice(0, -1);
            const request = { action, resource, ...(prefix !== undefined && { context: { 's3:prefix': prefix } }) };
            expect(iamAllows(whole, request)).toBe(true);
            expect(iamAllows(without(at, action), request)).toBe(false);
          }
        });
      }),
      runs,
    );
  });
});

describe('an access boundary, whatever the intents and the request', () => {
  test('leaves what an intent means, and nothing else', () => {
    let allowed = 0;
    fc.assert(
      fc.property(listsOf(enforcedAtGoogle), storageRequests, (list, request) => {
        const isLeft = boundaryAllows(boundaryOf(list), request);
        expect(isLeft).toBe(list.some((one) => isMeantAtGoogle(one, request)));
        if (isLeft) allowed += 1;
      }),
      { numRuns: 30_000 },
    );
    expect(allowed).toBeGreaterThan(300);
  });

  test('that deletes, which nothing enforces, still ends at its bucket and prefix', () => {
    fc.assert(
      fc.property(listsOf(objectIntents), storageRequests, (list, request) => {
        if (!boundaryAllows(boundaryOf(list), request)) return;
        const isNear = list.some(({ allow, resource }) => {
          if (!('bucket' in resource) || resource.bucket !== request.bucket) return false;
          const name = allow === 'object.list' ? (request.listPrefix ?? '') : (request.object ?? '');
          return name.startsWith(resource.prefix ?? '');
        });
        expect(isNear).toBe(true);
      }),
      { numRuns: 10_000 },
    );
  });

  test('is read by the double of Google as it is here', () => {
    fc.assert(
      fc.property(listsOf(objectIntents), storageRequests, (list, request) => {
        const { bucket, permission, object, listPrefix } = request;
        const name = `projects/_/buckets/${bucket}`;
        const seen = {
          bucket,
          permission,
          resourceName: object === undefined ? name : `${name}/objects/${object}`,
          ...(listPrefix !== undefined && { objectListPrefix: listPrefix }),
        };
        const boundary = boundaryOf(list);
        expect(readBoundary(boundary)(seen)).toBe(boundaryAllows(boundary, request));
      }),
      { numRuns: 10_000 },
    );
  });

  test('has no rule that could be left out, and is the same for the same intents', () => {
    fc.assert(
      fc.property(listsOf(enforcedAtGoogle), (list) => {
        expect(boundaryOf(list.map((one) => intent(intentText(one))))).toBe(boundaryOf(list));
        list.forEach((one, at) => {
          const request = witness(one);
          expect(boundaryAllows(boundaryOf(list), request)).toBe(true);
          const others = list.filter((_, index) => index !== at);
          if (others.length > 0) expect(boundaryAllows(boundaryOf(others), request)).toBe(false);
        });
      }),
      runs,
    );
  });
});

/** The same intent with a longer prefix, where it has one at all. */
function narrower(one: Intent, more: string): Intent {
  if (!('bucket' in one.resource) || more === '') return one;
  return intent(`${one.allow}:${one.resource.bucket}/${one.resource.prefix ?? ''}${more}`);
}

/** A request that only this intent needs. */
function witness({ allow, resource }: Intent): StorageRequest {
  if (!('bucket' in resource)) throw new Error('not about objects');
  const { bucket, prefix = '' } = resource;
  const permission = PERMISSION[allow] ?? '';
  return allow === 'object.list' ? { permission, bucket, listPrefix: prefix } : { permission, bucket, object: prefix };
}
