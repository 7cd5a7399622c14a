import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { createServer as createHttpServer } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, onTestFinished, test } from 'vitest';
import { run } from '../../src/cli/program.ts';
import { newKey, signClaims } from '../fakes/cluster-keys.ts';
import { loopbackCertificate } from '../support/certificate-authority.ts';
import { freePort } from '../support/running-carnet.ts';
import { FakeSurroundings } from './fake-surroundings.ts';
import { installation } from './temporary-installation.ts';

const AUDIENCE = 'https://sts.example.org';
const KEY = newKey('RS256', 'k1');
const SECONDS = Math.floor(new FakeSurroundings().clock.now() / 1000);
const POD = { namespace: 'payments', pod: { name: 'a', uid: 'b' }, serviceaccount: { name: 'r', uid: 'c' } };

function token(claims: Readonly<Record<string, unknown>> = {}): string {
  const usual = {
    iss: 'https://c',
    sub: 's',
    aud: [AUDIENCE],
    iat: SECONDS - 10,
    exp: SECONDS + 3000,
    'kubernetes.io': POD,
  };
  return signClaims(KEY, { ...usual, ...claims });
}

interface Service {
  /** Its clock against the workload's, seconds. */
  readonly ahead?: number;
  readonly discovery?: object | null;
}

