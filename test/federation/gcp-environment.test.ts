import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

const SCRIPT = fileURLToPath(new URL('./gcp-isolated-call.ts', import.meta.url));

interface Seen {
  readonly outcome: string;
  readonly requests: readonly Record<string, unknown>[];
  readonly variables: readonly string[];
  readonly files: readonly string[];
  readonly stderr: string;
}

async function call(env: NodeJS.ProcessEnv): Promise<Seen> {
  const { stdout, stderr } = await promisify(execFile)(process.execPath, [SCRIPT], { env });
  return { ...JSON.parse(stdout), stderr };
}

function hostile(home: string, trap: string): NodeJS.ProcessEnv {
  const credentials = join(home, '.config', 'gcloud', 'application_default_credentials.json');
  return {
    HOME: home,
    APPDATA: home,
    CLOUDSDK_CONFIG: join(home, '.config', 'gcloud'),
    CLOUDSDK_CORE_PROJECT: 'evil',
    GOOGLE_APPLICATION_CREDENTIALS: credentials,
    google_application_credentials: credentials,
    GOOGLE_CLOUD_PROJECT: 'evil',
    GCLOUD_PROJECT: 'evil',
    GOOGLE_CLOUD_QUOTA_PROJECT: 'evil',
    GOOGLE_CLOUD_UNIVERSE_DOMAIN: 'evil.example',
    GOOGLE_EXTERNAL_ACCOUNT_ALLOW_EXECUTABLES: '1',
    GOOGLE_API_USE_CLIENT_CERTIFICATE: 'true',
    GOOGLE_API_CERTIFICATE_CONFIG: credentials,
    GOOGLE_SDK_NODE_LOGGING: '*',
    GCE_METADATA_HOST: trap.slice('http://'.length),
    GCE_METADATA_IP: trap.slice('http://'.length),
    METADATA_SERVER_DETECTION: 'assume-present',
    DETECT_GCP_RETRIES: '9',
    HTTP_PROXY: trap,
    HTTPS_PROXY: trap,
    http_proxy: trap,
    https_proxy: trap,
    ALL_PROXY: trap,
    NODE_USE_ENV_PROXY: '1',
  };
}

test('nothing of Google or of proxies in the environment or in the home folder changes a byte of the calls', async () => {
  const home = await mkdtemp(join(tmpdir(), 'carnet-gcp-'));
  let touched = 0;
  const server = createServer((socket) => {
    touched += 1;
    socket.destroy();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const trap = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  try {
    const folder = join(home, '.config', 'gcloud');
    await mkdir(folder, { recursive: true });
    const account = { type: 'authorized_user', client_id: 'evil', client_secret: 'evil', refresh_token: 'evil' };
    await writeFile(join(folder, 'application_default_credentials.json'), JSON.stringify(account));

    const clean = await call({ HOME: '/nonexistent' });
    expect(await call(hostile(home, trap))).toEqual(clean);
    expect(clean.files).toEqual([]);
    expect(clean.variables).toEqual([]);
    expect(clean.stderr).toBe('');
    expect(clean.outcome).toBe('ya29.bounded');

    const form = { 'content-type': 'application/x-www-form-urlencoded', accept: 'application/json' };
    const frame = { method: 'POST', body: expect.any(String), maxBytes: 65_536, timeoutMs: 5_000, purpose: 'gcp' };
    expect(clean.requests).toEqual([
      { ...frame, url: 'https://sts.googleapis.com/v1/token', headers: form },
      {
        ...frame,
        url: 'https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/reporter@example.iam.gserviceaccount.com:generateAccessToken',
        headers: {
          authorization: 'Bearer ya29.federated',
          'content-type': 'application/json',
          accept: 'application/json',
        },
      },
      { ...frame, url: 'https://sts.googleapis.com/v1/token', headers: form },
    ]);
    expect(Object.fromEntries(new URLSearchParams(String(clean.requests[0]?.['body'])))).toEqual({
      grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
      audience: '//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/pool/providers/carnet',
      scope: 'https://www.googleapis.com/auth/cloud-platform',
      requested_token_type: 'urn:ietf:params:oauth:token-type:access_token',
      subject_token: 'assertion',
      subject_token_type: 'urn:ietf:params:oauth:token-type:jwt',
    });
    expect(JSON.parse(String(clean.requests[1]?.['body']))).toEqual({
      scope: ['https://www.googleapis.com/auth/cloud-platform'],
      lifetime: '900s',
    });
    expect(Object.fromEntries(new URLSearchParams(String(clean.requests[2]?.['body'])))).toEqual({
      grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
      requested_token_type: 'urn:ietf:params:oauth:token-type:access_token',
      subject_token: 'ya29.impersonated',
      subject_token_type: 'urn:ietf:params:oauth:token-type:access_token',
      options: '{"accessBoundary":{"accessBoundaryRules":[]}}',
    });
    expect(touched).toBe(0);
  } finally {
    server.close();
    await rm(home, { recursive: true });
  }
});
