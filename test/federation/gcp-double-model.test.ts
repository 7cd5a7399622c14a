import { DownscopedClient, IdentityPoolClient } from 'google-auth-library';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { BOUNDARY_LIMITS, STORAGE_ROLES } from '../fakes/gcp-boundary.ts';
import {
  ACCESS_TOKEN_FIELDS,
  EXCHANGE_FIELDS,
  GcpRefusal,
  ID_TOKEN_FIELDS,
  RPC_CODES,
  type RpcCode,
  STS_CODES,
  snakeCase,
} from '../fakes/gcp-wire.ts';
import { CloudIssuer } from './cloud-issuer.ts';
import { AUDIENCE, CLOUD_PLATFORM, GcpBench, grant, PROVIDER, REPORTER } from './gcp-fixture.ts';

/**
 * Facts from Google's published descriptions: the discovery documents `sts:v1` (revision 20220402) and
 * `iamcredentials:v1` (20200821), google/rpc/code.proto, RFC 6749 section 5.2 and RFC 8693 section 2.2.2.
 */
const MODEL = {
  exchangeRequest: [
    'audience',
    'grantType',
    'options',
    'requestedTokenType',
    'scope',
    'subjectToken',
    'subjectTokenType',
  ],
  exchangeResponse: ['access_token', 'expires_in', 'issued_token_type', 'token_type'],
  generateAccessTokenRequest: ['delegates', 'lifetime', 'scope'],
  generateAccessTokenResponse: ['accessToken', 'expireTime'],
  generateIdTokenRequest: ['audience', 'delegates', 'includeEmail'],
  generateIdTokenResponse: ['token'],
  boundary: { rules: 10, expression: 2048, text: 2048 },
  rpcStatus: {
    INVALID_ARGUMENT: 400,
    FAILED_PRECONDITION: 400,
    OUT_OF_RANGE: 400,
    UNAUTHENTICATED: 401,
    PERMISSION_DENIED: 403,
    NOT_FOUND: 404,
    ALREADY_EXISTS: 409,
    ABORTED: 409,
    RESOURCE_EXHAUSTED: 429,
    CANCELLED: 499,
    UNKNOWN: 500,
    INTERNAL: 500,
    DATA_LOSS: 500,
    UNIMPLEMENTED: 501,
    UNAVAILABLE: 503,
    DEADLINE_EXCEEDED: 504,
  } as Readonly<Record<string, number>>,
  oauthErrors: [
    'invalid_request',
    'invalid_client',
    'invalid_grant',
    'unauthorized_client',
    'unsupported_grant_type',
    'invalid_scope',
    'invalid_target',
  ],
};

let issuer: CloudIssuer;
let bench: GcpBench;

beforeAll(async () => {
  issuer = await CloudIssuer.start();
});
afterAll(() => issuer.close());
beforeEach(async () => {
  bench = await GcpBench.start(issuer);
  // Google's own client knows no clock but that of the machine.
  bench.clock.set(Math.floor(Date.now() / 1000) * 1000);
});
afterEach(() => bench.close());

function members(spoken: unknown): string[] {
  return Object.keys(spoken as object).sort();
}

