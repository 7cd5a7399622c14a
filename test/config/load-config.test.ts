import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { MIN_ROTATION_MS } from '../../src/authority/key-schedule.ts';
import type { Config } from '../../src/config/config.ts';
import { ConfigFaults } from '../../src/config/config-faults.ts';
import { loadConfig } from '../../src/config/load-config.ts';
import { configSchema } from '../../src/config/schema.ts';
import { variablesOf } from '../../src/config/variables.ts';
import { durationSeconds } from '../../src/resources/duration.ts';

const CONTRACT = join(import.meta.dirname, '../fixtures/contract/carnet.yaml');

const development = `
issuer: http://127.0.0.1:8080
trustDomain: example.org
development: true
listen: { host: 127.0.0.1, port: 8080 }
resources: [./resources]
store: { sqlite: { path: ./var/carnet.db } }
signing: { encryptionKeyFile: ./var/kek }
audit: { directory: ./var/audit }
`;

const production = `
issuer: https://issuer.example.org
trustDomain: example.org
listeners:
  public: { host: 0.0.0.0, port: 8443, tls: { certFile: tls/public.pem, keyFile: tls/public.key } }
  workload:
    host: 0.0.0.0
    port: 8444
    url: https://sts.internal.example.org
    tls: { certFile: tls/workload.pem, keyFile: tls/workload.key }
  admin: { host: 127.0.0.1, port: 8445 }
resources: [/etc/carnet/resources]
store: { sqlite: { path: /data/store/carnet.db } }
signing: { encryptionKeyFile: /keys/kek }
audit: { directory: /data/audit }
`;

function load(text: string, environment: Record<string, string> = {}): Config {
  return loadConfig({ file: '/etc/carnet/carnet.yaml', text, environment });
}

function faults(text: string, environment: Record<string, string> = {}) {
  try {
    load(text, environment);
  } catch (error) {
    if (error instanceof ConfigFaults) return error.faults;
    throw error;
  }
  return [];
}

/** Paths and variables of all faults. */
function places(text: string, environment: Record<string, string> = {}): string[] {
  return faults(text, environment).map(({ path, variable }) => path || variable || '');
}

describe('contract/carnet.yaml', () => {
  const config = loadConfig({ file: CONTRACT, environment: {}, readFile: (path) => readFileSync(path, 'utf8') });

  test('loads, with paths against the file and one listener for every door', () => {
    const base = dirname(CONTRACT);
    expect(config).toMatchObject({
      issuer: 'http://127.0.0.1:8080',
      trustDomain: 'example.org',
      development: true,
      listeners: [{ name: 'all', host: '127.0.0.1', port: 8080 }],
      workloadUrl: 'http://127.0.0.1:8080',
      resources: [join(base, 'resources')],
      store: { sqlite: { path: join(base, 'var/carnet.db') } },
      signing: { encryptionKeyFile: join(base, 'var/kek'), rotateEverySeconds: 30 * 86_400 },
      audit: { directory: join(base, 'var/audit') },
      log: { level: 'info' },
    });
  });

  test('warns of the bootstrap token, which nobody can use before admin.oidc is there, with its line', () => {
    expect(config.warnings.map(({ path, line }) => [path, typeof line])).toEqual([
      ['admin.bootstrapTokenFile', 'number'],
    ]);
  });

  test('is frozen to its leaves', () => {
    expect([config, ...Object.values(config.store), config.listeners].every(Object.isFrozen)).toBe(true);
  });
});

describe('signing.rotateEvery', () => {
  const rotating = (text?: string) =>
    load(development, text === undefined ? {} : { CARNET_SIGNING_ROTATE_EVERY: text });

  test('is 30 days when it is left out', () => {
    expect(rotating().signing.rotateEverySeconds).toBe(30 * 86_400);
  });

  test.each(['2d', '48h', '365d'])('takes %s', (text) => {
    expect(rotating(text).signing.rotateEverySeconds).toBe(durationSeconds(text));
  });

  test.each(['172799s', '47h', '1d', '366d', '99999999d'])('refuses %s, which is too short or too long', (text) => {
    expect(faults(development, { CARNET_SIGNING_ROTATE_EVERY: text })).toEqual([
      {
        path: 'signing.rotateEvery',
        message: 'must be between 2d and 365d',
        variable: 'CARNET_SIGNING_ROTATE_EVERY',
      },
    ]);
  });

  test('has the shortest that the schedule of the keys can keep', () => {
    expect(durationSeconds('2d') * 1000).toBe(MIN_ROTATION_MS);
  });
});

