import { createSecretKey, hash, randomBytes } from 'node:crypto';
import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { ParsedTexts, READER } from '../../src/catalog/parsed-texts.ts';
import { documentDigest } from '../../src/resources/document-digest.ts';
import { type Reading, readDocuments } from '../../src/resources/read-documents.ts';
import { documentLine } from '../../src/resources/stored-document.ts';
import { type CacheSeal, createCacheSeal } from '../../src/store/cache-seal.ts';
import { importsOf } from '../support/imports.ts';
import { fc } from '../support/properties.ts';
import { temporaryFolder } from './folder.ts';

const READ = { origin: { id: 'a.yaml', baseDirectory: '/' }, context: { development: false, now: 0 } };

function ceiling(name: string): string {
  return `apiVersion: carnet.dev/v1alpha1\nkind: Guardrail\nmetadata: {name: ${name}}\nspec:\n  maxTtl: 1h\n`;
}

function mapping(name: string, more = ''): string {
  return `apiVersion: carnet.dev/v1alpha1
kind: FederationMapping
metadata: {labels: {b: x, a: "\\ud800 \\u2028"}, name: ${name}}
spec:
  owner: team@example.org
  subject: {issuer: prod, namespace: ns, serviceAccount: "*"}
  target: {jwtSvid: {audiences: [ledger, other]}}
${more}`;
}

const TEXT = `${ceiling('a')}---\n---\n# of the second\n${mapping('b')}`;
const OTHER = ceiling('other');
const [SECOND, GONE, NEW, LATER] = [mapping('e'), ceiling('gone'), mapping('new'), ceiling('later')];
const sha256 = (text: string) => hash('sha256', text);

/** A file that a first start has written with what it made of some texts, and how a later start opens it. */
async function kept(...texts: readonly string[]) {
  const path = join(await temporaryFolder(), 'carnet.db-parsed');
  const seal = createCacheSeal(createSecretKey(randomBytes(32)));
  const failures: unknown[] = [];
  const open = async (other: CacheSeal = seal) => {
    const parsed = await ParsedTexts.open({ path, seal: other, onFailure: (cause) => failures.push(cause) });
    if (parsed === undefined) throw new Error('the files of the reader cannot be read');
    return parsed;
  };
  const first = await open();
  for (const text of texts) first.read(text, sha256(text), READ);
  first.keepSoon(texts.map(sha256));
  await first.close();
  return { path, seal, open, failures };
}

/** What is known under the hash of a text, or what the reader makes of another one where nothing is. */
function known(parsed: ParsedTexts, text: string): readonly unknown[] {
  return said(parsed.read(OTHER, sha256(text), READ));
}

const read = (text: string) => readDocuments(text, READ.origin, READ.context);
const anew = (text: string) => said(read(text));

function said({ documents }: Reading): readonly unknown[] {
  return documents.map(({ kind, name, labels, ...one }) => ({ kind, name, labels, spec: one.valid && one.spec }));
}

/** Everything of a reading, with the lines of fields, and what is known of a document beside what a copy of it says. */
function seen({ documents, ...rest }: Reading) {
  const told = documents.map((one) => {
    const { line, ...source } = one.source;
    const lines = [[], ['kind'], ['metadata', 'name'], ['spec'], ['spec', 'target', 'jwtSvid']].map(line);
    const said = [one, { ...one }].map((document) => [
      documentDigest(document),
      document.valid && documentLine(document),
    ]);
    return { ...one, source, lines, said };
  });
  return { ...rest, told };
}

