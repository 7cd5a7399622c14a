import { describe, expect, test } from 'vitest';
import { payloadOf } from '../../src/authority/token-profile.ts';
import type { AwsGrant } from '../../src/core/decision.ts';
import { awsAssertion } from '../../src/federation/aws/assertion.ts';

const grant: AwsGrant = {
  kind: 'aws',
  mapping: 'payments-reports',
  targetId: 'arn:aws:iam::123456789012:role/team/pay',
  roleArn: 'arn:aws:iam::123456789012:role/team/pay',
  region: 'eu-west-1',
  sessionName: 'payments.reporter',
  tags: { 'carnet:namespace': 'payments', team: 'money' },
  transitiveTagKeys: ['carnet:namespace'],
  ttlSeconds: 3600,
  issuedTokenType: 'urn:carnet:token-type:aws-credentials',
  enforcedBy: [],
  deliver: 'credentials',
};
const issuance = { id: 'jti-1', issuedAt: 1_795_338_000, traceId: 'trace' };

describe('the assertion for AWS (DESIGN section 8)', () => {
  test('is this and nothing else: trust policies are written against it', () => {
    expect(awsAssertion(grant, issuance)).toEqual({
      sub: 'mapping:payments-reports',
      aud: 'sts.amazonaws.com',
      iat: 1_795_338_000,
      nbf: 1_795_338_000,
      exp: 1_795_338_300,
      jti: 'jti-1',
      'https://aws.amazon.com/tags': {
        principal_tags: { 'carnet:namespace': ['payments'], team: ['money'] },
        transitive_tag_keys: ['carnet:namespace'],
      },
      'https://aws.amazon.com/source_identity': 'payments.reporter',
      'https://aws.amazon.com/roles': ['arn:aws:iam::123456789012:role/team/pay'],
    });
  });

  test('is what the authority signs for clouds, and for nothing else', () => {
    for (const deliver of ['credentials', 'assertion'] as const) {
      const claims = awsAssertion({ ...grant, deliver }, issuance);
      const signed = JSON.parse(payloadOf('cloud', 'https://carnet.test', claims));
      expect(signed).toEqual({ iss: 'https://carnet.test', ...claims });
      expect(() => payloadOf('svid', 'https://carnet.test', claims)).toThrow();
    }
  });

  test('lives 60 seconds when the workload gets it, 5 minutes when Carnet uses it', () => {
    expect(awsAssertion({ ...grant, deliver: 'assertion' }, issuance)['exp']).toBe(issuance.issuedAt + 60);
    expect(awsAssertion(grant, issuance)['exp']).toBe(issuance.issuedAt + 300);
  });

  test('never outlives its grant when the workload gets it, so that the audit record tells the truth', () => {
    const exp = (ttlSeconds: number, deliver: AwsGrant['deliver']) =>
      Number(awsAssertion({ ...grant, deliver, ttlSeconds }, issuance)['exp']) - issuance.issuedAt;
    expect([exp(59, 'assertion'), exp(20, 'assertion'), exp(61, 'assertion')]).toEqual([59, 20, 60]);
    expect(exp(900, 'credentials')).toBe(300);
  });

  test('says nothing of tags where there are none, and of transitive ones where none is', () => {
    expect(awsAssertion({ ...grant, tags: {}, transitiveTagKeys: [] }, issuance)).not.toHaveProperty([
      'https://aws.amazon.com/tags',
    ]);
    expect(awsAssertion({ ...grant, transitiveTagKeys: [] }, issuance)).toHaveProperty(
      ['https://aws.amazon.com/tags'],
      { principal_tags: { 'carnet:namespace': ['payments'], team: ['money'] } },
    );
  });

  test('keeps tags whose names mean something to JavaScript', () => {
    const tags = JSON.parse('{"__proto__":"a","constructor":"b"}');
    const claims = JSON.parse(JSON.stringify(awsAssertion({ ...grant, tags, transitiveTagKeys: [] }, issuance)));
    const principalTags = claims['https://aws.amazon.com/tags'].principal_tags;
    expect(JSON.stringify(principalTags)).toBe('{"__proto__":["a"],"constructor":["b"]}');
  });
});
