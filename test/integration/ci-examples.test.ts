import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { decodeJwt } from 'jose';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { GithubJobTokens } from '../fakes/github-job-tokens.ts';
import { type Runner, runGithubJob, runGitlabJob } from '../support/job-runner.ts';
import { AUDIENCE } from '../support/running-carnet.ts';
import { type CiDeployment, JOB, startCiDeployment } from './ci-deployment.ts';

const ROOT = join(import.meta.dirname, '../..');
/** As GitHub's and most other images have them. */
const hasTools = ['bash', 'curl', 'jq'].every(has);

/** AWS's command line: finds its credentials as AWS's SDK does, twice, as a long run would. */
const AWS_COMMAND = `#!/usr/bin/env node
import { fromNodeProviderChain } from '@aws-sdk/credential-providers';
for (const _ of [1, 2]) console.log((await fromNodeProviderChain()()).accessKeyId, process.argv[2]);
`;

let deployment: CiDeployment;
let github: GithubJobTokens;
let runner: Runner;
let temp: string;

beforeAll(async () => {
  deployment = await startCiDeployment();
  github = new GithubJobTokens(deployment.ci, JOB);
  temp = mkdtempSync(join(tmpdir(), 'carnet-ci-'));
  writeFileSync(join(temp, 'package.json'), '{"type":"module"}');
  symlinkSync(join(ROOT, 'node_modules'), join(temp, 'node_modules'));
  writeFileSync(join(temp, 'aws'), AWS_COMMAND, { mode: 0o755 });
  const idTokens = await github.start();
  const path = [temp, join(ROOT, 'bin'), join(process.execPath, '..'), process.env['PATH']].join(':');
  runner = { variables: { CARNET_ENDPOINT: deployment.url }, temp, idTokens, path };
});

beforeEach(() => {
  github.given.length = 0;
});

afterAll(async () => {
  await deployment.stop();
  await github.close();
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
      return deployment.ci.token(audience, JOB);
    };
    const [output] = await runGitlabJob(example('gitlab.yaml').deploy, idToken, runner);
    expect(output).toMatch(/^(ASIA\w+ s3\n){2}$/);
    expect(asked).toEqual([AUDIENCE]);
  });

  test('GitLab: a job of another project is refused', async () => {
    const idToken = (audience: string) => deployment.ci.token(audience, { ...JOB, repository_id: '1' });
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
