import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { run } from '../../src/cli/program.ts';
import { FakeSurroundings } from './fake-surroundings.ts';
import { FakeTokenEndpoint } from './fake-token-endpoint.ts';

const TOKEN = 'eyJhbGciOiJub25lIn0.c3ViamVjdC10b2tlbg.c2ln';
const AWS = {
  Version: 1,
  AccessKeyId: 'ASIAEXAMPLE',
  SecretAccessKey: 'secret-of-test',
  SessionToken: 'session-of-test',
  Expiration: '2026-11-22T10:00:00Z',
};
const AWS_ANSWER = {
  access_token: JSON.stringify(AWS),
  issued_token_type: 'urn:carnet:token-type:aws-credentials',
  token_type: 'N_A',
  expires_in: 3600,
};
const SVID_ANSWER = {
  access_token: 'the.jwt.svid',
  issued_token_type: 'urn:carnet:token-type:jwt-svid',
  token_type: 'N_A',
  expires_in: 300,
};

let server: FakeTokenEndpoint;
let endpoint: string;
let folder: string;
let tokenFile: string;

beforeEach(async () => {
  server = new FakeTokenEndpoint();
  endpoint = await server.start();
  folder = mkdtempSync(join(tmpdir(), 'carnet-exchange-'));
  tokenFile = join(folder, 'token');
  writeFileSync(tokenFile, `${TOKEN}\n`);
});
afterEach(async () => {
  await server.close();
  rmSync(folder, { recursive: true });
});

function surroundings(options: { terminal?: boolean; env?: Record<string, string> } = {}): FakeSurroundings {
  const env = { CARNET_ENDPOINT: endpoint, CARNET_TOKEN_FILE: tokenFile, ...options.env };
  return new FakeSurroundings({ ...options, env, workingDirectory: folder });
}

describe('carnet exchange: the request (RFC 8693 section 2.1)', () => {
  test('posts the token of the file, without its line end, and exactly the parameters that were asked for', async () => {
    server.json(200, SVID_ANSWER);
    expect(await run(['exchange', '--audience', 'ledger'], surroundings())).toBe(0);
    expect(server.asked).toHaveLength(1);
    const [asked] = server.asked;
    expect(asked).toMatchObject({ method: 'POST', url: '/oauth2/token' });
    expect(asked?.contentType).toMatch(/^application\/x-www-form-urlencoded/);
    expect(Object.fromEntries(asked?.form ?? [])).toEqual({
      grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
      subject_token_type: 'urn:ietf:params:oauth:token-type:jwt',
      subject_token: TOKEN,
      audience: 'ledger',
    });
  });

  test('passes on the requested type and life', async () => {
    server.json(200, SVID_ANSWER);
    const wish = ['--requested-token-type', 'urn:carnet:token-type:jwt-svid', '--expires-in', '60'];
    expect(await run(['exchange', '--audience', 'ledger', ...wish], surroundings())).toBe(0);
    expect(server.asked[0]?.form.get('requested_token_type')).toBe('urn:carnet:token-type:jwt-svid');
    expect(server.asked[0]?.form.get('requested_expires_in')).toBe('60');
  });

  test.each(['0', '-1', '1.5', '1h', ''])('refuses --expires-in %j before anything is sent', async (value) => {
    expect(await run(['exchange', '--audience', 'ledger', `--expires-in=${value}`], surroundings())).toBe(2);
    expect(server.asked).toHaveLength(0);
  });

  test('keeps the path under which the endpoint is served', async () => {
    server.json(200, SVID_ANSWER);
    await run(['exchange', '--audience', 'ledger', '--endpoint', `${endpoint}/sts/`], surroundings());
    expect(server.asked[0]?.url).toBe('/sts/oauth2/token');
  });

  test.each([
    'http://sts.example.org',
    'http://127.0.0.1.example.org',
    'http://localhost.example.org',
    'ftp://127.0.0.1',
    'https://user@sts.example.org',
    'https://sts.example.org/?a=b',
    'sts.example.org',
  ])('sends no token to %s', async (url) => {
    const around = surroundings();
    expect(await run(['exchange', '--audience', 'ledger', '--endpoint', url], around)).toBe(2);
    expect(around.stderr).toContain('https');
  });

  test('follows no redirect, so that a token stays with the server it was meant for', async () => {
    server.answer = (response) => response.writeHead(307, { location: `${endpoint}/elsewhere` }).end();
    expect(await run(['exchange', '--audience', 'ledger'], surroundings())).toBe(69);
    expect(server.asked).toHaveLength(1);
  });
});

