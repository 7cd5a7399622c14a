import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { MAX_LINE_BYTES } from '../../src/audit/line-limit.ts';
import { type Line, lineBatches } from '../../src/audit/segments.ts';
import { temporaryDirectory } from './audit-fixture.ts';

async function linesOf(text: string): Promise<readonly Line[]> {
  const file = join(await temporaryDirectory(), 'segment');
  await writeFile(file, text);
  const lines: Line[] = [];
  for await (const batch of lineBatches(file)) lines.push(...batch);
  return lines;
}

test('gives each line with its number and place, whatever the chunks of the file', async () => {
  const texts = Array.from({ length: 5_000 }, (_, n) => 'é'.repeat(n % 300));
  const lines = await linesOf(texts.map((text) => `${text}\n`).join(''));
  expect(lines.map(({ bytes }) => bytes.toString())).toEqual(texts);
  let offset = 0;
  for (const [index, line] of lines.entries()) {
    expect(line).toMatchObject({ number: index + 1, offset, length: line.bytes.length, torn: false, overlong: false });
    offset += line.length + 1;
  }
});

test('calls a line of the limit whole and one a byte longer overlong', async () => {
  const [whole, overlong] = await linesOf(`${'x'.repeat(MAX_LINE_BYTES - 1)}\n${'x'.repeat(MAX_LINE_BYTES)}\n`);
  expect(whole?.overlong).toBe(false);
  expect(overlong?.overlong).toBe(true);
});

test('keeps only the beginning of a line without end, and tells its true length', async () => {
  const size = 3_000_000;
  const [whole, after, torn] = await linesOf(`${'x'.repeat(size)}\nafter\n${'y'.repeat(size)}`);
  expect(whole).toMatchObject({ number: 1, offset: 0, length: size, torn: false, overlong: true });
  expect(after).toMatchObject({ number: 2, offset: size + 1, length: 5, overlong: false });
  expect(torn).toMatchObject({ number: 3, offset: size + 7, length: size, torn: true, overlong: true });
  for (const line of [whole, torn]) expect(line?.bytes.length).toBeLessThanOrEqual(6 * MAX_LINE_BYTES);
});
