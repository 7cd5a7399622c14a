import { describe, expect, test } from 'vitest';
import { AdminError } from '../../src/admin/admin-error.ts';
import { adminRoutes } from '../../src/routes/admin/admin-routes.ts';
import type { AdminDeps, RegisterRoutes } from '../../src/routes/door-deps.ts';
import { openDoor, send } from './door-fixture.ts';

const OWNER = { issuer: 'https://idp.example.org', subject: 'alice', roles: ['owner'] } as const;

const unused = () => {
  throw new AdminError('internal');
};
const UNUSED: AdminDeps = {
  signIn: async () => OWNER,
  journal: { unread: () => undefined, otherMethod: () => undefined, notSignedIn: () => undefined },
  nameOwner: unused,
  explain: unused,
  why: unused,
  report: unused,
  replay: unused,
  trail: { now: () => 0, records: unused, outstanding: unused },
  resources: {
    list: unused,
    get: unused,
    put: unused,
    delete: unused,
    history: unused,
    rollback: unused,
    apply: unused,
    proposals: unused,
    withdraw: unused,
  },
  requests: { list: unused, get: unused, ask: unused, decide: unused },
};

function admin(overrides: Partial<AdminDeps> = {}): RegisterRoutes {
  return (server, log) => adminRoutes(server, { ...UNUSED, ...overrides }, log);
}

const AUTHORIZED = [['authorization', 'Bearer abc']] as const;

describe('the doors of the admin API (DESIGN section 9)', () => {
  test.each(['public', 'workload'] as const)('the %s door has none of it', async (name) => {
    const { port } = await openDoor({ name, admin: admin() });
    expect((await send(port, { path: '/admin/v1/whoami', headers: AUTHORIZED })).status).toBe(404);
  });

  test.each(['admin', 'all'] as const)('the door %s has it', async (name) => {
    const { port } = await openDoor({ name, admin: admin() });
    const { status, json, headers } = await send(port, { path: '/admin/v1/whoami', headers: AUTHORIZED });
    expect([status, json, headers['cache-control']]).toEqual([200, { ...OWNER, limited: [] }, 'no-store']);
  });

  test('where nobody signs people in there is none', async () => {
    const { port } = await openDoor({ name: 'admin' });
    expect((await send(port, { path: '/admin/v1/whoami', headers: AUTHORIZED })).status).toBe(404);
  });
});

describe('problems (RFC 9457)', () => {
  test('what has no route, and another method, are problems too', async () => {
    const { port } = await openDoor({ name: 'admin', admin: admin() });
    const nowhere = await send(port, { path: '/admin/v1/nothing', headers: AUTHORIZED });
    const method = await send(port, { method: 'POST', path: '/admin/v1/mappings', headers: AUTHORIZED });
    for (const { headers } of [nowhere, method]) expect(headers['content-type']).toBe('application/problem+json');
    expect([nowhere.status, nowhere.json['type']]).toEqual([404, 'urn:carnet:problem:not-found']);
    expect([method.status, method.headers['allow'], method.json['status']]).toEqual([405, 'GET', 405]);
  });

  test('what nobody foresaw is an internal error that says nothing', async () => {
    const { port, log } = await openDoor({
      name: 'admin',
      admin: admin({
        signIn: async () => {
          throw new Error('password hunter2');
        },
      }),
    });
    const { status, text } = await send(port, { path: '/admin/v1/whoami', headers: AUTHORIZED });
    expect(status).toBe(500);
    expect(text + log()).not.toContain('hunter2');
  });

  test('what cannot be had right now is a 503 with Retry-After', async () => {
    const signIn = async () => {
      throw new AdminError('unavailable', { detail: 'the store cannot be read' });
    };
    const { port } = await openDoor({ name: 'admin', admin: admin({ signIn }) });
    const { status, headers } = await send(port, { path: '/admin/v1/whoami', headers: AUTHORIZED });
    expect([status, headers['retry-after']]).toEqual([503, '5']);
  });
});

describe('the token of a request to the admin API', () => {
  const rows: [string, readonly (readonly [string, string])[]][] = [
    ['none', []],
    ['one without Bearer', [['authorization', 'abc']]],
    ['another scheme', [['authorization', 'Basic abc']]],
    [
      'two headers',
      [
        ['authorization', 'Bearer abc'],
        ['authorization', 'Bearer abc'],
      ],
    ],
    ['one larger than 16 KiB', [['authorization', `Bearer ${'a'.repeat(16_385)}`]]],
    ['one in a cookie', [['cookie', 'token=abc']]],
  ];
  test.each(rows)('%s is refused before anybody looks at it', async (_, headers) => {
    let asked = 0;
    const signIn = async () => {
      asked += 1;
      return OWNER;
    };
    const { port } = await openDoor({ name: 'admin', admin: admin({ signIn }) });
    const { status } = await send(port, { path: '/admin/v1/whoami', headers });
    expect([status, asked]).toEqual([401, 0]);
  });

  test('is looked at before a body is read: who may nothing sends nothing', async () => {
    const signIn = async () => {
      throw new AdminError('unauthenticated');
    };
    const { port } = await openDoor({ name: 'admin', admin: admin({ signIn }) });
    const { status } = await send(port, {
      method: 'PUT',
      path: '/admin/v1/mappings/a',
      headers: [...AUTHORIZED, ['content-type', 'text/plain']],
      body: '?',
    });
    expect(status).toBe(401);
  });
});

