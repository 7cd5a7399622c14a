import { describe, expect, test } from 'vitest';
import { covers, type Intent, intentOf, intents, intentText } from '../../src/resources/intents.ts';
import { faultsOf } from './reading.ts';

const MAPPING = {
  owner: 'team@example.org',
  subject: { issuer: 'prod', namespace: 'payments', serviceAccount: 'reporter' },
  target: { aws: { roleArn: 'arn:aws:iam::123456789012:role/reports', region: 'eu-west-1' } },
};

function faults(...list: readonly object[]): readonly string[] {
  return faultsOf('FederationMapping', { ...MAPPING, intents: list });
}

function parsed(one: object): Intent {
  const [intent] = intents.parse([one]) as Intent[];
  if (intent === undefined) throw new Error('no intent');
  return intent;
}

const SHAPES: readonly (readonly [string, string, object])[] = [
  ['object.read', 'object.read:reports/2026/', { bucket: 'reports', prefix: '2026/' }],
  ['object.write', 'object.write:reports', { bucket: 'reports' }],
  ['object.list', 'object.list:reports/a=b/c', { bucket: 'reports', prefix: 'a=b/c' }],
  ['object.delete', 'object.delete:reports//x', { bucket: 'reports', prefix: '/x' }],
  [
    'queue.publish',
    'queue.publish:arn:aws:sns:eu-west-1:123456789012:t',
    { queue: 'arn:aws:sns:eu-west-1:123456789012:t' },
  ],
  ['queue.consume', 'queue.consume:orders.fifo', { queue: 'orders.fifo' }],
  ['secret.read', 'secret.read:prod/db', { secret: 'prod/db' }],
  [
    'key.encrypt',
    'key.encrypt:projects/p/locations/l/keyRings/r/cryptoKeys/k',
    { key: 'projects/p/locations/l/keyRings/r/cryptoKeys/k' },
  ],
  ['key.decrypt', 'key.decrypt:mrk-1', { key: 'mrk-1' }],
  ['image.pull', 'image.pull:acme.azurecr.io/team/app', { repository: 'acme.azurecr.io/team/app' }],
];

describe('intents (DESIGN section 7)', () => {
  test.each(SHAPES)('%s is written as a word of scope and read from it: %s', (allow, word, resource) => {
    const intent = parsed({ allow, resource });
    expect(intentText(intent)).toBe(word);
    expect(intentOf(word)).toEqual(intent);
  });

  test.each(SHAPES)('%s takes no resource of another intent and nothing beside its own', (allow, _, resource) => {
    const wrong = 'bucket' in resource ? { queue: 'orders' } : { bucket: 'reports' };
    expect(intents.safeParse([{ allow, resource: wrong }]).success).toBe(false);
    expect(intents.safeParse([{ allow, resource: { ...resource, ...wrong } }]).success).toBe(false);
    expect(intents.safeParse([{ allow, resource: {} }]).success).toBe(false);
    expect(intents.safeParse([{ allow }]).success).toBe(false);
  });

  test.each([
    '*',
    '?',
    '$',
    '{',
    '}',
    "'",
    '"',
    '\\',
    '`',
    ' ',
    '\n',
    '\0',
    '\t',
    '|',
    '<',
    ';',
    '&',
    '%',
    'é',
    '\u202e',
  ])('no resource holds %j, which would be a pattern, a variable or the end of a text in a policy', (char) => {
    for (const [allow, , resource] of SHAPES) {
      for (const field of Object.keys(resource)) {
        for (const text of [`ab${char}`, `${char}ab`, `a${char}b`]) {
          const spoilt = { allow, resource: { ...resource, [field]: text } };
          expect(intents.safeParse([spoilt]).success).toBe(false);
        }
      }
    }
    expect(intentOf(`object.read:reports/2026${char}`)).toBeUndefined();
    expect(intentOf(`secret.read:db${char}`)).toBeUndefined();
  });

  test.each([
    [
      { allow: 'object.raed', resource: { bucket: 'reports' } },
      'spec.intents[0].allow: must be one of object.read, object.write, object.list, object.delete, queue.publish, queue.consume, secret.read, key.encrypt, key.decrypt, image.pull',
    ],
    [
      { allow: 'object.read', resource: { bucket: 'reports', prefx: 'a' } },
      'spec.intents[0].resource.prefx: is not a known field',
    ],
    [
      { allow: 'object.read', resource: { bucket: 'reports', prefix: 'a*' } },
      'spec.intents[0].resource.prefix: may hold letters, digits and / _ . = + , @ : ~ ! ( ) - only: no wildcard, no quote',
    ],
    [
      { allow: 'object.read', resource: { bucket: 'Reports' } },
      'spec.intents[0].resource.bucket: must be the name of a bucket or container: a-z, 0-9 and . _ -, 3 to 222 characters',
    ],
    [
      { allow: 'secret.read', resource: { secret: '' } },
      'spec.intents[0].resource.secret: may hold letters, digits and / _ . = + @ : ~ ! - only: no wildcard, no quote',
    ],
    [
      { allow: 'secret.read', resource: { secret: 'db' }, enforcedBy: 'session-policy' },
      'spec.intents[0].enforcedBy: must be one of identity-selection, scope',
    ],
  ])('a fault of %j names the field and says what it takes', (intent, fault) => {
    expect(faults(intent)).toEqual([fault]);
  });

  test('are at most ten, so that a boundary has a rule for each', () => {
    const many = (count: number) =>
      Array.from({ length: count }, (_, at) => ({ allow: 'secret.read', resource: { secret: `s${at}` } }));
    expect(faults(...many(10))).toEqual([]);
    expect(faults(...many(11))).toEqual([
      expect.stringMatching(/^spec\.intents: .*expected array to have <=10 items$/),
    ]);
  });
});

describe('a word of scope', () => {
  test.each([
    '',
    'object.read',
    'object.read:',
    'object.read:/2026',
    'object.raed:reports',
    ':reports',
    'unrestricted',
    'openid',
    'object.read:re',
    'https://www.googleapis.com/auth/cloud-platform',
    'constructor:x',
    'secret.read:',
  ])('%j names no intent', (word) => {
    expect(intentOf(word)).toBeUndefined();
  });

  test('that names a bucket alone means all of it, with or without the slash', () => {
    expect(intentOf('object.read:reports/')).toEqual(intentOf('object.read:reports'));
  });
});

describe('covers', () => {
  test.each([
    ['object.read:reports', 'object.read:reports/2026/', true],
    ['object.read:reports/2026/', 'object.read:reports/2026/', true],
    ['object.read:reports/20', 'object.read:reports/2026/', true],
    ['object.read:reports/2026/', 'object.read:reports/2026', false],
    ['object.read:reports/2026/', 'object.read:reports', false],
    ['object.read:reports', 'object.list:reports', false],
    ['object.read:reports', 'object.read:reports2', false],
    ['secret.read:db', 'secret.read:db', true],
    ['secret.read:db', 'secret.read:db2', false],
    ['key.encrypt:k', 'key.decrypt:k', false],
  ])('%s covers %s: %s', (wide, narrow, expected) => {
    const [a, b] = [intentOf(wide), intentOf(narrow)];
    if (a === undefined || b === undefined) throw new Error('no intent');
    expect(covers(a, b)).toBe(expected);
  });
});
