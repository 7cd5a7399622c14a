import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { loadEncryptionKey } from '../../src/authority/encryption-key-file.ts';
import { createAuthority, type LocalAuthority } from '../../src/authority/local-authority.ts';
import { run } from '../../src/cli/program.ts';
import { openSqliteStore } from '../../src/store/sqlite-document-store.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { FakeSurroundings } from './fake-surroundings.ts';
import { CARNET_YAML, installation } from './temporary-installation.ts';

const NOW = '2026-11-22T09:00:00Z';
const clock = new FakeClock();
let folder: string;

/** What a first start of the service leaves behind, or what the service reads later. */
async function service<T>(use: (authority: LocalAuthority) => Promise<T> | T): Promise<T> {
  const encryptionKey = await loadEncryptionKey({ path: join(folder, 'var/kek'), development: true });
  const store = await openSqliteStore({ path: join(folder, 'var/carnet.db'), clock });
  try {
    return await use(await createAuthority({ issuer: 'http://127.0.0.1:8080', store, encryptionKey, clock }));
  } finally {
    await store.close();
  }
}

interface Times {
  /** The operator's clock, as RFC 3339. */
  readonly at?: string;
  readonly terminal?: boolean;
}

async function keys(args: readonly string[], { at = NOW, terminal = false }: Times = {}) {
  const around = new FakeSurroundings({ workingDirectory: folder, terminal });
  around.clock.set(at);
  const exitCode = await run(['keys', ...args], around);
  return { exitCode, out: around.stdout, err: around.stderr };
}

interface Row {
  readonly purpose: string;
  readonly kid: string;
  readonly state: string;
}
const listed = async (at?: string): Promise<readonly Row[]> =>
  JSON.parse((await keys(['list', '-o', 'json'], at === undefined ? {} : { at })).out).keys;
const kidOf = async (purpose: string, state: string, at?: string) =>
  (await listed(at)).find((row) => row.purpose === purpose && row.state === state)?.kid ?? '';

beforeEach(async () => {
  folder = installation({ 'carnet.yaml': CARNET_YAML });
  mkdirSync(join(folder, 'var'), { recursive: true });
  await service(() => undefined);
});

describe('carnet keys list', () => {
  test('shows purpose, kid, alg, state and times of each key, and when the next takes over', async () => {
    const kid = await kidOf('svid', 'active');
    const { exitCode, out, err } = await keys(['list']);
    expect([exitCode, err]).toEqual([0, '']);
    expect(out).toMatch(/^purpose +kid +alg +state +published +active +retires +gone$/m);
    expect(out).toMatch(new RegExp(`^svid +${kid} +ES256 +active +${NOW} +${NOW} +- +-$`, 'm'));
    expect(out).toMatch(/^cloud +[\w-]{43} +RS256 +active /m);
    expect(out).toMatch(/^next rotation {2}svid {2}2026-12-22T09:00:00Z$/m);
  });

  test('colours states on a terminal and nowhere else', async () => {
    expect((await keys(['list'], { terminal: true })).out).toContain('\u001b[32msvid');
    expect((await keys(['list'])).out).not.toContain('\u001b');
  });

  test('shows one purpose on request, as JSON too, and no member that could be private', async () => {
    const { out } = await keys(['list', '--purpose', 'cloud', '-o', 'json']);
    const report = JSON.parse(out);
    expect(Object.keys(report)).toEqual(['keys', 'rotation']);
    expect(report.rotation).toEqual([{ purpose: 'cloud', nextRotationAt: '2026-12-22T09:00:00Z', overdue: false }]);
    expect(report.keys).toEqual([
      {
        purpose: 'cloud',
        kid: expect.stringMatching(/^[\w-]{43}$/),
        alg: 'RS256',
        state: 'active',
        publishedAt: NOW,
        activeAt: NOW,
      },
    ]);
  });

  test('says that a rotation is overdue', async () => {
    expect((await keys(['list'], { at: '2026-12-21T09:00:01Z' })).out.match(/overdue/g)).toHaveLength(2);
  });

  test('makes neither a store nor an encryption key, and ends with 78', async () => {
    folder = installation({ 'carnet.yaml': CARNET_YAML });
    const { exitCode, err } = await keys(['list']);
    expect([exitCode, err]).toEqual([78, expect.stringContaining('store.sqlite.path: there is nothing at')]);
    mkdirSync(join(folder, 'var'));
    writeFileSync(join(folder, 'var/carnet.db'), '');
    expect((await keys(['list'])).err).toContain('signing.encryptionKeyFile: there is nothing at');
    expect(existsSync(join(folder, 'var/kek'))).toBe(false);
  });

  test('makes no keys in a store that has none', async () => {
    folder = installation({ 'carnet.yaml': CARNET_YAML, 'var/carnet.db': '', 'var/kek': readKek() });
    for (const command of [['list'], ['prepare'], ['activate', '--now'], ['export', '--out', 'x']]) {
      const { exitCode, err } = await keys(command);
      expect([exitCode, err], command[0]).toEqual([78, expect.stringContaining('holds no cloud keys')]);
    }
  });

  test('names the encryption key file when it holds another key', async () => {
    writeFileSync(join(folder, 'var/kek'), `${Buffer.alloc(32, 7).toString('base64')}\n`);
    const { exitCode, err } = await keys(['list']);
    expect([exitCode, err]).toEqual([78, expect.stringContaining('signing.encryptionKeyFile: it does not hold')]);
  });

  const readKek = () => readFileSync(join(folder, 'var/kek'), 'utf8');
});

