import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { labelOf } from '../../src/cli/issuer-documents.ts';
import { run } from '../../src/cli/program.ts';
import { Secret } from '../../src/core/secret.ts';
import { TokenType } from '../../src/core/token-types.ts';
import { createOutbound } from '../../src/outbound/guarded-outbound.ts';
import { compileIssuers } from '../../src/resources/compile-issuers.ts';
import { readDocuments } from '../../src/resources/read-documents.ts';
import { createMetrics } from '../../src/telemetry/metrics.ts';
import { createIssuerKeys } from '../../src/verifiers/issuer-keys.ts';
import { memoryKeyOwnership } from '../../src/verifiers/key-ownership.ts';
import { createVerifier } from '../../src/verifiers/verify.ts';
import { type ClusterOptions, DISCOVERY_PATH, FakeCluster, JWKS_PATH } from '../fakes/cluster.ts';
import { FakeSurroundings } from './fake-surroundings.ts';
import { installation } from './temporary-installation.ts';

interface Context {
  readonly name: string;
  readonly cluster: FakeCluster;
  readonly user?: object;
  readonly about?: object;
}

async function startCluster(options: ClusterOptions = {}): Promise<FakeCluster> {
  const cluster = await FakeCluster.start({ algorithm: 'ES256', ...options });
  onTestFinished(() => cluster.close());
  return cluster;
}

function kubeconfig(contexts: readonly Context[]): string {
  return JSON.stringify({
    kind: 'Config',
    contexts: contexts.map(({ name }) => ({ name, context: { cluster: name, user: name } })),
    clusters: contexts.map(({ name, cluster, about }) => ({
      name,
      cluster: {
        server: cluster.url,
        'certificate-authority-data': Buffer.from(cluster.ca).toString('base64'),
        ...about,
      },
    })),
    users: contexts.map(({ name, cluster, user }) => ({ name, user: user ?? { token: cluster.apiToken() } })),
  });
}

interface Run {
  readonly exitCode: number;
  readonly out: string;
  readonly err: string;
  readonly folder: string;
}

/** Runs the command, and fails when a token of a kubeconfig shows up in anything that it printed or wrote. */
async function importing(text: string, args: readonly string[], terminal = false): Promise<Run> {
  const folder = installation({ 'config.json': text });
  const around = new FakeSurroundings({ workingDirectory: folder, terminal, env: { KUBECONFIG: 'config.json' } });
  const exitCode = await run(['issuer', 'import', ...args], around);
  const written = readdirSync(folder).filter((name) => name !== 'config.json' && name.includes('.'));
  const everything = [around.stdout, around.stderr, ...written.map((name) => readFileSync(join(folder, name), 'utf8'))];
  for (const [, token = ''] of text.matchAll(/"token":"([^"]+)"/g)) {
    for (const one of everything) expect(one).not.toContain(token);
  }
  return { exitCode, out: around.stdout, err: around.stderr, folder };
}

