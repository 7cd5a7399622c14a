import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { parse } from 'yaml';
import { run as carnetCommand } from '../../src/cli/program.ts';
import { FakeSurroundings } from '../cli/fake-surroundings.ts';
import { FakeCluster } from '../fakes/cluster.ts';
import { GithubJobTokens } from '../fakes/github-job-tokens.ts';
import { FakeOidcIssuer } from '../fakes/oidc-issuer.ts';
import { askAdmin } from '../support/admin-api.ts';
import { type Runner, runGithubJob, runGitlabJob } from '../support/job-runner.ts';
import { AUDIENCE, exchangeForm, install, type RunningCarnet, start } from '../support/running-carnet.ts';

const ROOT = join(import.meta.dirname, '../..');
const ADMIN_AUDIENCE = 'https://admin.sts.example.org';
const MAIN = { sub: 'repo:shop/carnet-resources:ref:refs/heads/main', repository_id: '4711' };
const PULL_REQUEST = { sub: 'repo:shop/carnet-resources:pull_request', repository_id: '4711' };
const GITLAB_MAIN = { sub: 'project_path:shop/carnet-resources:ref_type:branch:ref:main', project_id: '42' };
const GITLAB_BRANCH = { sub: 'project_path:shop/carnet-resources:ref_type:branch:ref:narrower', project_id: '42' };
/** As docs/ci.md says it, and a person. */
const ROLES = [
  ['viewer', 'repository_id', '4711'],
  ['auditor', 'repository_id', '4711'],
  ['owner', 'sub', MAIN.sub],
  ['viewer', 'project_id', '42'],
  ['auditor', 'project_id', '42'],
  ['owner', 'sub', GITLAB_MAIN.sub],
  ['owner', 'sub', 'reviewer@example.org'],
];
const hasTools = ['bash', 'curl', 'jq'].every(has);

/** GitHub's command line, as far as it comments: what it was told stands in `comment.md` beside the checkout. */
const GH_COMMAND = `#!/bin/sh
test "$GH_TOKEN" = token-of-the-run && test "$*" = 'pr comment https://github.example.org/shop/carnet-resources/pull/7 --body-file review.md' &&
  cp review.md comment.md
`;

let cluster: FakeCluster;
let ci: FakeOidcIssuer;
let carnet: RunningCarnet;
let gitlab: Server;
let temp: string;
let notes: { url: string | undefined; token: unknown; body: string | null }[];

beforeAll(async () => {
  [cluster, ci] = await Promise.all([FakeCluster.start(), FakeOidcIssuer.start()]);
  carnet = await startCarnet(false);
  gitlab = createServer(async (request, response) => {
    const body = new URLSearchParams(await text(request)).get('body');
    notes.push({ url: request.url, token: request.headers['private-token'], body });
    response.writeHead(201, { 'content-type': 'application/json' }).end('{"id":1}');
  }).listen(0, '127.0.0.1');
  await once(gitlab, 'listening');
});

async function startCarnet(fourEyes: boolean): Promise<RunningCarnet> {
  const roles = ROLES.map(([role, claim, value]) => `{ role: ${role}, claim: ${claim}, value: "${value}" }`);
  const oidc = `{ issuer: '${ci.issuer}', audience: '${ADMIN_AUDIENCE}', roles: [${roles}] }`;
  const more = `admin: { fourEyes: ${fourEyes}, oidc: ${oidc} }\n`;
  return await start(await install({ cluster, resources: '', more, allowOrigins: [ci.issuer] }));
}

/** A checkout whose state main has brought into force, and of which somebody got a credential. */
beforeEach(async () => {
  notes = [];
  temp = mkdtempSync(join(tmpdir(), 'carnet-gitops-'));
  mkdirSync(join(temp, 'resources'));
  writeFileSync(join(temp, 'gh'), GH_COMMAND, { mode: 0o755 });
  commit('issuer', issuer());
  commit('reports', mapping('reports'));
  commit('spare', mapping('spare', 'spare'));
  await onGitlab('apply', GITLAB_MAIN);
});

afterEach(() => rmSync(temp, { recursive: true }));

afterAll(async () => {
  await carnet.stop();
  gitlab.close();
  await Promise.all([cluster.close(), ci.close(), once(gitlab, 'close')]);
  await carnet.remove();
});

function commit(file: string, document: object): void {
  writeFileSync(join(temp, 'resources', `${file}.yaml`), JSON.stringify(document));
}