describe('carnet keys prepare', () => {
  test('publishes one further key for each purpose, once', async () => {
    const first = await keys(['prepare']);
    expect([first.exitCode, first.err.match(/is published now/g)]).toEqual([
      0,
      ['is published now', 'is published now'],
    ]);
    expect((await listed()).map(({ purpose, state }) => `${purpose} ${state}`)).toEqual([
      'cloud active',
      'cloud prepared',
      'svid active',
      'svid prepared',
    ]);
    const second = await keys(['prepare']);
    expect([second.exitCode, second.err.match(/prepared already/g)?.length]).toEqual([0, 2]);
    expect(await listed()).toHaveLength(4);
    expect(await service((authority) => authority.publicKeys('svid').length)).toBe(2);
  });

  test('leaves the other purpose alone on request', async () => {
    await keys(['prepare', '--purpose', 'svid']);
    expect((await listed()).map(({ purpose }) => purpose)).toEqual(['cloud', 'svid', 'svid']);
  });
});

describe('carnet keys activate', () => {
  test('refuses a key that is published for less than 24 h, and says until when', async () => {
    await keys(['prepare']);
    const { exitCode, out, err } = await keys(['activate'], { at: '2026-11-23T08:59:59Z' });
    expect([exitCode, out]).toEqual([1, '']);
    expect(err).toMatch(/less than 24 h.*wait until 2026-11-23T09:00:00\.\d{3}Z, or say --now/);
    expect(await kidOf('svid', 'prepared')).not.toBe('');
  });

  test('takes it from then on, without a warning', async () => {
    await keys(['prepare']);
    const [cloud, svid] = [await kidOf('cloud', 'prepared'), await kidOf('svid', 'prepared')];
    const at = '2026-11-23T09:00:01Z';
    const { exitCode, err } = await keys(['activate'], { at });
    expect(exitCode).toBe(0);
    expect(err).not.toContain('warning');
    expect([await kidOf('cloud', 'active', at), await kidOf('svid', 'active', at)]).toEqual([cloud, svid]);
  });

  test('takes a younger one with --now, and warns', async () => {
    await keys(['prepare', '--purpose', 'svid']);
    const prepared = await kidOf('svid', 'prepared');
    const { exitCode, err } = await keys(['activate', '--purpose', 'svid', '--now']);
    expect(exitCode).toBe(0);
    expect(err).toContain('warning: svid: the key that signs now was published for less than 24 h');
    expect(await kidOf('svid', 'active')).toBe(prepared);
  });

  test('activates none of the purposes when one has nothing prepared', async () => {
    await keys(['prepare', '--purpose', 'cloud']);
    const { exitCode, err } = await keys(['activate', '--now']);
    expect([exitCode, err]).toEqual([1, expect.stringContaining('no key of svid is prepared')]);
    expect(await kidOf('cloud', 'prepared')).not.toBe('');
  });
});

