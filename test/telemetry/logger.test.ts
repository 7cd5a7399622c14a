import { createHash } from 'node:crypto';
import { generateKeyPair, SignJWT } from 'jose';
import { describe, expect, test } from 'vitest';
import { OAuthError } from '../../src/core/oauth-error.ts';
import { Secret } from '../../src/core/secret.ts';
import { createLogger, type LogFields } from '../../src/telemetry/logger.ts';
import { masked } from '../../src/telemetry/masking.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { fc } from '../support/properties.ts';

function recorder(level: 'debug' | 'info' = 'debug') {
  const lines: string[] = [];
  const log = createLogger({ level, clock: new FakeClock(), destination: { write: (line) => void lines.push(line) } });
  return { log, lines, text: () => lines.join('') };
}

async function token(): Promise<string> {
  const { privateKey } = await generateKeyPair('ES256');
  return await new SignJWT({ sub: 'system:serviceaccount:payments:api', aud: 'carnet' })
    .setProtectedHeader({ alg: 'ES256', kid: 'k1' })
    .sign(privateKey);
}

/** No segment of the token may get out, nor a piece of one that would be of use. */
function expectNothingOf(secret: string, text: string): void {
  for (const part of secret.split('.').filter((segment) => segment.length >= 8)) {
    for (let start = 0; start + 12 <= part.length; start += 6)
      expect(text).not.toContain(part.slice(start, start + 12));
  }
}

describe('log lines', () => {
  test('are JSON with level, instant of the injected clock, message and listed fields', () => {
    const { log, lines } = recorder();
    log.info('request', { traceId: 'a'.repeat(32), status: 200, route: '/oauth2/token', development: false });
    expect(JSON.parse(lines[0] ?? '')).toEqual({
      level: 'info',
      at: '2026-11-22T09:00:00.000Z',
      message: 'request',
      traceId: 'a'.repeat(32),
      status: 200,
      route: '/oauth2/token',
      development: false,
    });
  });

  test('appear from the configured level up', () => {
    const { log, lines } = recorder('info');
    log.debug('quiet');
    log.warn('loud');
    expect(lines).toHaveLength(1);
  });

  test('read back as what masking leaves of each text, whatever characters it has', () => {
    const { log, lines } = recorder();
    const text = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 40 }),
      fc.string({ unit: fc.constantFrom('a', '"', '\\', '.') }),
    );
    fc.assert(
      fc.property(text, (detail) => {
        log.info(detail, { detail });
        expect(JSON.parse(lines.pop() ?? '')).toMatchObject({ detail: masked(detail), message: masked(detail) });
      }),
    );
  });

  test('leave out every field that is not listed, also one of the prototype', () => {
    const { log, lines } = recorder();
    const fields = { authorization: 'x', cookie: 'y', toString: 'z', status: 1 };
    log.info('m', fields as LogFields);
    expect(Object.keys(JSON.parse(lines[0] ?? ''))).toEqual(['level', 'at', 'status', 'message']);
  });
});

