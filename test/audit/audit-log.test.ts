import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { HEADS_COLLECTION, readHeads } from '../../src/audit/heads.ts';
import { StreamInUse } from '../../src/audit/stream-in-use.ts';
import { verifyAuditLog } from '../../src/audit/verify-log.ts';
import { ConfigFaults } from '../../src/config/config-faults.ts';
import { OAuthError } from '../../src/core/oauth-error.ts';
import type { StoredDocument } from '../../src/store/document-store.ts';
import type { LogFields } from '../../src/telemetry/logger.ts';
import { type Bench, bench, diskError, edit, recordsOf } from './audit-fixture.ts';
import { event, oidcIdentity, STREAM } from './audit-records.ts';

async function expectSound({ directory, store }: Bench): Promise<void> {
  const report = await verifyAuditLog({ directory, heads: await readHeads(store) });
  expect(report.streams.flatMap(({ faults }) => faults)).toEqual([]);
  expect(report.streams.map(({ tornTail }) => tornTail)).toEqual([undefined]);
  expect(report.ok).toBe(true);
}

/** Waits for what the last tick began: the head in the store is its last act. */
async function untilStored(world: Bench, seq: number): Promise<void> {
  await expect.poll(async () => (await readHeads(world.store)).get(STREAM)?.seq).toBe(seq);
}

/** Lets seconds pass until the store has the head of a record. */
async function untilStoredAgain(world: Bench, seq: number): Promise<void> {
  const stored = async () => {
    world.timer.tick();
    return (await readHeads(world.store)).get(STREAM)?.seq;
  };
  await expect.poll(stored).toBe(seq);
}

/** A failover to a copy of the store that lags: the head is the one of then again, or there is none. */
function headOfThen({ store }: Bench, head: StoredDocument | undefined): void {
  if (head === undefined) store.documents.delete(`${HEADS_COLLECTION}/${STREAM}`);
  else store.documents.set(`${HEADS_COLLECTION}/${STREAM}`, head);
}

/** Waits until the last tick has tried the disk again. */
async function untilMeasured(world: Bench): Promise<void> {
  const before = world.disk.truncates;
  await expect.poll(() => world.disk.truncates).toBeGreaterThan(before);
}

