import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { freePort } from '../support/running-carnet.ts';
import { CARNET_YAML, installation } from './temporary-installation.ts';

const CARNET = join(import.meta.dirname, '../../bin/carnet');
const ENV = { PATH: '/usr/bin:/bin' };

/** Runs the command with an output that is always full. */
function ranWithoutRoom(stream: 'out' | 'err', ...args: readonly string[]) {
  const full = openSync('/dev/full', 'w');
  onTestFinished(() => closeSync(full));
  const stdio = stream === 'out' ? (['ignore', full, 'pipe'] as const) : (['ignore', 'pipe', full] as const);
  const { status, stderr } = spawnSync(CARNET, args, { env: ENV, encoding: 'utf8', stdio: [...stdio] });
  return { status, stderr };
}

/** Runs a command whose reader ends at once; gives its exit code as output. */
function readersGone(command: string, cwd = '/') {
  const program = `"${CARNET}" ${command} | true; echo "\${PIPESTATUS[0]}"`;
  const options = { cwd, env: ENV, encoding: 'utf8', timeout: 120_000 } as const;
  const { stdout, stderr } = spawnSync('bash', ['--norc', '-c', program], options);
  return { stdout, stderr };
}

/** The service with a log that nobody reads any more, once it is up. */
async function servingWithoutLog() {
  const port = await freePort();
  const folder = installation({
    'carnet.yaml': CARNET_YAML.replaceAll('8080', String(port)),
    'resources/none.yaml': '',
  });
  const service = spawn(CARNET, ['serve'], { cwd: folder, env: ENV, stdio: ['ignore', 'pipe', 'pipe'] });
  onTestFinished(() => {
    service.kill('SIGKILL');
  });
  service.stdout.destroy();
  const ended = once(service, 'exit');
  for await (const text of service.stderr.setEncoding('utf8')) if (text.includes('is running')) break;
  return { folder, service, ended, url: `http://127.0.0.1:${port}` };
}

describe('output that cannot be written', () => {
  test.each([
    ['schema', 0],
    ['check /absent', 1],
  ])('changes nothing of how %s ends where a reader has seen enough', (command, status) => {
    expect(readersGone(command)).toEqual({ stdout: `${status}\n`, stderr: '' });
  });

  test.skipIf(!existsSync('/dev/full'))('ends a command with 69 and one line where there is no room for it', () => {
    const stderr = 'carnet: standard output cannot be written (ENOSPC)\n';
    expect(ranWithoutRoom('out', 'schema')).toEqual({ status: 69, stderr });
  });

  test.skipIf(!existsSync('/dev/full'))('changes nothing of how a command ends where it is only what it says', () => {
    expect(ranWithoutRoom('err', 'nonsense').status).toBe(2);
    expect(ranWithoutRoom('err', '--version').status).toBe(0);
  });

  test('stops no service: its log is lost, and it answers and ends as ever; what follows its records ends', async () => {
    const { folder, service, ended, url } = await servingWithoutLog();
    for (const _ of [1, 2]) expect((await fetch(`${url}/oauth2/token`, { method: 'POST' })).status).toBe(400);
    service.kill('SIGTERM');
    expect(await ended).toEqual([0, null]);
    expect(readersGone('audit tail --config carnet.yaml', folder)).toEqual({ stdout: '0\n', stderr: '' });
  });
});
