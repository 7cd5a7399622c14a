import { describe, expect, test } from 'vitest';
import { openDoor, send, sendRaw } from './door-fixture.ts';

const PATHS = {
  '/.well-known/openid-configuration': { issuer: 'https://issuer.example.org/cloud', kind: 'openid' },
  '/.well-known/oauth-authorization-server': { issuer: 'https://issuer.example.org/cloud', kind: 'oauth' },
  '/.well-known/jwks.json': { keys: [{ kid: 'cloud' }] },
  '/svid/.well-known/openid-configuration': { issuer: 'https://issuer.example.org/svid', kind: 'openid' },
  '/.well-known/oauth-authorization-server/svid': { issuer: 'https://issuer.example.org/svid', kind: 'oauth' },
  '/svid/.well-known/jwks.json': { keys: [{ kid: 'svid' }] },
  '/spiffe/bundle': { keys: [], spiffe_sequence: 1 },
};

describe('published documents (M1, clouds.md 1.4)', () => {
  test.each(Object.entries(PATHS))('GET %s is cacheable JSON with a strong ETag', async (path, document) => {
    const answer = await send((await openDoor()).port, { path });
    expect([answer.status, answer.json]).toEqual([200, document]);
    expect(answer.headers['content-type']).toBe('application/json');
    expect(answer.headers.etag).toMatch(/^"[\w-]{43}"$/);
    const maxAge = Number(/^public, max-age=(\d+)$/.exec(answer.headers['cache-control'] ?? '')?.[1]);
    expect(maxAge).toBeGreaterThan(0);
    expect(maxAge).toBeLessThanOrEqual(path.includes('jwks') || path.includes('bundle') ? 300 : 3600);
  });

  test.each(Object.keys(PATHS))('HEAD %s has the headers of GET and no body', async (path) => {
    const { port } = await openDoor();
    const [head, get] = [await send(port, { method: 'HEAD', path }), await send(port, { path })];
    expect([head.status, head.text, head.headers.etag]).toEqual([200, '', get.headers.etag]);
    expect(head.headers['content-length']).toBe(String(get.text.length));
  });

  test('answers 304 without a body to a matching If-None-Match, in a list, weak or as a star', async () => {
    const { port } = await openDoor();
    const path = '/.well-known/jwks.json';
    const etag = (await send(port, { path })).headers.etag ?? '';
    for (const tag of [etag, `W/${etag}`, `"other", ${etag}`, '*']) {
      const answer = await send(port, { path, headers: [['if-none-match', tag]] });
      expect([answer.status, answer.text, answer.headers.etag]).toEqual([304, '', etag]);
      expect(answer.headers['cache-control']).toBe('public, max-age=300');
    }
    for (const tag of ['"other"', etag.replaceAll('"', ''), '']) {
      expect((await send(port, { path, headers: [['if-none-match', tag]] })).status).toBe(200);
    }
  });

  test('changes its ETag with the document', async () => {
    let kid = 'one';
    const door = await openDoor();
    const { documents } = door.deps;
    const { port } = await openDoor({ documents: { ...documents, jwks: () => ({ keys: [{ kid }] }) } });
    const first = await send(port, { path: '/.well-known/jwks.json' });
    kid = 'two';
    const headers = [['if-none-match', first.headers.etag ?? '']] as const;
    const second = await send(port, { path: '/.well-known/jwks.json', headers });
    expect([second.status, second.json]).toEqual([200, { keys: [{ kid: 'two' }] }]);
  });

  test('takes nothing from Host or X-Forwarded headers', async () => {
    const { port } = await openDoor();
    const forwarded =
      'Host: evil.example\r\nX-Forwarded-Host: evil.example\r\nX-Forwarded-Proto: http\r\nForwarded: host=evil.example\r\n';
    const answer = await sendRaw(
      port,
      `GET /.well-known/openid-configuration HTTP/1.1\r\n${forwarded}Connection: close\r\n\r\n`,
    );
    expect(answer).toContain('https://issuer.example.org/cloud');
    expect(answer).not.toContain('evil');
  });

  test('answers other methods with 405 and Allow', async () => {
    const answer = await send((await openDoor()).port, { method: 'POST', path: '/spiffe/bundle', body: '{}' });
    expect([answer.status, answer.headers.allow]).toEqual([405, 'GET, HEAD']);
  });

  test('is not cacheable when it fails', async () => {
    const { documents } = (await openDoor()).deps;
    const failing = {
      ...documents,
      jwks: () => {
        throw new Error('no keys');
      },
    };
    const answer = await send((await openDoor({ documents: failing })).port, { path: '/.well-known/jwks.json' });
    expect([answer.status, answer.headers['cache-control'], answer.headers.etag]).toEqual([500, 'no-store', undefined]);
  });
});

describe('an issuer with a path', () => {
  const issuer = (purpose: string) => `https://issuer.example.org/tenant${purpose === 'svid' ? '/svid' : ''}`;

  test('is served under that path: OpenID appended, RFC 8414 inserted (M1)', async () => {
    const { port } = await openDoor({ issuer, workloadUrl: issuer('cloud') });
    for (const path of [
      '/tenant/.well-known/openid-configuration',
      '/.well-known/oauth-authorization-server/tenant',
      '/tenant/.well-known/jwks.json',
      '/tenant/svid/.well-known/openid-configuration',
      '/.well-known/oauth-authorization-server/tenant/svid',
      '/tenant/svid/.well-known/jwks.json',
      '/tenant/spiffe/bundle',
    ]) {
      expect((await send(port, { path })).status).toBe(200);
    }
    for (const path of ['/.well-known/openid-configuration', '/.well-known/jwks.json', '/oauth2/token']) {
      expect((await send(port, { path })).status).toBe(404);
    }
    expect((await send(port, { method: 'POST', path: '/tenant/oauth2/token' })).status).toBe(400);
    expect((await send(port, { path: '/tenant/sdk/aws/payments' })).status).toBe(401);
  });
});