describe('record', () => {
  test('resolves only after the fsync that covers it', async () => {
    const world = await bench();
    const log = await world.open();
    const gate = Promise.withResolvers<void>();
    world.disk.onSync = () => gate.promise;
    let durable = false;
    const recorded = log.record(event('allowed', 'a')).then(() => {
      durable = true;
    });
    const [file = ''] = await world.files();
    await expect.poll(() => readFile(file, 'utf8')).toContain('"traceId":"a"');
    expect(durable).toBe(false);
    expect(log.head().seq).toBe(1);
    gate.resolve();
    await recorded;
    expect(log.head().seq).toBe(2);
  });

  test('commits 1,000 concurrent records with a handful of fsyncs, in the order of the calls', async () => {
    const world = await bench();
    const log = await world.open();
    const before = world.disk.syncs;
    const directoriesBefore = world.disk.directorySyncs;
    await Promise.all(Array.from({ length: 1_000 }, (_, n) => log.record(event('allowed', `t-${n}`))));
    expect(world.disk.syncs - before).toBeLessThanOrEqual(4);
    expect(world.disk.directorySyncs).toBe(directoriesBefore);
    const traces = (await recordsOf(world.directory)).flatMap(({ traceId }) => traceId ?? []);
    expect(traces).toEqual(Array.from({ length: 1_000 }, (_, n) => `t-${n}`));
    expect(await world.metrics.auditRecords.get()).toMatchObject({
      values: expect.arrayContaining([expect.objectContaining({ labels: { type: 'allowed' }, value: 1_000 })]),
    });
    await log.close();
    await expectSound(world);
  });

  test('puts everything queued during a commit into the next one', async () => {
    const world = await bench();
    const log = await world.open();
    const gate = Promise.withResolvers<void>();
    const syncing = Promise.withResolvers<void>();
    world.disk.onSync = () => {
      syncing.resolve();
      return gate.promise;
    };
    const first = log.record(event('allowed', 'first'));
    await syncing.promise;
    const before = world.disk.syncs;
    const later = Array.from({ length: 50 }, (_, n) => log.record(event('allowed', `later-${n}`)));
    gate.resolve();
    await Promise.all([first, ...later]);
    expect(world.disk.syncs - before).toBe(1);
  });

  test('shares one fsync among the records of turns of the event loop in a row, and none with a record after a pause', async () => {
    const world = await bench();
    const log = await world.open();
    const before = world.disk.syncs;
    const recorded: Promise<void>[] = [];
    for (let turn = 0; turn < 10; turn += 1) {
      recorded.push(log.record(event('allowed', `t-${turn}`)));
      await setImmediate();
    }
    await Promise.all(recorded);
    expect(world.disk.syncs - before).toBe(1);
    const alone = log.record(event('allowed', 'before a pause'));
    for (let turn = 0; turn < 4; turn += 1) await setImmediate();
    await Promise.all([alone, log.record(event('allowed', 'after it'))]);
    expect(world.disk.syncs - before).toBe(3);
  });

  test('lets nobody wait for more than 128 records to come together', async () => {
    const world = await bench();
    const log = await world.open();
    const before = log.head().seq;
    let first: number | undefined;
    const recorded: Promise<void>[] = [];
    void log.record(event('allowed', 'first')).then(() => {
      first = log.head().seq - before;
    });
    while (first === undefined) {
      await setImmediate();
      recorded.push(log.record(event('allowed', 'another')));
    }
    await Promise.all(recorded);
    expect(first).toBe(128);
  });

  test('rejects one record that is not JSON and still commits those beside it', async () => {
    const world = await bench();
    const log = await world.open();
    const circular: Record<string, never> = {};
    Object.assign(circular, { self: circular });
    const good = log.record(event('allowed', 'good'));
    const bad = log.record(event('allowed', 'bad', oidcIdentity(circular)));
    await expect(bad).rejects.toMatchObject({ key: 'audit_unavailable' });
    await good;
    await log.close();
    await expectSound(world);
  });

  test('leaves out a note that is not JSON, tells nobody but the operator, and still commits those beside it', async () => {
    const world = await bench();
    const told: string[] = [];
    const tell = (message: string) => void told.push(message);
    const log = await world.open({ log: { debug: tell, info: tell, warn: tell, error: tell } });
    const circular: Record<string, never> = {};
    Object.assign(circular, { self: circular });
    log.note(event('issued', 'good'));
    for (const type of ['issued', 'refused'] as const) log.note(event(type, 'bad', oidcIdentity(circular)));
    await log.record(event('allowed', 'beside'));
    expect(told).toEqual(Array(2).fill('an audit record cannot be written as JSON'));
    expect((await recordsOf(world.directory)).flatMap(({ traceId }) => traceId ?? [])).toEqual(['good', 'beside']);
    await log.close();
    await expectSound(world);
  });

  test('writes what it was handed, whatever becomes of that before the commit', async () => {
    const world = await bench();
    const log = await world.open();
    const allowed = { ...event('allowed', 'a') };
    const recorded = log.record(allowed);
    Object.assign(allowed, event('refused', 'b'), { mapping: 'another' });
    await recorded;
    expect((await recordsOf(world.directory)).at(-1)).toMatchObject({ type: 'allowed', traceId: 'a', mapping: 'mesh' });
  });
});

describe('what an operator reads in the log', () => {
  test('tells a torn line, an interruption and its end', async () => {
    const world = await bench();
    await (await world.open()).close();
    const [file = ''] = await world.files();
    await edit(file, (bytes) => Buffer.concat([bytes, Buffer.from('{"v"')]));
    const told: [string, LogFields | undefined][] = [];
    const tell = (message: string, fields?: LogFields) => void told.push([message, fields]);
    const log = await world.open({ log: { debug: tell, info: tell, warn: tell, error: tell } });
    let failures = 1;
    world.disk.onWrite = () => (failures-- > 0 ? diskError('ENOSPC') : undefined);
    await expect(log.record(event('allowed', 'lost'))).rejects.toThrow(OAuthError);
    await log.close();
    expect(told).toEqual([
      [expect.stringContaining('torn'), { stream: STREAM, source: '0000000000000001.jsonl', count: 4 }],
      [
        expect.stringContaining('nothing is issued'),
        expect.objectContaining({ stream: STREAM, cause: expect.any(Error) }),
      ],
      [expect.stringContaining('written again'), { stream: STREAM, seq: 4 }],
    ]);
  });
});

