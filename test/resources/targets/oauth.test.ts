import { describe, expect, test } from 'vitest';
import { oauthTarget } from '../../../src/resources/targets/oauth.ts';

const ISSUER = 'https://as.example.org/tenant';
const PROVIDER = '//iam.googleapis.com/projects/42/locations/global/workloadIdentityPools/carnet/providers/carnet';

describe('an OAuth server as a target', () => {
  const takes = (changes: object) => oauthTarget.safeParse({ issuer: ISSUER, ...changes }).success;

  test('is named by an issuer without query, fragment or user information (RFC 8414 section 2)', () => {
    expect(takes({})).toBe(true);
    for (const issuer of [`${ISSUER}?a=b`, `${ISSUER}#a`, 'https://user:word@as.example.org', 'ftp://as.example.org']) {
      expect(takes({ issuer }), issuer).toBe(false);
    }
  });

  test('is not Google Cloud: an assertion for a provider is had by target.gcp alone, which guardrails know as gcp', () => {
    expect(takes({ issuer: 'https://accounts.example.org' })).toBe(true);
    for (const issuer of [`https:${PROVIDER}`, `https:${PROVIDER}`.replace('iam', 'IAM')]) {
      expect(takes({ issuer }), issuer).toBe(false);
    }
  });

  test('is asked for words of scope, each one word (RFC 6749 section 3.3)', () => {
    expect(takes({ scopes: ['ledger.write', 'https://ledger.example.org/read'] })).toBe(true);
    for (const word of ['ledger.write admin', 'ledger"', 'ledger\\', 'lédger', '']) {
      expect(takes({ scopes: [word] }), word).toBe(false);
    }
  });

  test('is asked for a resource without a fragment (RFC 8707 section 2)', () => {
    expect(takes({ resource: 'https://ledger.example.org/' })).toBe(true);
    expect(takes({ resource: 'urn:example:ledger' })).toBe(true);
    expect(takes({ resource: 'https://ledger.example.org/#a' })).toBe(false);
  });
});