describe('environment', () => {
  test('wins over the file, by CARNET_ and the path in upper snake case', () => {
    const config = load(development, { CARNET_SIGNING_ENCRYPTION_KEY_FILE: '/keys/kek', CARNET_LISTEN_PORT: '9090' });
    expect([config.signing.encryptionKeyFile, config.listeners[0]?.port]).toEqual(['/keys/kek', 9090]);
  });

  test('configures alone, without any file', () => {
    const config = loadConfig({
      environment: {
        CARNET_ISSUER: 'http://localhost:1',
        CARNET_TRUST_DOMAIN: 'example.org',
        CARNET_DEVELOPMENT: 'true',
        CARNET_LISTEN: '{"host":"127.0.0.1","port":0}',
        CARNET_RESOURCES: '/a, /b,',
        CARNET_STORE_SQLITE_PATH: '/data/carnet.db',
        CARNET_SIGNING_ENCRYPTION_KEY_FILE: '/keys/kek',
        CARNET_AUDIT_DIRECTORY: '/audit',
      },
    });
    expect(config.resources).toEqual(['/a', '/b']);
  });

  test('takes an empty variable for an unset one', () => {
    expect(load(development, { CARNET_ISSUER: '', CARNET_RESOURCES: '' }).issuer).toBe('http://127.0.0.1:8080');
  });

  test('takes the other alternatives off when it sets one: listeners instead of listen', () => {
    const listeners = { host: '127.0.0.1' };
    const config = load(development, {
      CARNET_LISTENERS_PUBLIC: JSON.stringify({ ...listeners, port: 1 }),
      CARNET_LISTENERS_WORKLOAD: JSON.stringify({ ...listeners, port: 2, url: 'http://127.0.0.1:2' }),
      CARNET_LISTENERS_ADMIN: JSON.stringify({ ...listeners, port: 3 }),
    });
    expect(config.listeners.map(({ name }) => name)).toEqual(['public', 'workload', 'admin']);
  });

  test('takes sqlite off when it names postgres', () => {
    const url = 'postgres://carnet@db/carnet';
    const environment = { CARNET_STORE_POSTGRES_URL: url, CARNET_STORE_POSTGRES_PASSWORD_FILE: 'pw' };
    expect(load(development, environment).store).toEqual({ postgres: { url, passwordFile: '/etc/carnet/pw' } });
  });

  test('refuses two alternatives when the environment sets both', () => {
    const both = { CARNET_STORE_POSTGRES_URL: 'postgres://db', CARNET_STORE_SQLITE_PATH: '/x' };
    expect(places(development, both)).toContain('store.postgres');
    expect(faults(development, both).map(({ message }) => message)).toContain(
      'choose one of store.sqlite or store.postgres',
    );
  });

  test('names the nearest setting for an unknown CARNET_ variable', () => {
    expect(faults(development, { CARNET_ISUER: 'x' })).toEqual([
      { path: '', variable: 'CARNET_ISUER', message: 'no such setting', hint: 'did you mean CARNET_ISSUER?' },
    ]);
  });

  test('lets pass what Kubernetes injects and what the client reads, and nothing near it', () => {
    const injected = [
      'CARNET_PORT',
      'CARNET_PORT_8443_TCP_ADDR',
      'CARNET_SERVICE_HOST',
      'CARNET_SERVICE_PORT_HTTPS',
      'CARNET_ENDPOINT',
      'CARNET_TOKEN_FILE',
    ];
    expect(places(development, Object.fromEntries(injected.map((name) => [name, 'x'])))).toEqual([]);
    expect(places(development, { CARNET_PORTS: 'x', CARNET_TOKEN: 'x' })).toEqual(['CARNET_PORTS', 'CARNET_TOKEN']);
  });

  test('refuses an object that is not JSON, a number that is not one and a truth that is not one', () => {
    expect(
      places(development, { CARNET_STORE: '{', CARNET_LISTEN_PORT: '80a', CARNET_DEVELOPMENT: 'yes' }).sort(),
    ).toEqual(expect.arrayContaining(['development', 'listen.port', 'store']));
  });

  test('gives every field of the schema its own variable', () => {
    const names = variablesOf(configSchema).map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
    expect(names).toContain('CARNET_CLOUDS_AWS_STS_ENDPOINT');
  });

  test('says which variable a faulty value came from, and never repeats the value', () => {
    const [fault] = faults(development, { CARNET_CLOUDS_AWS_STS_ENDPOINT: 'ftp://secret-host' });
    expect(fault).toMatchObject({ path: 'clouds.aws.stsEndpoint', variable: 'CARNET_CLOUDS_AWS_STS_ENDPOINT' });
    expect(JSON.stringify(fault)).not.toContain('secret-host');
  });
});