describe('a disk that fails', () => {
  const faults: readonly (readonly [string, (world: Bench) => void])[] = [
    ['ENOSPC before a byte', ({ disk }) => (disk.onWrite = () => diskError('ENOSPC'))],
    ['ENOSPC within a line', ({ disk }) => (disk.onWrite = () => 40)],
    ['ENOSPC after a whole line', ({ disk }) => (disk.onWrite = (bytes) => bytes - 10)],
    ['EIO on fsync', ({ disk }) => (disk.onSync = () => diskError('EIO'))],
  ];

  test.each(faults)(
    '%s: rejects with audit_unavailable, chains onto nothing half-written, recovers',
    async (_, fail) => {
      const world = await bench();
      const log = await world.open();
      await log.record(event('allowed', 'before'));
      fail(world);
      const attempts = await Promise.allSettled([1, 2, 3].map((n) => log.record(event('allowed', `lost-${n}`))));
      for (const attempt of attempts) {
        expect(attempt).toMatchObject({ status: 'rejected', reason: { key: 'audit_unavailable', status: 503 } });
      }
      expect(log.state()).toMatchObject({ ok: false });
      await expect(log.record(event('allowed', 'still'))).rejects.toThrow(OAuthError);
      Object.assign(world.disk, { onWrite: undefined, onSync: undefined });
      world.timer.tick();
      await expect.poll(() => log.state()).toEqual({ ok: true });
      await log.record(event('allowed', 'after'));
      const records = await recordsOf(world.directory);
      expect(records.flatMap(({ traceId }) => traceId ?? [])).toEqual(['before', 'after']);
      expect(records.filter(({ outcome }) => outcome === 'interrupted')).toHaveLength(1);
      await log.close();
      await expectSound(world);
    },
  );

  test('tells everybody who waits, however many they are', async () => {
    const world = await bench();
    const log = await world.open();
    world.disk.onWrite = () => diskError('ENOSPC');
    const attempts = Array.from({ length: 3_000 }, (_, n) => log.record(event('allowed', `t-${n}`)));
    const outcomes = await Promise.allSettled(attempts);
    expect(outcomes.filter(({ status }) => status === 'rejected')).toHaveLength(3_000);
    world.disk.onWrite = undefined;
    await log.close();
    expect((await recordsOf(world.directory)).map(({ outcome }) => outcome)).toEqual([
      'started',
      'interrupted',
      'stopped',
    ]);
  });

  test('one failed fsync is mended at once, without waiting for the next second', async () => {
    const world = await bench();
    const log = await world.open();
    let failures = 1;
    world.disk.onSync = () => (failures-- > 0 ? diskError('EIO') : undefined);
    await expect(log.record(event('allowed', 'lost'))).rejects.toMatchObject({
      detail: expect.stringContaining('EIO'),
    });
    await expect.poll(() => log.state()).toEqual({ ok: true });
    await log.record(event('allowed', 'next'));
    await log.close();
    await expectSound(world);
  });

  test('writes nothing while the leftovers of a failed write cannot be taken off', async () => {
    const world = await bench();
    const log = await world.open();
    world.disk.onWrite = () => 40;
    world.disk.onTruncate = () => diskError('EIO');
    await expect(log.record(event('allowed', 'lost'))).rejects.toThrow(OAuthError);
    let writes = 0;
    world.disk.onWrite = () => {
      writes += 1;
      return undefined;
    };
    world.timer.tick();
    await untilMeasured(world);
    await expect(log.record(event('allowed', 'lost'))).rejects.toThrow(OAuthError);
    expect(writes).toBe(0);
    Object.assign(world.disk, { onWrite: undefined, onTruncate: undefined });
    await log.close();
    await expectSound(world);
  });

  test('that does not answer stops "allowed" until it does', async () => {
    const world = await bench();
    const log = await world.open({ limits: { maxCommitMilliseconds: 10_000 } });
    const gate = Promise.withResolvers<void>();
    const syncing = Promise.withResolvers<void>();
    world.disk.onSync = () => {
      syncing.resolve();
      return gate.promise;
    };
    const first = log.record(event('allowed', 'first'));
    await syncing.promise;
    world.clock.advance(10_000);
    expect(log.state()).toEqual({ ok: true });
    world.clock.advance(1);
    expect(log.state()).toMatchObject({ ok: false });
    await expect(log.record(event('allowed', 'b'))).rejects.toMatchObject({ key: 'audit_unavailable' });
    gate.resolve();
    await first;
    expect(log.state()).toEqual({ ok: true });
  });

  test('refuses "allowed" when too many records wait, and still takes what follows an earlier one', async () => {
    const world = await bench();
    const log = await world.open({ limits: { maxQueued: 2 } });
    const waiting = [log.record(event('allowed', 'a')), log.record(event('allowed', 'b'))];
    await expect(log.record(event('allowed', 'c'))).rejects.toMatchObject({ key: 'audit_unavailable' });
    await Promise.all([...waiting, log.record(event('issued', 'd'))]);
  });

  test('completes short writes', async () => {
    const world = await bench();
    const log = await world.open();
    world.disk.shortWrite = 7;
    await log.record(event('allowed', 'piecemeal'));
    expect((await recordsOf(world.directory)).at(-1)).toMatchObject({ seq: 2, traceId: 'piecemeal' });
    await log.close();
    await expectSound(world);
  });

  test('keeps notes and what has happened through the failure, in order, but not an "allowed" it had refused', async () => {
    const world = await bench();
    const log = await world.open();
    world.disk.onWrite = () => diskError('ENOSPC');
    const lost = log.record(event('allowed', 'lost'));
    log.note(event('issued', 'svid'));
    const upstream = log.record(event('issued', 'cloud'));
    await expect(lost).rejects.toThrow(OAuthError);
    await expect(upstream).rejects.toThrow(OAuthError);
    await expect(log.record(event('issued', 'late'))).rejects.toThrow(OAuthError);
    world.disk.onWrite = undefined;
    await log.close();
    const records = await recordsOf(world.directory);
    expect(records.flatMap(({ traceId }) => traceId ?? [])).toEqual(['svid', 'cloud', 'late']);
    await expectSound(world);
  });

  test('opens on a full disk, says so, and works when there is room', async () => {
    const world = await bench();
    world.disk.onOpen = (path) => (path.endsWith('.jsonl') ? diskError('ENOSPC') : undefined);
    const log = await world.open();
    expect(log.state()).toMatchObject({ ok: false });
    await expect(log.record(event('allowed', 'a'))).rejects.toMatchObject({ key: 'audit_unavailable' });
    world.disk.onOpen = undefined;
    world.timer.tick();
    await expect.poll(() => log.state()).toEqual({ ok: true });
    await log.close();
    await expectSound(world);
  });

  test('does not call a record durable before the name of its new segment is', async () => {
    const world = await bench();
    const log = await world.open({ limits: { maxSegmentBytes: 1 } });
    world.disk.onSyncDirectory = () => diskError('EIO');
    await expect(log.record(event('allowed', 'lost'))).rejects.toThrow(OAuthError);
    const before = world.disk.directorySyncs;
    world.disk.onSyncDirectory = undefined;
    await log.close();
    expect(world.disk.directorySyncs).toBeGreaterThan(before);
    await expectSound(world);
  });

  test('stops "allowed" and "reused" below the reserve of free space, and lets what follows an "allowed" through', async () => {
    const world = await bench();
    const log = await world.open({ limits: { minFreeBytes: 1_000 } });
    world.disk.free = 1_000;
    world.timer.tick();
    await log.record(event('allowed', 'a'));
    world.disk.free = 999;
    world.timer.tick();
    await expect.poll(() => log.state()).toMatchObject({ ok: false, reason: expect.stringContaining('nearly full') });
    await expect(log.record(event('allowed', 'b'))).rejects.toMatchObject({ key: 'audit_unavailable' });
    await expect(log.record(event('reused', 'b'))).rejects.toMatchObject({ key: 'audit_unavailable' });
    await log.record(event('issued', 'a'));
    await log.record({ type: 'changed', outcome: 'resources', revision: 'r-1' });
  });

  test.each([
    ['grows', (bytes: Buffer) => Buffer.concat([bytes, Buffer.from('x')])],
    ['shrinks', (bytes: Buffer) => bytes.subarray(0, -1)],
  ])('a segment that %s by another hand ends writing for good: nothing is chained onto it', async (_, change) => {
    const world = await bench();
    const log = await world.open();
    const [file = ''] = await world.files();
    const untouched = await readFile(file);
    await edit(file, change);
    const tampered = await readFile(file);
    await expect(log.record(event('allowed', 'a'))).rejects.toMatchObject({ key: 'audit_unavailable' });
    expect(await readFile(file)).toEqual(tampered);
    await writeFile(file, untouched);
    world.timer.tick();
    await expect(log.record(event('allowed', 'b'))).rejects.toMatchObject({ key: 'audit_unavailable' });
    await log.close();
    expect(await readFile(file)).toEqual(untouched);
  });
});

