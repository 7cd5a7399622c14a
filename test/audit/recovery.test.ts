import { createHash } from 'node:crypto';
import { appendFile, cp, readFile, rename, rm, truncate, writeFile } from 'node:fs/promises';
import { describe, expect, test } from 'vitest';
import { HEADS_COLLECTION, readHeads } from '../../src/audit/heads.ts';
import { AuditLogCorrupt } from '../../src/audit/recovery.ts';
import { verifyAuditLog } from '../../src/audit/verify-log.ts';
import { type Bench, bench, edit, recordsOf } from './audit-fixture.ts';
import { event, STREAM } from './audit-records.ts';

/** A closed log of lifecycle, `records` allowed, lifecycle. */
async function written(records: number, maxSegmentBytes = 1_000_000): Promise<Bench> {
  const world = await bench();
  const log = await world.open({ limits: { maxSegmentBytes } });
  for (let n = 0; n < records; n += 1) await log.record(event('allowed', `t-${n}`));
  await log.close();
  return world;
}

async function forgetHead({ store }: Bench): Promise<void> {
  store.documents.clear();
}

async function setHead({ store }: Bench, seq: number, hash: string): Promise<void> {
  const version = (await store.get(HEADS_COLLECTION, STREAM))?.version ?? 0;
  await store.put(HEADS_COLLECTION, STREAM, { seq, hash }, version);
}

async function newest(world: Bench): Promise<string> {
  return (await world.files()).at(-1) ?? '';
}

describe('opening after a crash', () => {
  test.each([
    ['half a line', '{"v":1,"stream":"replica-0","seq":'],
    ['zeros that the file system left', '\u0000'.repeat(70_000)],
    ['a whole record that has no newline yet', undefined],
  ])('takes off %s, says so in the log, and goes on with the chain', async (_, torn) => {
    const world = await written(3);
    const file = await newest(world);
    const good = await readFile(file, 'utf8');
    const tail = torn ?? good.slice(good.lastIndexOf('\n', good.length - 2) + 1, -1);
    await appendFile(file, tail);
    const log = await world.open();
    await log.record(event('allowed', 'after'));
    await log.close();
    const records = await recordsOf(world.directory);
    expect(records.find(({ seq }) => seq === 6)).toMatchObject({
      type: 'lifecycle',
      outcome: 'started',
      recovery: {
        unclean: false,
        torn: { file: '0000000000000001.jsonl', droppedBytes: Buffer.byteLength(tail) },
      },
    });
    expect((await readFile(file, 'utf8')).startsWith(good)).toBe(true);
    expect(await verifyAuditLog({ directory: world.directory, heads: await readHeads(world.store) })).toMatchObject({
      ok: true,
    });
  });

  test('tells that the process before did not close the log', async () => {
    const world = await written(3);
    const file = await newest(world);
    const text = await readFile(file, 'utf8');
    await truncate(file, text.lastIndexOf('\n', text.length - 2) + 1);
    const [record] = (await recordsOf(world.directory)).slice(-1);
    await setHead(world, record?.seq ?? 0, record?.hash ?? '');
    await (await world.open()).close();
    expect((await recordsOf(world.directory)).find(({ seq }) => seq === 5)?.recovery).toEqual({ unclean: true });
  });

  test('tells that the store had lost the head, since a cut before that cannot be found', async () => {
    const world = await written(3);
    await forgetHead(world);
    await (await world.open()).close();
    expect((await recordsOf(world.directory)).find(({ seq }) => seq === 6)?.recovery).toEqual({
      unclean: false,
      headUnknown: true,
    });
  });

  test('goes on in a segment that was created and never written', async () => {
    const world = await written(2);
    await writeFile((await newest(world)).replace('0000000000000001', '0000000000000005'), '');
    await (await world.open()).close();
    const report = await verifyAuditLog({ directory: world.directory, heads: await readHeads(world.store) });
    expect(report).toMatchObject({ ok: true, streams: [{ segments: 2, records: 6 }] });
  });

  test('accepts a log that went on after the last stored head', async () => {
    const world = await written(5, 1_500);
    const [, second] = await recordsOf(world.directory);
    await setHead(world, 2, second?.hash ?? '');
    await (await world.open()).close();
    expect((await readHeads(world.store)).get(STREAM)?.seq).toBe(9);
  });
});

