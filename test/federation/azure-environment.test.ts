import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { CLIENT, STORAGE, TENANT } from './azure-world.ts';

const SCRIPT = fileURLToPath(new URL('./azure-isolated-call.ts', import.meta.url));

interface Seen {
  readonly outcomes: readonly string[];
  readonly loadedEarly: boolean;
  readonly requests: readonly Record<string, unknown>[];
  readonly variables: readonly string[];
  readonly files: readonly string[];
}

async function call(env: NodeJS.ProcessEnv): Promise<{ seen: Seen; stderr: string }> {
  const { stdout, stderr } = await promisify(execFile)(process.execPath, [SCRIPT], { env });
  return { seen: JSON.parse(stdout), stderr };
}

function hostile(home: string, trap: string): NodeJS.ProcessEnv {
  return {
    HOME: home,
    AZURE_CONFIG_DIR: join(home, '.azure'),
    AZURE_TENANT_ID: '66666666-6666-6666-6666-666666666666',
    AZURE_CLIENT_ID: '66666666-6666-6666-6666-666666666666',
    AZURE_CLIENT_SECRET: 'evil',
    AZURE_CLIENT_CERTIFICATE_PATH: join(home, '.azure', 'evil'),
    AZURE_USERNAME: 'evil',
    AZURE_PASSWORD: 'evil',
    AZURE_AUTHORITY_HOST: trap,
    AZURE_FEDERATED_TOKEN_FILE: join(home, '.azure', 'evil'),
    AZURE_TOKEN_CREDENTIALS: 'dev',
    AZURE_ADDITIONALLY_ALLOWED_TENANTS: '*',
    AZURE_IDENTITY_DISABLE_MULTITENANTAUTH: 'true',
    AZURE_KUBERNETES_TOKEN_PROXY: trap,
    AZURE_KUBERNETES_CA_FILE: join(home, '.azure', 'evil'),
    AZURE_POD_IDENTITY_AUTHORITY_HOST: trap,
    AZURE_TRACING_DISABLED: 'false',
    AZURE_HTTP_USER_AGENT: 'evil',
    MSAL_MANAGED_IDENTITY_ENDPOINT: trap,
    IDENTITY_ENDPOINT: trap,
    IDENTITY_HEADER: 'evil',
    IDENTITY_SERVER_THUMBPRINT: 'evil',
    IMDS_ENDPOINT: trap,
    MSI_ENDPOINT: trap,
    MSI_SECRET: 'evil',
    HTTP_PROXY: trap,
    HTTPS_PROXY: trap,
    ALL_PROXY: trap,
    http_proxy: trap,
    https_proxy: trap,
    NODE_USE_ENV_PROXY: '1',
  };
}

describe('what is around the process', () => {
  let home: string;
  let clean: Seen;
  let touched = 0;
  const server = createServer((socket) => {
    touched += 1;
    socket.destroy();
  });
  let trap: string;

  beforeAll(async () => {
    home = await mkdtemp(join(tmpdir(), 'carnet-azure-'));
    await mkdir(join(home, '.azure'));
    await mkdir(join(home, '.IdentityService'));
    for (const name of ['.azure/evil', '.azure/azureProfile.json', '.IdentityService/msal.cache']) {
      await writeFile(join(home, name), '{"evil":true}');
    }
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    trap = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    clean = (await call({ HOME: '/nonexistent' })).seen;
  });
  afterAll(async () => {
    server.close();
    await rm(home, { recursive: true });
  });

  test('is not asked for: the call is this one, to the byte', () => {
    const form = new URLSearchParams({
      client_id: CLIENT,
      scope: `${STORAGE}/.default`,
      grant_type: 'client_credentials',
      client_assertion: 'SENTINEL-assertion',
      client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
    });
    const request = {
      url: `https://login.microsoftonline.com/${TENANT}/oauth2/v2.0/token`,
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: form.toString(),
      maxBytes: 65_536,
      timeoutMs: 5_000,
      purpose: 'azure',
    };
    expect(clean.requests).toEqual([request, request, request]);
    expect(clean.outcomes).toEqual([
      `until ${1_795_338_000 + 3_599}`,
      'OAuthError: the target refuses this workload; the reason names why',
      'OAuthError: the target cannot be reached or is throttling',
    ]);
    expect(clean.files).toEqual([]);
    // Read by the SDK for what never leaves; anything new here deserves a look.
    expect(clean.variables).toEqual([
      'ALL_PROXY',
      'AZURE_IDENTITY_DISABLE_MULTITENANTAUTH',
      'AZURE_LOG_LEVEL',
      'AZURE_REGIONAL_AUTHORITY_NAME',
      'DEBUG',
      'HTTPS_PROXY',
      'HTTP_PROXY',
      'MSAL_FORCE_REGION',
      'NODE_DEBUG',
      'NO_PROXY',
      'REGION_NAME',
      'TYPESPEC_RUNTIME_LOG_LEVEL',
      'all_proxy',
      'http_proxy',
      'https_proxy',
      'no_proxy',
    ]);
  });

  test('does not hold the SDK before the first token is asked for', () => {
    expect(clean.loadedEarly).toBe(false);
    expect(clean.variables).toContain('AZURE_LOG_LEVEL');
  });

  test.each([
    ['credentials, endpoints and proxies', {}],
    ['a region', { AZURE_REGIONAL_AUTHORITY_NAME: 'westeurope', REGION_NAME: 'westeurope' }],
    ['a region that is to be found out', { AZURE_REGIONAL_AUTHORITY_NAME: 'AutoDiscoverRegion' }],
    ['a region by force', { MSAL_FORCE_REGION: 'westeurope' }],
    ['a region by force that is to be found out', { MSAL_FORCE_REGION: 'TryAutoDetect' }],
  ])('changes nothing of it: %s', async (_case, env) => {
    const { requests, outcomes, files } = (await call({ ...hostile(home, trap), ...env })).seen;
    expect({ requests, outcomes, files }).toEqual({
      requests: clean.requests,
      outcomes: clean.outcomes,
      files: clean.files,
    });
    expect(touched).toBe(0);
  });

  test.each([{ AZURE_LOG_LEVEL: 'verbose' }, { DEBUG: '*' }])('%j brings no token to stderr', async (env) => {
    const { seen, stderr } = await call({ HOME: home, ...env });
    expect(seen.outcomes).toEqual(clean.outcomes);
    expect(stderr).not.toContain('SENTINEL');
    expect(stderr).not.toMatch(/azure:identity/);
  });
});