describe('faults', () => {
  test('come all together, each with its path, its line and a hint', () => {
    const text = `${development.replace('trustDomain: example.org', 'trustDomain: Example.org')}isuer: x\ncache: { redis: { url: x } }\n`;
    const found = faults(text, { CARNET_NOPE: '1' });
    expect(found.map(({ path, line }) => [path, line])).toEqual([
      ['', undefined],
      ['trustDomain', 3],
      ['isuer', 10],
      ['cache.redis.url', 11],
    ]);
    expect(found[2]?.hint).toBe('did you mean issuer?');
  });

  test('are one error whose message has a line for each', () => {
    const text = development.replace('trustDomain: example.org\n', '').replace('audit:', 'audits:');
    expect(() => load(text)).toThrow(ConfigFaults);
    expect(() => load(text)).toThrow(/trustDomain: is required[\s\S]*carnet\.yaml:8: audits: unknown field/);
  });

  test('say so when the file cannot be read', () => {
    const readFile = () => {
      throw Object.assign(new Error('no'), { code: 'ENOENT' });
    };
    expect(() => loadConfig({ file: 'carnet.yaml', environment: {}, readFile })).toThrow(
      'carnet.yaml: cannot be read (ENOENT) (name another with --config)',
    );
  });

  test('treat prototype names as what they are: no fields of a configuration', () => {
    expect(places(`${development}constructor: 1\ntoString: 1\n`)).toEqual(['constructor', 'toString']);
    expect(faults(`${development}__proto__: { development: true }\n`)[0]?.line).toBe(10);
  });
});

describe('cache.redis', () => {
  const at = (url: string) => faults(`${development}cache: { redis: { url: "${url}" } }\n`).map(({ path }) => path);

  test('is an address and the file of a password, which is resolved as every path', () => {
    const text = `${development}cache: { redis: { url: "rediss://carnet@cache.example.org:6380/3", passwordFile: ./pw } }\n`;
    expect(load(text).cache).toEqual({
      redis: { url: 'rediss://carnet@cache.example.org:6380/3', passwordFile: '/etc/carnet/pw' },
    });
    expect(load(development).cache).toEqual({});
    expect(load(`${development}cache: { memory: {} }\n`, { CARNET_CACHE_REDIS_URL: 'redis://[::1]' }).cache).toEqual({
      redis: { url: 'redis://[::1]' },
    });
  });

  test.each([
    'redis://:hunter2@cache:6379',
    'redis://carnet:hunter2@cache:6379',
    'redis://carnet:@cache:6379',
    'rediss://cache:6379?password=hunter2',
    'rediss://cache:6379?tls=false',
    'rediss://cache#x',
    'rediss://',
    'rediss:cache',
    'rediss:///var/run/redis.sock',
    'http://cache:6379',
    'unix:///run/redis.sock',
    'cache:6379',
    'rediss://Cache.example.org',
    'rediss://one,two:6379',
    'rediss://cache:6379/16',
    'rediss://cache:6379/x',
    'rediss://cache:99999',
    '/run/redis.sock',
  ])('is no such address: %s, and the fault does not repeat it', (url) => {
    expect(at(url)).toEqual(['cache.redis.url']);
    const [fault] = faults(`${development}cache: { redis: { url: "${url}" } }\n`);
    expect(fault?.message).not.toContain('hunter2');
  });

  test('without TLS warns where the network is in between', () => {
    const warned = (url: string) =>
      load(`${development}cache: { redis: { url: "${url}" } }\n`).warnings.map(({ path }) => path);
    expect(warned('redis://cache:6379')).toEqual(['cache.redis.url']);
    expect(warned('rediss://cache:6379')).toEqual([]);
    expect(warned('redis://127.0.0.1:6379')).toEqual([]);
  });
});