describe('a segment that is removed', () => {
  test('ends writing for good: no record goes to a file without a name', async () => {
    const world = await bench();
    const log = await world.open();
    await rm((await world.files())[0] ?? '');
    await expect(log.record(event('allowed', 'a'))).rejects.toMatchObject({ key: 'audit_unavailable' });
    world.timer.tick();
    await expect(log.record(event('allowed', 'b'))).rejects.toMatchObject({ key: 'audit_unavailable' });
    expect(log.state()).toMatchObject({ ok: false });
  });
});

describe('a segment that is moved away', () => {
  test.each([
    ['and nothing is in its place', async (file: string) => rename(file, `${file}.1`)],
    [
      'and an empty file is in its place',
      async (file: string) => {
        await rename(file, `${file}.1`);
        await writeFile(file, '');
      },
    ],
    ['with its folder', async (file: string) => rename(dirname(file), `${dirname(file)}-old`)],
  ])('%s ends writing within a second: records would go where nobody reads', async (_, move) => {
    const world = await bench();
    const log = await world.open();
    await log.record(event('allowed', 'a'));
    await move((await world.files())[0] ?? '');
    world.timer.tick();
    await expect.poll(() => log.state()).toMatchObject({ ok: false, reason: expect.stringContaining('0 bytes') });
    await expect(log.record(event('allowed', 'b'))).rejects.toMatchObject({ key: 'audit_unavailable' });
  });

  test('is none where only a segment before it was: that is found by verifying', async () => {
    const world = await bench();
    const log = await world.open({ limits: { maxSegmentBytes: 1 } });
    await log.record(event('allowed', 'a'));
    const [before = ''] = await world.files();
    await rename(before, `${before}.1`);
    world.timer.tick();
    await untilStored(world, 2);
    await log.record(event('allowed', 'b'));
    expect(log.state()).toEqual({ ok: true });
    expect(await verifyAuditLog({ directory: world.directory })).toMatchObject({ ok: false });
  });

  test('goes on where it is back before the next start, with all that is in it', async () => {
    const world = await bench();
    const log = await world.open();
    const [file = ''] = await world.files();
    await rename(file, `${file}.1`);
    await log.record(event('allowed', 'a'));
    world.timer.tick();
    await expect.poll(() => log.state()).toMatchObject({ ok: false });
    await log.close();
    await rename(`${file}.1`, file);
    await (await world.open()).close();
    await expectSound(world);
    expect(await recordsOf(world.directory)).toContainEqual(expect.objectContaining({ traceId: 'a' }));
  });
});