describe('what is refused at the admin door before it is known what was wanted', () => {
  const told: string[] = [];
  const journal = {
    unread: ({ subject }: { subject: string }, _: string, { key }: AdminError) => void told.push(`${subject} ${key}`),
    otherMethod: () => void told.push('method'),
    notSignedIn: (reason: string) => void told.push(reason),
  };
  const JSON_BODY = [...AUTHORIZED, ['content-type', 'application/json']] as const;
  const long = 'a'.repeat(70_000);

  test.each([
    ['another type of body', 'PUT', 'mappings/a', AUTHORIZED, '{}', 415, ['alice media_type']],
    ['an unknown parameter', 'PUT', 'guardrails/a?force=1', JSON_BODY, '{}', 400, ['alice malformed']],
    ['a deletion with one', 'DELETE', 'issuers/a?force=1', AUTHORIZED, '', 400, ['alice malformed']],
    ['a body that is too long', 'PUT', 'mappings/a', JSON_BODY, long, 413, ['alice too_large']],
    ['a set without a name', 'POST', 'apply', JSON_BODY, '{}', 400, ['alice malformed']],
    ['a decision that is none', 'PUT', `access-requests/ar-${'0'.repeat(32)}`, JSON_BODY, '{}', 422, ['alice invalid']],
    ['a first owner as text', 'PUT', 'owner', AUTHORIZED, '{}', 415, ['alice media_type']],
    ['a method that nobody has', 'PATCH', 'mappings/a', AUTHORIZED, '{}', 405, ['method']],
    ['no token', 'PUT', 'mappings/a', [], '{}', 401, ['token_missing']],
    ['a dry run is not', 'PUT', 'mappings/a?dryRun=true', AUTHORIZED, '{}', 415, []],
    ['a reading is not', 'GET', 'mappings?force=1', AUTHORIZED, '', 400, []],
    ['an explanation is not', 'POST', 'explain', AUTHORIZED, '{}', 415, []],
  ] as const)('is told to the audit log: %s', async (_, method, path, headers, body, status, wanted) => {
    told.length = 0;
    const { port } = await openDoor({ name: 'admin', admin: admin({ journal }) });
    const answer = await send(port, { method, path: `/admin/v1/${path}`, headers, body });
    expect([answer.status, told]).toEqual([status, wanted]);
  });
});

describe('bodies of the admin API', () => {
  const put = (port: number, headers: readonly (readonly [string, string])[], body: string | Buffer = '{}') =>
    send(port, { method: 'PUT', path: '/admin/v1/mappings/a', headers: [...AUTHORIZED, ...headers], body });
  const resources = {
    ...UNUSED.resources,
    put: async () => ({
      created: true,
      inForce: true,
      etag: '"1"',
      widening: { widens: false, reasons: [], more: 0 },
      changes: {
        added: [],
        removed: [],
        changed: [],
        newFaults: [],
        goneFaults: [],
      },
    }),
  };

  test.each(['application/json', 'application/yaml', 'application/json; charset=utf-8'])(
    '%s is taken',
    async (type) => {
      const { port } = await openDoor({ name: 'admin', admin: admin({ resources }) });
      expect((await put(port, [['content-type', type]])).status).toBe(201);
    },
  );

  test.each(['text/plain', 'application/x-www-form-urlencoded', 'application/json; charset=latin1'])(
    '%s is not',
    async (type) => {
      const { port } = await openDoor({ name: 'admin', admin: admin({ resources }) });
      expect((await put(port, [['content-type', type]])).status).toBe(415);
    },
  );

  test('bytes that are no UTF-8 are malformed, and compressed ones of another type', async () => {
    const { port } = await openDoor({ name: 'admin', admin: admin({ resources }) });
    const json = ['content-type', 'application/json'] as const;
    expect((await put(port, [json], Buffer.from([0x22, 0xff, 0x22]))).status).toBe(400);
    expect((await put(port, [json, ['content-encoding', 'gzip']])).status).toBe(415);
  });
});