describe('admin', () => {
  const oidc = (more: string, issuer = 'https://idp.example.org') =>
    `${development}admin: { bootstrapTokenFile: ./t, oidc: { issuer: '${issuer}', audience: admin, ${more} } }\n`;
  const ROLES = 'roles: [{ role: owner, claim: groups, value: platform }]';

  test('is whoever signs people in, and which claim gives which role', () => {
    const { admin, warnings } = load(oidc(ROLES));
    expect(admin.oidc).toEqual({
      issuer: 'https://idp.example.org',
      audience: 'admin',
      roles: [{ role: 'owner', claim: 'groups', value: 'platform' }],
    });
    expect(warnings).toEqual([]);
  });

  test('is absent where the file has none of it', () => {
    expect(load(development).admin).toEqual({ fourEyes: false, readOnly: false });
  });

  test.each([
    ['a role that is none', ROLES.replace('owner', 'root'), undefined, 'admin.oidc.roles.0.role'],
    ['no roles', '', undefined, 'admin.oidc.roles'],
    ['an issuer by http beyond loopback', ROLES, 'http://idp.example.org', 'admin.oidc.issuer'],
    ['Carnet itself as the issuer', ROLES, 'http://127.0.0.1:8080', 'admin.oidc.issuer'],
    ['the SVID issuer of Carnet', ROLES, 'http://127.0.0.1:8080/svid', 'admin.oidc.issuer'],
    ['an issuer that is no address', ROLES, 'idp', 'admin.oidc.issuer'],
  ])('refuses %s', (_, more, issuer, path) => {
    expect(places(oidc(more, issuer))).toEqual([path]);
  });
});

describe('what is not built', () => {
  const cases: [string, string][] = [['secrets', 'secrets: { one: { file: x } }']];
  test.each(cases)('stops the start naming %s', (path, line) => {
    expect(faults(`${development}${line}\n`).map((fault) => [fault.path, fault.message])).toEqual([
      [path, 'is not built in this version'],
    ]);
  });

  test('does not stop the start when it is left to the default', () => {
    expect(places(`${development}cache: { memory: {} }\n`)).toEqual([]);
  });

  test('is not requireGrants, which is off unless it is written out (DESIGN section 5)', () => {
    expect(load(`${development}requireGrants: true\n`).requireGrants).toBe(true);
    expect(load(development).requireGrants).toBe(false);
  });
});

describe('YAML', () => {
  const cases: [string, string, string][] = [
    ['a duplicate key', `${development}issuer: http://127.0.0.1:1\n`, 'is there twice'],
    ['an anchor', development.replace('[./resources]', '[&a ./resources]'), 'anchors are not allowed'],
    ['an alias', `${development}log: *a\n`, ''],
    ['a tag', development.replace('example.org', '!!str example.org'), 'tags are not allowed'],
    ['a merge key', `${development}log: { <<: { level: info } }\n`, 'merge keys are not allowed'],
    ['a second document', `${development}---\nissuer: x\n`, 'more than one YAML document'],
    ['a value that YAML 1.1 reads otherwise', development.replace('port: 8080', 'port: 010'), 'YAML 1.1'],
    ['a truth of YAML 1.1', development.replace('development: true', 'development: yes'), 'YAML 1.1'],
    ['broken syntax', `${development}x: [\n`, ''],
    ['hostile nesting', `x: ${'['.repeat(40)}${']'.repeat(40)}\n`, 'must not nest deeper than 32'],
    ['nesting that would exhaust the stack', `x: ${'['.repeat(200_000)}`, ''],
    ['a huge file', `# ${'x'.repeat(1024 * 1024)}`, 'must not be larger than 1 MiB'],
  ];
  test.each(cases)('refuses %s', (_name, text, message) => {
    const found = faults(text);
    expect(found.length).toBeGreaterThan(0);
    expect(found.some((fault) => fault.message.includes(message))).toBe(true);
  });
});