describe('what parsing gave before', () => {
  test('is the same as what it would give now: documents, and lines', async () => {
    const withKeys =
      'apiVersion: carnet.dev/v1alpha1\nkind: TrustedIssuer\nmetadata: {name: i}\nspec: {issuer: "https://a.example.org", audiences: [c], oidc: {}, keys: {static: {jwks: {keys: [{kty: RSA, x: [1]}]}}}}\n';
    const texts = [TEXT, `\uFEFF${TEXT}`, '', '# nothing\n', mapping('c', '  access: standing\n'), withKeys];
    const { open } = await kept(...texts);
    const parsed = await open();
    for (const text of texts) {
      expect(read(text).faults).toEqual([]);
      expect(known(parsed, text)).toEqual(anew(text));
      expect(seen(parsed.read(text, sha256(text), READ))).toStrictEqual(seen(read(text)));
    }
  });

  test('is so for any documents (property)', async () => {
    const label = fc.dictionary(fc.stringMatching(/^[a-zA-Z_]{1,9}$/), fc.string({ maxLength: 20 }), { maxKeys: 4 });
    const one = fc.record({
      name: fc.stringMatching(/^[a-z]{1,6}$/),
      labels: label,
      owner: fc.string({ minLength: 1 }),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(one, { maxLength: 4 }), async (values) => {
        const text = values.map(({ name, labels, owner }) => `---\n${documentOf(name, labels, owner)}\n`).join('');
        const { open } = await kept(text);
        expect(seen((await open()).read(text, sha256(text), READ))).toStrictEqual(seen(read(text)));
      }),
      { numRuns: 50 },
    );
  });

  test('is asked again what depends on the time and the configuration, and tells the line of it', async () => {
    const text = `# first\n${mapping('a', '  mode: report\n  until: "1970-01-20T00:00:00Z"\n')}`;
    const { open } = await kept(text);
    const parsed = await open();
    expect(parsed.read(text, sha256(text), READ).faults).toEqual([]);
    const earlier = { ...READ, context: { ...READ.context, now: -20 * 86_400_000 } };
    const again = parsed.read(text, sha256(text), earlier);
    expect(again.faults).toMatchObject([{ line: 10, field: 'spec.until' }]);
    expect(again).toMatchObject({ documents: [{ name: 'a', valid: false }] });
  });

  test.each([
    ['that holds infinity', mapping('a').replace('team@example.org', '.inf')],
    ['with a key twice', mapping('a', '  mode: shadow\n  mode: enforce\n')],
    ['that is no YAML', 'a: [\n'],
    ['with a control character', 'a: "\u0007"\n'],
    ['of which one document is faulty', `${ceiling('b')}---\n${mapping('a', '  mode: odd\n')}`],
    ['of which one document cannot be named', `${ceiling('b')}---\n${ceiling('_')}`],
    ['whose report ends too late now', mapping('a', '  mode: report\n  until: "2050-01-20T00:00:00Z"\n')],
  ])('does not hold a text %s', async (_name, text) => {
    const { open, path } = await kept(text, TEXT);
    const parsed = await open();
    expect(read(text).faults).not.toEqual([]);
    expect(known(parsed, text)).toEqual(anew(OTHER));
    expect(known(parsed, TEXT)).toEqual(anew(TEXT));
    expect(await readFile(path, 'utf8')).not.toContain(sha256(text));
  });

  test('counts for the very sources and packages that it was read by', async () => {
    const source = new URL('../../src/', import.meta.url).pathname;
    const files = READER.folders.map(async (folder) => {
      const names = await readdir(join(source, folder), { recursive: true });
      return names.filter((name) => name.endsWith('.ts')).map((name) => join(source, folder, name));
    });
    for (const file of (await Promise.all(files)).flat()) {
      for (const { specifier = '' } of importsOf(await readFile(file, 'utf8'))) {
        const isOwn = READER.folders.some((folder) => join(file, '..', specifier).startsWith(join(source, folder)));
        const isPackage = READER.packages.some((name) => name === specifier);
        expect(isOwn || isPackage || specifier.startsWith('node:'), `${specifier} in ${file}`).toBe(true);
      }
    }
  });
});

function documentOf(name: string, labels: Readonly<Record<string, string>>, owner: string): string {
  const subject = { issuer: 'prod', namespace: 'ns', serviceAccount: '*' };
  const spec = { owner, subject, target: { jwtSvid: { audiences: ['ledger'] } } };
  return JSON.stringify({
    apiVersion: 'carnet.dev/v1alpha1',
    kind: 'FederationMapping',
    metadata: { name, labels },
    spec,
  });
}