describe('carnet exchange in an environment that names a proxy', () => {
  test('goes to the endpoint itself, also where Node is told to use the proxy', async () => {
    const proxy = new FakeTokenEndpoint();
    const address = await proxy.start();
    server.json(200, SVID_ANSWER);
    const main = join(import.meta.dirname, '../../src/main.ts');
    const args = ['exchange', '--endpoint', endpoint, '--token-file', tokenFile, '--audience', 'ledger'];
    const env = {
      ...process.env,
      NODE_USE_ENV_PROXY: '1',
      HTTP_PROXY: address,
      http_proxy: address,
      NO_PROXY: '',
      no_proxy: '',
    };
    const { stdout } = await promisify(execFile)(process.execPath, [main, ...args], { env });
    await proxy.close();
    expect(stdout).toBe('the.jwt.svid\n');
    expect([server.asked.length, proxy.asked.length]).toEqual([1, 0]);
  });
});

describe('carnet exchange: the token file', () => {
  test('says which file cannot be read', async () => {
    const around = surroundings({ env: { CARNET_TOKEN_FILE: 'missing' } });
    expect(await run(['exchange', '--audience', 'ledger'], around)).toBe(78);
    expect(around.stderr).toContain('missing (ENOENT)');
  });

  test.each([
    ['empty', ' \n'],
    ['larger than 16 KiB', 'a'.repeat(16 * 1024 + 1)],
  ])('refuses one that is %s', async (_, content) => {
    writeFileSync(tokenFile, content);
    expect(await run(['exchange', '--audience', 'ledger'], surroundings())).toBe(78);
    expect(server.asked).toHaveLength(0);
  });

  test.skipIf(!existsSync('/dev/zero'))(
    'reads no more of one than a token may have, with blanks around it',
    async () => {
      const around = surroundings({ env: { CARNET_TOKEN_FILE: '/dev/zero' } });
      expect(await run(['exchange', '--audience', 'ledger'], around)).toBe(78);
      expect(around.stderr).toContain('/dev/zero is empty or larger than 16 KiB');
      server.json(200, SVID_ANSWER);
      writeFileSync(tokenFile, ` ${'a'.repeat(16 * 1024)}${'\n'.repeat(1023)}`);
      expect(await run(['exchange', '--audience', 'ledger'], surroundings())).toBe(0);
      writeFileSync(tokenFile, `${'\n'.repeat(1025)}${'a'.repeat(16 * 1024)}`);
      expect(await run(['exchange', '--audience', 'ledger'], surroundings())).toBe(78);
    },
  );

  test.each([
    ['CARNET_ENDPOINT', '--endpoint'],
    ['CARNET_TOKEN_FILE', '--token-file'],
  ])('names both ways to give what is missing: %s', async (variable, flag) => {
    const around = surroundings({ env: { [variable]: '' } });
    expect(await run(['exchange', '--audience', 'ledger'], around)).toBe(2);
    expect(around.stderr).toContain(variable);
    expect(around.stderr).toContain(flag);
  });
});

describe('carnet exchange --token-command', () => {
  const ask = (command: string, more: readonly string[] = []) =>
    run(['exchange', '--audience', 'ledger', '--token-command', command, ...more], surroundings());

  test('takes the token that the command prints, each time anew, and wins over CARNET_TOKEN_FILE', async () => {
    server.json(200, SVID_ANSWER);
    const count = join(folder, 'count');
    const command = `echo x >>${count}; echo "fresh.$(wc -l <${count} | tr -d ' ').sig"`;
    expect([await ask(command), await ask(command)]).toEqual([0, 0]);
    expect(server.asked.map(({ form }) => form.get('subject_token'))).toEqual(['fresh.1.sig', 'fresh.2.sig']);
  });

  test.each([
    ['fails', 'echo a.b.c; exit 3', 78],
    ['prints nothing', 'true', 78],
    ['prints more than a token may be', 'head -c 20000 /dev/zero | tr "\\0" a', 78],
    ['prints without end', 'yes 2>/dev/null', 78],
  ])('asks for nothing when the command %s', async (_, command, expected) => {
    expect(await ask(command)).toBe(expected);
    expect(server.asked).toHaveLength(0);
  });

  test('refuses a file beside it', async () => {
    expect(await ask('echo a.b.c', ['--token-file', tokenFile])).toBe(2);
    expect(server.asked).toHaveLength(0);
  });
});

