import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { auditTail } from '../../src/cli/audit/audit-tail.ts';
import { run } from '../../src/cli/program.ts';
import { FakeCluster } from '../fakes/cluster.ts';
import { FakeOidcIssuer } from '../fakes/oidc-issuer.ts';
import { adminConfig, adminToken } from '../support/admin-api.ts';
import {
  AUDIENCE,
  clusterIssuer,
  exchangeForm,
  install,
  type RunningCarnet,
  start,
} from '../support/running-carnet.ts';
import { FakeSurroundings } from './fake-surroundings.ts';

function mapping(name: string, spec: object): string {
  const subject = { issuer: 'prod-eu', namespace: 'payments', serviceAccount: '*' };
  const whole = { owner: '=cmd()', subject, target: { jwtSvid: { audiences: [name] } }, ...spec };
  const document = { apiVersion: 'carnet.dev/v1alpha1', kind: 'FederationMapping', metadata: { name }, spec: whole };
  return `${JSON.stringify(document)}\n---\n`;
}

const UNTIL = new Date(Date.now() + 20 * 86_400_000).toISOString();
const NOT_CLERK = "identity.serviceAccount != 'clerk'";

let cluster: FakeCluster;
let idp: FakeOidcIssuer;
let carnet: RunningCarnet;
let refused = '';

async function exchange(serviceAccount: string, audience: string) {
  const pod = { kind: 'pod', name: 'reporter-7d9f' } as const;
  const token = cluster.token({ audiences: [AUDIENCE], boundTo: pod, namespace: 'payments', serviceAccount });
  await writeFile(join(carnet.folder, `${serviceAccount}-token`), token);
  return carnet.exchange(exchangeForm(token, audience));
}

beforeAll(async () => {
  cluster = await FakeCluster.start();
  idp = await FakeOidcIssuer.start();
  const resources =
    clusterIssuer(cluster) +
    mapping('ledger', { when: NOT_CLERK }) +
    mapping('soft', { when: NOT_CLERK, mode: 'report', until: UNTIL }) +
    mapping('idle', { residual: { accept: ['ttl'], reason: 'a | b' } });
  carnet = await start(await install({ cluster, resources, allowOrigins: [idp.issuer], more: adminConfig(idp) }));
  refused = String((await exchange('clerk', 'ledger')).body['trace_id']);
  expect((await exchange('clerk', 'soft')).status).toBe(200);
  expect((await exchange('reporter', 'ledger')).status).toBe(200);
  // That an SVID was issued is written without anybody waiting.
  const issued = async () => jsonLines((await local(['audit', 'query', '--type', 'issued'])).out);
  await vi.waitFor(async () => expect(await issued()).toHaveLength(2), { timeout: 60_000 });
});

afterAll(async () => {
  await carnet.stop();
  await cluster.close();
  await idp.close();
  await carnet.remove();
});

async function carnetCommand(args: readonly string[], { role = 'auditor', terminal = false, input = '' } = {}) {
  const around = new FakeSurroundings({ workingDirectory: carnet.folder, terminal, input });
  await writeFile(join(carnet.folder, `${role}-own`), adminToken(idp, [`${role}s`]));
  const code = await run([...args, '--endpoint', carnet.url, '--token-file', `${role}-own`], around);
  return { code, out: around.stdout, err: around.stderr };
}

async function local(args: readonly string[], terminal = false) {
  const around = new FakeSurroundings({ workingDirectory: carnet.folder, terminal });
  const code = await run([...args, '--config', 'carnet.yaml'], around);
  return { code, out: around.stdout, err: around.stderr };
}

const jsonLines = (text: string) =>
  text
    .trimEnd()
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line));

describe('carnet audit query', () => {
  test('prints JSON lines into a pipe, newest first, and says on the side what it looked at', async () => {
    const { code, out, err } = await carnetCommand(['audit', 'query', '--mapping', 'ledger']);
    expect(code).toBe(0);
    expect(jsonLines(out).map(({ type }) => type)).toEqual(['issued', 'allowed', 'refused']);
    expect(err).toMatch(/^looked at .* of carnet\n$/);
  });

  test('prints a coloured line a record on a terminal', async () => {
    const { out } = await carnetCommand(['audit', 'query', '--trace', refused], { terminal: true });
    expect(out).toContain('\u001b[31mrefused');
    expect(out).toMatch(/prod-eu payments\/clerk .* ledger .* condition_not_met/);
  });

  test('reads the directory of a configuration without a server or a token', async () => {
    const { code, out } = await local(['audit', 'query', '--type', 'refused', '--service-account', 'clerk']);
    expect(code).toBe(0);
    expect(jsonLines(out)).toMatchObject([{ traceId: refused, reason: 'condition_not_met' }]);
    expect((await local(['audit', 'query', '--limit', '2'])).out.trimEnd().split('\n')).toHaveLength(2);
  });

  test.each([
    [['--from', 'yesterday'], /--from must be an RFC 3339 instant/],
    [['--endpoint', 'http://127.0.0.1:1'], /not both/],
  ])('refuses %o with 2', async (args, message) => {
    const { code, err } = await local(['audit', 'query', ...args]);
    expect([code, err]).toEqual([2, expect.stringMatching(message)]);
  });

  test('refuses a type that there is none of, which would look as if nothing had happened', async () => {
    for (const asked of [carnetCommand, local]) {
      const { code, err } = await asked(['audit', 'query', '--type', 'refusd']);
      expect(code).toBe(2);
      expect(err).toContain('Allowed choices are allowed, refused, issued,');
    }
  });

  test('is refused to who may not read the log', async () => {
    const { code, err } = await carnetCommand(['audit', 'query'], { role: 'viewer' });
    expect([code, err]).toEqual([1, expect.stringContaining('auditor, owner')]);
  });
});

