import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { decodeJwt } from 'jose';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { AwsSts } from '../fakes/aws-sts.ts';
import { FakeCluster } from '../fakes/cluster.ts';
import { GithubJobTokens } from '../fakes/github-job-tokens.ts';
import { FakeOidcIssuer } from '../fakes/oidc-issuer.ts';
import { type Runner, runGithubJob, runGitlabJob } from '../support/job-runner.ts';
import { AUDIENCE, freePort, install, type RunningCarnet, start } from '../support/running-carnet.ts';

const ROOT = join(import.meta.dirname, '../..');
const ROLE = 'arn:aws:iam::123456789012:role/deploy';
const JOB = { repository_owner_id: '1234567', repository_id: '987654', environment: 'production' };
/** As GitHub's and most other images have them. */
const hasTools = ['bash', 'curl', 'jq'].every(has);

/** AWS's command line: finds its credentials as AWS's SDK does, twice, as a long run would. */
const AWS_COMMAND = `#!/usr/bin/env node
import { fromNodeProviderChain } from '@aws-sdk/credential-providers';
for (const _ of [1, 2]) console.log((await fromNodeProviderChain()()).accessKeyId, process.argv[2]);
`;

let cluster: FakeCluster;
let ci: FakeOidcIssuer;
let sts: AwsSts;
let carnet: RunningCarnet;
let github: GithubJobTokens;
let runner: Runner;
let temp: string;

beforeAll(async () => {
  [cluster, ci] = await Promise.all([FakeCluster.start(), FakeOidcIssuer.start()]);
  const port = await freePort();
  const provider = `http://127.0.0.1:${port}`;
  sts = await AwsSts.start({
    providers: [{ url: provider, clientIds: ['sts.amazonaws.com'] }],
    roles: [{ arn: ROLE, provider, audiences: ['sts.amazonaws.com'], subjects: ['mapping:deploy'] }],
  });
  const resources = `apiVersion: carnet.dev/v1alpha1
kind: TrustedIssuer
metadata: { name: ci }
spec:
  issuer: ${ci.issuer}
  audiences: ['${AUDIENCE}']
  keys: { discovery: {} }
  oidc: { requireClaims: { repository_owner_id: "1234567" } }
---
apiVersion: carnet.dev/v1alpha1
kind: FederationMapping
metadata: { name: deploy }
spec:
  owner: team-shop@example.org
  subject: { issuer: ci, claims: { repository_id: "987654", environment: production } }
  target: { aws: { roleArn: '${ROLE}', region: eu-west-1 } }
  intents: unrestricted
  ttl: { default: 15m, max: 30m, outliveSubject: true }
`;
  const more = `clouds: { aws: { stsEndpoint: '${sts.url}' } }\n`;
  carnet = await start(await install({ cluster, resources, more, port, allowOrigins: [ci.issuer] }));
  github = new GithubJobTokens(ci, JOB);
  temp = mkdtempSync(join(tmpdir(), 'carnet-ci-'));
  writeFileSync(join(temp, 'package.json'), '{"type":"module"}');
  symlinkSync(join(ROOT, 'node_modules'), join(temp, 'node_modules'));
  writeFileSync(join(temp, 'aws'), AWS_COMMAND, { mode: 0o755 });
  const idTokens = await github.start();
  const path = [temp, join(ROOT, 'bin'), join(process.execPath, '..'), process.env['PATH']].join(':');
  runner = { variables: { CARNET_ENDPOINT: provider }, temp, idTokens, path };
});

beforeEach(() => {
  github.given.length = 0;
});

afterAll(async () => {
  await carnet.stop();
  await Promise.all([cluster.close(), ci.close(), sts.close(), github.close()]);
  await carnet.remove();
  rmSync(temp, { recursive: true });
});

function example(name: string) {
  return parse(readFileSync(join(ROOT, 'examples/ci', name), 'utf8'));
}

describe.skipIf(!hasTools)('The examples for CI systems, run by a runner', () => {
  test('GitHub: one step gets AWS credentials for a command, with one token of the job', async () => {
    const [output] = await runGithubJob(example('github.yaml').jobs.deploy, runner);
    expect(output).toMatch(/^(ASIA\w+ s3\n){2}$/);
    expect(github.given).toHaveLength(1);
  });

  test('GitHub: each renewal of a long job has a token of its own', async () => {
    const outputs = await runGithubJob(example('github-long.yaml').jobs.deploy, runner);
    expect(outputs.at(-1)).toMatch(/^(ASIA\w+ s3\n){2}$/);
    const ids = github.given.map((token) => decodeJwt(token).jti);
    expect([ids.length, new Set(ids).size]).toEqual([2, 2]);
  });

  test('GitHub: without permission to write ID tokens the job ends before its command runs', async () => {
    const { permissions: _, ...job } = example('github.yaml').jobs.deploy;
    await expect(runGithubJob(job, runner)).rejects.toMatchObject({ code: 78, stdout: '' });
    expect(github.given).toEqual([]);
  });

  test('GitLab: the ID token of the job becomes AWS credentials for a command', async () => {
    const asked: string[] = [];
    const idToken = (audience: string) => {
      asked.push(audience);
      return ci.token(audience, JOB);
    };
    const [output] = await runGitlabJob(example('gitlab.yaml').deploy, idToken, runner);
    expect(output).toMatch(/^(ASIA\w+ s3\n){2}$/);
    expect(asked).toEqual([AUDIENCE]);
  });

  test('GitLab: a job of another project is refused', async () => {
    const idToken = (audience: string) => ci.token(audience, { ...JOB, repository_id: '1' });
    await expect(runGitlabJob(example('gitlab.yaml').deploy, idToken, runner)).rejects.toMatchObject({ code: 1 });
  });
});

function has(command: string): boolean {
  try {
    execFileSync('sh', ['-c', `command -v ${command}`], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}