describe('carnet exchange: the result', () => {
  test('prints the credential alone, so that a pipe can take it', async () => {
    server.json(200, SVID_ANSWER);
    const around = surroundings();
    expect(await run(['exchange', '--audience', 'ledger'], around)).toBe(0);
    expect(around.stdout).toBe('the.jwt.svid\n');
    expect(around.stderr).toBe('');
  });

  test('prints the whole answer with -o json', async () => {
    server.json(200, SVID_ANSWER);
    const around = surroundings();
    expect(await run(['exchange', '--audience', 'ledger', '-o', 'json'], around)).toBe(0);
    expect(JSON.parse(around.stdout)).toEqual(SVID_ANSWER);
  });

  test('prints the Version 1 document for the credential_process of AWS', async () => {
    server.json(200, AWS_ANSWER);
    const around = surroundings();
    expect(await run(['exchange', '--audience', 'reports', '-o', 'credential-process'], around)).toBe(0);
    expect(JSON.parse(around.stdout)).toEqual(AWS);
  });

  test('gives no credential_process document for a credential that is not of AWS', async () => {
    server.json(200, SVID_ANSWER);
    const around = surroundings();
    expect(await run(['exchange', '--audience', 'ledger', '-o', 'credential-process'], around)).toBe(1);
    expect(around.stdout).toBe('');
    expect(around.stderr).not.toContain('the.jwt.svid');
  });

  test.each([
    ['is not JSON', (server: FakeTokenEndpoint) => (server.answer = (response) => response.end('<html>'))],
    ['is an array', (server: FakeTokenEndpoint) => server.json(200, [])],
    ['has no token', (server: FakeTokenEndpoint) => server.json(200, { issued_token_type: 'x' })],
    ['is endless', (server: FakeTokenEndpoint) => (server.answer = (response) => response.end('a'.repeat(300_000)))],
  ])('ends with 69 when the answer %s', async (_, prepare) => {
    prepare(server);
    const around = surroundings();
    expect(await run(['exchange', '--audience', 'ledger'], around)).toBe(69);
    expect(around.stdout).toBe('');
  });

  test('ends with 69 when nobody answers, and says so without the token', async () => {
    await server.close();
    const around = surroundings();
    expect(await run(['exchange', '--audience', 'ledger'], around)).toBe(69);
    expect(around.stderr).toContain('ECONNREFUSED');
    expect(around.stderr).not.toContain(TOKEN);
    server = new FakeTokenEndpoint();
    await server.start();
  });
});

describe('carnet exchange: a credential that no server should send (RFC 6749 appendix A.12)', () => {
  const HOSTILE = [
    ['a terminal sequence', `secret\u001b[2J`],
    ['a C1 control character', `secret\u009b2J`],
    ['a NUL', 'secret\0'],
    ['a second line', 'secret\nexport X=1'],
    ['no text at all', ''],
  ] as const;
  const COMMAND = ['--', process.execPath, '-e', 'process.exit(0)'];

  test.each(HOSTILE)('is not printed when it holds %s', async (_, token) => {
    server.json(200, { ...SVID_ANSWER, access_token: token });
    const around = surroundings({ terminal: true });
    expect(await run(['exchange', '--audience', 'ledger'], around)).toBe(69);
    expect(around.stdout).toBe('');
    expect(around.stderr).not.toContain('secret');
  });

  test.each(HOSTILE)('reaches no command, and no message, when it holds %s', async (_, token) => {
    server.json(200, { ...SVID_ANSWER, access_token: token });
    const around = surroundings();
    expect(await run(['exchange', '--audience', 'ledger', ...COMMAND], around)).toBe(69);
    expect(around.stderr).not.toContain('secret');
  });

  test.each(HOSTILE)('is not unpacked for AWS when a key of it holds %s', async (_, key) => {
    server.json(200, { ...AWS_ANSWER, access_token: JSON.stringify({ ...AWS, SecretAccessKey: key }) });
    const around = surroundings();
    expect(await run(['exchange', '--audience', 'reports', ...COMMAND], around)).toBe(69);
    expect(around.stderr).not.toContain('secret');
  });

  test('cannot move the cursor of a terminal from another member of the answer', async () => {
    const answer = { ...SVID_ANSWER, note: '\u009b2J\u202e\u2028' };
    server.json(200, answer);
    const around = surroundings({ terminal: true });
    expect(await run(['exchange', '--audience', 'ledger', '-o', 'json'], around)).toBe(0);
    expect(around.stdout).toMatch(/^[\n\x20-\x7e]+$/);
    expect(JSON.parse(around.stdout)).toEqual(answer);
  });
});