describe('carnet audit tail', () => {
  test('prints the last records and then each that follows, until a signal', async () => {
    const around = new FakeSurroundings({ workingDirectory: carnet.folder });
    const running = auditTail({ config: 'carnet.yaml', serviceAccount: 'late', output: 'json' }, around, 5);
    await around.until((self) => self.listeners() > 0);
    await exchange('late', 'ledger');
    await around.until((self) => self.stdout.includes('"type":"issued"'));
    around.send('SIGINT');
    expect(await running).toBe(0);
    expect(jsonLines(around.stdout).map(({ type }) => type)).toEqual(['allowed', 'issued']);
  });

  test('of a server that is not there ends with 69', async () => {
    const around = new FakeSurroundings({ workingDirectory: carnet.folder });
    await writeFile(join(carnet.folder, 'own'), 'x');
    const args = ['audit', 'tail', '--endpoint', 'http://127.0.0.1:1', '--token-file', 'own'];
    expect(await run(args, around)).toBe(69);
  });
});

describe('carnet why', () => {
  test('tells a refusal in sentences, and each gate as it would be today', async () => {
    const { code, out } = await carnetCommand(['why', refused], { role: 'viewer' });
    expect(code).toBe(0);
    expect(out).toContain('payments/clerk of prod-eu, pod reporter-7d9f, asked for ledger. Mapping ledger selected it');
    expect(out).toMatch(/still be refused, by mapping ledger, at gate when/);
    expect(out).toMatch(/FAIL {2}when .* is false/);
  });

  test('prints the whole answer as JSON', async () => {
    const { out } = await carnetCommand(['why', refused, '-o', 'json']);
    expect(JSON.parse(out)).toMatchObject({ trace: refused, today: { decision: { outcome: 'refused' } } });
  });

  test('of a trace that nobody left ends with 1 and says what was looked at', async () => {
    const { code, err } = await carnetCommand(['why', 'nothing']);
    expect([code, err]).toEqual([1, expect.stringMatching(/no record has this trace \(looked at since/)]);
  });
});

describe('carnet explain', () => {
  const stated = ['--issuer', 'prod-eu', '--namespace', 'payments'];

  test('shows the gates with their marks, the mappings that match and what would come out', async () => {
    const args = ['explain', '--address', 'ledger', ...stated, '--service-account', 'reporter'];
    const { code, out } = await carnetCommand(args, { role: 'viewer', terminal: true });
    expect(code).toBe(0);
    expect(out).toContain('\u001b[32mallowed');
    expect(out).toMatch(/decides.*ledger.*allows/);
    expect(out).toContain('jwtSvid ledger for 300 s, delivered as credentials');
  });

  test('shows at which gate a token is refused, and does not print the token', async () => {
    const args = ['explain', '--address', 'ledger', '--subject-token-file', 'clerk-token'];
    const { code, out } = await carnetCommand(args);
    expect(code).toBe(0);
    expect(out).toMatch(/^refused by mapping ledger \(target_denied, condition_not_met\)/);
    expect(out).toMatch(/FAIL {2}when/);
    expect(out).not.toContain((await readFile(join(carnet.folder, 'clerk-token'), 'utf8')).slice(-20));
  });

  test('shows what a mapping that only reports would have done', async () => {
    const { out } = await carnetCommand(['explain', '--address', 'soft', ...stated, '--service-account', 'clerk']);
    expect(out).toContain('beside: report soft would have refused it');
  });

  test('prints JSON, of stated claims too', async () => {
    const args = ['explain', '--address', 'ledger', '--issuer', 'prod-eu', '--claims', '{"sub":"a"}', '-o', 'json'];
    expect((await carnetCommand(args)).code).toBe(1);
    const { out } = await carnetCommand([...args, '--namespace', 'payments', '--service-account', 'reporter']);
    expect(JSON.parse(out)).toMatchObject({ decision: { outcome: 'allowed' } });
  });

  test.each([
    [[], /say whom to explain/],
    [['--issuer', 'a', '--subject-token-file', 'clerk-token'], /say whom to explain/],
    [['--subject-token-file', 'clerk-token', '--pod', 'a'], /say whom to explain/],
    [['--namespace', 'a', '--service-account', 'b'], /say whom to explain/],
    [['--issuer', 'a', '--claims', 'secret'], /--claims must be a JSON object/],
  ])('refuses %o with 2', async (args, message) => {
    const { code, err } = await carnetCommand(['explain', '--address', 'ledger', ...args]);
    expect([code, err]).toEqual([2, expect.stringMatching(message)]);
    expect(err).not.toContain('secret');
  });
});

describe('carnet review', () => {
  test('lists every mapping: who reaches what, when it was used, what is accepted', async () => {
    const { code, out, err } = await carnetCommand(['review']);
    expect(code).toBe(0);
    expect(out).toMatch(/^mapping {2}owner .* state\n/);
    expect(out).toMatch(/idle .* prod-eu payments\/\* .* jwtSvid idle .* not since .* ttl: a \| b/);
    expect(out).toMatch(/ledger .* prod-eu payments\/reporter/);
    expect(err).toMatch(/^looked at/);
  });

  test('as CSV has no cell that a spreadsheet would run, and as Markdown none that is markup', async () => {
    const sheet = (await carnetCommand(['review', '-o', 'csv'])).out;
    expect(sheet.split('\r\n')[1]).toMatch(/^"idle","'=cmd\(\)","prod-eu payments\/\*"/);
    const page = (await carnetCommand(['review', '-o', 'markdown'])).out;
    expect(page.split('\n')[2]).toContain('a \\| b');
    expect(JSON.parse((await carnetCommand(['review', '-o', 'json'])).out)['review']).toHaveLength(3);
  });
});

describe('carnet advice', () => {
  test('says which mappings nobody used, with the change that ends them', async () => {
    const { code, out } = await carnetCommand(['advice', '--window', '7d']);
    expect(code).toBe(0);
    expect(out).toMatch(/^# idle {2}unused {2}it allowed no request/);
    expect(out).toMatch(/\n {2}expiresAt: "?20/);
  });

  test('prints mappings that diff and apply take as they stand, by a pipe', async () => {
    await writeFile(join(carnet.folder, 'wide.yaml'), mapping('wide', {}));
    const owner = { role: 'owner' };
    const applied = await carnetCommand(['apply', '-f', 'wide.yaml', '--set', 'team'], owner);
    expect(applied.code).toBe(0);
    for (let n = 0; n < 20; n += 1) expect((await exchange('reporter', 'wide')).status).toBe(200);
    const { out } = await carnetCommand(['advice', '--window', '7d']);
    const piped = out.slice(out.indexOf('# wide'));
    const differs = await carnetCommand(['diff', '-', '-o', 'json'], { input: out });
    expect(differs.code).toBe(3);
    expect(JSON.parse(differs.out).differences).toMatchObject([
      { name: 'idle', fields: [{ field: 'spec.expiresAt' }] },
      { name: 'wide', fields: [{ field: 'spec.subject.serviceAccount', after: '"reporter"' }] },
    ]);
    const narrowed = await carnetCommand(['apply', '-f', '-', '--set', 'team'], { ...owner, input: piped });
    expect([narrowed.code, narrowed.out]).toEqual([0, '~ FederationMapping wide\n']);
    expect((await carnetCommand(['diff', '-'], { input: piped })).code).toBe(0);
    expect((await exchange('clerk', 'wide')).status).toBe(400);
  });

  test('is taken from standard input once', async () => {
    const twice = await carnetCommand(['apply', '-f', '-', '-', '--set', 'team'], { role: 'owner', input: '' });
    expect(twice.code).toBe(2);
  });

  test('is refused for a window that is none', async () => {
    expect((await carnetCommand(['advice', '--window', 'long'])).code).toBe(2);
  });
});

describe('carnet promote-report', () => {
  test('says what enforcing would refuse, with whom and why, and ends with 1 where one mapping is asked about', async () => {
    const { code, out } = await carnetCommand(['promote-report']);
    expect(code).toBe(0);
    expect(out).toMatch(/^soft {2}report until .* not safe to enforce\n/);
    expect(out).toContain('of 1 requests it would refuse 1 that are served (condition_not_met 1)');
    expect(out).toMatch(/would refuse .* prod-eu payments\/clerk {2}condition_not_met/);
    expect((await carnetCommand(['promote-report', '--mapping', 'soft'])).code).toBe(1);
  });

  test('of a mapping that enforces says so', async () => {
    const { code, err } = await carnetCommand(['promote-report', '--mapping', 'ledger']);
    expect([code, err]).toEqual([1, expect.stringContaining('ledger is no mapping of mode report or shadow')]);
  });
});
