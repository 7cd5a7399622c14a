import { describe, expect, test } from 'vitest';
import { readDestination, readOrigin } from '../../src/outbound/destination.ts';
import { OutboundError } from '../../src/outbound/outbound.ts';

const none = { allowOrigins: new Set<string>(), allowLoopbackHttp: false };

function failureOf(url: string, rules = none): string {
  try {
    readDestination(url, rules);
    return 'reached';
  } catch (error) {
    if (error instanceof OutboundError) return error.failure;
    throw error;
  }
}

describe('reading a URL', () => {
  test('reaches a public name and a public literal over https', () => {
    expect(readDestination('https://idp.example.org/keys?a=b', none)).toMatchObject({
      host: 'idp.example.org',
      reach: 'public',
    });
    expect(readDestination('https://8.8.8.8/', none).reach).toBe('public');
  });

  test.each([
    'https://127.0.0.1/',
    'https://2130706433/',
    'https://0x7f000001/',
    'https://0x7f.1/',
    'https://0177.0.0.1/',
    'https://017700000001/',
    'https://127.1/',
    'https://127.0.0.1./',
    'https://%31%32%37.0.0.1/',
    'https://127。0。0。1/',
    'https://①②⑦.0.0.1/',
    'https://[::1]/',
    'https://[0:0:0:0:0:0:0:1]/',
    'https://[::ffff:127.0.0.1]/',
    'https://[::ffff:7f00:1]/',
    'https://[::127.0.0.1]/',
    'https://[64:ff9b::127.0.0.1]/',
    'https://[64:ff9b:1::7f00:1]/',
    'https://[2002:7f00:1::]/',
    'https://[2001:0:7f00:1::]/',
    'https://[::ffff:0:127.0.0.1]/',
    'https://[fe80::1%25eth0]/',
    'https://[fe80::1%eth0]/',
    'https://[fe80::1]/',
    'https://0/',
    'https://0.0.0.0/',
    'https://169.254.169.254/latest/meta-data/',
    'https://2852039166/',
    'https://0xa9fea9fe/',
    'https://10.1/',
    'https://192.168.257/',
    'https://[fd00:ec2::254]/',
    'https://127.0.0.1:443@127.0.0.1/',
  ])('refuses %s, whatever the spelling (V12)', (url) => expect(failureOf(url)).toBe('blocked'));

  test.each([
    'http://idp.example.org/',
    'ftp://idp.example.org/',
    'file:///etc/passwd',
    'data:application/json,{}',
    'https://user@idp.example.org/',
    'https://:secret@idp.example.org/',
    'https://',
    '//idp.example.org/',
    'idp.example.org',
    '',
    'https://idp.example.org:99999/',
    'https://idp example.org/',
    'https://idp.example.org\0.evil.test/',
  ])('refuses %j: only https, without credentials (V12)', (url) => expect(failureOf(url)).toBe('blocked'));

  test('says nothing of credentials, path or query in its message', () => {
    try {
      readDestination('https://user:hunter2@idp.example.org/private?token=abc', none);
      expect.unreachable();
    } catch (error) {
      expect(String(error)).toContain('idp.example.org');
      expect(String(error)).not.toMatch(/hunter2|user|private|abc/);
    }
  });
});

describe('outbound.allowOrigins', () => {
  const rules = { allowOrigins: new Set(['https://10.0.0.7:8443', 'https://idp.corp']), allowLoopbackHttp: false };

  test('lets the exact origin be private', () => {
    expect(readDestination('https://10.0.0.7:8443/keys', rules).reach).toBe('listed');
    expect(readDestination('https://IDP.corp:443/', rules).reach).toBe('listed');
  });

  test.each(['https://10.0.0.7/', 'https://10.0.0.7:8444/', 'https://10.0.0.8:8443/'])(
    'does not allow %s: another port or host is another origin (V12)',
    (url) => expect(failureOf(url, rules)).toBe('blocked'),
  );

  test('holds a name on another port, another scheme or with a final dot to public addresses', () => {
    expect(readDestination('https://idp.corp:8443/', rules).reach).toBe('public');
    expect(readDestination('https://idp.corp./', rules).reach).toBe('public');
    expect(failureOf('http://idp.corp/', rules)).toBe('blocked');
  });

  test('never makes a metadata service reachable', () => {
    const listed = { allowOrigins: new Set(['https://169.254.169.254']), allowLoopbackHttp: false };
    expect(failureOf('https://169.254.169.254/', listed)).toBe('blocked');
  });

  test('takes scheme, host and port in any case and nothing more', () => {
    expect(readOrigin('https://IDP.example.org:443')).toBe('https://idp.example.org');
    expect(readOrigin('http://127.0.0.1:8080/')).toBe('http://127.0.0.1:8080');
    const wrong = [
      'idp.example.org',
      'https://*.corp/x',
      'https://a/path',
      'https://u@a',
      'https://a?b',
      'ftp://a',
      '',
    ];
    for (const text of wrong) expect(() => readOrigin(text), text).toThrow(/not an origin/);
  });
});

describe('plain http', () => {
  const url = 'http://127.0.0.1:8080/';
  const listed = new Set(['http://127.0.0.1:8080', 'http://10.0.0.7:8080', 'http://localhost:8080']);

  test('is legal only under development, to a listed origin, on loopback', () => {
    expect(readDestination(url, { allowOrigins: listed, allowLoopbackHttp: true }).reach).toBe('loopback');
    expect(readDestination('http://localhost:8080/', { allowOrigins: listed, allowLoopbackHttp: true }).reach).toBe(
      'loopback',
    );
  });

  test.each([
    ['without development', url, { allowOrigins: listed, allowLoopbackHttp: false }],
    ['to an origin that is not listed', url, { allowOrigins: new Set<string>(), allowLoopbackHttp: true }],
    ['to another port', 'http://127.0.0.1:8081/', { allowOrigins: listed, allowLoopbackHttp: true }],
    ['off loopback', 'http://10.0.0.7:8080/', { allowOrigins: listed, allowLoopbackHttp: true }],
  ])('is refused %s', (_case, target, rules) => expect(failureOf(target, rules)).toBe('blocked'));
});
