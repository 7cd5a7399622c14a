import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { type House, survey } from './support/architecture.ts';
import { importsOf } from './support/imports.ts';
import { fc } from './support/properties.ts';

/** The table: who stands on which floor, and which room each package and each guarded module of Node belongs to. */
const HOUSE: House = {
  floors: [
    ['core'],
    ['resources', 'telemetry'],
    ['config', 'store', 'outbound'],
    ['authority', 'audit'],
    ['verifiers', 'policy', 'federation'],
    ['catalog'],
    ['exchange', 'admin'],
    ['routes'],
    ['app-ways-out.ts', 'app-stores.ts'],
    ['app-admin.ts', 'app-doors.ts'],
    ['app.ts'],
    ['cli'],
    ['main.ts'],
  ],
  vendors: {
    fastify: ['routes', 'app-doors.ts'],
    '@fastify/swagger': ['routes', 'app.ts'],
    ioredis: ['store'],
    kysely: ['store'],
    pg: ['store'],
    undici: ['outbound'],
    'ipaddr.js': ['outbound', 'config'],
    '@aws-sdk/client-sts': ['federation/aws'],
    '@azure/identity': ['federation/azure'],
    'google-auth-library': ['federation/gcp'],
    '@bufbuild/cel': ['policy'],
    '@bufbuild/protobuf': ['policy'],
    '@bufbuild/re2': ['policy'],
    jose: ['verifiers', 'authority', 'federation'],
    zod: ['resources', 'config', 'routes'],
    yaml: ['resources', 'config'],
    'prom-client': ['telemetry'],
    'lru-cache': ['store', 'verifiers', 'federation', 'exchange'],
    commander: ['cli'],
    'fastest-levenshtein': ['cli', 'resources', 'config'],
  },
  builtins: {
    sqlite: ['store'],
    child_process: ['cli'],
    dns: ['outbound'],
    tls: ['outbound', 'store/redis-connector.ts'],
    https: ['outbound', 'routes'],
    http2: ['outbound'],
    http: ['outbound', 'routes', 'app.ts'],
    process: ['main.ts'],
  },
  pure: {
    core: ['crypto', 'util'],
    resources: ['crypto', 'util', 'path', 'url'],
    policy: ['crypto', 'util'],
    telemetry: ['crypto', 'util', 'stream'],
  },
  processFiles: ['main.ts'],
  clockFiles: ['core/clock.ts'],
};

describe('the house', () => {
  const src = join(import.meta.dirname, '../src');
  const { findings, imports, files } = survey(src, HOUSE);

  test('has no import upwards, sideways, in a circle, out of its room or unresolved, and reads process and time in one place', () => {
    expect(findings).toEqual([]);
  });

  test.each(HOUSE.floors.flat())('was read: %s has imports', (room) => {
    expect(imports.get(room) ?? 0).toBeGreaterThan(0);
  });

  test('was read whole: whatever a naive search for specifiers finds, the scanner has found', () => {
    const naive = /(?:^|\n)\s*(?:import|export)\b[^'"`;=]*?\sfrom\s+['"]([^'"]+)['"]|\bimport\(\s*['"]([^'"]+)['"]/g;
    for (const file of files) {
      const source = readFileSync(join(src, file), 'utf8');
      const scanned = importsOf(source).map((found) => found.specifier);
      const searched = [...source.matchAll(naive)].map((match) => match[1] ?? match[2]);
      expect(scanned, file).toEqual(expect.arrayContaining(searched));
    }
  });
});

describe('the vendors', () => {
  test('are exactly the dependencies that the project ships', () => {
    const manifest = JSON.parse(readFileSync(join(import.meta.dirname, '../package.json'), 'utf8'));
    expect(Object.keys(HOUSE.vendors).sort()).toEqual(Object.keys(manifest.dependencies).sort());
  });
});

