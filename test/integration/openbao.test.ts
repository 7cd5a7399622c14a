import { describe, expect, type TestContext, test } from 'vitest';
import { page } from '../docs/markdown.ts';
import { FakeCluster } from '../fakes/cluster.ts';
import { type OpenBao, openBao } from '../support/openbao.ts';
import { AUDIENCE, clusterIssuer, exchangeForm, install, start } from '../support/running-carnet.ts';

/** What examples/openbao tells people to write, block by block. */
function shown(language: string): readonly string[] {
  const block = new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\`$`, 'gms');
  return [...page('examples/openbao/README.md').matchAll(block)].map(([, text = '']) => text);
}
const MAPPINGS = shown('yaml');
const [BY_SVID = '', BY_ASSERTION = ''] = shown('sh');
const [IN_THE_POD = ''] = shown('console');

/** Mappings beside those of the page: what they give must not open what the page opens. */
const MORE = `apiVersion: carnet.dev/v1alpha1
kind: FederationMapping
metadata: { name: mesh }
spec:
  owner: platform@example.org
  subject: { issuer: prod-eu, namespace: '*', serviceAccount: '*' }
  target: { jwtSvid: { audiences: [ledger] } }
${handedOut('other-secrets', 'deployer', 'https://bao.example.org')}${handedOut('elsewhere', 'reporter', 'https://bao.example.org/')}`;

/** As `ledger-secrets` of the page, for somebody else or for another server. */
function handedOut(name: string, serviceAccount: string, server: string): string {
  return `---
apiVersion: carnet.dev/v1alpha1
kind: FederationMapping
metadata: { name: ${name} }
spec:
  owner: team-payments@example.org
  subject: { issuer: prod-eu, namespace: payments, serviceAccount: ${serviceAccount} }
  target: { oauth: { issuer: '${server}' } }
  intents: unrestricted
  deliver: assertion
  residual: { accept: [ttl], reason: the role in OpenBao ends the session }
`;
}

/** Carnet with a cluster and the mappings of the page, and OpenBao with a secret, set up by the commands of the page. */
async function world(context: TestContext, commands: string, behindMs = 0) {
  const bao = await openBao(context);
  const now = () => Date.now() - behindMs;
  const cluster = await FakeCluster.start({ now });
  context.onTestFinished(() => cluster.close());
  const here = (text: string) => text.replaceAll('https://bao.example.org', bao.url);
  const resources = clusterIssuer(cluster) + [...MAPPINGS, MORE].map(here).join('---\n');
  const carnet = await start(await install({ cluster, resources }), { now });
  context.onTestFinished(async () => {
    await carnet.stop();
    await carnet.remove();
  });
  await bao.run("bao kv put -mount=secret ledger password='of the ledger'");
  await bao.run(here(commands).replaceAll('https://sts.example.org', carnet.url));
  const credential = async (address: string, serviceAccount = 'reporter') => {
    const token = cluster.token({ audiences: [AUDIENCE], serviceAccount, boundTo: { kind: 'pod', name: 'pod-1' } });
    const { status, body } = await carnet.exchange(exchangeForm(token, address));
    expect(status, JSON.stringify(body)).toBe(200);
    return String(body['access_token']);
  };
  return { bao, credential };
}

/** The secret that a login gives, or the status and words by which OpenBao refuses it. */
async function secretBy(bao: OpenBao, mount: string, role: string, jwt: string): Promise<unknown> {
  const login = await bao.ask(`auth/${mount}/login`, { body: { role, jwt } });
  if (login.status !== 200) return { status: login.status, errors: login.body['errors'] };
  const { client_token: token } = login.body['auth'] as { client_token: string };
  const { body } = await bao.ask('secret/data/ledger', { token });
  return (body['data'] as { data: unknown }).data;
}

/** How far the clock of Carnet is behind for a JWT-SVID of five minutes to have ended then. */
const HALF_A_MINUTE_AGO = 330_000;
const SECRET = { password: 'of the ledger' };
const refused = (words: RegExp) => ({ status: 400, errors: [expect.stringMatching(words)] });

describe('OpenBao, by a JWT-SVID', () => {
  const loginBy = (bao: OpenBao, jwt: string) => secretBy(bao, 'carnet-svid', 'reporter', jwt);

  test('gives the secret to the workload that the role names, and to no other', async (context) => {
    const { bao, credential } = await world(context, BY_SVID);
    expect(await loginBy(bao, await credential('openbao'))).toEqual(SECRET);
    expect(await loginBy(bao, await credential('openbao', 'deployer'))).toEqual(refused(/subject/));
  });

  test('refuses one for another audience, and one that somebody has changed', async (context) => {
    const { bao, credential } = await world(context, BY_SVID);
    expect(await loginBy(bao, await credential('ledger'))).toEqual(refused(/audience/));
    const [header, , signature] = (await credential('openbao', 'deployer')).split('.');
    const [, payload] = (await credential('openbao')).split('.');
    expect(await loginBy(bao, [header, payload, signature].join('.'))).toEqual(refused(/signature/));
  });

  test('takes one that is about to end, and refuses one that has ended', async (context) => {
    const ending = await world(context, BY_SVID, 270_000);
    expect(await loginBy(ending.bao, await ending.credential('openbao'))).toEqual(SECRET);
    const ended = await world(context, BY_SVID, HALF_A_MINUTE_AGO);
    expect(await loginBy(ended.bao, await ended.credential('openbao'))).toEqual(refused(/expired/));
  });

  test('takes one for a minute longer where the role leaves out the leeway that the page sets', async (context) => {
    const { bao, credential } = await world(context, BY_SVID.replace(/.*clock_skew_leeway.*\n/, ''), HALF_A_MINUTE_AGO);
    expect(await loginBy(bao, await credential('openbao'))).toEqual(SECRET);
  });
});

describe('OpenBao, by an assertion', () => {
  const loginBy = (bao: OpenBao, jwt: string) => secretBy(bao, 'carnet', 'ledger-secrets', jwt);

  test('gives the secret to the mapping that the role names, and to no other', async (context) => {
    const { bao, credential } = await world(context, BY_ASSERTION);
    expect(await loginBy(bao, await credential('ledger-secrets'))).toEqual(SECRET);
    expect(await loginBy(bao, await credential('other-secrets', 'deployer'))).toEqual(refused(/subject/));
  });

  test('is asked in the pod by the commands of the page, which print the secret', async (context) => {
    const { bao, credential } = await world(context, BY_ASSERTION);
    const jwt = await credential('ledger-secrets');
    const commands = IN_THE_POD.replace(/^\$ /gm, '').replace(/carnet exchange [^|]*/, `echo ${jwt} `);
    expect(commands).toContain(`echo ${jwt} |\n`);
    expect(await bao.run(commands)).toBe('of the ledger');
  });

  test('refuses one for another server', async (context) => {
    const { bao, credential } = await world(context, BY_ASSERTION.replaceAll('ledger-secrets', 'elsewhere'));
    const jwt = await credential('elsewhere');
    expect(await secretBy(bao, 'carnet', 'elsewhere', jwt)).toEqual(refused(/audience/));
  });

  test('takes one that is about to end, and refuses one that has ended', async (context) => {
    const ending = await world(context, BY_ASSERTION, 45_000);
    expect(await loginBy(ending.bao, await ending.credential('ledger-secrets'))).toEqual(SECRET);
    const ended = await world(context, BY_ASSERTION, 90_000);
    expect(await loginBy(ended.bao, await ended.credential('ledger-secrets'))).toEqual(refused(/expired/));
  });
});
