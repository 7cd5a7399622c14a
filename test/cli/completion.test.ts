import { execFileSync, spawnSync } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { run } from '../../src/cli/program.ts';
import { temporaryFolder } from '../catalog/folder.ts';
import { FakeSurroundings } from './fake-surroundings.ts';

async function scriptFor(shell: string): Promise<string> {
  const around = new FakeSurroundings();
  expect(await run(['completion', shell], around)).toBe(0);
  return around.stdout;
}

/** What a real bash offers after these words; the last one is half typed. */
async function offered(...words: readonly string[]): Promise<readonly string[]> {
  const folder = await temporaryFolder();
  await writeFile(join(folder, 'completion.bash'), await scriptFor('bash'));
  await mkdir(join(folder, 'resources'));
  const line = ['carnet', ...words].map((word) => `'${word}'`).join(' ');
  const program = `source ./completion.bash; COMP_WORDS=(${line}); COMP_CWORD=${words.length}; _carnet; printf '%s\\n' "\${COMPREPLY[@]}"`;
  return execFileSync('bash', ['-c', program], { cwd: folder, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })
    .split('\n')
    .filter(Boolean);
}

describe('completion in bash', () => {
  test('offers every command of the program', async () => {
    const around = new FakeSurroundings();
    await run(['--help'], around);
    const [, listed = ''] = around.stdout.split('Commands:');
    const commands = [...listed.matchAll(/^ {2}([a-z-]+)/gm)].flatMap(([, name]) => (name === 'help' ? [] : name));
    expect(commands).toContain('stop');
    expect(await offered('')).toEqual(expect.arrayContaining(commands));
  });

  test.each([
    [['st'], ['stop']],
    [['audit', 'ver'], ['verify']],
    [['stop', '--sub'], ['--subject']],
    [
      ['stop', '--output', ''],
      ['text', 'json'],
    ],
    [['stop', '-o', 'j'], ['json']],
    [['completion', 'z'], ['zsh']],
  ])('of %j offers %j', async (words, all) => {
    expect(await offered(...words)).toEqual(all);
  });

  test('leaves files, and the command after --, to the shell', async () => {
    expect(await offered('check', '--config', '')).toEqual([]);
    expect(await offered('exchange', '--', 'aw')).toEqual([]);
    expect(await scriptFor('bash')).toContain('complete -o default');
  });
});

describe('completion in other shells', () => {
  test.each([
    ['zsh', '-n'],
    ['fish', '--no-execute'],
  ])('is a script that %s can read, where there is one', async (shell, flag) => {
    const folder = await temporaryFolder();
    const file = join(folder, 'script');
    await writeFile(file, await scriptFor(shell));
    const { status, error, stderr } = spawnSync(shell, [flag, file], { encoding: 'utf8' });
    expect(error === undefined ? [status, stderr] : [0, '']).toEqual([0, '']);
  });

  test('fish knows each option with its own words', async () => {
    expect(await scriptFor('fish')).toContain(
      "complete -c carnet -n '__fish_seen_subcommand_from stop' -s o -l output -x -a 'text json'",
    );
  });

  test('there is none for a shell that is not known', async () => {
    expect(await run(['completion', 'tcsh'], new FakeSurroundings())).toBe(2);
  });
});
