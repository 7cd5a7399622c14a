import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
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

const POD = { kind: 'pod', name: 'reporter-7d9f' } as const;

function mapping(serviceAccount: string, more = '') {
  return `apiVersion: carnet.dev/v1alpha1
kind: FederationMapping
metadata: { name: mesh }
spec:
  owner: platform@example.org
  subject: { issuer: prod-eu, namespace: payments, serviceAccount: '${serviceAccount}' }
  target: { jwtSvid: { audiences: [ledger] } }
${more}`;
}

const GRANT = `---
apiVersion: carnet.dev/v1alpha1
kind: FederationGrant
metadata: { name: payments }
spec: { from: { namespaces: [payments] }, to: { audiences: [ledger] } }
`;

const GUARDRAIL = `---
apiVersion: carnet.dev/v1alpha1
kind: Guardrail
metadata: { name: cap }
spec: { maxTtl: 1h }
`;

let cluster: FakeCluster;
let idp: FakeOidcIssuer;
let carnet: RunningCarnet;

beforeAll(async () => {
  cluster = await FakeCluster.start();
  idp = await FakeOidcIssuer.start();
  const resources = clusterIssuer(cluster) + mapping('*') + GUARDRAIL + GRANT;
  carnet = await start(await install({ cluster, resources, allowOrigins: [idp.issuer], more: adminConfig(idp) }));
  await mkdir(join(carnet.folder, 'new'));
  for (const serviceAccount of ['reporter', 'reporter', 'clerk']) {
    const token = cluster.token({ audiences: [AUDIENCE], boundTo: POD, serviceAccount });
    expect((await carnet.exchange(exchangeForm(token, 'ledger'))).status).toBe(200);
  }
});

afterAll(async () => {
  await carnet.stop();
  await cluster.close();
  await idp.close();
  await carnet.remove();
});

async function carnetCommand(command: string, text: string, args: readonly string[] = [], terminal = false) {
  await writeFile(join(carnet.folder, 'new/documents.yaml'), text);
  await writeFile(join(carnet.folder, 'token'), adminToken(idp, ['auditors']));
  const env = { CARNET_ENDPOINT: carnet.url, CARNET_TOKEN_FILE: join(carnet.folder, 'token'), TERM: 'dumb' };
  const around = new FakeSurroundings({ workingDirectory: carnet.folder, env, terminal });
  around.clock.set(Date.now());
  const code = await run([command, 'new', ...args], around);
  return { code, out: around.stdout, err: around.stderr };
}

const lines = (text: string) => text.split('\n').map((line) => line.replace(/ {2,}/g, ' | '));

describe('carnet replay', () => {
  test('prints what flips, in tables, and ends with 4 where that was asked for', async () => {
    const { code, out, err } = await carnetCommand('replay', mapping('reporter'), [
      '--window',
      '1h',
      '--fail-on',
      'flips',
    ]);
    expect([code, err]).toEqual([4, '']);
    expect(lines(out)).toEqual(
      expect.arrayContaining(['allowed now, refused then: 1', '1 | mesh | - | target_refused']),
    );
    expect(out).toContain('prod-eu system:serviceaccount:payments:clerk');
    expect((await carnetCommand('replay', mapping('reporter'))).code).toBe(0);
  });

  test('says so where nothing differs, and ends with 0 however it was asked', async () => {
    const { code, out } = await carnetCommand('replay', mapping('*'), ['--fail-on', 'flips']);
    expect([code, out.trimEnd().endsWith('nothing differs')]).toEqual([0, true]);
  });

  test('without a server finds the same in the audit directory of a configuration', async () => {
    const answers = [];
    for (const args of [
      ['-o', 'json'],
      ['-o', 'json', '--config', 'carnet.yaml'],
    ]) {
      const { code, out, err } = await carnetCommand('replay', mapping('clerk', '  ttl: { max: 2m }\n'), args);
      expect([code, err]).toEqual([0, '']);
      const { coverage, ...answer } = JSON.parse(out);
      expect(coverage).toMatchObject({ streams: ['carnet'], complete: true });
      answers.push(answer);
    }
    expect(answers[0]).toMatchObject({
      requests: { replayed: 3 },
      candidate: { toRefused: { count: 2 }, changed: { count: 1 } },
    });
    expect(answers[1]).toEqual(answers[0]);
  });

  test('shows progress on a terminal and takes it away again', async () => {
    const { out, err } = await carnetCommand('replay', mapping('*'), [], true);
    expect(out).toContain('nothing differs');
    expect([err.startsWith('replaying 7d at http'), err.endsWith('\r\u001b[K')]).toEqual([true, true]);
  });

  test.each<[string, string, string[], number, RegExp]>([
    ['a document with a fault', 'kind: Nothing\n', [], 78, /documents\.yaml:1: kind: is not a known kind/],
    [
      'a document that the others do not bear',
      mapping('*').replace('prod-eu', 'prod-us'),
      [],
      1,
      /spec\.subject\.issuer/,
    ],
    [
      'the same without a server',
      mapping('*').replace('prod-eu', 'prod-us'),
      ['--config', 'carnet.yaml'],
      1,
      /spec\.subject\.issuer/,
    ],
    ['a window that is none', mapping('*'), ['--window', 'week'], 2, /--window/],
  ])('refuses %s', async (_, text, args, exitCode, said) => {
    const { code, out, err } = await carnetCommand('replay', text, args);
    expect([code, out]).toEqual([exitCode, '']);
    expect(err).toMatch(said);
  });
});