describe('the Google double against the published descriptions', () => {
  test('reads the parameters of an exchange and no others, in both spellings', () => {
    expect([...EXCHANGE_FIELDS].sort()).toEqual(MODEL.exchangeRequest);
    expect(EXCHANGE_FIELDS.map(snakeCase)).toContain('requested_token_type');
  });

  test('reads the members of IAM Credentials and no others', () => {
    expect([...ACCESS_TOKEN_FIELDS].sort()).toEqual(MODEL.generateAccessTokenRequest);
    expect([...ID_TOKEN_FIELDS].sort()).toEqual(MODEL.generateIdTokenRequest);
  });

  test('answers with the described members', async () => {
    const answers: unknown[] = [];
    const keep = (answer: object) => {
      answers.push(answer);
      return answer;
    };
    bench.gcp.fail('sts', { kind: 'answer', change: keep });
    bench.gcp.fail('iamCredentials', { kind: 'answer', change: keep });
    await bench.issue();
    bench.gcp.fail('iamCredentials', { kind: 'answer', change: keep });
    await bench.issue({ ...grant, ttlSeconds: 3600, idTokenAudience: AUDIENCE });
    expect(answers.map(members)).toEqual([
      MODEL.exchangeResponse,
      MODEL.generateAccessTokenResponse,
      MODEL.generateIdTokenResponse,
    ]);
  });

  test.each(Object.entries(RPC_CODES))('the code %s goes with HTTP %i', (code, status) => {
    expect(MODEL.rpcStatus[code]).toBe(status);
    const { answer } = GcpRefusal.rpc(code as RpcCode, 'text');
    expect(answer.status).toBe(status);
    expect(JSON.parse(String(answer.body))).toEqual({ error: { code: status, message: 'text', status: code } });
  });

  test.each(STS_CODES)('the code %s is one of OAuth, with HTTP 400', (code) => {
    expect(MODEL.oauthErrors).toContain(code);
    expect(GcpRefusal.sts(code, 'text').answer).toEqual({
      status: 400,
      body: JSON.stringify({ error: code, error_description: 'text' }),
    });
  });

  test('has the described limits of boundaries, and roles of Cloud Storage only', () => {
    expect(BOUNDARY_LIMITS).toEqual(MODEL.boundary);
    for (const [role, permissions] of Object.entries(STORAGE_ROLES)) {
      expect(role).toMatch(/^roles\/storage\.\w+$/);
      for (const permission of permissions) {
        expect(permission).toMatch(/^storage\.objects\.(get|list|create|update|delete)$/);
      }
    }
  });
});

describe('the Google double against Google\u2019s own client', () => {
  function client(change: object = {}): IdentityPoolClient {
    return new IdentityPoolClient({
      type: 'external_account',
      audience: PROVIDER,
      subject_token_type: 'urn:ietf:params:oauth:token-type:jwt',
      token_url: `${bench.gcp.url}/v1/token`,
      service_account_impersonation_url: `${bench.gcp.url}/v1/projects/-/serviceAccounts/${REPORTER}:generateAccessToken`,
      subject_token_supplier: {
        getSubjectToken: async () => {
          const now = Math.floor(bench.clock.now() / 1000);
          const claims = { iss: issuer.url, sub: 'mapping:payments-reports', aud: PROVIDER, carnet_issuer: 'prod' };
          return await issuer.token({ ...claims, iat: now, exp: now + 300 });
        },
      },
      ...change,
    });
  }

  test('the client gets a token of the service account from it', async () => {
    const { token } = await client().getAccessToken();
    expect(token).toMatch(/^ya29\./);
    expect(bench.outcomes()).toEqual(['sts answered', 'iamCredentials answered']);
    expect(bench.gcp.calls[0]?.parameters['scope']).toBe(CLOUD_PLATFORM);
  });

  test('the client reads a refusal of it', async () => {
    const refused = client({ audience: `${PROVIDER}-2` }).getAccessToken();
    await expect(refused).rejects.toThrow(/^Error code invalid_target: The target service indicated by the "audience"/);
  });

  test('the client refuses the same boundaries: none and more than ten rules', () => {
    const rule = { availableResource: 'r', availablePermissions: ['inRole:roles/storage.objectViewer'] };
    const bounded = (count: number) =>
      new DownscopedClient(client(), {
        accessBoundary: { accessBoundaryRules: Array.from({ length: count }, () => rule) },
      });
    expect(() => bounded(0)).toThrow();
    expect(() => bounded(BOUNDARY_LIMITS.rules)).not.toThrow();
    expect(() => bounded(BOUNDARY_LIMITS.rules + 1)).toThrow();
  });
});
