import { describe, expect, test } from 'vitest';
import { gcpTarget } from '../../../src/resources/targets/gcp.ts';
import { compileGcpIntents } from '../../../src/resources/targets/gcp-intents.ts';
import { gcpOf, intended } from '../../support/compiling.ts';

const PLATFORM = 'https://www.googleapis.com/auth/cloud-platform';

function rules(...words: readonly string[]): readonly unknown[] {
  const { narrowing } = compileGcpIntents(gcpOf(), intended(...words));
  if (narrowing?.kind !== 'gcp' || narrowing.accessBoundary === undefined) throw new Error('no boundary');
  return JSON.parse(narrowing.accessBoundary).accessBoundary.accessBoundaryRules;
}

describe('intents on objects as a Credential Access Boundary (clouds.md 4)', () => {
  test.each([
    ['object.read:archive', 'objectViewer', "resource.name.startsWith('projects/_/buckets/archive/objects/')"],
    [
      'object.read:archive/2026/',
      'objectViewer',
      "resource.name.startsWith('projects/_/buckets/archive/objects/2026/')",
    ],
    ['object.write:archive/in/', 'objectCreator', "resource.name.startsWith('projects/_/buckets/archive/objects/in/')"],
    ['object.list:archive', 'objectViewer', "resource.name == 'projects/_/buckets/archive'"],
    [
      'object.list:archive/2026/',
      'objectViewer',
      "api.getAttribute('storage.googleapis.com/objectListPrefix', '').startsWith('2026/')",
    ],
  ])('%s is %s where %s', (word, role, expression) => {
    expect(rules(word)).toEqual([
      {
        availableResource: '//storage.googleapis.com/projects/_/buckets/archive',
        availablePermissions: [`inRole:roles/storage.${role}`],
        availabilityCondition: { expression },
      },
    ]);
    expect(compileGcpIntents(gcpOf(), intended(word)).enforcedBy).toEqual(['credential-access-boundary']);
  });

  test('has no role that deletes and does no more, so deleting is bounded in place and enforced by nothing', () => {
    expect(rules('object.delete:archive/tmp/')).toMatchObject([
      { availablePermissions: ['inRole:roles/storage.objectUser'] },
    ]);
    const { enforcedBy } = compileGcpIntents(gcpOf(), intended('object.read:archive', 'object.delete:archive/tmp/'));
    expect(enforcedBy).toEqual(['credential-access-boundary', 'none']);
  });

  test('says when it is longer than Google takes', () => {
    const words = (count: number) =>
      Array.from({ length: count }, (_, at) => `object.read:archive/${'x'.repeat(300)}${at}/`);
    expect(compileGcpIntents(gcpOf(), intended(...words(3))).oversize).toBeUndefined();
    expect(compileGcpIntents(gcpOf(), intended(...words(4))).oversize).toMatch(
      /^the access boundary has 2\d\d\d characters, and Google takes 2048$/,
    );
  });
});

describe('intents that no boundary knows', () => {
  test.each([
    [['queue.publish:news'], ['https://www.googleapis.com/auth/pubsub']],
    [
      ['queue.consume:news', 'key.decrypt:k'],
      ['https://www.googleapis.com/auth/pubsub', 'https://www.googleapis.com/auth/cloudkms'],
    ],
    [['secret.read:db'], [PLATFORM]],
    [['queue.consume:news', 'image.pull:base'], [PLATFORM]],
    [
      ['key.encrypt:k', 'object.read:archive'],
      ['https://www.googleapis.com/auth/cloudkms', 'https://www.googleapis.com/auth/devstorage.read_only'],
    ],
    [
      ['key.encrypt:k', 'object.delete:archive'],
      ['https://www.googleapis.com/auth/cloudkms', 'https://www.googleapis.com/auth/devstorage.read_write'],
    ],
  ])('%j are enforced by nothing, and ask for the scopes %j where the mapping names none', (words, scopes) => {
    expect(compileGcpIntents(gcpOf(), intended(...words))).toEqual({
      enforcedBy: words.map(() => 'none'),
      narrowing: { kind: 'gcp', scopes },
    });
    const own = gcpOf({ scopes: [PLATFORM] });
    expect(compileGcpIntents(own, intended(...words))).toEqual({ enforcedBy: words.map(() => 'none') });
  });

  test('are held by the identity where their owner says so', () => {
    const list = intended('secret.read:db', 'queue.publish:news').map((one, at) =>
      at === 0 ? { ...one, enforcedBy: 'identity-selection' as const } : one,
    );
    expect(compileGcpIntents(gcpOf(), list).enforcedBy).toEqual(['identity-selection', 'none']);
  });

  test('are all of them where the credential is an ID token, which has neither scopes nor a boundary', () => {
    const target = gcpOf({ idToken: { audience: 'https://run.example.org' } });
    expect(compileGcpIntents(target, intended('object.read:archive'))).toEqual({ enforcedBy: ['none'] });
  });
});

describe('a target of Google Cloud', () => {
  const provider = gcpOf().provider;

  test.each([
    ['an ID token of an account', { idToken: { audience: 'a' } }],
    ['delegates on the way to an account', { delegates: ['a@acme.iam.gserviceaccount.com'] }],
  ])('has %s, and none without', (_, changes) => {
    const serviceAccount = 'b@acme.iam.gserviceaccount.com';
    expect(gcpTarget.safeParse({ provider, serviceAccount, ...changes }).success).toBe(true);
    expect(gcpTarget.safeParse({ provider, ...changes }).success).toBe(false);
  });

  test('has scopes or an ID token, which has none', () => {
    expect(gcpTarget.safeParse({ ...gcpOf(), scopes: [PLATFORM] }).success).toBe(true);
    expect(gcpTarget.safeParse({ ...gcpOf(), scopes: [PLATFORM], idToken: { audience: 'a' } }).success).toBe(false);
  });
});
