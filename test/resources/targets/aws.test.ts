import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { type AwsTarget, awsSession, awsTarget, legalSessionName } from '../../../src/resources/targets/aws.ts';
import { ciJob, unboundWorkload, workload } from '../../support/policy-builders.ts';

const ROLE = 'arn:aws:iam::123456789012:role/reports';
const REGION = 'eu-west-1';

function target(changes: object = {}): AwsTarget {
  return awsTarget.parse({ roleArn: ROLE, region: REGION, ...changes });
}

function messages(changes: object): readonly string[] {
  return (
    awsTarget
      .safeParse({ roleArn: ROLE, region: REGION, ...changes })
      .error?.issues.map(({ path, message }) => `${path.join('.')}: ${message}`) ?? []
  );
}

function accepts(changes: object): boolean {
  return messages(changes).length === 0;
}

describe('an AWS target', () => {
  test.each([
    [ROLE, REGION],
    ['arn:aws-cn:iam::123456789012:role/reports', 'cn-north-1'],
    ['arn:aws-us-gov:iam::123456789012:role/reports', 'us-gov-west-1'],
    ['arn:aws:iam::123456789012:role/team/payments/reports', 'us-east-1'],
  ])('takes the role %s in %s', (roleArn, region) => {
    expect(messages({ roleArn, region })).toEqual([]);
  });

  test.each([
    ['a template', 'arn:aws:iam::123456789012:role/{namespace}'],
    ['a wildcard', 'arn:aws:iam::123456789012:role/*'],
    ['another partition', 'arn:aws-moon:iam::123456789012:role/reports'],
    ['eleven digits', 'arn:aws:iam::12345678901:role/reports'],
    ['a user', 'arn:aws:iam::123456789012:user/reports'],
    ['an empty path segment', 'arn:aws:iam::123456789012:role//reports'],
    ['a name of 65', `arn:aws:iam::123456789012:role/${'r'.repeat(65)}`],
    ['a line feed at the end', `${ROLE}\n`],
  ])('refuses a role with %s', (_, roleArn) => {
    expect(accepts({ roleArn })).toBe(false);
  });

  test.each([
    [ROLE, 'cn-north-1'],
    ['arn:aws-cn:iam::123456789012:role/reports', 'us-east-1'],
    ['arn:aws-us-gov:iam::123456789012:role/reports', 'us-east-1'],
  ])('refuses the role %s in the region %s of another partition', (roleArn, region) => {
    expect(messages({ roleArn, region })).toEqual(['region: is not in the partition of the role']);
  });

  test.each(['carnet:team', 'CARNET:Team', 'Carnet:issuer'])('reserves the tag %s in any case', (key) => {
    expect(messages({ tags: { [key]: 'x' } })[0]).toContain('carnet: is reserved');
    expect(accepts({ tags: { [key.replace(':', '.')]: 'x' } })).toBe(true);
  });

  test('refuses tag keys that AWS would refuse, and takes the longest legal one', () => {
    expect(accepts({ tags: { ['k'.repeat(128)]: 'x' } })).toBe(true);
    expect(accepts({ tags: { ['k'.repeat(129)]: 'x' } })).toBe(false);
    expect(accepts({ tags: { '': 'x' } })).toBe(false);
    expect(accepts({ tags: { 'a#b': 'x' } })).toBe(false);
    expect(accepts({ tags: { 'aws:x': 'x' } })).toBe(false);
    expect(accepts({ tags: { Team: 'x', team: 'y' } })).toBe(false);
    expect(accepts({ tags: { Team: 'x', teams: 'y' } })).toBe(true);
  });

  test('takes as many tags as leave room for its own four under the limit of 50', () => {
    const tags = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, at) => [`t${at}`, 'x']));
    expect(accepts({ tags: tags(46) })).toBe(true);
    expect(accepts({ tags: tags(47) })).toBe(false);
  });

  test('refuses a tag whose fixed text AWS would refuse', () => {
    expect(accepts({ tags: { a: 'x{namespace}y' } })).toBe(true);
    expect(accepts({ tags: { a: 'x#{namespace}' } })).toBe(false);
  });

  test.each([
    '{namspace}',
    '{claims.}',
    '{}',
    '{namespace',
    'namespace}',
    '{{namespace}}',
    '{__proto__}',
    '{toString}',
  ])('refuses the template %s', (template) => {
    expect(accepts({ sessionName: template })).toBe(false);
    expect(accepts({ tags: { a: template } })).toBe(false);
  });
});