describe('carnet diff', () => {
  test('compares with the server field by field, and ends with 3', async () => {
    const { code, out } = await carnetCommand('diff', mapping('reporter', '  ttl: { max: 2m }\n') + GUARDRAIL);
    expect(code).toBe(3);
    expect(lines(out)).toEqual(
      expect.arrayContaining([
        '~ FederationMapping/mesh',
        ' | spec.subject.serviceAccount: "*" -> "reporter"',
        ' | spec.ttl: none -> {"max":"2m"}',
        '0 added, 1 changed, 0 removed',
      ]),
    );
  });

  test('ends with 0 where the server has the same of every kind, also of documents that name files', async () => {
    const same = await carnetCommand('diff', clusterIssuer(cluster) + mapping('*') + GUARDRAIL + GRANT, ['--all']);
    expect(same).toMatchObject({ code: 0, out: 'no difference\n' });
  });

  test('counts what is lacking as removed only where the documents are all that there will be', async () => {
    expect((await carnetCommand('diff', mapping('*'))).code).toBe(0);
    const { code, out } = await carnetCommand('diff', mapping('*'), ['--all']);
    expect(code).toBe(3);
    expect(out).toContain('0 added, 0 changed, 3 removed');
  });

  test('for a pull request is Markdown with the replay, marks what widens, and ends by flips alone', async () => {
    const args = ['--replay', '7d', '-o', 'markdown', '--fail-on', 'flips'];
    const widened = await carnetCommand('diff', mapping('*', '  ttl: { max: 2h }\n'), args);
    expect(widened.code).toBe(0);
    expect(widened.out).toMatch(/^### Resources: 0 added, 1 changed, 0 removed$/m);
    expect(widened.out).toMatch(/^\| \\?~ \| FederationMapping\/mesh \| spec.ttl \| .* \| [^|]*\w[^|]* \|$/m);
    expect(widened.out).toMatch(/^### Replay of 7d$/m);
    const flips = await carnetCommand('diff', mapping('reporter'), args);
    expect(flips.code).toBe(4);
    expect(flips.out).toContain('<details><summary>examples</summary>');
  });

  test.each([
    ['diff', ['--fail-on', 'flips'], /give --replay 7d too/],
    ['diff', ['--config', 'carnet.yaml'], /give --replay 7d too/],
    ['replay', ['--config', 'carnet.yaml', '--endpoint', 'http://127.0.0.1'], /not both/],
  ])('refuses what would never fail, or not be asked: %s %j', async (command, args, text) => {
    expect(await carnetCommand(command, mapping('reporter'), args)).toEqual({
      code: 2,
      out: '',
      err: expect.stringMatching(text),
    });
  });

  test('compares with files in the place of a server, and marks what widens', async () => {
    await mkdir(join(carnet.folder, 'old'), { recursive: true });
    await writeFile(
      join(carnet.folder, 'old/documents.yaml'),
      clusterIssuer(cluster) + mapping('reporter') + GUARDRAIL,
    );
    const text = clusterIssuer(cluster) + mapping('*');
    const { code, out } = await carnetCommand('diff', text, ['--against', 'old', '-o', 'json']);
    expect(code).toBe(3);
    const { differences, widening } = JSON.parse(out);
    expect(differences).toEqual([
      {
        kind: 'FederationMapping',
        name: 'mesh',
        change: 'changed',
        fields: [{ field: 'spec.subject.serviceAccount', before: '"reporter"', after: '"*"' }],
      },
      { kind: 'Guardrail', name: 'cap', change: 'removed', fields: [] },
    ]);
    expect(widening.widens).toBe(true);
  });

  test('a name in a document is text in Markdown, whatever it is written with', async () => {
    const { out } = await carnetCommand(
      'diff',
      mapping('*').replace('platform@example.org', '"<img src=x> @all [a](http://b)"'),
      ['-o', 'markdown'],
    );
    expect(out).not.toMatch(/<img|@all|\]\(http/);
    expect(out).toContain('&lt;img');
  });
});