/** What doctor asks of a Carnet; the port is told to `discovery`'s token endpoint. */
async function service({ ahead = 0, discovery }: Service = {}): Promise<string> {
  const server = createHttpServer((request, response) => {
    const { port } = server.address() as AddressInfo;
    const usual = { issuer: AUDIENCE, token_endpoint: `http://127.0.0.1:${port}/oauth2/token` };
    response.setHeader('date', new Date((SECONDS + ahead) * 1000).toUTCString());
    if (request.url === '/livez') return response.end('ok');
    if (discovery === null || request.url !== '/.well-known/openid-configuration')
      return response.writeHead(404).end('{}');
    return response.end(JSON.stringify({ ...usual, ...discovery }));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

async function doctor(
  endpoint: string,
  text: string | undefined,
  more: { args?: string[]; env?: Record<string, string>; terminal?: boolean } = {},
) {
  const folder = installation(text === undefined ? {} : { token: text });
  const around = new FakeSurroundings({ workingDirectory: folder, ...more });
  const args = ['doctor', '--endpoint', endpoint, '--token-file', 'token', ...(more.args ?? [])];
  const exitCode = await run(args, around);
  const findings = Object.fromEntries(
    (around.stdout.startsWith('{') ? JSON.parse(around.stdout).findings : []).map((one: { check: string }) => [
      one.check,
      one,
    ]),
  );
  return { exitCode, out: around.stdout, findings, folder };
}
const JSON_OUT = ['-o', 'json', '--audience', AUDIENCE];

describe('carnet doctor', () => {
  test('finds nothing wrong where a pod has all it needs, in lines that fit a terminal, and prints no token', async () => {
    const { exitCode, out } = await doctor(await service(), token());
    expect(exitCode).toBe(0);
    expect(out).toMatch(/^ok {7}audience {5}https:\/\/sts\.example\.org$/m);
    expect(out).toMatch(/^ok {7}discovery {4}issuer https:\/\/sts\.example\.org$/m);
    expect(out).not.toMatch(/warning|failed|skipped/);
    expect(out).not.toContain(token().slice(0, 20));
    expect(Math.max(...out.split('\n').map(({ length }) => length))).toBeLessThanOrEqual(80);
  });

  test('shows nothing of a token that a terminal acts on, and says the same in JSON', async () => {
    const aud = `${AUDIENCE}/\u202e\u009b`;
    const text = await doctor(await service(), token({ aud }));
    const json = await doctor(await service(), token({ aud }), { args: ['-o', 'json'] });
    expect(text.out + json.out).not.toMatch(/[\u202e\u009b]/);
    expect(json.findings['audience'].found).toBe(aud);
  });

  test.each([
    ['another audience', token({ aud: ['https://other.example'] }), 'audience', 'failed', 1],
    ['further audiences', token({ aud: [AUDIENCE, 'https://other.example'] }), 'audience', 'warning', 0],
    ['no audience', token({ aud: [] }), 'audience', 'failed', 1],
    ['an end that is over', token({ exp: SECONDS - 1 }), 'expiry', 'failed', 1],
    [
      'an end in the extension of legacy tokens',
      token({ 'kubernetes.io': { ...POD, warnafter: SECONDS - 1 } }),
      'expiry',
      'failed',
      1,
    ],
    ['an end that is near', token({ exp: SECONDS + 30 }), 'expiry', 'warning', 0],
    ['no end', token({ exp: undefined }), 'expiry', 'failed', 1],
    ['a life of a year', token({ exp: SECONDS + 365 * 86_400 }), 'lifetime', 'warning', 0],
    ['a start ahead', token({ iat: SECONDS + 90 }), 'issued', 'warning', 0],
    ['no pod', token({ 'kubernetes.io': { ...POD, pod: undefined } }), 'binding', 'warning', 0],
    ['a line break', `${token()}\n`, 'token', 'warning', 0],
    ['no JWT', 'sk-secret-of-somebody', 'token', 'failed', 1],
  ])('finds a token with %s', async (_, text, check, state, expected) => {
    const { exitCode, findings, out } = await doctor(await service(), text, { args: JSON_OUT });
    expect([exitCode, findings[check]]).toEqual([
      expected,
      expect.objectContaining({ state, mend: expect.any(String) }),
    ]);
    expect(out).not.toContain(text.trim());
  });

  test('says nothing of a pod for a token of a CI job', async () => {
    const { findings } = await doctor(await service(), token({ 'kubernetes.io': undefined }), { args: JSON_OUT });
    expect(findings).not.toHaveProperty('binding');
  });

  test('finds that the token file is not there', async () => {
    const { exitCode, findings } = await doctor(await service(), undefined, { args: JSON_OUT });
    expect([exitCode, findings['token file']]).toEqual([
      1,
      expect.objectContaining({ state: 'failed', found: 'token (ENOENT)' }),
    ]);
  });

  test.each([
    [20, 'ok', 0],
    [-90, 'warning', 0],
    [400, 'failed', 1],
  ])('judges a service whose clock is %i s ahead %s', async (ahead, state, expected) => {
    const { exitCode, findings } = await doctor(await service({ ahead }), token(), { args: JSON_OUT });
    expect([exitCode, findings['clock']]).toEqual([expected, expect.objectContaining({ state })]);
  });

  test('names what answers but is no Carnet, and another token endpoint', async () => {
    const strange = await doctor(await service({ discovery: null }), token(), { args: JSON_OUT });
    expect([strange.exitCode, strange.findings['discovery'].state]).toEqual([69, 'failed']);
    const other = { token_endpoint: 'https://sts.internal.example.org/oauth2/token' };
    const moved = await doctor(await service({ discovery: other }), token(), { args: JSON_OUT });
    expect([moved.exitCode, moved.findings['discovery']]).toEqual([
      0,
      expect.objectContaining({ state: 'warning', found: expect.stringContaining(other.token_endpoint) }),
    ]);
  });

  test('ends with 69 where nobody listens, and skips what lies behind', async () => {
    const { exitCode, findings } = await doctor(`http://127.0.0.1:${await freePort()}`, token(), { args: JSON_OUT });
    expect(exitCode).toBe(69);
    expect(findings['connection']).toMatchObject({ state: 'failed', found: 'ECONNREFUSED' });
    expect(findings['discovery']).toMatchObject({ state: 'skipped' });
  });

  test('finds a name that nobody knows', async () => {
    const { exitCode, findings } = await doctor('https://carnet..invalid', token(), { args: JSON_OUT });
    expect([exitCode, findings['name'].state, findings['TLS'].state]).toEqual([69, 'failed', 'skipped']);
  });

  test.each([
    ['that is not there', undefined, 'ENOENT'],
    ['without a certificate', 'nothing', 'holds no certificate'],
  ])('finds a file of authorities %s, of which Node says nothing', async (_, text, found) => {
    const folder = installation(text === undefined ? {} : { 'ca.pem': text });
    const env = { NODE_EXTRA_CA_CERTS: join(folder, 'ca.pem') };
    const { exitCode, findings } = await doctor(await service(), token(), { args: JSON_OUT, env });
    expect([exitCode, findings['authorities']]).toEqual([
      1,
      expect.objectContaining({ state: 'failed', found: expect.stringContaining(found) }),
    ]);
  });

  test('has colours on a terminal', async () => {
    expect((await doctor(await service(), token(), { terminal: true })).out).toContain('\u001b[32mok');
  });

  test.each([[['doctor', '--token-file', 'token']], [['doctor', '--endpoint', 'https://sts.example.org']]])(
    'asks for the endpoint and the token file with 2: %j',
    async (args) => {
      expect(await run(args, new FakeSurroundings())).toBe(2);
    },
  );
});

describe('carnet doctor over TLS', () => {
  test('believes an authority only by NODE_EXTRA_CA_CERTS, and names what is missing without it', async () => {
    const { ca, cert, key } = await loopbackCertificate('carnet');
    const server = createHttpsServer({ cert, key }, (_request, response) => response.end('{}'));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => void server.close());
    const folder = installation({ 'ca.pem': ca });
    const now = Math.floor(Date.now() / 1000);
    writeFileSync(join(folder, 'token'), token({ iat: now, exp: now + 3000 }));
    const endpoint = `https://localhost:${(server.address() as AddressInfo).port}`;
    const tls = async (env: Record<string, string>) => {
      const args = ['doctor', '--endpoint', endpoint, '--token-file', join(folder, 'token'), '-o', 'json'];
      const carnet = join(import.meta.dirname, '../../bin/carnet');
      const options = { env: { PATH: process.env['PATH'], ...env } };
      const { stdout } = await promisify(execFile)(carnet, args, options).catch((error: { stdout: string }) => error);
      return JSON.parse(stdout).findings.find(({ check }: { check: string }) => check === 'TLS');
    };
    expect(await tls({})).toMatchObject({ state: 'failed', mend: expect.stringContaining('NODE_EXTRA_CA_CERTS') });
    expect(await tls({ NODE_EXTRA_CA_CERTS: join(folder, 'ca.pem') })).toMatchObject({
      found: expect.stringMatching(/^trusted/),
    });
  });
});