describe('the file that keeps it', () => {
  test('is its owner’s alone', async () => {
    const { path } = await kept(TEXT);
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect(await readdir(join(path, '..'))).toEqual(['carnet.db-parsed']);
  });

  test('is not believed under another key', async () => {
    const { open } = await kept(TEXT);
    expect(known(await open(createCacheSeal(createSecretKey(randomBytes(32)))), TEXT)).toEqual(anew(OTHER));
    expect(known(await open(), TEXT)).toEqual(anew(TEXT));
  });

  test('is not believed when another reader wrote it, with the right key', async () => {
    const { path, seal, open } = await kept(TEXT);
    const [hash = '', , body = ''] = (await readFile(path, 'utf8')).split('\n');
    await writeFile(path, `${hash}\n${seal.seal(body, ['read-text', sha256('another reader'), hash])}\n`);
    expect(known(await open(), TEXT)).toEqual(anew(OTHER));
  });

  test.each([
    ['a value in it was changed', (text: string) => text.replace('"maxTtl":"1h"', '"maxTtl":"2h"')],
    ['the place of a document was changed', (text: string) => text.replace('"start":0', '"start":1')],
    ['a digest was changed', (text: string) => text.replace(/"digest":"./, '"digest":"x')],
    ['a seal in it was changed', (text: string) => text.replace(/\n(.)/, (_, one) => (one === 'A' ? '\nB' : '\nA'))],
    ['it ends in the middle', (text: string) => text.slice(0, text.length / 2)],
    ['lines are missing', (text: string) => text.split('\n').slice(1).join('\n')],
    ['it is something else', () => '{"not": "this"}\n\n\n\n'],
    ['it is empty', () => ''],
  ])('costs time and nothing else when %s', async (_name, change) => {
    const { path, open, failures } = await kept(TEXT);
    const before = await readFile(path, 'utf8');
    expect(change(before)).not.toBe(before);
    await writeFile(path, change(before));
    const parsed = await open();
    expect(known(parsed, TEXT)).toEqual(anew(OTHER));
    expect(seen(parsed.read(TEXT, sha256(TEXT), READ))).toStrictEqual(seen(read(TEXT)));
    expect(failures).toEqual([]);
  });

  test('cannot give one text what belongs to another', async () => {
    const { path, open } = await kept(TEXT, SECOND);
    const text = await readFile(path, 'utf8');
    const swapped = text
      .replace(sha256(TEXT), 'x')
      .replace(sha256(SECOND), sha256(TEXT))
      .replace(/^x$/m, sha256(SECOND));
    await writeFile(path, swapped);
    const parsed = await open();
    expect(known(parsed, TEXT)).toEqual(anew(OTHER));
    expect(known(parsed, SECOND)).toEqual(anew(OTHER));
  });

  test('is written anew when a text is, with those in use and no others', async () => {
    const { path, open } = await kept(TEXT, GONE);
    const second = await open();
    for (const text of [TEXT, NEW]) second.read(text, sha256(text), READ);
    second.keepSoon([TEXT, NEW].map(sha256));
    await second.close();
    const third = await open();
    expect(known(third, TEXT)).toEqual(anew(TEXT));
    expect(known(third, NEW)).toEqual(anew(NEW));
    expect(await readFile(path, 'utf8')).not.toContain(sha256(GONE));
  });

  test('is left as it is when nothing is new', async () => {
    const { path, open } = await kept(TEXT);
    const { ino } = await stat(path);
    const second = await open();
    second.read(TEXT, sha256(TEXT), READ);
    second.keepSoon([sha256(TEXT)]);
    await second.close();
    expect((await stat(path)).ino).toBe(ino);
  });

  test('is written after the first reading of a process alone', async () => {
    const { path, open } = await kept(TEXT);
    const second = await open();
    for (const text of [TEXT, NEW, LATER]) {
      second.read(text, sha256(text), READ);
      second.keepSoon([TEXT, NEW, LATER].map(sha256));
      await second.close();
      expect(await readFile(path, 'utf8')).not.toContain(sha256(NEW));
    }
    expect(known(second, TEXT)).toEqual(anew(OTHER));
  });

  test('may be impossible to write, which is told once and stops nothing', async () => {
    const { path, open, failures } = await kept();
    await mkdir(path);
    const parsed = await open();
    expect(seen(parsed.read(TEXT, sha256(TEXT), READ))).toStrictEqual(seen(read(TEXT)));
    parsed.keepSoon([sha256(TEXT)]);
    await parsed.close();
    expect(failures).toHaveLength(1);
    expect(await readdir(join(path, '..'))).toEqual(['carnet.db-parsed']);
  });
});
