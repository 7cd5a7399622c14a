import { describe, expect, test } from 'vitest';
import { gcpTarget } from '../../../src/resources/targets/gcp.ts';
import { jwtSvidTarget } from '../../../src/resources/targets/jwt-svid.ts';
import { readableAddresses } from '../../../src/resources/targets/readable-addresses.ts';
import {
  addressesOf,
  reservedAudiencesOf,
  TARGETS,
  type TargetSpec,
  targetOf,
} from '../../../src/resources/targets/target.ts';

const ROLE = 'arn:aws:iam::123456789012:role/reports';
const PROVIDER = '//iam.googleapis.com/projects/42/locations/global/workloadIdentityPools/carnet/providers/carnet';
const CLIENT = '22222222-2222-2222-2222-222222222222';
const AWS = { kind: 'aws', spec: { roleArn: ROLE, region: 'eu-west-1' } } as const;

describe('addresses of a mapping (DESIGN section 9)', () => {
  test('for AWS are its name, its addresses and the role', () => {
    expect(addressesOf('m', ['alias'], AWS)).toEqual(['m', 'alias', ROLE]);
  });

  test('for an SVID of one audience are its name, its addresses and the audience', () => {
    const target: TargetSpec = { kind: 'jwtSvid', spec: { audiences: ['ledger'] } };
    expect(addressesOf('m', ['alias'], target)).toEqual(['m', 'alias', 'ledger']);
  });

  test('for an SVID of several audiences are the audiences alone, for a name would choose none', () => {
    const target: TargetSpec = { kind: 'jwtSvid', spec: { audiences: ['ledger', 'vault'] } };
    expect(addressesOf('m', ['alias'], target)).toEqual(['ledger', 'vault']);
  });

  test('name a text once that stands twice', () => {
    const target: TargetSpec = { kind: 'jwtSvid', spec: { audiences: ['ledger'] } };
    expect(addressesOf('ledger', ['ledger'], target)).toEqual(['ledger']);
  });

  test('for the other targets hold what their clouds call them', () => {
    expect(addressesOf('m', [], { kind: 'gcp', spec: { provider: PROVIDER } })).toEqual(['m', PROVIDER]);
    const azure: TargetSpec = { kind: 'azure', spec: { tenant: CLIENT, clientId: CLIENT, scopes: ['x'] } };
    expect(addressesOf('m', [], azure)).toEqual(['m', CLIENT, `api://${CLIENT}`, `azure:${CLIENT}:${CLIENT}:x`]);
    expect(addressesOf('m', [], { kind: 'x509Svid', spec: {} })).toEqual(['m']);
  });
});

describe('targets', () => {
  test('are one or none', () => {
    expect(targetOf({ aws: AWS.spec })).toEqual(AWS);
    expect(targetOf({})).toBeUndefined();
    expect(targetOf({ aws: AWS.spec, jwtSvid: { audiences: ['a'] } })).toBeUndefined();
  });

  test('that are not built are X.509-SVIDs', () => {
    const built = Object.entries(TARGETS)
      .filter(([, target]) => target.built)
      .map(([kind]) => kind);
    expect(built).toEqual(['aws', 'gcp', 'azure', 'oauth', 'jwtSvid']);
  });

  test('of Google reserve the provider in both spellings, and SVIDs reserve nothing', () => {
    expect(reservedAudiencesOf({ kind: 'gcp', spec: { provider: PROVIDER } })).toEqual([PROVIDER, `https:${PROVIDER}`]);
    expect(reservedAudiencesOf({ kind: 'jwtSvid', spec: { audiences: ['ledger'] } })).toEqual([]);
  });

  test('reserve every audience that they name, also those of the tokens that they give (DESIGN section 8)', () => {
    const idToken = { audience: 'https://run.example.org' };
    expect(reservedAudiencesOf({ kind: 'gcp', spec: { provider: PROVIDER, idToken } })).toContain(idToken.audience);
    const azure = { tenant: CLIENT, clientId: CLIENT, scopes: ['https://vault.azure.net/.default'] };
    expect(reservedAudiencesOf({ kind: 'azure', spec: azure })).toEqual([
      CLIENT,
      `api://${CLIENT}`,
      'https://vault.azure.net',
    ]);
    const issuer = 'https://as.example.org';
    const oauth = { issuer, grantType: 'token-exchange', audience: 'ledger', resource: 'urn:ledger' } as const;
    expect(reservedAudiencesOf({ kind: 'oauth', spec: oauth })).toEqual([issuer, 'ledger', 'urn:ledger']);
    expect(reservedAudiencesOf({ kind: 'oauth', spec: { issuer, grantType: 'jwt-bearer' } })).toEqual([issuer]);
  });

  test('take no provider with a template or of another service', () => {
    expect(gcpTarget.safeParse({ provider: PROVIDER }).success).toBe(true);
    expect(gcpTarget.safeParse({ provider: PROVIDER.replace('42', '{namespace}') }).success).toBe(false);
    expect(gcpTarget.safeParse({ provider: PROVIDER.replace('iam.', 'sts.') }).success).toBe(false);
  });

  test('for SVIDs name each audience once', () => {
    expect(jwtSvidTarget.safeParse({ audiences: ['a', 'b'] }).success).toBe(true);
    expect(jwtSvidTarget.safeParse({ audiences: ['a', 'a'] }).success).toBe(false);
    expect(jwtSvidTarget.safeParse({ audiences: [] }).success).toBe(false);
  });
});

describe('addresses of a target that is faulty', () => {
  test('are what can be read, whatever is wrong beside them', () => {
    expect(readableAddresses({ aws: { roleArn: ROLE, regoin: 7 } })).toEqual({
      native: [ROLE],
      audiences: [],
      byName: true,
    });
    expect(readableAddresses({ jwtSvid: { audiences: ['a', 7, '', 'b'] } })).toEqual({
      native: [],
      audiences: ['a', 'b'],
      byName: false,
    });
  });

  test.each([undefined, null, 'aws', [], 7, { aws: null }, { aws: [] }, { jwtSvid: { audiences: {} } }])(
    'of %j are none',
    (target) => {
      expect(readableAddresses(target)).toEqual({ native: [], audiences: [], byName: true });
    },
  );

  test('are bounded in length and number', () => {
    const audiences = Array.from({ length: 1000 }, (_, at) => `a${at}`);
    expect(readableAddresses({ jwtSvid: { audiences } }).audiences).toHaveLength(64);
    expect(readableAddresses({ aws: { roleArn: 'x'.repeat(3000) } }).native).toEqual([]);
  });
});
