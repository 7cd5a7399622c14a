import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { ERRORS, type ErrorKey, OAuthError } from '../../src/core/oauth-error.ts';
import { openApiYaml } from '../../src/routes/openapi.ts';
import { ENTRA_PARAMETERS } from '../../src/routes/sdk-azure.ts';
import { GOOGLE_PARAMETERS } from '../../src/routes/sdk-gcp.ts';
import { TOKEN_PARAMETERS } from '../../src/routes/token-request.ts';

const ROOT = join(import.meta.dirname, '../..');
const COMMITTED = readFileSync(join(ROOT, 'openapi.yaml'), 'utf8');

interface Response {
  content?: Record<string, { examples?: Record<string, { value: Record<string, unknown> }> }>;
}
interface Operation {
  summary?: string;
  responses: Record<string, Response>;
  requestBody?: { content: Record<string, { schema: Record<string, unknown> }> };
}
const document = parse(COMMITTED) as {
  openapi: string;
  info: { version: string };
  paths: Record<string, Record<string, Operation>>;
};

function examplesOf(path: string): [string, string, Record<string, unknown>][] {
  return Object.values(document.paths[path] ?? {}).flatMap(({ responses }) =>
    Object.entries(responses).flatMap(([status, { content }]) =>
      Object.values(content ?? {}).flatMap(({ examples }) =>
        Object.entries(examples ?? {}).map(([key, { value }]): [string, string, Record<string, unknown>] => [
          key,
          status,
          value,
        ]),
      ),
    ),
  );
}

describe('openapi.yaml', () => {
  test('is what the routes describe: run "npm run openapi" after a change', async () => {
    expect(await openApiYaml()).toBe(COMMITTED);
  });

  test('is the same text on every run', async () => {
    expect(await openApiYaml()).toBe(await openApiYaml());
  });

  test.each([
    ['/oauth2/token', TOKEN_PARAMETERS],
    ['/sdk/gcp/{mapping}/token', GOOGLE_PARAMETERS],
    ['/sdk/azure/{tenant}/oauth2/v2.0/token', ENTRA_PARAMETERS],
  ])('describes every parameter that the form at %s has a use for, and no other', (path, parameters) => {
    const form = document.paths[path]?.['post']?.requestBody?.content['application/x-www-form-urlencoded']?.schema;
    expect(Object.keys(form?.['properties'] ?? {})).toEqual(parameters);
  });

  test('describes every operation: none gives its name alone', () => {
    const operations = Object.values(document.paths).flatMap((methods) => Object.values(methods));
    expect(operations.filter(({ summary }) => summary === undefined)).toEqual([]);
  });

  test('has the version of the package', () => {
    const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
    expect(document.info.version).toBe(version);
  });

  test('lists the paths of section 9 that are built and no others', () => {
    expect(document.openapi).toBe('3.1.0');
    expect(Object.keys(document.paths).sort()).toEqual([
      '/.well-known/jwks.json',
      '/.well-known/oauth-authorization-server',
      '/.well-known/oauth-authorization-server/svid',
      '/.well-known/openid-configuration',
      '/admin/v1/access-requests',
      '/admin/v1/access-requests/{name}',
      '/admin/v1/apply',
      '/admin/v1/audit',
      '/admin/v1/explain',
      '/admin/v1/grants',
      '/admin/v1/grants/{name}',
      '/admin/v1/guardrails',
      '/admin/v1/guardrails/{name}',
      '/admin/v1/issuers',
      '/admin/v1/issuers/{name}',
      '/admin/v1/mappings',
      '/admin/v1/mappings/{name}',
      '/admin/v1/owner',
      '/admin/v1/replay',
      '/admin/v1/whoami',
      '/livez',
      '/metrics',
      '/oauth2/token',
      '/readyz',
      '/sdk/aws',
      '/sdk/aws/{mapping}',
      '/sdk/azure/{tenant}/oauth2/v2.0/token',
      '/sdk/gcp/{mapping}/token',
      '/spiffe/bundle',
      '/svid/.well-known/jwks.json',
      '/svid/.well-known/openid-configuration',
    ]);
  });

  test('has every row of the error table somewhere, under a status that exists', () => {
    const keys = new Set(Object.keys(document.paths).flatMap((path) => examplesOf(path).map(([key]) => key)));
    expect(Object.keys(ERRORS).filter((key) => !keys.has(key))).toEqual([]);
  });

  test('has every row that the token endpoint answers with, with its status, code and sentence', () => {
    const refusals = examplesOf('/oauth2/token').filter(([, status]) => status !== '200');
    expect(refusals.length).toBeGreaterThan(30);
    for (const [key, status, value] of refusals) {
      const error = new OAuthError(key as ErrorKey);
      expect([status, value['error'], value['error_description']]).toEqual([
        String(error.status),
        error.code,
        error.message,
      ]);
    }
  });

  test('requires what the grant requires, and exactly one of audience and resource', () => {
    const schema =
      document.paths['/oauth2/token']?.['post']?.requestBody?.content['application/x-www-form-urlencoded']?.schema;
    expect(schema).toMatchObject({
      required: ['grant_type', 'subject_token', 'subject_token_type'],
      oneOf: [{ required: ['audience'] }, { required: ['resource'] }],
      dependentRequired: { actor_token: ['actor_token_type'], actor_token_type: ['actor_token'] },
    });
    expect(schema).not.toHaveProperty('additionalProperties');
  });

  test('passes the linter', () => {
    const redocly = join(ROOT, 'node_modules/.bin/redocly');
    const env = { ...process.env, REDOCLY_TELEMETRY: 'off', REDOCLY_SUPPRESS_UPDATE_NOTICE: 'true' };
    const output = execFileSync(process.execPath, [redocly, 'lint', 'openapi.yaml', '--format=json'], {
      cwd: ROOT,
      env,
      stdio: 'pipe',
    });
    expect(JSON.parse(output.toString()).totals).toMatchObject({ errors: 0, warnings: 0 });
  });
});