function issuer() {
  const { issuer, signingKey } = cluster;
  const keys = { static: { jwks: { keys: [signingKey.jwk] } } };
  const spec = { issuer, audiences: [AUDIENCE], keys, kubernetes: {} };
  return { apiVersion: 'carnet.dev/v1alpha1', kind: 'TrustedIssuer', metadata: { name: 'shop-eu' }, spec };
}

function mapping(name: string, serviceAccount = '*') {
  const subject = { issuer: 'shop-eu', namespace: 'payments', serviceAccount };
  const spec = { owner: 'team-shop@example.org', subject, target: { jwtSvid: { audiences: [`for-${name}`] } } };
  return { apiVersion: 'carnet.dev/v1alpha1', kind: 'FederationMapping', metadata: { name }, spec };
}

function runner(more: Partial<Runner> = {}): Runner {
  const path = [temp, join(ROOT, 'bin'), join(process.execPath, '..'), process.env['PATH']].join(':');
  return { variables: { CARNET_ENDPOINT: carnet.url }, temp, idTokens: {}, path, ...more };
}

async function onGithub(job: 'review' | 'apply', claims: Record<string, string>): Promise<string[]> {
  const { env, jobs } = parse(readFileSync(join(ROOT, 'examples/gitops/github.yaml'), 'utf8'));
  const tokens = new GithubJobTokens(ci, claims);
  const idTokens = await tokens.start();
  const expressions = {
    'github.token': 'token-of-the-run',
    'github.event.pull_request.html_url': 'https://github.example.org/shop/carnet-resources/pull/7',
  };
  const told = { GITHUB_SHA: 'a1b2c3' };
  try {
    const ofWorkflow = { ...jobs[job], env: { ...env, ...jobs[job].env } };
    return await runGithubJob(ofWorkflow, runner({ idTokens, expressions, told }));
  } finally {
    await tokens.close();
  }
}

function onGitlab(job: 'review' | 'apply', claims: Record<string, string>): Promise<string[]> {
  const jobs = parse(readFileSync(join(ROOT, 'examples/gitops/gitlab.yaml'), 'utf8'));
  const { port } = gitlab.address() as AddressInfo;
  const variables = {
    CARNET_ENDPOINT: carnet.url,
    COMMENT_TOKEN: 'token-for-notes',
    CI_API_V4_URL: `http://127.0.0.1:${port}/api/v4`,
    CI_PROJECT_ID: '42',
    CI_MERGE_REQUEST_IID: '7',
    CI_COMMIT_SHA: 'd4e5f6',
  };
  const extended = { ...jobs[jobs[job].extends], ...jobs[job] };
  return runGitlabJob(extended, (audience) => ci.token(audience, claims), runner({ variables }));
}

/** Everything that the service has. */
async function inForce() {
  const token = ci.token(ADMIN_AUDIENCE, MAIN);
  const kinds = ['issuers', 'mappings', 'guardrails'];
  return await Promise.all(kinds.map(async (kind) => (await askAdmin(carnet.url, kind, { token })).body['items']));
}

async function reporterAsks(): Promise<number> {
  const token = cluster.token({ audiences: [AUDIENCE], serviceAccount: 'reporter' });
  return (await carnet.exchange(exchangeForm(token, 'reports'))).status;
}

const PIPELINES = [
  ['GitHub', onGithub, { main: MAIN, proposal: PULL_REQUEST, why: 'a1b2c3' }],
  ['GitLab', onGitlab, { main: GITLAB_MAIN, proposal: GITLAB_BRANCH, why: 'd4e5f6' }],
] as const;