describe('carnet keys revoke', () => {
  test('replaces the only key at once, and warns of both that follow from it', async () => {
    const kid = await kidOf('svid', 'active');
    const { exitCode, err, out } = await keys(['revoke', kid]);
    expect(exitCode).toBe(0);
    expect(err).toContain(`svid: ${kid} is published no more and signs no more`);
    expect(err).toContain('warning: svid: the key that signs now was published for less than 24 h');
    expect(err).toContain('warning: svid: what the revoked key has signed stays valid');
    expect(out).not.toContain(kid);
    expect(out).not.toContain('cloud');
    const published = await service((authority) => authority.publicKeys('svid').map((key) => key.kid));
    expect(published).toEqual([await kidOf('svid', 'active')]);
    expect(published).not.toContain(kid);
  });

  test('does not warn of a successor that verifiers have had for a day', async () => {
    await keys(['prepare']);
    const kid = await kidOf('svid', 'active');
    const { err } = await keys(['revoke', kid], { at: '2026-11-23T10:00:00Z' });
    expect(err).not.toContain('less than 24 h');
  });

  test.each(['nobody', '', '__proto__', '../x'])('refuses %j, which is no key, and changes nothing', async (kid) => {
    const before = await listed();
    const { exitCode, err } = await keys(['revoke', kid]);
    expect([exitCode, err]).toEqual([1, expect.stringContaining('there is no key')]);
    expect(await listed()).toEqual(before);
  });

  const HYPHENATED = `-o${'a'.repeat(41)}`;

  test.each([[HYPHENATED], [HYPHENATED, '--purpose', 'svid'], ['--purpose', 'svid', HYPHENATED], ['--', HYPHENATED]])(
    'takes %s %s %s for a key, though it begins as an option does',
    async (...args) => {
      const { exitCode, err } = await keys(['revoke', ...args]);
      expect([exitCode, err]).toEqual([1, expect.stringContaining(`there is no key ${HYPHENATED}`)]);
    },
  );

  test.each([['-x'], ['--now'], [HYPHENATED, HYPHENATED], [`${HYPHENATED}a`]])(
    'refuses %s %s, which names no one key, as a wrong way to call it',
    async (...args) => {
      expect((await keys(['revoke', ...args])).exitCode).toBe(2);
    },
  );

  test('shows what was given as a key without what would steer a terminal', async () => {
    expect((await keys(['revoke', 'a\u001b[2Jb'])).err).not.toContain('\u001b');
  });

  test('refuses a key of the other purpose than the one named', async () => {
    const kid = await kidOf('svid', 'active');
    expect((await keys(['revoke', kid, '--purpose', 'cloud'])).exitCode).toBe(1);
    expect(await kidOf('svid', 'active')).toBe(kid);
  });
});