describe('carnet exchange: a refusal', () => {
  const refusal = {
    error: 'invalid_target',
    error_description: 'the target refuses this workload; the reason names why',
    reason: 'not_bound_to_pod',
    trace_id: '0af7651916cd43dd8448eb211c80319c',
  };

  test('shows reason, mend and trace id, and ends with 1', async () => {
    server.json(400, refusal);
    const around = surroundings();
    expect(await run(['exchange', '--audience', 'ledger'], around)).toBe(1);
    for (const part of ['invalid_target', 'not_bound_to_pod', 'projected token', refusal.trace_id]) {
      expect(around.stderr).toContain(part);
    }
    expect(around.stdout).toBe('');
    expect(around.stderr).not.toContain(TOKEN);
  });

  test('is JSON on standard error with -o json', async () => {
    server.json(400, refusal);
    const around = surroundings();
    expect(await run(['exchange', '--audience', 'ledger', '-o', 'json'], around)).toBe(1);
    expect(JSON.parse(around.stderr)).toEqual({ status: 400, ...refusal });
  });

  test('that may pass ends with 69 and says when to try again', async () => {
    server.json(503, { error: 'temporarily_unavailable', trace_id: 'x' }, { 'retry-after': '5' });
    const around = surroundings();
    expect(await run(['exchange', '--audience', 'ledger'], around)).toBe(69);
    expect(around.stderr).toContain('in 5 s');
  });

  test('cannot move the cursor of a terminal or invent a mend', async () => {
    server.json(400, { error: 'a\u001b[2Jb', error_description: 'c\rd\u202ee', reason: '__proto__', trace_id: 7 });
    const around = surroundings({ terminal: true, env: { NO_COLOR: '1' } });
    expect(await run(['exchange', '--audience', 'ledger'], around)).toBe(1);
    expect(around.stderr).toBe('carnet: refused: a?[2Jb: c?d?e\n  reason     __proto__\n');
  });
});

describe('carnet exchange -- COMMAND', () => {
  const script = `require('node:fs').writeFileSync(process.argv[1], JSON.stringify([process.env, process.argv.slice(2)]))`;
  const command = () => ['--', process.execPath, '-e', script, join(folder, 'seen')];
  const seen = (): [Record<string, string>, string[]] => JSON.parse(readFileSync(join(folder, 'seen'), 'utf8'));

  test('runs with AWS credentials in the environment and without a profile that would win over them', async () => {
    server.json(200, AWS_ANSWER);
    const around = surroundings({ env: { AWS_PROFILE: 'other', AWS_SECURITY_TOKEN: 'old', KEPT: 'yes' } });
    expect(await run(['exchange', '--audience', 'reports', ...command(), '--flag', '-o'], around)).toBe(0);
    const [env, args] = seen();
    expect(env).toMatchObject({
      AWS_ACCESS_KEY_ID: AWS.AccessKeyId,
      AWS_SECRET_ACCESS_KEY: AWS.SecretAccessKey,
      AWS_SESSION_TOKEN: AWS.SessionToken,
      AWS_CREDENTIAL_EXPIRATION: AWS.Expiration,
      KEPT: 'yes',
    });
    expect(env).not.toHaveProperty('AWS_PROFILE');
    expect(env).not.toHaveProperty('AWS_SECURITY_TOKEN');
    expect(args).toEqual(['--flag', '-o']);
    expect(around.stdout).toBe('');
  });

  test('runs with any other credential as CARNET_TOKEN', async () => {
    server.json(200, SVID_ANSWER);
    expect(await run(['exchange', '--audience', 'ledger', ...command()], surroundings())).toBe(0);
    expect(seen()[0]).toMatchObject({ CARNET_TOKEN: 'the.jwt.svid' });
  });

  test('does not run when the exchange is refused', async () => {
    server.json(400, { error: 'invalid_target' });
    expect(await run(['exchange', '--audience', 'ledger', ...command()], surroundings())).toBe(1);
    expect(() => seen()).toThrow('ENOENT');
  });

  test.each([
    ['its own exit code', ['node', '-e', 'process.exit(42)'], 42, ''],
    ['128 and the number of the signal that ended it', ['node', '-e', 'process.kill(process.pid, "SIGKILL")'], 137, ''],
    [
      '127 when there is no such command',
      ['carnet-\u001b[2J'],
      127,
      'carnet: the command carnet-?[2J does not exist\n',
    ],
    ['126 when it cannot be run', ['/'], 126, 'carnet: the command / cannot be run (EACCES)\n'],
  ])('ends with %s, and says so where nobody else can', async (_, [file = '', ...args], expected, told) => {
    server.json(200, SVID_ANSWER);
    const around = surroundings({ env: { PATH: process.env['PATH'] ?? '' } });
    const child = ['--', file === 'node' ? process.execPath : file, ...args];
    expect(await run(['exchange', '--audience', 'ledger', ...child], around)).toBe(expected);
    expect([around.stderr, around.listeners()]).toEqual([told, 0]);
  });

  test('passes SIGTERM on to the command', async () => {
    server.json(200, SVID_ANSWER);
    const around = surroundings();
    const ended = run(
      ['exchange', '--audience', 'ledger', '--', process.execPath, '-e', 'setInterval(() => {}, 1e6)'],
      around,
    );
    await around.until((self) => self.listeners() > 0);
    around.send('SIGTERM');
    expect(await ended).toBe(143);
  });
});
