import { describe, expect, test } from 'vitest';
import { ciPinWarnings } from '../../src/policy/ci-pins.ts';
import { compile } from '../../src/policy/compile.ts';
import type { Document } from '../../src/resources/document.ts';
import { document } from '../support/policy-builders.ts';

const AWS = { aws: { roleArn: 'arn:aws:iam::123456789012:role/deploy', region: 'eu-west-1' } };
const HOSTED = {
  github: 'https://token.actions.githubusercontent.com',
  gitlab: 'https://gitlab.com',
  buildkite: 'https://agent.buildkite.com',
  terraform: 'https://app.terraform.io',
  own: 'https://ci.example.org',
} as const;

function issuer(name: keyof typeof HOSTED, oidc: object = {}): Document {
  const spec = { issuer: HOSTED[name], audiences: ['https://sts.example.org'], keys: { discovery: {} }, oidc };
  return document('TrustedIssuer', name, spec, { labels: { env: 'ci' } });
}

function mapping(subject: object, target: object = AWS): Document {
  const cloud = 'aws' in target ? { intents: 'unrestricted', ttl: { outliveSubject: true } } : {};
  return document('FederationMapping', 'deploy', { owner: 'a@example.org', subject, target, ...cloud });
}

/** What is missed: `id`, `place`, both or nothing. */
function missed(...documents: readonly Document[]): readonly string[] {
  const context = { trustDomain: 'example.org', ownIssuers: [], requireGrants: false };
  const { snapshot, refused } = compile({ documents, firstSeen: () => undefined, lastGood: [], context });
  expect(refused).toEqual([]);
  for (const one of documents) expect(one.valid).toBe(true);
  const warnings = ciPinWarnings(documents, snapshot.issuers);
  for (const { severity, hint } of warnings) expect([severity, typeof hint]).toEqual(['warning', 'string']);
  return warnings.map(({ message }) => (message.includes(' id ') ? 'id' : 'place'));
}

describe('a mapping from a CI system to a cloud', () => {
  test.each([
    ['github', { repository: 'acme/reports', environment: 'production' }, { repository_id: '1' }, ['id']],
    ['github', { repository_id: '1' }, { environment: 'production' }, ['place']],
    ['github', { repository_id: '1' }, { ref: 'refs/heads/main' }, ['place']],
    ['github', { repository_id: '1' }, { sub: 'repo:acme/reports:environment:production' }, ['place']],
    ['github', { actor: 'dev-one' }, { repository_owner_id: '1', ref: 'refs/heads/main' }, ['id', 'place']],
    ['gitlab', { project_path: 'acme/reports', ref: 'main' }, { project_id: '1' }, ['id']],
    ['gitlab', { namespace_id: '1' }, { environment: 'production' }, ['place']],
    ['buildkite', { pipeline_slug: 'reports', build_branch: 'main' }, { organization_id: '1' }, ['id']],
    ['buildkite', { pipeline_id: '1' }, { build_branch: 'main' }, ['place']],
    [
      'terraform',
      { terraform_workspace_name: 'a', terraform_run_phase: 'apply' },
      { terraform_workspace_id: 'ws-1' },
      ['id'],
    ],
    ['terraform', { terraform_workspace_id: 'ws-1' }, { terraform_run_phase: 'apply' }, ['place']],
  ] as const)('of %s with %o is warned about until it has %o', (name, claims, more, expected) => {
    expect(missed(issuer(name), mapping({ issuer: name, claims }))).toEqual(expected);
    expect(missed(issuer(name), mapping({ issuer: name, claims: { ...claims, ...more } }))).toEqual([]);
  });

  test('may have its id from what the issuer requires of every token', () => {
    const required = issuer('github', { requireClaims: { repository_owner_id: '1' } });
    const claims = { repository: 'acme/reports', environment: 'production' };
    expect(missed(required, mapping({ issuer: 'github', claims }))).toEqual([]);
  });

  test('pins nothing by a lone *', () => {
    const claims = { repository_id: '*', environment: '*' };
    expect(missed(issuer('github'), mapping({ issuer: 'github', claims }))).toEqual(['id', 'place']);
  });

  test('pins by a SPIFFE ID what is in its path', () => {
    const subject = { issuer: 'github', spiffeId: 'spiffe://example.org/ci/1/production' };
    const whole = issuer('github', { spiffePath: '/ci/{claims.repository_id}/{claims.environment}' });
    expect(missed(whole, mapping(subject))).toEqual([]);
    expect(
      missed(issuer('github', { spiffePath: '/ci/{claims.actor}/{claims.environment}' }), mapping(subject)),
    ).toEqual(['id']);
  });

  test('is known by its claims where people run the system themselves, and else left alone', () => {
    expect(missed(issuer('own'), mapping({ issuer: 'own', claims: { project_path: 'acme/reports' } }))).toEqual([
      'id',
      'place',
    ]);
    expect(missed(issuer('own'), mapping({ issuer: 'own', claims: { department: 'shop' } }))).toEqual([]);
  });

  test('is found through labels of issuers too', () => {
    const subject = { issuerSelector: { env: 'ci' }, claims: { environment: 'production' } };
    expect(missed(issuer('github'), issuer('gitlab'), mapping(subject))).toEqual(['id', 'id']);
  });

  test('is left alone when it gives an SVID', () => {
    const subject = { issuer: 'github', claims: { repository: 'acme/reports' } };
    const withPath = issuer('github', { spiffePath: '/ci/{claims.repository_id}' });
    expect(missed(withPath, mapping(subject, { jwtSvid: { audiences: ['ledger'] } }))).toEqual([]);
    expect(missed(withPath, mapping(subject))).toEqual(['id', 'place']);
  });
});