describe('refusals', () => {
  test('of unverified callers are counted and summarised per minute, issuer and reason', async () => {
    const world = await bench();
    const log = await world.open();
    for (let n = 0; n < 5; n += 1) log.countRefused('eu-1', 'token_signature');
    for (let n = 0; n < 3; n += 1) log.countRefused(undefined, 'token_issuer');
    world.clock.advance(59_999);
    world.timer.tick();
    await untilStored(world, 1);
    expect((await recordsOf(world.directory)).filter(({ type }) => type === 'summary')).toEqual([]);
    world.clock.advance(1);
    world.timer.tick();
    await expect.poll(() => log.head().seq).toBe(3);
    const span = { from: '2026-11-22T09:00:00.000Z', until: '2026-11-22T09:01:00.000Z', verified: false };
    expect((await recordsOf(world.directory)).filter(({ type }) => type === 'summary')).toEqual([
      expect.objectContaining({ issuer: 'eu-1', reason: 'token_signature', summary: { ...span, count: 5 } }),
      expect.not.objectContaining({ issuer: expect.anything() }),
    ]);
  });

  test('of verified identities that have no record are summarised as such, apart from those that proved nothing', async () => {
    const world = await bench();
    const log = await world.open();
    log.countRefused('eu-1', 'rate_limited', true);
    log.countRefused('eu-1', 'rate_limited');
    world.clock.advance(60_000);
    world.timer.tick();
    await expect.poll(() => log.head().seq).toBe(3);
    const summaries = (await recordsOf(world.directory)).filter(({ type }) => type === 'summary');
    expect(summaries.map(({ summary }) => [summary?.verified, summary?.count])).toEqual([
      [true, 1],
      [false, 1],
    ]);
  });

  test('are summarised under a bounded number of keys, none uncounted', async () => {
    const world = await bench();
    const log = await world.open();
    for (let n = 0; n < 5_000; n += 1) log.countRefused('eu-1', `made-up-${n}`);
    await log.close();
    const summaries = (await recordsOf(world.directory)).filter(({ type }) => type === 'summary');
    expect(summaries.length).toBeLessThanOrEqual(1_001);
    expect(summaries.reduce((sum, { summary }) => sum + (summary?.count ?? 0), 0)).toBe(5_000);
  });

  test('in a flood neither delay nor drop an issuance, and those left out are counted', async () => {
    const world = await bench();
    const log = await world.open({ limits: { maxRefusedQueued: 300, refusedBurst: 10_000 } });
    for (let n = 0; n < 5_000; n += 1) log.note(event('refused', `r-${n}`));
    const allowed = log.record(event('allowed', 'a'));
    log.note(event('issued', 'a'));
    await allowed;
    const firstBatch = await recordsOf(world.directory);
    expect(firstBatch.slice(1, 3).map(({ type }) => type)).toEqual(['allowed', 'issued']);
    await log.close();
    const records = await recordsOf(world.directory);
    const refused = records.filter(({ type }) => type === 'refused').length;
    const left = records.find(({ summary }) => summary?.verified === true);
    expect(refused).toBe(300);
    expect(left).toMatchObject({ issuer: 'eu-1', reason: 'target_denied', summary: { count: 4_700 } });
    expect((await world.metrics.auditDropped.get()).values[0]?.value).toBe(4_700);
    await expectSound(world);
  });

  test('get so many records a second and no more', async () => {
    const world = await bench();
    const log = await world.open({ limits: { refusedPerSecond: 10, refusedBurst: 20 } });
    for (let n = 0; n < 100; n += 1) log.note(event('refused', `first-${n}`));
    world.clock.advance(1_000);
    for (let n = 0; n < 100; n += 1) log.note(event('refused', `second-${n}`));
    await log.close();
    const refused = (await recordsOf(world.directory)).filter(({ type }) => type === 'refused');
    expect(refused).toHaveLength(30);
  });

  test('give way at twice the reserve of free space, before an issuance has to', async () => {
    const world = await bench();
    world.disk.free = 1_999;
    const log = await world.open({ limits: { minFreeBytes: 1_000 } });
    log.note(event('refused', 'r'));
    await log.record(event('allowed', 'a'));
    await log.close();
    expect((await recordsOf(world.directory)).map(({ type }) => type)).toEqual([
      'lifecycle',
      'allowed',
      'summary',
      'lifecycle',
    ]);
  });
});