describe('the session of an identity', () => {
  test('is named and tagged after the workload, and only its own tags are transitive', () => {
    const spec = target({ tags: { cluster: '{cluster}', both: '{namespace}/{pod}' } });
    expect(awsSession(spec, { identity: workload(), mapping: 'payments-reports' })).toEqual({
      ok: true,
      session: {
        sessionName: 'payments.reporter',
        tags: {
          'carnet:issuer': 'prod-eu',
          'carnet:namespace': 'payments',
          'carnet:serviceAccount': 'reporter',
          'carnet:mapping': 'payments-reports',
          cluster: 'prod-eu',
          both: 'payments/reporter-0',
        },
        transitiveTagKeys: ['carnet:issuer', 'carnet:namespace', 'carnet:serviceAccount', 'carnet:mapping'],
      },
    });
  });

  test('of an OIDC identity is named after the mapping and has no Kubernetes tags', () => {
    expect(awsSession(target(), { identity: ciJob({}), mapping: 'deploy' })).toEqual({
      ok: true,
      session: {
        sessionName: 'deploy',
        tags: { 'carnet:issuer': 'github', 'carnet:mapping': 'deploy' },
        transitiveTagKeys: ['carnet:issuer', 'carnet:mapping'],
      },
    });
  });

  test('takes claims of an OIDC identity by name', () => {
    const spec = target({ sessionName: '{claims.run_id}', tags: { actor: '{claims.https://x/actor}' } });
    const identity = ciJob({ run_id: 'run-42', 'https://x/actor': 'ann' });
    expect(awsSession(spec, { identity, mapping: 'deploy' })).toMatchObject({
      session: { sessionName: 'run-42', tags: { actor: 'ann' } },
    });
  });

  test.each([
    ['{pod}', unboundWorkload()],
    ['{namespace}', ciJob({ namespace: 'payments' })],
    ['{claims.run_id}', workload()],
    ['{claims.run_id}', ciJob({})],
    ['{claims.run_id}', ciJob({ run_id: 42 })],
    ['{claims.toString}', ciJob({})],
    ['{claims.__proto__}', ciJob({})],
  ])('is refused when %s is not there', (sessionName, identity) => {
    expect(awsSession(target({ sessionName }), { identity, mapping: 'm' }).ok).toBe(false);
    expect(awsSession(target({ tags: { a: sessionName } }), { identity, mapping: 'm' }).ok).toBe(false);
  });

  test('never fills a variable that came out of a value', () => {
    const identity = ciJob({ run_id: '{mapping}' });
    const result = awsSession(target({ sessionName: '{claims.run_id}' }), { identity, mapping: 'm' });
    expect(result).toMatchObject({ session: { sessionName: legalSessionName('{mapping}') } });
  });

  test.each([
    ['x'.repeat(256), true],
    ['x'.repeat(257), false],
    ['\u{1F600}', false],
    ['a\u0000', false],
    ['a\nb', false],
    ['é ü_.:/=+-@1', true],
    ['', true],
    ['a#', false],
  ])('takes the tag value %j: %s', (value, ok) => {
    const spec = target({ tags: { ref: '{claims.ref}' } });
    expect(awsSession(spec, { identity: ciJob({ ref: value }), mapping: 'm' }).ok).toBe(ok);
  });
});

describe('a session name', () => {
  const digest = (text: string) => createHash('sha256').update(text).digest('hex').slice(0, 16);

  test.each(['ab', 'payments.reporter', 'a_+=,.@-', 'x'.repeat(64)])('stays %s when it is legal', (text) => {
    expect(legalSessionName(text)).toBe(text);
  });

  test.each([
    ['x'.repeat(65), 'x'.repeat(47)],
    ['a', 'a'],
    ['', ''],
    ['repo:acme/shop', 'repoacmeshop'],
    ['ünï', 'n'],
    ['ab\n', 'ab'],
  ])('of %j is its first 47 legal characters and a digest of all of it', (text, legal) => {
    expect(legalSessionName(text)).toBe(`${legal}-${digest(text)}`);
    expect(legalSessionName(text)).toMatch(/^[\w+=,.@-]{2,64}$/);
  });

  test('differs for texts that differ behind the cut or in illegal characters only', () => {
    const names = ['x'.repeat(65), `${'x'.repeat(65)}y`, 'a/b', 'a:b', 'ab'].map(legalSessionName);
    expect(new Set(names).size).toBe(names.length);
  });
});