describe.skipIf(!hasTools).each(PIPELINES)('Resources in Git, at %s', (_, run, { main, proposal, why }) => {
  test('a proposal is told what it changes and whom it would have refused, and changes nothing', async () => {
    expect(await reporterAsks()).toBe(200);
    const before = await inForce();
    commit('reports', mapping('reports', 'clerk'));
    await run('review', proposal);
    const told = notes[0]?.body ?? readFileSync(join(temp, 'comment.md'), 'utf8');
    expect(told).toContain('### Resources: 0 added, 1 changed, 0 removed\n');
    expect(told).toMatch(/^\| \\~ \| FederationMapping\/reports \| spec\.subject\.serviceAccount \|/m);
    expect(told).toContain('### Replay of 7d\n');
    expect(told).toMatch(/^\*\*allowed now, refused then: [1-9][0-9]*\*\*$/m);
    expect(await inForce()).toEqual(before);
    expect(await reporterAsks()).toBe(200);
  });

  test('a proposal without any difference ends well too', async () => {
    await run('review', proposal);
    expect(notes[0]?.body ?? readFileSync(join(temp, 'comment.md'), 'utf8')).toContain('No difference.');
  });

  test('main applies its set, with its commit, and prunes what is gone from it', async () => {
    commit('reports', mapping('reports', 'clerk'));
    rmSync(join(temp, 'resources/spare.yaml'));
    const outputs = await run('apply', main);
    expect(outputs.at(-1)).toBe('~ FederationMapping reports\n- FederationMapping spare\n');
    expect((await inForce())[1]).toMatchObject([
      { document: { metadata: { name: 'reports' } }, source: { type: 'store', set: 'shop', why } },
    ]);
    expect(await reporterAsks()).toBe(400);
  });

  test('a proposal that runs the job of main is refused, and changes nothing', async () => {
    const before = await inForce();
    commit('reports', mapping('reports', 'clerk'));
    await expect(run('apply', proposal)).rejects.toMatchObject({ code: 1, stdout: '' });
    expect(await inForce()).toEqual(before);
  });

  test.each(['review', 'apply'] as const)('a broken document ends %s with 1 before it asks anybody', async (job) => {
    const before = await inForce();
    commit('reports', { ...mapping('reports'), spec: { ...mapping('reports').spec, ownr: 'typo' } });
    rmSync(join(temp, 'resources/spare.yaml'));
    const failed = await run(job, main).catch((error: unknown) => error);
    expect(failed).toMatchObject({ code: 1, stdout: expect.stringMatching(/spec\.ownr +is not a known field/) });
    expect(await inForce()).toEqual(before);
    expect(notes).toEqual([]);
  });
});

describe.skipIf(!hasTools)('Resources in Git under admin.fourEyes', () => {
  /** What a person who has looked at the commit gives, in a checkout of it. */
  async function confirm() {
    writeFileSync(join(temp, 'own-token'), ci.token(ADMIN_AUDIENCE, { sub: 'reviewer@example.org' }));
    const around = new FakeSurroundings({ workingDirectory: temp });
    const asked = ['apply', '-f', 'resources', '--set', 'shop', '--prune'];
    const code = await carnetCommand([...asked, '--endpoint', carnet.url, '--token-file', 'own-token'], around);
    return { code, stdout: around.stdout };
  }

  test.each(PIPELINES)(
    'at %s the job of main ends with 5 until somebody has given its command',
    async (_, run, who) => {
      const alone = carnet;
      carnet = await startCarnet(true);
      onTestFinished(async () => {
        await carnet.stop();
        await carnet.remove();
        carnet = alone;
      });
      const wanted = ['+ FederationMapping reports', '+ FederationMapping spare', '+ TrustedIssuer shop-eu'];
      const waiting = { code: 5, stdout: expect.stringMatching(/^(waits \+ \w+ [\w-]+\n){3}$/) };
      await expect(run('apply', who.main)).rejects.toMatchObject(waiting);
      // The same person asks for the same, by another run of the same job.
      await expect(run('apply', who.main)).rejects.toMatchObject(waiting);
      expect([await inForce(), await reporterAsks()]).toEqual([[[], [], []], 400]);

      const { code, stdout } = await confirm();
      expect([code, stdout.trimEnd().split('\n').toSorted()]).toEqual([0, wanted]);
      expect(await reporterAsks()).toBe(200);
      expect((await run('apply', who.main)).at(-1)).toBe('');

      commit('reports', mapping('reports', 'reporter'));
      rmSync(join(temp, 'resources/spare.yaml'));
      expect((await run('apply', who.main)).at(-1)).toBe('~ FederationMapping reports\n- FederationMapping spare\n');
      commit('reports', mapping('reports'));
      await expect(run('apply', who.main)).rejects.toMatchObject({
        code: 5,
        stdout: 'waits ~ FederationMapping reports\n',
      });
    },
    60_000,
  );
});

test('GitLab: a note is written on the merge request, with the token for notes', async () => {
  await onGitlab('review', GITLAB_BRANCH);
  expect(notes).toMatchObject([{ url: '/api/v4/projects/42/merge_requests/7/notes', token: 'token-for-notes' }]);
});

function has(command: string): boolean {
  try {
    execFileSync('sh', ['-c', `command -v ${command}`], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}