describe('carnet keys export', () => {
  const files = (root: string) =>
    readdirSync(root, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name).slice(root.length))
      .toSorted();
  const read = (path: string) => JSON.parse(readFileSync(join(folder, 'bucket', path), 'utf8'));

  test('writes the documents of both issuers and the SPIFFE bundle at their very paths', async () => {
    await keys(['prepare']);
    const { exitCode, out } = await keys(['export', '--out', 'bucket']);
    expect(exitCode).toBe(0);
    expect(files(join(folder, 'bucket'))).toEqual([
      '/.well-known/jwks.json',
      '/.well-known/oauth-authorization-server',
      '/.well-known/openid-configuration',
      '/spiffe/bundle',
      '/svid/.well-known/jwks.json',
      '/svid/.well-known/openid-configuration',
    ]);
    expect(out).toMatch(/^\/svid\/\.well-known\/jwks\.json +application\/json +public, max-age=300$/m);
    const { issuer, jwks_uri: uri } = read('svid/.well-known/openid-configuration');
    expect([issuer, uri]).toEqual(['http://127.0.0.1:8080/svid', 'http://127.0.0.1:8080/svid/.well-known/jwks.json']);
  });

  test('writes what the service publishes, with the prepared key', async () => {
    await keys(['prepare']);
    await keys(['export', '--out', 'bucket']);
    const [cloud, svid, sequence] = await service((authority) => [
      authority.publicKeys('cloud'),
      authority.publicKeys('svid'),
      authority.keysChangedAt('svid'),
    ]);
    expect(read('.well-known/jwks.json')).toEqual({ keys: cloud });
    expect(read('svid/.well-known/jwks.json')).toEqual({ keys: svid });
    expect(svid).toHaveLength(2);
    expect(read('spiffe/bundle')).toMatchObject({ spiffe_sequence: sequence, keys: [{ use: 'jwt-svid' }, {}] });
  });

  test('holds no private member in any file', async () => {
    await keys(['export', '--out', 'bucket']);
    for (const file of files(join(folder, 'bucket')))
      for (const key of read(file).keys ?? [])
        for (const member of ['d', 'p', 'q', 'dp', 'dq', 'qi', 'k']) expect(key).not.toHaveProperty(member);
  });

  test('writes below the path of an issuer that has one', async () => {
    const yaml = CARNET_YAML.replace('issuer: http://127.0.0.1:8080', 'issuer: http://127.0.0.1:8080/sts/eu');
    writeFileSync(join(folder, 'carnet.yaml'), yaml);
    await keys(['export', '--out', 'bucket']);
    expect(files(join(folder, 'bucket'))).toEqual([
      '/.well-known/oauth-authorization-server/sts/eu',
      '/sts/eu/.well-known/jwks.json',
      '/sts/eu/.well-known/openid-configuration',
      '/sts/eu/spiffe/bundle',
      '/sts/eu/svid/.well-known/jwks.json',
      '/sts/eu/svid/.well-known/openid-configuration',
    ]);
  });

  test('replaces an older export and lists what it wrote as JSON', async () => {
    await keys(['export', '--out', 'bucket']);
    const before = read('svid/.well-known/jwks.json');
    await keys(['revoke', await kidOf('svid', 'active')]);
    const { out } = await keys(['export', '--out', 'bucket', '--purpose', 'svid', '-o', 'json']);
    expect(read('svid/.well-known/jwks.json')).not.toEqual(before);
    expect(JSON.parse(out)).toEqual({
      folder: join(folder, 'bucket'),
      files: [
        ['/svid/.well-known/jwks.json', 300],
        ['/spiffe/bundle', 300],
        ['/svid/.well-known/openid-configuration', 3600],
      ].map(([path, seconds]) => ({
        path,
        contentType: 'application/json',
        cacheControl: `public, max-age=${seconds}`,
      })),
    });
  });

  test('says which path cannot be written, and ends with 78', async () => {
    writeFileSync(join(folder, 'bucket'), '');
    const { exitCode, err } = await keys(['export', '--out', 'bucket']);
    expect([exitCode, err]).toEqual([78, expect.stringMatching(/--out: .*jwks\.json cannot be written \(E\w+\)/)]);
  });
});

describe('the arguments of carnet keys', () => {
  test.each([
    [['keys']],
    [['keys', 'revoke']],
    [['keys', 'export']],
    [['keys', 'list', '--purpose', 'both']],
    [['keys', 'list', '-o', 'xml']],
    [['keys', 'activate', 'surplus']],
  ])('%j ends with 2', async (args) => {
    expect(await run(args, new FakeSurroundings({ workingDirectory: folder }))).toBe(2);
  });
});