describe('issuer (clouds.md rule 2)', () => {
  const withIssuer = (issuer: string) => production.replace('https://issuer.example.org', issuer);

  test.each(['https://issuer.example.org', 'https://issuer.example.org/tenant-1/a.b'])('accepts %s', (issuer) => {
    expect(load(withIssuer(issuer)).issuer).toBe(issuer);
  });

  test.each([
    'http://issuer.example.org',
    'http://127.0.0.1',
    'https://issuer.example.org/',
    'https://issuer.example.org:8443',
    'https://issuer.example.org:443',
    'https://issuer.example.org?x=1',
    'https://issuer.example.org#x',
    'https://Issuer.example.org',
    'https://user@issuer.example.org',
    'https://issuer.example.org/a//b',
    'https://issuer.example.org/a/../b',
    'https://issuer.example.org/%61',
    'https://issuer.example.org.',
    'https:///issuer.example.org',
    'https://iss\u00fcer.example.org',
    ' https://issuer.example.org',
    `https://issuer.example.org/${'a'.repeat(229)}`,
    'HTTPS://issuer.example.org',
    'issuer.example.org',
  ])('refuses %s', (issuer) => {
    expect(places(withIssuer(JSON.stringify(issuer)))).toEqual(['issuer']);
  });

  test('accepts 255 characters and no more', () => {
    const longest = `https://issuer.example.org/${'a'.repeat(228)}`;
    expect(longest.length).toBe(255);
    expect(load(withIssuer(longest)).issuer).toBe(longest);
  });

  test.each(['http://127.0.0.1:8080', 'http://localhost:1', 'http://[::1]:8080', 'http://127.0.0.1'])(
    'accepts %s under development',
    (issuer) => {
      expect(load(development.replace('http://127.0.0.1:8080', issuer)).issuer).toBe(issuer);
    },
  );

  test.each(['http://10.0.0.1:8080', 'http://localhost.example.org', 'http://127.0.0.1:8080/'])(
    'refuses %s under development',
    (issuer) => {
      expect(places(development.replace('http://127.0.0.1:8080', issuer))).toEqual(['issuer']);
    },
  );

  test('refuses development together with an https issuer', () => {
    expect(places(development.replace('http://127.0.0.1:8080', 'https://issuer.example.org'))).toEqual(['development']);
  });
});

describe('listeners', () => {
  test('are three in production, with files of TLS and the base of the token endpoint', () => {
    const config = load(production);
    expect(config.workloadUrl).toBe('https://sts.internal.example.org');
    expect(config.listeners).toEqual([
      {
        name: 'public',
        host: '0.0.0.0',
        port: 8443,
        tls: { certFile: '/etc/carnet/tls/public.pem', keyFile: '/etc/carnet/tls/public.key' },
      },
      {
        name: 'workload',
        host: '0.0.0.0',
        port: 8444,
        tls: { certFile: '/etc/carnet/tls/workload.pem', keyFile: '/etc/carnet/tls/workload.key' },
      },
      { name: 'admin', host: '127.0.0.1', port: 8445 },
    ]);
  });

  test('may not be one address in production', () => {
    const single = production.replace(/listeners:[\s\S]*?resources/, 'listen: { host: 127.0.0.1, port: 1 }\nresources');
    expect(places(single)).toEqual(['listen']);
  });

  test('are one or three, never both and never none', () => {
    expect(places(`${production}listen: { host: 127.0.0.1, port: 1 }\n`)).toContain('listeners');
    expect(places(development.replace(/listen:.*\n/, ''))).toEqual(['listen']);
  });

  test('need the url of the workload door and each of the three', () => {
    expect(places(production.replace(/ {4}url:.*\n/, ''))).toEqual(['listeners.workload.url']);
    expect(places(production.replace(/ {2}admin:.*\n/, ''))).toEqual(['listeners.admin']);
  });

  test('need TLS in production unless they are on loopback (T10)', () => {
    expect(places(production.replace(/host: 127\.0\.0\.1/, 'host: 0.0.0.0'))).toEqual(['listeners.admin.tls']);
  });

  test('need both files of TLS', () => {
    expect(places(production.replace(', keyFile: tls/public.key', ''))).toEqual(['listeners.public.tls.keyFile']);
  });

  test('may not share an address, nor leave the port open in production', () => {
    expect(places(production.replace('8444', '8443'))).toEqual(['listeners.workload.port']);
    expect(places(production.replace('8445', '0'))).toEqual(['listeners.admin.port']);
  });

  test('take a workload url with a port, without a trailing slash', () => {
    const url = 'https://sts.internal.example.org';
    expect(load(production.replace(url, `${url}:8444`)).workloadUrl).toBe(`${url}:8444`);
    expect(places(production.replace(url, `${url}/`))).toEqual(['listeners.workload.url']);
  });

  test('warn when a development listener opens beyond this machine', () => {
    const config = load(development.replace('host: 127.0.0.1', 'host: 0.0.0.0'));
    expect(config.warnings.map(({ path }) => path)).toEqual(['listen.host']);
  });
});

