import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

const SCRIPT = fileURLToPath(new URL('./aws-isolated-call.ts', import.meta.url));

interface Seen {
  readonly outcome: string;
  readonly requests: readonly Record<string, unknown>[];
  readonly variables: readonly string[];
  readonly files: readonly string[];
}

async function call(env: NodeJS.ProcessEnv, ...parameters: string[]): Promise<Seen> {
  const { stdout } = await promisify(execFile)(process.execPath, [SCRIPT, ...parameters], { env });
  return JSON.parse(stdout);
}

function hostile(home: string, trap: string): NodeJS.ProcessEnv {
  return {
    HOME: home,
    AWS_PROFILE: 'evil',
    AWS_CONFIG_FILE: join(home, '.aws', 'config'),
    AWS_SHARED_CREDENTIALS_FILE: join(home, '.aws', 'credentials'),
    AWS_SDK_LOAD_CONFIG: '1',
    AWS_REGION: 'us-east-2',
    AWS_DEFAULT_REGION: 'us-east-2',
    AWS_ENDPOINT_URL: trap,
    AWS_ENDPOINT_URL_STS: trap,
    AWS_STS_REGIONAL_ENDPOINTS: 'legacy',
    AWS_ACCESS_KEY_ID: 'AKIAEVIL',
    AWS_SECRET_ACCESS_KEY: 'evil',
    AWS_SESSION_TOKEN: 'evil',
    AWS_WEB_IDENTITY_TOKEN_FILE: join(home, '.aws', 'config'),
    AWS_ROLE_ARN: 'arn:aws:iam::666666666666:role/evil',
    AWS_ROLE_SESSION_NAME: 'evil',
    AWS_CONTAINER_CREDENTIALS_FULL_URI: trap,
    AWS_EC2_METADATA_SERVICE_ENDPOINT: trap,
    AWS_MAX_ATTEMPTS: '9',
    AWS_RETRY_MODE: 'adaptive',
    AWS_DEFAULTS_MODE: 'auto',
    AWS_USE_FIPS_ENDPOINT: 'true',
    AWS_USE_DUALSTACK_ENDPOINT: 'true',
    AWS_AUTH_SCHEME_PREFERENCE: 'sigv4',
    AWS_SDK_UA_APP_ID: 'evil',
    AWS_EXECUTION_ENV: 'evil',
    AWS_LAMBDA_FUNCTION_NAME: 'evil',
    _X_AMZN_TRACE_ID: 'evil',
    HTTP_PROXY: trap,
    HTTPS_PROXY: trap,
    http_proxy: trap,
    https_proxy: trap,
    NODE_USE_ENV_PROXY: '1',
  };
}

/** Runs with a home folder and an environment full of settings of AWS; `touched` counts who followed one of them. */
async function inHostileHome(run: (env: NodeJS.ProcessEnv) => Promise<void>): Promise<number> {
  const home = await mkdtemp(join(tmpdir(), 'carnet-aws-'));
  let touched = 0;
  const server = createServer((socket) => {
    touched += 1;
    socket.destroy();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const trap = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  try {
    await mkdir(join(home, '.aws'));
    const settings = `region = us-east-2\nendpoint_url = ${trap}\nmax_attempts = 9\nuse_fips_endpoint = true\nsdk_ua_app_id = evil\n`;
    await writeFile(join(home, '.aws', 'config'), `[default]\n${settings}[profile evil]\n${settings}`);
    const keys = 'aws_access_key_id = AKIAEVIL\naws_secret_access_key = evil\n';
    await writeFile(join(home, '.aws', 'credentials'), `[default]\n${keys}[evil]\n${keys}`);
    await run(hostile(home, trap));
    return touched;
  } finally {
    server.close();
    await rm(home, { recursive: true });
  }
}

/** What the moment of signing decides. */
function timeless({ requests, ...seen }: Seen) {
  const text = JSON.stringify(requests)
    .replace(/\d{8}T\d{6}Z/g, 'DATE')
    .replace(/\/\d{8}\//g, '/DAY/');
  return { ...seen, requests: JSON.parse(text.replace(/Signature=[0-9a-f]{64}/g, 'Signature=HEX')) };
}

test('nothing of AWS in the environment or in the home folder changes a byte of the call', async () => {
  const touched = await inHostileHome(async (env) => {
    const clean = await call({ HOME: '/nonexistent' });
    expect(await call(env)).toEqual(clean);
    expect(clean.files).toEqual([]);
    // Read by the SDK for headers and warnings that never leave; anything new here deserves a look.
    expect(clean.variables).toEqual([
      'AWS_ENABLE_DEFAULT_SOCKET_TIMEOUT_2026',
      'AWS_LAMBDA_FUNCTION_NAME',
      'AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED',
      '_X_AMZN_TRACE_ID',
    ]);
    expect(clean.requests).toEqual([
      {
        url: 'https://sts.eu-west-1.amazonaws.com/',
        method: 'POST',
        headers: { 'content-type': 'application/x-www-form-urlencoded' },
        body: expect.any(String),
        maxBytes: 65_536,
        timeoutMs: 5_000,
        purpose: 'aws',
      },
    ]);
    expect(Object.fromEntries(new URLSearchParams(String(clean.requests[0]?.['body'])))).toEqual({
      Action: 'AssumeRoleWithWebIdentity',
      Version: '2011-06-15',
      RoleArn: 'arn:aws:iam::123456789012:role/pay',
      RoleSessionName: 'payments.reporter',
      WebIdentityToken: 'assertion',
      DurationSeconds: '900',
    });
  });
  expect(touched).toBe(0);
});

test('nothing of AWS in the environment or in the home folder signs or changes the second hop', async () => {
  const touched = await inHostileHome(async (env) => {
    const clean = timeless(await call({ HOME: '/nonexistent' }, 'second-hop'));
    expect(timeless(await call(env, 'second-hop'))).toEqual(clean);
    expect(clean.files).toEqual([]);
    expect(clean.requests).toHaveLength(2);
    expect(clean.requests[0].headers).toEqual({ 'content-type': 'application/x-www-form-urlencoded' });
    const scope = 'ASIAFIRSTSESSION/DAY/eu-west-1/sts/aws4_request';
    expect(clean.requests[1]).toMatchObject({
      url: 'https://sts.eu-west-1.amazonaws.com/',
      headers: {
        'content-type': 'application/x-www-form-urlencoded',
        authorization: `AWS4-HMAC-SHA256 Credential=${scope}, SignedHeaders=content-type;host;x-amz-date;x-amz-security-token, Signature=HEX`,
        'x-amz-date': 'DATE',
        'x-amz-security-token': 'first-token',
      },
    });
    expect(Object.keys(clean.requests[1].headers)).toHaveLength(4);
    expect(Object.fromEntries(new URLSearchParams(clean.requests[1].body))).toEqual({
      Action: 'AssumeRole',
      Version: '2011-06-15',
      RoleArn: 'arn:aws:iam::210987654321:role/reports',
      RoleSessionName: 'payments.reporter',
      DurationSeconds: '900',
      ExternalId: 'shared',
    });
  });
  expect(touched).toBe(0);
});