describe('redaction (E18)', () => {
  test('lets no byte of a token out, wherever in an object it hides', async () => {
    const secret = await token();
    const request = {
      headers: { authorization: `Bearer ${secret}`, cookie: `session=${secret}` },
      url: `/oauth2/token?subject_token=${secret}`,
      body: Buffer.from(`subject_token=${secret}`),
      form: new Map([['subject_token', [secret]]]),
      nested: [{ deep: { er: secret } }],
      toJSON: () => secret,
      toString: () => secret,
    };
    const thrown = Object.assign(new Error(`bad token ${secret}`), { request, code: secret });
    const { log, text } = recorder();
    const fields = [
      { detail: request },
      { detail: [secret] },
      { detail: new Secret(secret) },
      { detail: secret },
      { detail: `token=${secret}, next` },
      { detail: `https://sts.example.org/x?token=${secret}` },
      { detail: `GET /x?a=b&c=${secret.split('.').at(-1)}` },
      { detail: `Authorization: Basic ${btoa('user:Pass-word-1')}` },
      { cause: thrown },
      { cause: new OAuthError('internal', { cause: thrown }) },
      { cause: new AggregateError([thrown], secret) },
      { detail: () => secret },
      { detail: Symbol(secret) },
      { [secret]: 'name' },
      { headers: request.headers, req: request, err: thrown },
    ];
    for (const field of fields) log.error('refused', field as LogFields);
    log.error(`message with ${secret} in it`);
    expectNothingOf(secret, text());
    expect(text()).not.toContain(btoa('user:Pass-word-1'));
    expect(text().split('\n').filter(Boolean)).toHaveLength(fields.length + 1);
  });

  test('shows the whole path of a source, and masks the same text in any other field', () => {
    const path = '/etc/Carnet/resources/Team-Payments/mappings-2026/reports.yaml';
    const lines: string[] = [];
    const log = createLogger({
      level: 'info',
      clock: new FakeClock(),
      destination: { write: (line) => lines.push(line) },
    });
    log.warn('faulty resource', { source: path, detail: path });
    const { source, detail } = JSON.parse(lines.join(''));
    expect(source).toBe(path);
    expect(detail).not.toContain('Payments');
  });

  test('shows a kid of Carnet’s own, a thumbprint, and masks whatever else is passed for one', async () => {
    const { log, lines } = recorder();
    const thumbprint = createHash('sha256').update('key 1').digest('base64url');
    const others = [
      await token(),
      `${thumbprint}A`,
      `x ${thumbprint}`,
      `${thumbprint}\n`,
      new Secret(thumbprint),
      [thumbprint],
    ];
    for (const kid of [thumbprint, ...others]) log.info('m', { kid });
    log.info('m', { detail: thumbprint });
    const [shown, ...masked] = lines.map((line) => JSON.parse(line));
    expect(shown.kid).toBe(thumbprint);
    for (const line of masked) expect(JSON.stringify(line)).not.toContain(thumbprint.slice(0, 20));
    expect(masked[0].kid).toBe('[token]');
  });

  test('says that there was a secret where one was passed', () => {
    const { log, lines } = recorder();
    log.info('m', { detail: new Secret('x') });
    expect(JSON.parse(lines[0] ?? '').detail).toBe('[secret]');
  });

  test('names and codes what was thrown, without its message', () => {
    const { log, lines } = recorder();
    const cause = Object.assign(new Error('password=hunter2'), { code: 'ECONNREFUSED' });
    log.error('m', { cause: new TypeError('secret', { cause }) });
    expect(JSON.parse(lines[0] ?? '').cause).toBe('TypeError < Error ECONNREFUSED');
  });

  test('survives a value that throws when it is looked at', () => {
    const { log, lines } = recorder();
    const hostile = {
      get detail(): string {
        throw new Error('no');
      },
      status: 1,
    };
    log.info('m', hostile);
    expect(JSON.parse(lines[0] ?? '')).toMatchObject({ detail: '[unreadable]', status: 1 });
  });

  test('writes one line for a text with line breaks, so that nobody can forge a second', () => {
    const { log, text } = recorder();
    log.info('m', { detail: 'a\n{"level":"error"}' });
    expect(text().trimEnd().split('\n')).toHaveLength(1);
  });
});

describe('masked', () => {
  test.each([
    'eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJ4In0.c2lnbmF0dXJl',
    'ewogICJhbGciOiAiUlMyNTYiCn0.eyJzdWIiOiJ4In0.c2ln',
    'eyAiYWxnIjoiUlMyNTYifQ.eyJzdWIiOiJ4In0.c2ln',
    'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY',
    'IQoJb3JpZ2luX2VjEJ7//////////wEaCXVzLWVhc3QtMSJHMEUCIQ',
    '-----BEGIN PRIVATE KEY-----\nMIIEvQ\n-----END PRIVATE KEY-----',
    '-----BEGIN EC PRIVATE KEY-----\nMIIEvQ',
  ])('takes out %s', (secret) => {
    for (const text of [secret, `before ${secret} after`, `x=${secret}`, `"${secret}"`]) {
      expect(masked(text)).not.toContain(secret.slice(4, 24));
    }
  });

  test.each([
    'arn:aws:iam::123456789012:role/payments-reports',
    'system:serviceaccount:payments:payments-reports-worker-extended',
    'https://kubernetes.default.svc.cluster.local',
    'spiffe://example.org/cluster/prod-eu-1/ns/payments/sa/payments-reports',
    '/etc/carnet/resources/mappings/payments-reports.yaml',
    '4f2a9c0e4f2a9c0e4f2a9c0e4f2a9c0e',
    'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
    'ERR_HTTP_REQUEST_TIMEOUT',
  ])('leaves %s to the operator', (text) => {
    expect(masked(text)).toBe(text);
  });

  test('keeps a text within 1,024 characters and masks a token that the cut would split', () => {
    const secret = `eyJ${'aB3'.repeat(20_000)}`;
    expect(masked(secret)).toBe('[token]');
    expect(masked('word '.repeat(1000))).toHaveLength(1024);
  });
});
