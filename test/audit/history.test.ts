import { appendFile, mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { UnknownPlace } from '../../src/audit/fronts.ts';
import {
  AuditHistory,
  type Coverage,
  containing,
  HISTORY_LIMITS,
  HistoryBusy,
  type HistoryLimits,
  type HistoryQuery,
  ReaderGone,
} from '../../src/audit/history.ts';
import { GENESIS, type Head } from '../../src/audit/line.ts';
import { segmentName } from '../../src/audit/segments.ts';
import { fc } from '../support/properties.ts';
import { bench, recordsOf, temporaryDirectory } from './audit-fixture.ts';
import { event, STREAM, toLine } from './audit-records.ts';

const MINUTE = 60_000;

/** A log of `count` refusals a minute apart, in small segments, and a reader of it. */
async function log(count: number, { stream = STREAM, segmentBytes = 4096 } = {}) {
  const setup = await bench();
  const began = setup.clock.now();
  const audit = await setup.open({ stream, limits: { maxSegmentBytes: segmentBytes } });
  for (let number = 1; number <= count; number += 1) {
    setup.clock.advance(MINUTE);
    await audit.record(event('allowed', `trace-${number}`));
  }
  const read = async (query: HistoryQuery = {}, { stopAfter = Infinity, limits = HISTORY_LIMITS } = {}) => {
    const history = new AuditHistory({ directory: setup.directory, clock: setup.clock, limits });
    const traces: string[] = [];
    const covered = await history.read(query, ({ traceId }) => {
      if (traceId !== undefined) traces.push(traceId);
      return traces.length < stopAfter;
    });
    return { traces, covered };
  };
  return { ...setup, audit, began, read };
}

const names = (from: number, to: number) =>
  Array.from({ length: from - to + 1 }, (_, index) => `trace-${from - index}`);

describe('the history of the audit log', () => {
  test('is read newest first, over all segments, and says what it covers', async () => {
    const { read, files, began } = await log(40);
    expect((await files()).length).toBeGreaterThan(3);
    const { traces, covered } = await read();
    expect(traces).toEqual(names(40, 1));
    expect(covered).toEqual({
      streams: [STREAM],
      from: new Date(began).toISOString(),
      until: new Date(began + 40 * MINUTE).toISOString(),
      complete: true,
      unreadable: 0,
    });
  });

  test('of a window has what stands in it, its beginning included and its end not', async () => {
    const { read, began } = await log(40);
    const window = { from: began + 10 * MINUTE, until: began + 20 * MINUTE };
    const { traces, covered } = await read(window);
    expect(traces).toEqual(names(19, 10));
    expect(covered).toMatchObject({ from: new Date(window.from).toISOString(), complete: true });
  });

  test('of a window before the log, or after it, is empty and complete', async () => {
    const { read, began } = await log(3);
    expect((await read({ until: began - MINUTE })).traces).toEqual([]);
    const { traces, covered } = await read({ from: began + 60 * MINUTE });
    expect([traces, covered.complete]).toEqual([[], true]);
  });

  test('reads only the segments that a window needs', async () => {
    const { read, files, began } = await log(60);
    const [oldest = ''] = await files();
    await writeFile(oldest, 'not a record\n');
    const { traces, covered } = await read({ from: began + 45 * MINUTE });
    expect([traces, covered.unreadable]).toEqual([names(60, 45), 0]);
    expect((await read()).covered.unreadable).toBe(1);
  });

  test('goes on where a page ended, without a gap and without anything twice', async () => {
    const { read } = await log(30);
    const pages: (readonly string[])[] = [];
    let after: Coverage['next'];
    do {
      const { traces, covered } = await read({ after }, { stopAfter: 7 });
      pages.push(traces);
      after = covered.next;
    } while (after !== undefined);
    expect(pages.flat()).toEqual(names(30, 1));
    expect(pages.map((page) => page.length)).toEqual([7, 7, 7, 7, 2]);
  });

  test.each([
    ['in the middle of a line', { segment: 1, offset: 5 }],
    ['in a segment that is not there', { segment: 999, offset: 0 }],
  ])('refuses to go on %s', async (_, place) => {
    const { read } = await log(3);
    await expect(read({ after: { [STREAM]: place } })).rejects.toThrow(UnknownPlace);
    await expect(read({ after: { elsewhere: { segment: 1, offset: 0 } } })).rejects.toThrow(UnknownPlace);
  });

  test('merges the streams of a directory by time, and pages over them', async () => {
    const { audit, open, clock, read } = await log(2);
    const second = await open({ stream: 'replica-1' });
    for (const number of [3, 4, 5, 6]) {
      clock.advance(MINUTE);
      await (number % 2 === 0 ? audit : second).record(event('allowed', `trace-${number}`));
    }
    expect((await read()).traces).toEqual(names(6, 1));
    const first = await read({}, { stopAfter: 1 });
    expect([first.traces, first.covered.streams]).toEqual([['trace-6'], [STREAM, 'replica-1']]);
    expect((await read({ after: first.covered.next })).traces).toEqual(names(5, 1));
  });

  test('passes over a line that is being written, and counts one that was changed', async () => {
    const { read, files } = await log(3, { segmentBytes: 1024 * 1024 });
    const [file = ''] = await files();
    await appendFile(file, '{"v":1,"stream":"replica-0","seq":5,"at":"2026');
    expect(await read()).toMatchObject({ traces: names(3, 1), covered: { unreadable: 0, complete: true } });
    await appendFile(file, '-11-27T10:00:00.000Z","type":"refused"}\n');
    expect(await read()).toMatchObject({ traces: names(3, 1), covered: { unreadable: 1, complete: true } });
  });

  test('ends at what was taken away, and at a directory that is not there', async () => {
    const { read, files, directory } = await log(40);
    const [oldest = ''] = await files();
    await rename(oldest, join(directory, 'gone'));
    const { traces, covered } = await read();
    expect(covered.complete).toBe(true);
    expect(traces.at(-1)).not.toBe('trace-1');
    const nowhere = new AuditHistory({ directory: join(directory, 'nowhere'), clock: { now: () => 0 } });
    expect(await nowhere.read({}, () => true)).toMatchObject({ streams: [], complete: true });
  });

  test.each<[string, HistoryLimits]>([
    ['bytes', { maxBytes: 1, maxMilliseconds: 60_000, share: 1 / 4 }],
    ['time', { maxBytes: 1e9, maxMilliseconds: 0, share: 1 / 4 }],
  ])('stops at its bound of %s and says from when on it is whole', async (_, limits) => {
    const { read } = await log(20);
    const { traces, covered } = await read({}, { limits });
    expect(traces.length).toBeGreaterThan(0);
    expect(traces.length).toBeLessThan(20);
    expect(covered.complete).toBe(false);
    expect((await read({ after: covered.next })).traces.at(-1)).toBe('trace-1');
  });

  test('passes over lines that do not hold what is looked for, and finds those that do', async () => {
    const { read } = await log(20);
    expect((await read({ containing: [containing('traceId', 'trace-7')] })).traces).toEqual(['trace-7']);
    expect((await read({ containing: [containing('traceId', 'trace')] })).traces).toEqual([]);
  });

  test('passes over records of other types, whatever else is wrong with them', async () => {
    const { read, audit, files } = await log(3, { segmentBytes: 1024 * 1024 });
    await audit.record(event('issued', 'issued'));
    await audit.record(event('issued', 'changed'));
    const [file = ''] = await files();
    await writeFile(file, (await readFile(file, 'utf8')).replace('"traceId":"changed"', '"traceId":"CHANGED"'));
    expect(await read({ types: ['allowed'] })).toMatchObject({ traces: names(3, 1), covered: { unreadable: 0 } });
    expect(await read({ types: ['issued'] })).toMatchObject({ traces: ['issued'], covered: { unreadable: 1 } });
  });

  test('ends with whoever asked: before his turn, and under way', async () => {
    const { directory, clock } = await log(40);
    const history = new AuditHistory({ directory, clock });
    const gone = new AbortController();
    const [first, second] = [new AbortController(), history.read({}, () => true)];
    const waiting = history.read({ signal: first.signal }, () => true);
    first.abort();
    await expect(waiting).rejects.toThrow(ReaderGone);
    expect((await second).complete).toBe(true);
    let records = 0;
    const visit = () => {
      records += 1;
      gone.abort();
      return true;
    };
    await expect(history.read({ signal: gone.signal }, visit)).rejects.toThrow(ReaderGone);
    expect(records).toBeLessThan(40);
    expect((await history.read({}, () => true)).complete).toBe(true);
  });

  test('is read by one at a time with a short line: who comes beyond it is told at once', async () => {
    const { directory, clock } = await log(5);
    const history = new AuditHistory({ directory, clock });
    const readings = Array.from({ length: 5 }, () => history.read({}, () => true));
    expect(() => history.read({}, () => true)).toThrow(HistoryBusy);
    await Promise.all(readings);
    expect((await history.read({}, () => true)).complete).toBe(true);
  });

  test('finds records that a clock which was set back put out of the order of their times', async () => {
    const { read, audit, clock, files } = await log(3);
    const from = clock.now();
    clock.advance(6 * MINUTE);
    for (let number = 0; number < 12; number += 1) await audit.record(event('allowed', 'ahead'));
    clock.advance(-8 * MINUTE);
    await audit.record(event('allowed', 'set-back'));
    clock.advance(9 * MINUTE);
    await audit.record(event('allowed', 'later'));
    expect((await files()).length).toBeGreaterThan(3);
    expect((await read({ from })).traces).toEqual(['later', ...Array.from({ length: 12 }, () => 'ahead'), 'trace-3']);
    expect((await read({ until: from })).traces).toEqual(['set-back', 'trace-2', 'trace-1']);
  });

  test('never keeps the writer waiting: records are committed while a reading stands still', async () => {
    const { directory, clock, audit } = await log(5);
    const history = new AuditHistory({ directory, clock });
    let records = 0;
    const reading = history.read({}, () => {
      records += 1;
      return true;
    });
    await audit.record(event('allowed', 'meanwhile'));
    await reading;
    expect(records).toBeGreaterThanOrEqual(6);
    expect(audit.state()).toEqual({ ok: true });
  });
});

describe('reading backwards', () => {
  const sizes = fc.array(fc.oneof(fc.nat(200), fc.integer({ min: 20_000, max: 31_000 })), {
    minLength: 1,
    maxLength: 60,
  });

  test('finds what reading forwards finds, whatever the sizes of lines, segments and pages', async () => {
    const directory = await temporaryDirectory();
    const clock = { now: () => 0 };
    let runs = 0;
    await fc.assert(
      fc.asyncProperty(
        sizes,
        fc.integer({ min: 40_000, max: 400_000 }),
        fc.integer({ min: 1, max: 25 }),
        async (lines, segmentBytes, page) => {
          runs += 1;
          const log = join(directory, String(runs));
          await written(log, lines, segmentBytes);
          const forwards = (await recordsOf(log)).map(({ seq }) => seq);
          const history = new AuditHistory({ directory: log, clock });
          const seqs: number[] = [];
          let after: Coverage['next'];
          do {
            let left = page;
            const covered = await history.read({ after }, ({ seq }) => {
              seqs.push(seq);
              left -= 1;
              return left > 0;
            });
            expect(covered.unreadable).toBe(0);
            after = covered.next;
          } while (after !== undefined);
          expect(seqs).toEqual(forwards.toReversed());
        },
      ),
      { numRuns: 25 },
    );
  });

  test('finds by a text what looking at every record finds, in one stream and in several, whatever the pages', async () => {
    const directory = await temporaryDirectory();
    let runs = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.array(sizes, { minLength: 1, maxLength: 3 }),
        fc.constantFrom('1', '2', '17', 'none'),
        fc.integer({ min: 1, max: 9 }),
        async (streams, trace, page) => {
          runs += 1;
          const log = join(directory, `found-${runs}`);
          for (const [index, lines] of streams.entries()) await written(log, lines, 90_000, `replica-${index}`);
          const history = new AuditHistory({ directory: log, clock: { now: () => 0 } });
          const all: string[] = [];
          const looked = await history.read({}, ({ traceId = '', stream }) => all.push(`${stream} ${traceId}`) > 0);
          const found: string[] = [];
          let covered: Coverage | undefined;
          do {
            let left = page;
            const query = { containing: [`"traceId":"trace-${trace}`], after: covered?.next };
            covered = await history.read(query, ({ traceId = '', stream }) => {
              found.push(`${stream} ${traceId}`);
              left -= 1;
              return left > 0;
            });
          } while (covered.next !== undefined);
          expect(found).toEqual(all.filter((one) => one.includes(` trace-${trace}`)));
          if (found.length === 0) expect(covered).toEqual(looked);
        },
      ),
      { numRuns: 40 },
    );
  });

  test('finds a window among many records as reading all of them does', async () => {
    const directory = await temporaryDirectory();
    const lines = Array.from({ length: 3_000 }, (_, index) => (index * 7919) % 900);
    await written(directory, lines, 300_000);
    const records = await recordsOf(directory);
    const history = new AuditHistory({ directory, clock: { now: () => 0 } });
    await fc.assert(
      fc.asyncProperty(fc.nat(3_200), fc.nat(3_200), async (one, other) => {
        const [from, until] = [one * MINUTE, other * MINUTE];
        const seqs: number[] = [];
        await history.read({ from, until }, ({ seq }) => seqs.push(seq) > 0);
        const wanted = records.filter(({ at }) => Date.parse(at) >= from && Date.parse(at) < until);
        expect(seqs).toEqual(wanted.map(({ seq }) => seq).toReversed());
      }),
      { numRuns: 40 },
    );
  });
});

/** A stream of records a minute apart, each with a detail of so many characters, in segments of about so many bytes. */
async function written(
  directory: string,
  sizes: readonly number[],
  segmentBytes: number,
  stream = STREAM,
): Promise<void> {
  const folder = join(directory, stream);
  await mkdir(folder, { recursive: true });
  let after: Head = GENESIS;
  let text = '';
  let first = 1;
  for (const [index, size] of sizes.entries()) {
    const record = { ...event('refused', `trace-${index}`), detail: 'x'.repeat(size) };
    const { line, head } = toLine({ stream, after, at: index * MINUTE, record });
    text += line;
    after = head;
    if (text.length >= segmentBytes || index === sizes.length - 1) {
      await writeFile(join(folder, segmentName(first)), text);
      first = head.seq + 1;
      text = '';
    }
  }
}
