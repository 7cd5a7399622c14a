import { execFileSync, spawnSync } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { run } from '../../src/cli/program.ts';
import { FakeSurroundings } from './fake-surroundings.ts';

const SHELLS = ['bash', 'zsh', 'fish'] as const;
type Shell = (typeof SHELLS)[number];

/** Home of the shells, with a script for each, and a folder `resources` to be completed as a file. */
let home: string;

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'carnet-completion-'));
  await mkdir(join(home, 'resources'));
  await writeFile(join(home, '.zshrc'), ZSHRC);
  for (const shell of SHELLS) await writeFile(join(home, shell), await scriptFor(shell));
});

afterAll(() => rm(home, { recursive: true }));

async function scriptFor(shell: string): Promise<string> {
  const around = new FakeSurroundings();
  expect(await run(['completion', shell], around)).toBe(0);
  return around.stdout;
}

/** What a real shell offers after these words; the last one is half typed. */
const OFFERED: Readonly<Record<Shell, (...words: readonly string[]) => readonly string[]>> = {
  bash(...words) {
    const line = ['carnet', ...words].map((word) => `'${word}'`).join(' ');
    const program = `source ./bash; COMP_WORDS=(${line}); COMP_CWORD=${words.length}; _carnet; printf '%s\\n' "\${COMPREPLY[@]}"`;
    return linesOf('bash', ['-c', program]);
  },

  fish(...words) {
    const program = `source ./fish; complete -C '${['carnet', ...words].join(' ')}'`;
    return linesOf('fish', ['--no-config', '-c', program]).map((line) => line.split('\t')[0] ?? '');
  },

  /** An interactive zsh on a terminal of its own completes the line as the key TAB would, and tells what it found for it. */
  zsh(...words) {
    const program = 'zmodload zsh/zpty; zpty z zsh -d -i; zpty -r z output "*completed*"; zpty -d z; cat found';
    return linesOf('zsh', ['-f', '-c', program], ['carnet', ...words].join(' '));
  },
};

const ZSHRC = `source ./zsh
: >found
compadd() {
  local -a found
  builtin compadd -O found "$@"
  print -rl -- $found >>found
  builtin compadd "$@"
}
tab() {
  BUFFER=$LINE CURSOR=$#LINE
  zle complete-word
  print completed
}
zle -N zle-line-init tab
`;

function isThere(shell: Shell): boolean {
  return spawnSync(shell, ['-c', ':']).error === undefined;
}

function linesOf(shell: Shell, args: readonly string[], line = ''): readonly string[] {
  const env = { ...process.env, HOME: home, ZDOTDIR: home, XDG_CONFIG_HOME: home, LINE: line };
  const output = execFileSync(shell, args, { cwd: home, env, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
  return [...new Set(output.split('\n').filter(Boolean))];
}

describe.each(SHELLS.filter(isThere))('completion in %s', (shell) => {
  const offered = OFFERED[shell];

  test('offers every command of the program', async () => {
    const around = new FakeSurroundings();
    await run(['--help'], around);
    const [, listed = ''] = around.stdout.split('Commands:');
    const commands = [...listed.matchAll(/^ {2}([a-z-]+)/gm)].flatMap(([, name]) => (name === 'help' ? [] : name));
    expect(commands).toContain('stop');
    expect(offered('')).toEqual(expect.arrayContaining(commands));
  });

  test.each([
    [['st'], ['stop']],
    [['keys', 're'], ['revoke']],
    [['audit', 'ver'], ['verify']],
    [['stop', '--sub'], ['--subject']],
    [
      ['stop', '--output', ''],
      ['json', 'text'],
    ],
    [['stop', '-o', 'j'], ['json']],
    [['completion', 'z'], ['zsh']],
  ])('of %j offers %j', (words, all) => {
    expect(offered(...words).toSorted()).toEqual(all);
  });

  test('counts for a command only what stands where a command stands', () => {
    expect(offered('stop', '--mapping', 'keys', '')).not.toContain('revoke');
    expect(offered('check', 'stop', '--')).not.toContain('--subject');
    expect(offered('audit', 'verify', '')).not.toContain('query');
    expect(offered('audit', 'verify', '--')).toContain('--config');
  });

  test('leaves files, and the command after --, to the shell', async () => {
    const files = shell === 'bash' ? [] : [shell === 'fish' ? 'resources/' : 'resources'];
    expect(offered('check', '--config', 'res')).toEqual(files);
    expect(offered('exchange', '--', 'res')).toEqual(files);
    expect(offered('exchange', '--', 'stop', '--sub')).toEqual([]);
    expect(await scriptFor('bash')).toContain('complete -o default');
  });
});

describe('completion', () => {
  test.skipIf(!isThere('zsh'))('in zsh leaves what other programs have told the shell before', () => {
    const program = 'autoload -U compinit; compinit; compdef _files other; source ./zsh; print -- $_comps[other]';
    expect(linesOf('zsh', ['-f', '-c', program])).toEqual(['_files']);
  });

  test.skip.each(SHELLS.filter((shell) => !isThere(shell)))('is not tried where there is no %s', () => {});

  test('there is none for a shell that is not known', async () => {
    expect(await run(['completion', 'tcsh'], new FakeSurroundings())).toBe(2);
  });
});