describe('carnet issuer import', () => {
  test('writes issuers that Carnet takes and whose tokens it verifies, fetched or by a copy of the keys', async () => {
    const [open, closed] = [await startCluster({ anonymousDiscovery: true }), await startCluster()];
    const text = kubeconfig([
      { name: 'prod-eu', cluster: open },
      { name: 'prod-us', cluster: closed },
      { name: 'test', cluster: closed },
    ]);
    const args = ['--contexts', 'prod-*', '--out', 'issuers.yaml', '--audience', 'https://sts.example.org'];
    const { exitCode, out, err, folder } = await importing(text, args);
    expect([exitCode, out.match(/^prod-.*$/gm)?.map((line) => line.replace(/ +/g, ' '))]).toEqual([
      0,
      [`prod-eu ${open.issuer} yes 1, fetched`, `prod-us ${closed.issuer} yes 1, a copy`],
    ]);
    expect(out).toContain(`outbound:\n  allowOrigins:\n    - ${open.url}\n    - ${closed.url}\n`);
    expect(err).toContain('does not follow a rotation');
    const checked = new FakeSurroundings({ workingDirectory: folder });
    expect([await run(['check', 'issuers.yaml'], checked), checked.stdout]).toEqual([0, expect.any(String)]);
    expect(checked.stdout).toContain('2 documents, 0 errors');

    const verify = verifierOf(folder, [open.url]);
    const pod = (name: string) => ({ audiences: [`https://sts.example.org/${name}`], boundTo: POD });
    expect(await verify(open.token(pod('prod-eu')))).toMatchObject({ issuer: 'prod-eu', cluster: 'prod-eu' });
    expect(await verify(closed.token(pod('prod-us')))).toMatchObject({ issuer: 'prod-us' });
    await expect(verify(closed.token(pod('prod-eu')))).rejects.toMatchObject({ key: 'token_audience' });
  });

  test('says of each context what was missing, writes the others and ends with 69', async () => {
    const good = await startCluster({ issuer: 'https://good.example.org' });
    const unbound = await startCluster({ discoveryBound: false });
    const down = await startCluster();
    const odd = await startCluster({ issuer: 'http://odd.example.org' });
    const text = kubeconfig([
      { name: 'good', cluster: good },
      { name: 'again', cluster: good, user: { token: good.apiToken() } },
      { name: 'unbound', cluster: unbound },
      { name: 'stranger', cluster: good, user: { token: 'token-of-a-stranger' } },
      { name: 'nobody', cluster: unbound, user: {} },
      { name: 'down', cluster: down },
      { name: 'plugin', cluster: good, user: { exec: { command: 'aws' } } },
      { name: 'careless', cluster: good, about: { 'insecure-skip-tls-verify': true } },
      { name: 'wrong-ca', cluster: unbound, about: { 'certificate-authority-data': btoa(good.ca) } },
      { name: 'odd', cluster: odd },
    ]);
    await down.close();
    const { exitCode, out, folder } = await importing(text, ['--contexts', '*', '--out', 'i.yaml', '-o', 'json']);
    expect(exitCode).toBe(69);
    const { contexts, allowOrigins } = JSON.parse(out);
    const why = Object.fromEntries(contexts.map((row: { context: string; why?: string }) => [row.context, row.why]));
    expect(why).toEqual({
      good: undefined,
      again: 'shows a key of context good: the same cluster',
      unbound: expect.stringContaining('403; bind the ClusterRole system:service-account-issuer-discovery'),
      stranger: expect.stringContaining("401; the bearer token must be one for the API server's own audience"),
      nobody: expect.stringContaining('403; bind the ClusterRole system:service-account-issuer-discovery'),
      down: expect.stringMatching(/^unreachable/),
      plugin: 'user plugin: exec is not supported; use a token or a tokenFile',
      careless: expect.stringContaining('insecure-skip-tls-verify is refused'),
      'wrong-ca': expect.stringMatching(/^untrusted/),
      odd: 'spec.issuer must be https',
    });
    expect(contexts.filter(({ reachable }: { reachable: boolean }) => reachable).length).toBe(3);
    expect(allowOrigins).toEqual([good.url]);
    expect(
      readdirSync(folder)
        .filter((name) => name.includes('.'))
        .sort(),
    ).toEqual(['config.json', 'good-ca.pem', 'good-jwks.json', 'i.yaml']);
  });

  test('asks each cluster once as nobody, and once more with its token where that is refused', async () => {
    const [open, closed] = [await startCluster({ anonymousDiscovery: true }), await startCluster()];
    const text = kubeconfig([
      { name: 'a', cluster: open },
      { name: 'b', cluster: closed },
    ]);
    await importing(text, ['--contexts', '*']);
    const asked = (cluster: FakeCluster) => [cluster.requests(DISCOVERY_PATH), cluster.requests(JWKS_PATH)];
    expect([asked(open), asked(closed)]).toEqual([
      [1, 1],
      [2, 1],
    ]);
  });

  test('follows no redirect and goes nowhere that a document advertises', async () => {
    const [cluster, elsewhere] = [await startCluster({ anonymousDiscovery: true }), await startCluster()];
    cluster.jwksUri = elsewhere.jwksUrl;
    const text = kubeconfig([{ name: 'a', cluster }]);
    expect((await importing(text, ['--contexts', 'a'])).exitCode).toBe(0);
    cluster.faults[JWKS_PATH] = { redirectTo: elsewhere.jwksUrl };
    const { exitCode, out } = await importing(text, ['--contexts', 'a']);
    expect([exitCode, out.includes('redirect')]).toEqual([69, true]);
    expect([elsewhere.requests(JWKS_PATH), elsewhere.requests(DISCOVERY_PATH)]).toEqual([0, 0]);
  });

  test.each([
    ['moves the cursor', 'https://a.example.org/\u001b[31m\u009b2J\u202e'],
    ['ends a line', 'https://a.example.org/\n- trusted'],
    ['fills the screen', `https://a.example.org/${'a'.repeat(400_000)}`],
  ])('prints nothing of an issuer whose name %s', async (_, issuer) => {
    const cluster = await startCluster({ anonymousDiscovery: true, issuer });
    const text = kubeconfig([{ name: 'a', cluster }]);
    for (const output of ['table', 'json']) {
      const { exitCode, out } = await importing(text, ['--contexts', 'a', '-o', output]);
      expect([exitCode, out.includes('a.example.org')]).toEqual([69, false]);
      expect(out).toContain('names no issuer');
    }
  });

  test('writes nothing without --out and says so', async () => {
    const cluster = await startCluster();
    const { exitCode, err, folder } = await importing(kubeconfig([{ name: 'a', cluster }]), ['--contexts', 'a']);
    expect([exitCode, readdirSync(folder)]).toEqual([0, ['config.json']]);
    expect(err).toContain('Nothing was written');
  });

  test('overwrites nothing', async () => {
    const cluster = await startCluster();
    const folder = installation({ 'config.json': kubeconfig([{ name: 'a', cluster }]), 'a-ca.pem': 'mine' });
    const args = ['issuer', 'import', '--contexts', 'a', '--kubeconfig', 'config.json', '--out', 'i.yaml'];
    const around = new FakeSurroundings({ workingDirectory: folder });
    expect([await run(args, around), around.stderr]).toEqual([
      78,
      expect.stringContaining('a-ca.pem is there already'),
    ]);
    expect([existsSync(join(folder, 'i.yaml')), readFileSync(join(folder, 'a-ca.pem'), 'utf8')]).toEqual([
      false,
      'mine',
    ]);
    writeFileSync(join(folder, 'i.yaml'), 'mine too');
    expect(await run(args, new FakeSurroundings({ workingDirectory: folder }))).toBe(78);
    expect(readFileSync(join(folder, 'i.yaml'), 'utf8')).toBe('mine too');
  });

  test('shows progress on a terminal and wipes it, and none in a pipe', async () => {
    const cluster = await startCluster();
    const text = kubeconfig([{ name: 'a', cluster }]);
    const { err } = await importing(text, ['--contexts', 'a'], true);
    expect(err).toContain('\rasked 0 of 1\rasked 1 of 1\r\u001b[K');
    expect((await importing(text, ['--contexts', 'a'])).err).not.toContain('\r');
  });

  test.each([
    ['no names', [], 2, 'give --contexts'],
    ['names that fit nothing', ['--contexts', 'prd-*'], 1, 'there are: prod-eu'],
    ['a kubeconfig that is not there', ['--contexts', '*', '--kubeconfig', 'none'], 78, 'ENOENT'],
  ] as const)('ends early with %s', async (_, args, code, message) => {
    const cluster = await startCluster();
    const { exitCode, err } = await importing(kubeconfig([{ name: 'prod-eu', cluster }]), args);
    expect([exitCode, err]).toEqual([code, expect.stringContaining(message)]);
    expect(cluster.requests(DISCOVERY_PATH)).toBe(0);
  });

  test('finds the kubeconfig at home, and asks which when KUBECONFIG names several', async () => {
    const cluster = await startCluster();
    const folder = installation({});
    mkdirSync(join(folder, '.kube'));
    writeFileSync(join(folder, '.kube/config'), kubeconfig([{ name: 'a', cluster }]));
    const at = async (env: Record<string, string>) => {
      const around = new FakeSurroundings({ workingDirectory: folder, env });
      return [await run(['issuer', 'import', '--contexts', '*'], around), around.stderr];
    };
    expect((await at({ HOME: folder }))[0]).toBe(0);
    expect(await at({ KUBECONFIG: 'a:b' })).toEqual([2, expect.stringContaining('several files')]);
  });

  test.each([
    ['prod-*', ['prod-eu', 'prod-us']],
    ['*-eu', ['prod-eu']],
    ['p*d*u', ['prod-eu']],
    ['prod-eu', ['prod-eu']],
    ['prod', undefined],
    ['prod-eu*eu', undefined],
    ['.*', undefined],
  ] as const)('takes %s for %j', async (pattern, expected) => {
    const [one, two] = [await startCluster(), await startCluster()];
    const text = kubeconfig([
      { name: 'prod-eu', cluster: one },
      { name: 'prod-us', cluster: two },
    ]);
    const { exitCode, out } = await importing(text, ['--contexts', pattern, '-o', 'json']);
    if (expected === undefined) return expect(exitCode).toBe(1);
    expect(JSON.parse(out).contexts.map(({ context }: { context: string }) => context)).toEqual(expected);
  });
});