describe('the broken house', () => {
  const { findings } = survey(join(import.meta.dirname, 'fixtures/architecture-broken/src'), HOUSE);
  const found = findings.map(({ file, line, rule, what }) => `${file}:${line} ${rule} ${what}`);

  test.each([
    'core/upward.ts:2 floor ../policy/decide.ts',
    'core/upward-type.ts:1 floor ../policy/decide.ts',
    'core/upward-type.ts:4 floor ../policy/decide.ts',
    'core/upward-reexport.ts:1 floor ../policy/decide.ts',
    'core/upward-reexport.ts:2 floor ../policy/decide.ts',
    'core/upward-dynamic.ts:1 floor ../policy/decide.ts',
    'core/upward-dynamic.ts:2 computed import of an expression',
    'core/circle.ts:1 circle ./circle-second.ts',
    'core/circle-second.ts:1 circle ./circle.ts',
    'core/vendor.ts:1 vendor fastify',
    'core/vendor.ts:2 vendor jose',
    'core/vendor.ts:3 builtin node:fs',
    'core/ambient.ts:1 process process',
    'core/ambient.ts:2 clock Date',
    'core/ambient.ts:3 clock Date',
    'verifiers/sibling.ts:1 sibling ../policy/decide.ts',
    'federation/jose.ts:1 vendor @aws-sdk/client-sts',
    'exchange/stranger.ts:1 builtin node:sqlite',
    'exchange/stranger.ts:2 vendor vitest',
    'exchange/stranger.ts:3 unresolved ../../outside.ts',
    'attic/homeless.ts:1 homeless attic',
  ])('is caught at %s', (finding) => {
    expect(found).toContain(finding);
  });

  test('is caught at nothing else: what is allowed, commented out or quoted is no finding', () => {
    expect(found).toHaveLength(21);
  });
});

describe('importsOf', () => {
  const specifier = fc.stringMatching(/^(\.\.\/)?[a-z@][a-z/-]{0,12}(\.ts)?$/);
  const statement = fc.tuple(
    fc.constantFrom(
      (from: string) => `import '${from}';`,
      (from: string) => `import name from "${from}";`,
      (from: string) => `import * as all from '${from}';`,
      (from: string) => `import { a, type B as C } from '${from}';`,
      (from: string) => `import type { from } from '${from}';`,
      (from: string) => `import type from from '${from}' with { type: 'json' };`,
      (from: string) => `import {\n  a, // '}' from 'no'\n} from\n  '${from}';`,
      (from: string) => `export * from '${from}';`,
      (from: string) => `export * as ns from '${from}';`,
      (from: string) => `export { default as a } from '${from}';`,
      (from: string) => `export type { T } from '${from}';`,
      (from: string) => `const late = await import('${from}');`,
      (from: string) => `const late = import(\`${from}\`);`,
      (from: string) => `const text = \`\${await import('${from}')} and \${{ a: 1 }.a}\`;`,
      (from: string) => `type T = import('${from}').T;`,
      (from: string) => `const x = require('${from}');`,
    ),
    specifier,
  );
  const noise = fc.constantFrom(
    "// import a from 'no'",
    "/* import 'no'; */",
    "/** export * from 'no'\n * import('no') */",
    `const a = "import b from 'no'";`,
    "const a = 'it\\'s import(\"no\")';",
    "const a = `import b from 'no' \\$ {import('no')}`;",
    "const a = /import 'no'|[/'\"`]/g;",
    "const a = b / c / d; const q = '/';",
    "if (/'/.test(a)) b();",
    'const url = import.meta.url;',
    "const a = { import: 1, from: 'no' };",
    "a.import('no');",
    "export const from = 'no';",
    "export type From = 'no';",
    "export function from(a = 'no') {}",
    "export default { a: 'no' };",
    "const a = (1 + 2) / 3; // quote '",
  );

  test('finds every module a file names and nothing else, whatever comments, strings and expressions say', () => {
    const line = fc.oneof(
      statement.map(([write, from]) => ({ text: write(from), from: [from] })),
      noise.map((text) => ({ text, from: [] as string[] })),
    );
    fc.assert(
      fc.property(fc.array(line, { maxLength: 12 }), (lines) => {
        const source = lines.map(({ text }) => text).join('\n');
        expect(importsOf(source).map((found) => found.specifier)).toEqual(lines.flatMap(({ from }) => from));
      }),
      { numRuns: 500 },
    );
  });
});
