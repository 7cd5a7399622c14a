import { createHash } from 'node:crypto';
import { appendFile, cp, mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { readHeads } from '../../src/audit/heads.ts';
import type { Head } from '../../src/audit/line.ts';
import { readAuditLog } from '../../src/audit/read-log.ts';
import { verifyAuditLog } from '../../src/audit/verify-log.ts';
import type { StreamReport } from '../../src/audit/verify-report.ts';
import { fc } from '../support/properties.ts';
import { type Bench, bench, edit, recordsOf, temporaryDirectory } from './audit-fixture.ts';
import { event, STREAM } from './audit-records.ts';

async function written(records = 6, maxSegmentBytes = 2_500): Promise<Bench & { heads: ReadonlyMap<string, Head> }> {
  const world = await bench();
  const log = await world.open({ limits: { maxSegmentBytes } });
  for (let n = 0; n < records; n += 1) {
    await log.record(event('allowed', `t-${n}`));
    await log.record(event('issued', `t-${n}`));
  }
  await log.close();
  return { ...world, heads: await readHeads(world.store) };
}

async function only(options: Parameters<typeof verifyAuditLog>[0]): Promise<StreamReport> {
  const report = await verifyAuditLog(options);
  const [stream] = report.streams;
  if (stream === undefined || report.streams.length !== 1) throw new Error('one stream was expected');
  expect(report.ok).toBe(stream.faultCount === 0);
  return stream;
}

function kinds({ faults }: StreamReport): readonly string[] {
  return faults.map(({ kind }) => kind);
}

/** A log rewritten from its first changed record on, with sound hashes: what somebody who can write the files can do. */
async function rewrite(file: string, change: (text: string) => string): Promise<void> {
  let prev = '0'.repeat(64);
  await edit(file, (bytes) => {
    const lines = bytes.toString().trimEnd().split('\n');
    const sealed = lines.map((line) => {
      const open = change(line.slice(0, -75)).replace(/"prev":"[0-9a-f]{64}"/, `"prev":"${prev}"`);
      prev = createHash('sha256').update(open).digest('hex');
      return `${open},"hash":"${prev}"}\n`;
    });
    return Buffer.from(sealed.join(''));
  });
}

describe('verifyAuditLog', () => {
  test('finds a whole log sound, over segments, and proves it up to the stored head', async () => {
    const { directory, heads } = await written();
    const progress: number[] = [];
    const report = await only({ directory, heads, onProgress: ({ records }) => progress.push(records) });
    expect(report).toMatchObject({ stream: STREAM, records: 14, faults: [], provenTo: 14, consistentTo: 14 });
    expect(report.segments).toBeGreaterThan(2);
    expect(report.last?.hash).toBe(heads.get(STREAM)?.hash);
    expect(progress.at(-1)).toBe(14);
  });

  test('proves nothing without a head, and says so', async () => {
    const { directory } = await written();
    expect(await only({ directory })).toMatchObject({ faults: [], provenTo: 0, consistentTo: 14 });
  });

  test('proves only up to a head that is behind', async () => {
    const { directory } = await written();
    const fifth = (await recordsOf(directory)).find(({ seq }) => seq === 5);
    const heads = new Map([[STREAM, { seq: 5, hash: fifth?.hash ?? '' }]]);
    expect(await only({ directory, heads })).toMatchObject({ faults: [], provenTo: 5, consistentTo: 14 });
  });

  test('names file, line and seq of a changed record, and goes on behind it', async () => {
    const { directory, heads, files } = await written();
    const [, second = ''] = await files();
    const before = JSON.parse((await readFile(second, 'utf8')).split('\n')[1] ?? '');
    await edit(second, (bytes) => {
      const at = bytes.indexOf('\n') + bytes.subarray(bytes.indexOf('\n')).indexOf('payments');
      bytes[at] = (bytes[at] ?? 0) ^ 1;
      return bytes;
    });
    const report = await only({ directory, heads });
    expect(report.faults).toEqual([
      { kind: 'hash', file: second.slice(-22), line: 2, seq: before.seq, detail: expect.any(String) },
    ]);
    expect(report).toMatchObject({ consistentTo: before.seq - 1, provenTo: 0 });
  });

  test('leaves streams of other replicas to their directories, but misses its own', async () => {
    const { directory, heads } = await written();
    const head = heads.get(STREAM);
    if (head === undefined) throw new Error('no head');
    const both = new Map([...heads, ['elsewhere', head]]);
    const report = await verifyAuditLog({ directory, heads: both, own: STREAM });
    expect([report.ok, report.elsewhere]).toEqual([true, ['elsewhere']]);
    const own = await verifyAuditLog({ directory, heads: both, own: 'elsewhere' });
    expect([own.ok, own.elsewhere]).toEqual([false, []]);
    const unshared = await verifyAuditLog({ directory, heads: both });
    expect([unshared.ok, unshared.elsewhere]).toEqual([false, []]);
  });

  const damages: readonly (readonly [string, readonly string[], (lines: string[]) => string[]])[] = [
    ['a record taken out', ['gap'], (lines) => lines.toSpliced(4, 1)],
    ['a record repeated', ['repeated'], (lines) => lines.toSpliced(4, 0, lines[4] ?? '')],
    ['an old record put in again', ['repeated', 'gap'], (lines) => lines.toSpliced(6, 0, lines[2] ?? '')],
    [
      'two records swapped',
      ['gap', 'repeated', 'gap'],
      (lines) => lines.with(4, lines[5] ?? '').with(5, lines[4] ?? ''),
    ],
    ['a line that is no JSON', ['malformed', 'repeated'], (lines) => lines.toSpliced(4, 0, 'x')],
    ['an empty line', ['malformed', 'repeated'], (lines) => lines.toSpliced(4, 0, '')],
    [
      'a line longer than a record can be',
      ['overlong', 'repeated'],
      (lines) => lines.toSpliced(4, 0, 'x'.repeat(300_000)),
    ],
    ['a cut behind the stored head', ['cut'], (lines) => lines.slice(0, -3)],
    ['everything cut', ['cut'], () => []],
  ];

  test.each(damages)('finds %s', async (_, expected, damage) => {
    const { directory, heads, files } = await written(6, 1_000_000);
    const [file = ''] = await files();
    const lines = (await readFile(file, 'utf8')).trimEnd().split('\n');
    await writeFile(
      file,
      damage(lines)
        .map((line) => `${line}\n`)
        .join(''),
    );
    expect(kinds(await only({ directory, heads }))).toEqual(expected);
  });

  test('finds a segment taken out, cut within, renamed, or taken from another stream', async () => {
    const { directory, heads, files } = await written();
    const [first = '', second = '', third = ''] = await files();
    const whole = await readFile(second);
    await rm(second);
    expect(kinds(await only({ directory, heads }))).toEqual(['gap']);
    await writeFile(second, whole.subarray(0, -10));
    expect(kinds(await only({ directory, heads }))).toEqual(['torn', 'gap']);
    await writeFile(second, '');
    expect(kinds(await only({ directory, heads }))).toEqual(['malformed', 'gap']);
    await rm(second);
    await writeFile(second.replace(/\d\.jsonl$/, '9.jsonl'), whole);
    expect(kinds(await only({ directory, heads }))).toContain('segment-name');
    await rm(second.replace(/\d\.jsonl$/, '9.jsonl'));
    await writeFile(second, whole);
    expect(kinds(await only({ directory, heads }))).toEqual([]);
    await mkdir(join(directory, 'other'));
    for (const file of [first, second, third]) await cp(file, file.replace(STREAM, 'other'));
    const report = await verifyAuditLog({ directory, heads });
    expect(report.ok).toBe(false);
    expect(new Set(report.streams.find(({ stream }) => stream === 'other')?.faults.map(({ kind }) => kind))).toEqual(
      new Set(['foreign-stream']),
    );
  });

  test('finds a stream that the store knows and the disk does not', async () => {
    const { directory, heads } = await written();
    await rename(join(directory, STREAM), join(directory, 'renamed'));
    const report = await verifyAuditLog({ directory, heads });
    expect(report.streams.map(kinds)).toEqual([expect.arrayContaining(['foreign-stream']), ['missing-stream']]);
  });

  test('finds a log rewritten with sound hashes when it reaches back to the stored head, and not after it', async () => {
    const { directory, heads, files } = await written(6, 1_000_000);
    const [file = ''] = await files();
    const fourth = (await recordsOf(directory)).find(({ seq }) => seq === 4);
    await rewrite(file, (line) => line.replace('"t-2"', '"u-2"'));
    expect(kinds(await only({ directory, heads }))).toEqual(['head-differs']);
    const earlierHead = new Map([[STREAM, { seq: 4, hash: fourth?.hash ?? '' }]]);
    expect(await only({ directory, heads: earlierHead })).toMatchObject({ faults: [], provenTo: 4 });
    expect(kinds(await only({ directory }))).toEqual([]);
  });

  test('finds one record replaced by a forged one with a sound hash', async () => {
    const { directory, files } = await written(6, 1_000_000);
    const [file = ''] = await files();
    const lines = (await readFile(file, 'utf8')).split('\n');
    const open = (lines[4] ?? '').slice(0, -75).replace('"t-1"', '"u-1"');
    const forged = `${open},"hash":"${createHash('sha256').update(open).digest('hex')}"}`;
    await writeFile(file, lines.with(4, forged).join('\n'));
    expect((await only({ directory })).faults).toMatchObject([{ kind: 'chain', line: 6, seq: 6 }]);
  });

  test('does not find a cut at the end of a line after the stored head, and proves no more than the head', async () => {
    const { directory, files } = await written(6, 1_000_000);
    const [file = ''] = await files();
    const eighth = (await recordsOf(directory)).find(({ seq }) => seq === 8);
    const lines = (await readFile(file, 'utf8')).split('\n');
    await writeFile(file, `${lines.slice(0, 8).join('\n')}\n`);
    const heads = new Map([[STREAM, { seq: 8, hash: eighth?.hash ?? '' }]]);
    expect(await only({ directory, heads })).toMatchObject({ faults: [], provenTo: 8, consistentTo: 8 });
  });

  test('accepts an older version with other members', async () => {
    const { directory, files } = await written(2, 1_000_000);
    const [file = ''] = await files();
    await rewrite(file, (line) => line.replace('{"v":1,', '{"v":0,"old":true,'));
    expect(kinds(await only({ directory }))).toEqual([]);
    await rewrite(file, (line) => line.replace('{"v":0,', '{"v":2,'));
    expect(new Set(kinds(await only({ directory })))).toEqual(new Set(['version']));
  });

  test('reports an unfinished last line apart from the faults', async () => {
    const { directory, heads, files } = await written();
    const last = (await files()).at(-1) ?? '';
    await appendFile(last, '{"v":1');
    const line = (await readFile(last, 'utf8')).split('\n').length;
    expect(await only({ directory, heads })).toMatchObject({
      faults: [],
      tornTail: { file: last.slice(-22), line, bytes: 6 },
    });
  });

  test('reports each "allowed" without an outcome, also where trace ids repeat', async () => {
    const world = await bench();
    const log = await world.open();
    await log.record(event('allowed', 'same'));
    await log.record(event('allowed', 'same'));
    await log.record(event('issued', 'same'));
    await log.record(event('allowed', 'failed'));
    await log.record(event('failed', 'failed'));
    await log.record(event('allowed', 'crashed'));
    const report = await only({ directory: world.directory });
    expect(report.openOutcomes).toEqual([
      expect.objectContaining({ seq: 3, line: 3, traceId: 'same', mapping: 'mesh' }),
      expect.objectContaining({ seq: 7, line: 7, traceId: 'crashed' }),
    ]);
    expect(report.openOutcomeCount).toBe(2);
  });

  test('works on a log that is being written', async () => {
    const world = await bench();
    const log = await world.open({ limits: { maxSegmentBytes: 20_000 } });
    const reports: StreamReport[] = [];
    for (let round = 0; round < 10; round += 1) {
      world.timer.tick();
      const writing = Promise.all(Array.from({ length: 100 }, (_, n) => log.record(event('allowed', `${round}-${n}`))));
      reports.push(await only({ directory: world.directory, heads: await readHeads(world.store) }));
      await writing;
    }
    expect(reports.flatMap(({ faults }) => faults)).toEqual([]);
  });

  test('any edit, cut, insertion or exchange of bytes at any place is named', async () => {
    const { directory, heads } = await written(3, 1_700);
    const names = (await bytesOf(directory)).map(({ name }) => name);
    const originals = (await bytesOf(directory)).map(({ bytes }) => bytes);
    const lengths = originals.map(({ length }) => length);
    const place = fc
      .nat(names.length - 1)
      .chain((file) => fc.tuple(fc.constant(file), fc.nat((lengths[file] ?? 1) - 1)));
    const byte = fc.oneof(fc.integer({ min: 0, max: 255 }), fc.constantFrom(0x0a, 0x0d, 0x20, 0x22, 0x7d));
    const change = fc.oneof(
      fc.record({ kind: fc.constant('edit' as const), place, byte }),
      fc.record({
        kind: fc.constant('insert' as const),
        place,
        bytes: fc.array(byte, { minLength: 1, maxLength: 80 }),
      }),
      fc.record({ kind: fc.constant('cut' as const), place, count: fc.integer({ min: 1, max: 2_000 }) }),
      fc.record({ kind: fc.constant('exchange' as const), place, other: fc.nat(1_999) }),
    );
    await fc.assert(
      fc.asyncProperty(change, async (edition) => {
        const [file, at] = edition.place;
        const original = originals[file] ?? Buffer.alloc(0);
        const changed = Buffer.from(changeOf(original, at, edition));
        fc.pre(!changed.equals(original));
        const copy = await temporaryCopy(names, originals.with(file, changed));
        const report = await only({ directory: copy, heads });
        expect(report.faultCount + (report.tornTail === undefined ? 0 : 1)).toBeGreaterThan(0);
        await rm(copy, { recursive: true });
      }),
      { numRuns: 250 },
    );
    expect((await only({ directory, heads })).faults).toEqual([]);
  });
});

type Edition =
  | { readonly kind: 'edit'; readonly byte: number }
  | { readonly kind: 'insert'; readonly bytes: readonly number[] }
  | { readonly kind: 'cut'; readonly count: number }
  | { readonly kind: 'exchange'; readonly other: number };

function changeOf(original: Buffer, at: number, edition: Edition): Uint8Array {
  const before = original.subarray(0, at);
  switch (edition.kind) {
    case 'edit':
      return Buffer.concat([before, Buffer.from([edition.byte]), original.subarray(at + 1)]);
    case 'insert':
      return Buffer.concat([before, Buffer.from(edition.bytes), original.subarray(at)]);
    case 'cut':
      return Buffer.concat([before, original.subarray(at + edition.count)]);
    case 'exchange': {
      const other = edition.other % original.length;
      return original.with(at, original[other] ?? 0).with(other, original[at] ?? 0);
    }
    default:
      return edition satisfies never;
  }
}

async function bytesOf(directory: string): Promise<readonly { name: string; bytes: Buffer }[]> {
  const names = (await readdir(join(directory, STREAM))).filter((name) => name.endsWith('.jsonl')).sort();
  return Promise.all(names.map(async (name) => ({ name, bytes: await readFile(join(directory, STREAM, name)) })));
}

async function temporaryCopy(names: readonly string[], contents: readonly Buffer[]): Promise<string> {
  const copy = await temporaryDirectory();
  await mkdir(join(copy, STREAM));
  for (const [index, name] of names.entries()) await writeFile(join(copy, STREAM, name), contents[index] ?? '');
  return copy;
}

describe('readAuditLog', () => {
  test('gives the records in order over segments, from the asked seq on', async () => {
    const { directory } = await written();
    const seqs: number[] = [];
    for await (const { seq } of readAuditLog({ directory, stream: STREAM, fromSeq: 4 })) seqs.push(seq);
    expect(seqs).toEqual([4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14]);
  });

  test('merges several streams by time', async () => {
    const world = await bench();
    const left = await world.open({ stream: 'left' });
    const right = await world.open({ stream: 'right' });
    for (const [n, log] of [left, right, right, left].entries()) {
      world.clock.advance(1_000);
      await log.record(event('allowed', String(n)));
    }
    expect((await recordsOf(world.directory)).flatMap(({ traceId }) => traceId ?? [])).toEqual(['0', '1', '2', '3']);
  });

  test('throws at a damaged line and names it, and ends quietly at an unfinished one', async () => {
    const { directory, files } = await written(2, 1_000_000);
    const [file = ''] = await files();
    await appendFile(file, '{"v":');
    expect(await recordsOf(directory)).toHaveLength(6);
    await edit(file, (bytes) => Buffer.from(bytes.toString().replace('"t-1"', '"u-1"')));
    await expect(recordsOf(directory)).rejects.toThrow(/0000000000000001\.jsonl:4: /);
  });
});