describe('key-encryption key', () => {
  const withKey = (path: string) => production.replace('/keys/kek', path);

  test.each([
    '/data/store/kek',
    '/data/store/keys/kek',
    '/data/audit/kek',
    '/data/audit/..kek',
    '/data/store/../audit/kek',
  ])('may not be %s in production', (path) => {
    expect(places(withKey(path))).toEqual(['signing.encryptionKeyFile']);
  });

  test.each(['/data/kek', '/data/storekeys/kek', '/data/..audit/kek'])('may be %s', (path) => {
    expect(load(withKey(path)).signing.encryptionKeyFile).toBe(path);
  });

  test('may lie beside the store under development', () => {
    expect(places(development)).toEqual([]);
  });
});

describe('origins', () => {
  const withOrigins = (origins: string[]) => `${production}outbound: { allowOrigins: ${JSON.stringify(origins)} }\n`;

  test('are exact: scheme, host and port', () => {
    expect(load(withOrigins(['https://10.0.0.7:6443'])).outbound.allowOrigins).toEqual(['https://10.0.0.7:6443']);
  });

  test.each([
    'https://10.0.0.7:6443/',
    'https://10.0.0.7:6443/x',
    'https://*.example.org',
    'https://a.example.org:443',
    'http://10.0.0.7',
    'x',
  ])('refuse %s with its index', (origin) => {
    expect(places(withOrigins(['https://a.example.org', origin]))).toEqual(['outbound.allowOrigins.1']);
  });

  test('may be http on loopback under development only', () => {
    const line =
      'outbound: { allowOrigins: ["http://127.0.0.1:9000"] }\nclouds: { aws: { stsEndpoint: "http://127.0.0.1:9001" } }\n';
    expect(load(development + line).clouds.aws.stsEndpoint).toBe('http://127.0.0.1:9001');
    expect(places(production + line)).toEqual(['outbound.allowOrigins.0', 'clouds.aws.stsEndpoint']);
  });
});

describe('store.postgres', () => {
  const set = (url: string) => ({ CARNET_STORE_POSTGRES_URL: url });

  test.each([
    'postgres://carnet@db/carnet',
    'postgresql://carnet@db.example.org:6432/carnet?sslmode=verify-full',
    'postgres://carnet%40tenant@[::1]:5432/carnet?sslmode=disable',
  ])('takes %s', (url) => {
    expect(load(development, set(url)).store).toEqual({ postgres: { url } });
  });

  test.each([
    'postgres://:hunter2@db/carnet',
    'postgres://carnet:hunter2@db/carnet',
    'postgres://carnet:@db/carnet',
    'postgres://carnet@db/carnet?password=hunter2',
    'postgres://carnet@db/carnet?sslmode=require',
    'postgres://carnet@db/carnet?sslmode=disable&host=elsewhere',
    'postgres://carnet@db/carnet#x',
    'postgres://db/carnet',
    'postgres://carnet@db',
    'postgres://carnet@db/',
    'postgres://carnet@db/a/b',
    'postgres://carnet@Db/carnet',
    'postgres://carnet@one,two/carnet',
    'postgres://carnet@%2Fvar%2Frun/carnet',
    'postgres://carnet%zz@db/carnet',
    'postgres:///carnet',
    'mysql://carnet@db/carnet',
    '/var/run/postgresql',
  ])('refuses %s, and repeats nothing of it', (url) => {
    const found = faults(development, set(url));
    expect(found.map(({ path }) => path)).toEqual(['store.postgres.url']);
    expect(JSON.stringify(found)).not.toContain('hunter2');
  });

  test('warns of one on another machine that is spoken to without TLS', () => {
    const warned = (url: string) => load(development, set(url)).warnings.map(({ path }) => path);
    expect(warned('postgres://carnet@db/carnet?sslmode=disable')).toEqual(['store.postgres.url']);
    expect(warned('postgres://carnet@db/carnet')).toEqual([]);
    expect(warned('postgres://carnet@127.0.0.1/carnet?sslmode=disable')).toEqual([]);
  });
});

describe('audit.stream', () => {
  test('is what it says, and absent where it says nothing', () => {
    const audit = { directory: '/etc/carnet/var/audit' };
    expect(load(development, { CARNET_AUDIT_STREAM: 'carnet-0' }).audit).toEqual({ ...audit, stream: 'carnet-0' });
    expect(load(development).audit).toEqual(audit);
  });

  test.each(['Carnet', '-carnet', 'carnet/0', '..', 'a'.repeat(64)])('refuses %s, which names no folder', (stream) => {
    expect(places(development, { CARNET_AUDIT_STREAM: stream })).toEqual(['audit.stream']);
  });
});
