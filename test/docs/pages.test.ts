import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { describe, expect, test } from 'vitest';
import { run } from '../../src/cli/program.ts';
import { FakeSurroundings } from '../cli/fake-surroundings.ts';
import { page, pages } from './markdown.ts';

const root = join(import.meta.dirname, '../..');
/** Paths of the tree as they stand in code marks; `folder/` as well, but no patterns and nothing that a user makes. */
const PATH = /`((?:src|test|docs|bin|scripts|examples|deploy|demo|bench)\/[\w./-]*)`/g;
const LINK = /\]\((?!https?:)([^)#]+)/g;
/** Written by the user's own first exchange. */
const MADE_LATER = new Set(['examples/local/resources/first-exchange.yaml']);

function named(path: string): readonly string[] {
  const text = page(path);
  const paths = [...text.matchAll(PATH)].map((match) => match[1] ?? '');
  const links = [...text.matchAll(LINK)].map((match) => normalize(join(dirname(path), match[1] ?? '')));
  return [...paths, ...links].filter((name) => !MADE_LATER.has(name));
}

describe('pages for people', () => {
  test.each(pages())('%s names only files that exist', (path) => {
    expect(named(path).filter((name) => !existsSync(join(root, name)))).toEqual([]);
  });

  test('name files at all, so that the test above can fail', () => {
    expect(named('docs/architecture.md').length).toBeGreaterThan(20);
  });

  test('decisions are at most 40 lines long', () => {
    const decisions = pages().filter((path) => path.startsWith('docs/adr/'));
    expect(decisions.length).toBeGreaterThan(0);
    for (const path of decisions) expect(page(path).trimEnd().split('\n').length, path).toBeLessThanOrEqual(40);
  });

  test('README shows only scripts that package.json has', () => {
    const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
    const shown = [...page('README.md').matchAll(/\bnpm (?:run )?(demo|test|start|bench|[a-z]+)\b(?= |\n|`)/g)];
    const names = shown.map((match) => match[1] ?? '').filter((name) => !['and', 'ci'].includes(name));
    expect(names.length).toBeGreaterThan(2);
    expect(names.filter((name) => !(name in scripts))).toEqual([]);
  });

  test.each(['examples/local/carnet.yaml', 'examples/contract/carnet.yaml', 'deploy/compose/carnet.yaml'])(
    '%s is a configuration without fault, and so are its resources',
    async (config) => {
      const around = new FakeSurroundings({ workingDirectory: root });
      expect(await run(['check', '--config', config], around), around.stderr + around.stdout).toBe(0);
    },
  );

  test.each(['carnet.yaml', 'resources/issuers.yaml', 'resources/mappings.yaml', 'resources/guardrails.yaml'])(
    'examples/contract/%s is the one that the tests hold the code against',
    (file) => {
      expect(page(join('examples/contract', file))).toBe(page(join('test/fixtures/contract', file)));
    },
  );
});