describe('a place for the log', () => {
  test('that cannot be written is named, with the field and the mend', async () => {
    const world = await bench();
    await writeFile(join(world.directory, STREAM), 'a file');
    const refused = await world.open().catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(ConfigFaults);
    expect(String(refused)).toContain(`audit.directory: ${join(world.directory, STREAM)} cannot be used (EEXIST)`);
    expect(String(refused)).toContain('may write');
  });

  test('is made where it is not there, with all above it', async () => {
    const world = await bench();
    const log = await world.open({ directory: join(world.directory, 'data/audit') });
    await log.record(event('allowed', 'a'));
    expect(log.state()).toEqual({ ok: true });
  });

  test('in which something else stands in the place of the lock is refused too', async () => {
    const world = await bench();
    await mkdir(join(world.directory, STREAM, 'lock'), { recursive: true });
    await expect(world.open()).rejects.toThrow(/audit\.directory: .* cannot be used \(ERR_SQLITE_ERROR\)/);
  });
});

describe('one stream', () => {
  test('has one writer: a second is refused, and let in after the first has closed', async () => {
    const world = await bench();
    const log = await world.open();
    await expect(world.open()).rejects.toThrow(StreamInUse);
    await log.record(event('allowed', 'a'));
    await log.close();
    await (await world.open()).close();
    await expectSound(world);
  });

  test('is refused to one of two replicas that start on it at once, each with a directory of its own', async () => {
    const [world, other] = [await bench(), await bench()];
    const started = await Promise.allSettled([world.open(), world.open({ directory: other.directory })]);
    const [refused] = started.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason] : []));
    expect(refused).toBeInstanceOf(StreamInUse);
    expect(String(refused)).toContain('audit.stream');
    const [log] = started.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []));
    await log?.record(event('allowed', 'a'));
    await log?.close();
  });

  test('is refused to a replica that comes later, with a directory of its own', async () => {
    const [world, other] = [await bench(), await bench()];
    const log = await world.open();
    await expect(world.open({ directory: other.directory })).rejects.toThrow(/audit\.stream/);
    await log.close();
    await expectSound(world);
  });

  test('stops for good when another writer moves its head in the store', async () => {
    const world = await bench();
    const log = await world.open();
    const version = (await world.store.get(HEADS_COLLECTION, STREAM))?.version ?? 0;
    await world.store.put(HEADS_COLLECTION, STREAM, { seq: 99, hash: 'f'.repeat(64) }, version);
    await log.record(event('allowed', 'a'));
    world.timer.tick();
    await expect.poll(() => log.state()).toMatchObject({ ok: false });
    await expect(log.record(event('allowed', 'b'))).rejects.toMatchObject({ key: 'audit_unavailable' });
  });

  test('knows its own head again when the answer of the store was lost', async () => {
    const world = await bench();
    const log = await world.open();
    await log.record(event('allowed', 'a'));
    world.store.losesAnswers = true;
    world.timer.tick();
    await untilStored(world, 2);
    world.store.losesAnswers = false;
    await log.record(event('issued', 'a'));
    world.timer.tick();
    await untilStored(world, 3);
    expect(log.state()).toEqual({ ok: true });
  });

  test('stops for good when another writer moved the head while the store gave no answer', async () => {
    const world = await bench();
    const log = await world.open();
    await log.record(event('allowed', 'a'));
    world.store.losesAnswers = true;
    world.timer.tick();
    await untilStored(world, 2);
    world.store.losesAnswers = false;
    await world.store.put(HEADS_COLLECTION, STREAM, { seq: 99, hash: 'f'.repeat(64) }, 2);
    await log.record(event('issued', 'a'));
    world.timer.tick();
    await expect.poll(() => log.state()).toMatchObject({ ok: false });
    await log.close();
    expect((await readHeads(world.store)).get(STREAM)?.seq).toBe(99);
  });

  test('goes on where the store has lost its last writes: an older head of this very log is no other writer, and is told', async () => {
    const world = await bench();
    const told: [string, LogFields | undefined][] = [];
    const tell = (message: string, fields?: LogFields) => void told.push([message, fields]);
    const log = await world.open({ log: { debug: tell, info: tell, warn: tell, error: tell } });
    const then = await world.store.get(HEADS_COLLECTION, STREAM);
    await log.record(event('allowed', 'a'));
    await untilStoredAgain(world, 2);
    headOfThen(world, then);
    await log.record(event('issued', 'a'));
    await untilStoredAgain(world, 3);
    headOfThen(world, undefined);
    await log.record(event('allowed', 'b'));
    await untilStoredAgain(world, 4);
    expect(log.state()).toEqual({ ok: true });
    expect(told).toEqual([
      [expect.stringContaining('lost its last head'), { stream: STREAM, seq: 1 }],
      [expect.stringContaining('lost its last head'), { stream: STREAM, seq: 0 }],
    ]);
  });

  test('goes on where the store has lost a write that it gave no answer to, and some before', async () => {
    const world = await bench();
    const log = await world.open();
    const then = await world.store.get(HEADS_COLLECTION, STREAM);
    await log.record(event('allowed', 'a'));
    await untilStoredAgain(world, 2);
    world.store.losesAnswers = true;
    await log.record(event('issued', 'a'));
    world.timer.tick();
    await untilStored(world, 3);
    headOfThen(world, then);
    world.store.losesAnswers = false;
    await untilStoredAgain(world, 3);
    expect(log.state()).toEqual({ ok: true });
  });

  test('stops for good where the store has an older head that is none of this log', async () => {
    const world = await bench();
    const log = await world.open();
    const then = await world.store.get(HEADS_COLLECTION, STREAM);
    await log.record(event('allowed', 'a'));
    await untilStoredAgain(world, 2);
    headOfThen(world, then && { ...then, value: { seq: 1, hash: 'f'.repeat(64) } });
    await log.record(event('issued', 'a'));
    world.timer.tick();
    await expect
      .poll(() => log.state())
      .toMatchObject({ ok: false, reason: expect.stringContaining('another writer') });
    await expect(log.record(event('allowed', 'b'))).rejects.toMatchObject({ key: 'audit_unavailable' });
  });

  test('tries a disk again, and ends with its last record, while the store hangs', async () => {
    const world = await bench();
    const log = await world.open();
    const { store } = world;
    const answered = Promise.withResolvers<void>();
    const put = store.put.bind(store);
    store.put = async (...write) => {
      await answered.promise;
      return await put(...write);
    };
    await log.record(event('allowed', 'a'));
    world.timer.tick();
    let failures = 2;
    world.disk.onWrite = () => (failures-- > 0 ? diskError('EIO') : undefined);
    await expect(log.record(event('allowed', 'b'))).rejects.toMatchObject({ key: 'audit_unavailable' });
    const state = () => {
      world.timer.tick();
      return log.state();
    };
    await expect.poll(state).toEqual({ ok: true });
    const closed = log.close();
    await expect.poll(async () => (await recordsOf(world.directory)).at(-1)?.outcome).toBe('stopped');
    expect((await readHeads(store)).get(STREAM)?.seq).toBe(1);
    answered.resolve();
    await closed;
    await expectSound(world);
    expect((await readHeads(store)).get(STREAM)).toEqual(log.head());
  });

  test('goes on while the store is down, and its head follows', async () => {
    const world = await bench();
    const log = await world.open();
    world.store.failure = new Error('down');
    await log.record(event('allowed', 'a'));
    world.timer.tick();
    await log.record(event('issued', 'a'));
    expect(log.state()).toEqual({ ok: true });
    world.store.failure = undefined;
    world.timer.tick();
    await untilStored(world, 3);
    expect((await readHeads(world.store)).get(STREAM)).toEqual(log.head());
  });

  test('continues over segments of the given size, each named by its first seq', async () => {
    const world = await bench();
    const log = await world.open({ limits: { maxSegmentBytes: 4_000 } });
    for (let n = 0; n < 20; n += 1) await log.record(event('allowed', `t-${n}`));
    await log.close();
    const files = await world.files();
    expect(files.length).toBeGreaterThan(3);
    for (const file of files) {
      const text = await readFile(file, 'utf8');
      expect(text.length).toBeLessThanOrEqual(4_000);
      expect(Number(file.slice(-'0000000000000001.jsonl'.length, -'.jsonl'.length))).toBe(
        JSON.parse(text.slice(0, text.indexOf('\n'))).seq,
      );
    }
    await expectSound(world);
  });

  test('begins and ends with lifecycle records, stores its head, and takes nothing after close', async () => {
    const world = await bench();
    const log = await world.open();
    await log.close();
    await log.close();
    await expect(log.record(event('allowed', 'late'))).rejects.toMatchObject({ key: 'audit_unavailable' });
    log.note(event('issued', 'late'));
    expect(log.state()).toMatchObject({ ok: false });
    const again = await world.open();
    await again.close();
    const records = await recordsOf(world.directory);
    expect(records.map(({ outcome }) => outcome)).toEqual(['started', 'stopped', 'started', 'stopped']);
    expect(records[2]?.recovery).toEqual({ unclean: false });
    expect((await readHeads(world.store)).get(STREAM)).toEqual(again.head());
  });

  test.each(['', '..', 'a/b', 'A', '-a', 'a'.repeat(64), 'a\u0000'])('cannot be named %j', async (stream) => {
    const world = await bench();
    await expect(world.open({ stream })).rejects.toThrow('cannot name');
  });
});
