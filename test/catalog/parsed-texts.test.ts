import { createSecretKey, hash, randomBytes } from 'node:crypto';
import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ParsedTexts } from '../../src/catalog/parsed-texts.ts';
import { readDocuments } from '../../src/resources/read-documents.ts';
import { type YamlText, yamlDocuments } from '../../src/resources/yaml-documents.ts';
import { type CacheSeal, createCacheSeal } from '../../src/store/cache-seal.ts';
import { temporaryFolder } from './folder.ts';

const TEXT = 'a: 1\nb: [x, {c: null}]\n---\n---\n# of the second\nd:\n  e: "\\ud800 \\u2028"\n';
const OTHER = 'other: text\n';
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
  for (const text of texts) first.read(text, sha256(text));
  first.keepSoon(texts.map(sha256));
  await first.close();
  return { path, seal, open, failures };
}

/** What is known under the hash of a text, or what the reader makes of another one where nothing is. */
function known(parsed: ParsedTexts, text: string): readonly unknown[] {
  return parsed.read(OTHER, sha256(text)).documents.map(({ value }) => value);
}

const anew = (text: string) => yamlDocuments(text).documents.map(({ value }) => value);

/** Everything of a reading, with the lines of every field down to the second level. */
function seen({ documents, faults }: YamlText) {
  const told = documents.map(({ value, faults, torn, place, line }) => {
    const names = Object.keys((value ?? {}) as object);
    const lines = [[], ...names.flatMap((name) => [[name], [name, 0], [name, 'e']])].map(line);
    return { value, faults, torn, place, lines };
  });
  return { faults, told };
}

describe('what parsing gave before', () => {
  test('is the same as what it would give now: values without prototypes, and lines', async () => {
    const texts = [TEXT, `\uFEFF${TEXT}`, '', '# nothing\n', 'a: -0\n', 'a: 0x1f\nb: 1.50\n', '- x\n- {k: z}\n'];
    const { open } = await kept(...texts);
    const parsed = await open();
    for (const text of texts) {
      expect(known(parsed, text)).toEqual(anew(text));
      expect(seen(parsed.read(text, sha256(text)))).toStrictEqual(seen(yamlDocuments(text)));
    }
  });

  test('is so for any documents (property)', async () => {
    const key = fc.stringMatching(/^[a-z]{1,6}$/);
    const documents = fc.array(fc.dictionary(key, fc.jsonValue({ maxDepth: 3 })), { maxLength: 4 });
    await fc.assert(
      fc.asyncProperty(documents, async (values) => {
        const text = values.map((value) => `---\n${JSON.stringify(value)}\n`).join('');
        const { open } = await kept(text);
        expect(seen((await open()).read(text, sha256(text)))).toStrictEqual(seen(yamlDocuments(text)));
      }),
      { numRuns: 50 },
    );
  });

  test('still tells the line of what a schema does not accept', async () => {
    const text =
      '# first\napiVersion: carnet.dev/v1alpha1\nkind: Guardrail\nmetadata: {name: a}\nspec:\n  maxTtl: soon\n';
    const { open } = await kept(text);
    const origin = { id: 'a.yaml', baseDirectory: '/' };
    const context = { development: false, now: 0 };
    const again = readDocuments(text, origin, context, (await open()).read(text, sha256(text)));
    expect(again.faults).toMatchObject([{ line: 6, field: 'spec.maxTtl' }]);
    expect(again.faults).toEqual(readDocuments(text, origin, context).faults);
  });

  test.each([
    ['that holds infinity', 'a: .inf\n'],
    ['with a key twice', 'a: 1\na: 2\n'],
    ['that is no YAML', 'a: [\n'],
    ['with a control character', 'a: "\u0007"\n'],
    ['of which one document is faulty', 'a: 1\n---\nb: *x\n'],
  ])('does not hold a text %s', async (_name, text) => {
    const { open, path } = await kept(text, TEXT);
    const parsed = await open();
    expect(known(parsed, text)).toEqual(anew(OTHER));
    expect(known(parsed, TEXT)).toEqual(anew(TEXT));
    expect(await readFile(path, 'utf8')).not.toContain(sha256(text));
  });
});

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
    await writeFile(path, `${hash}\n${seal.seal(body, ['parsed-text', sha256('another reader'), hash])}\n`);
    expect(known(await open(), TEXT)).toEqual(anew(OTHER));
  });

  test.each([
    ['a value in it was changed', (text: string) => text.replace('"a":1', '"a":2')],
    ['the place of a document was changed', (text: string) => text.replace('"start":0', '"start":1')],
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
    expect(seen(parsed.read(TEXT, sha256(TEXT)))).toStrictEqual(seen(yamlDocuments(TEXT)));
    expect(failures).toEqual([]);
  });

  test('cannot give one text what belongs to another', async () => {
    const { path, open } = await kept(TEXT, 'e: f\n');
    const text = await readFile(path, 'utf8');
    const swapped = text
      .replace(sha256(TEXT), 'x')
      .replace(sha256('e: f\n'), sha256(TEXT))
      .replace(/^x$/m, sha256('e: f\n'));
    await writeFile(path, swapped);
    const parsed = await open();
    expect(known(parsed, TEXT)).toEqual(anew(OTHER));
    expect(known(parsed, 'e: f\n')).toEqual(anew(OTHER));
  });

  test('is written anew when a text is, with those in use and no others', async () => {
    const { path, open } = await kept(TEXT, 'gone: 1\n');
    const second = await open();
    for (const text of [TEXT, 'new: 1\n']) second.read(text, sha256(text));
    second.keepSoon([TEXT, 'new: 1\n'].map(sha256));
    await second.close();
    const third = await open();
    expect(known(third, TEXT)).toEqual(anew(TEXT));
    expect(known(third, 'new: 1\n')).toEqual(anew('new: 1\n'));
    expect(await readFile(path, 'utf8')).not.toContain(sha256('gone: 1\n'));
  });

  test('is left as it is when nothing is new', async () => {
    const { path, open } = await kept(TEXT);
    const { ino } = await stat(path);
    const second = await open();
    second.read(TEXT, sha256(TEXT));
    second.keepSoon([sha256(TEXT)]);
    await second.close();
    expect((await stat(path)).ino).toBe(ino);
  });

  test('is written after the first reading of a process alone', async () => {
    const { path, open } = await kept(TEXT);
    const second = await open();
    for (const text of [TEXT, 'new: 1\n', 'later: 1\n']) {
      second.read(text, sha256(text));
      second.keepSoon([TEXT, 'new: 1\n', 'later: 1\n'].map(sha256));
      await second.close();
      expect(await readFile(path, 'utf8')).not.toContain(sha256('new: 1\n'));
    }
    expect(known(second, TEXT)).toEqual(anew(OTHER));
  });

  test('may be impossible to write, which is told once and stops nothing', async () => {
    const { path, open, failures } = await kept();
    await mkdir(path);
    const parsed = await open();
    expect(seen(parsed.read(TEXT, sha256(TEXT)))).toStrictEqual(seen(yamlDocuments(TEXT)));
    parsed.keepSoon([sha256(TEXT)]);
    await parsed.close();
    expect(failures).toHaveLength(1);
    expect(await readdir(join(path, '..'))).toEqual(['carnet.db-parsed']);
  });
});