describe('the name of an imported issuer', () => {
  test.each([
    ['prod-eu', 'prod-eu'],
    ['arn:aws:eks:eu-west-1:123456789012:cluster/Prod', 'arn-aws-eks-eu-west-1-123456789012-cluster-prod'],
    ['admin@kind_a', 'admin-kind-a'],
    ['---', 'cluster'],
    [`${'x'.repeat(62)}--y`, 'x'.repeat(62)],
  ])('of %s is %s', (context, expected) => {
    expect(labelOf(context, new Set())).toBe(expected);
  });

  test('is never given twice', () => {
    const taken = new Set<string>();
    const long = 'y'.repeat(80);
    expect(['a/b', 'a_b', 'a-b', long, long].map((context) => labelOf(context, taken))).toEqual([
      'a-b',
      'a-b-2',
      'a-b-3',
      'y'.repeat(63),
      `${'y'.repeat(61)}-2`,
    ]);
  });
});

const POD = { kind: 'pod', name: 'reporter-7d9f' } as const;

/** Verifies by what was written, over the guarded way out. */
function verifierOf(folder: string, allowOrigins: readonly string[]) {
  const clock = { now: () => Date.now() };
  const text = readFileSync(join(folder, 'issuers.yaml'), 'utf8');
  const { documents } = readDocuments(
    text,
    { id: 'i', baseDirectory: folder },
    { development: false, now: clock.now() },
  );
  const valid = documents.flatMap((one) => (one.valid && one.kind === 'TrustedIssuer' ? [one] : []));
  const { issuers } = compileIssuers(valid, { trustDomain: 'example.org', ownIssuers: [] });
  const metrics = createMetrics();
  const outbound = createOutbound({ allowOrigins, allowLoopbackHttp: false, metrics, clock });
  onTestFinished(() => outbound.close());
  const keys = createIssuerKeys({ outbound, clock, metrics, ownership: memoryKeyOwnership(() => {}) });
  const verify = createVerifier({ keys, clock });
  return (token: string) => verify(new Secret(token), TokenType.jwt, issuers);
}