describe('opening what is not as it was written', () => {
  const damages: readonly (readonly [string, RegExp, (world: Bench) => Promise<void>])[] = [
    [
      'a last whole line with a changed byte',
      /0000000000000001\.jsonl:5: the record does not match its hash/,
      async (world) =>
        edit(await newest(world), (bytes) => Buffer.from(bytes.toString().replace('stopped', 'stoqped'))),
    ],
    [
      'a last whole line that is no record',
      /0000000000000001\.jsonl:6: the line is not an audit record/,
      async (world) => appendFile(await newest(world), '{}\n'),
    ],
    [
      'a cut behind the stored head',
      /records 5 to 5 are missing at the end/,
      async (world) =>
        edit(await newest(world), (bytes) => bytes.subarray(0, bytes.lastIndexOf('\n', bytes.length - 2) + 1)),
    ],
    [
      'a torn last line that the store knows as written',
      /records 5 to 5 are missing at the end/,
      async (world) => edit(await newest(world), (bytes) => bytes.subarray(0, -1)),
    ],
    [
      'all files gone while the store knows the stream',
      /records 1 to 5 are missing/,
      async (world) => rm(await newest(world)),
    ],
    [
      'another record where the stored head was',
      /0000000000000001\.jsonl:3: record 3 is not the one that the store knows/,
      async (world) => setHead(world, 3, 'f'.repeat(64)),
    ],
    [
      'an empty segment that does not follow',
      /it begins after record 5/,
      async (world) => writeFile((await newest(world)).replace('0000000000000001', '0000000000000009'), ''),
    ],
    [
      'a gap after the stored head',
      /0000000000000001\.jsonl:4: record 5 does not follow record 3/,
      async (world) => {
        const [first] = await recordsOf(world.directory);
        await setHead(world, 1, first?.hash ?? '');
        await edit(await newest(world), (bytes) => {
          const lines = bytes.toString().split('\n');
          return Buffer.from(lines.toSpliced(3, 1).join('\n'));
        });
      },
    ],
    [
      'a segment under the name of a later one',
      /0000000000000099\.jsonl:5: record 5 does not belong in this segment/,
      async (world) => {
        const file = await newest(world);
        await rename(file, file.replace('0000000000000001', '0000000000000099'));
      },
    ],
    [
      'a torn line before a new segment',
      /0000000000000001\.jsonl:5: a segment that is not the last ends in a torn line/,
      async (world) => {
        await forgetHead(world);
        const file = await newest(world);
        await edit(file, (bytes) => bytes.subarray(0, -10));
        await writeFile(file.replace('0000000000000001', '0000000000000005'), '');
      },
    ],
    [
      'a beginning without the record that the store knows',
      /0000000000000001\.jsonl:1: record 1 should come before record 3/,
      async (world) => {
        const [first] = await recordsOf(world.directory);
        await setHead(world, 1, first?.hash ?? '');
        await edit(await newest(world), (bytes) => Buffer.from(bytes.toString().split('\n').slice(2).join('\n')));
      },
    ],
    [
      'a forged record after the stored head',
      /0000000000000001\.jsonl:4: record 4 does not follow record 3/,
      async (world) => {
        const [first] = await recordsOf(world.directory);
        await setHead(world, 1, first?.hash ?? '');
        await edit(await newest(world), (bytes) => {
          const lines = bytes.toString().split('\n');
          const open = (lines[2] ?? '').slice(0, -75).replace('"t-1"', '"u-1"');
          const forged = `${open},"hash":"${createHash('sha256').update(open).digest('hex')}"}`;
          return Buffer.from(lines.with(2, forged).join('\n'));
        });
      },
    ],
    [
      'a segment of another stream',
      /belongs to stream replica-0/,
      async (world) => {
        await forgetHead(world);
        await cp(`${world.directory}/${STREAM}`, `${world.directory}/other`, { recursive: true });
      },
    ],
  ];

  test.each(damages)('refuses %s, names the place and the mend, and touches nothing', async (name, message, damage) => {
    const world = await written(3);
    await damage(world);
    const stream = name.includes('another stream') ? 'other' : STREAM;
    const before = await Promise.all((await world.files()).map((file) => readFile(file)));
    await expect(world.open({ stream })).rejects.toThrow(AuditLogCorrupt);
    await expect(world.open({ stream })).rejects.toThrow(message);
    await expect(world.open({ stream })).rejects.toThrow('carnet audit verify');
    expect(await Promise.all((await world.files()).map((file) => readFile(file)))).toEqual(before);
  });
});

describe('a start while the store is away', () => {
  /** The log opens without the store, writes a record, and the store comes back. */
  async function openedAway(world: Bench) {
    const { store } = world;
    store.failure = new Error('away');
    const away = Object.assign(store, { asOf: () => 1 });
    const log = await world.open({ store: away });
    await log.record(event('allowed', 'meanwhile'));
    store.failure = undefined;
    world.timer.tick();
    return log;
  }

  test('goes on with the chain, and the store has the head once it is back', async () => {
    const world = await written(3);
    const log = await openedAway(world);
    await expect.poll(async () => (await readHeads(world.store)).get(STREAM)?.seq).toBe(7);
    await log.record(event('allowed', 'after'));
    await log.close();
    expect(await verifyAuditLog({ directory: world.directory, heads: await readHeads(world.store) })).toMatchObject({
      ok: true,
    });
  });

  test('with a log that was cut ends issuing as soon as the store says so', async () => {
    const world = await written(3);
    const file = await newest(world);
    const lines = (await readFile(file, 'utf8')).split('\n');
    await writeFile(file, `${lines.slice(0, 3).join('\n')}\n`);
    const log = await openedAway(world);
    await expect.poll(() => log.state()).toMatchObject({ ok: false, reason: expect.stringContaining('audit log') });
    await expect(log.record(event('allowed', 'after'))).rejects.toMatchObject({ key: 'audit_unavailable' });
    await log.close();
  });

  test('with another log under the name of the stream ends issuing too', async () => {
    const world = await written(3);
    await setHead(world, 2, 'f'.repeat(64));
    const log = await openedAway(world);
    await expect.poll(() => log.state()).toMatchObject({ ok: false, reason: expect.stringContaining('record 2') });
    await log.close();
  });
});
