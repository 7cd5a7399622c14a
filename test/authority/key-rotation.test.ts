import { beforeEach, describe, expect, test } from 'vitest';
import { KeyRefusal, KeyRotation } from '../../src/authority/key-rotation.ts';
import {
  activeKey,
  LEAD_MS,
  lastChangeAt,
  publishedKeys,
  RETENTION_MS,
  stateOf,
} from '../../src/authority/key-schedule.ts';
import { type Keyring, loadKeyrings, SIGNING_KEYS } from '../../src/authority/keyring.ts';
import type { JsonValue } from '../../src/core/json.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { MemoryDocumentStore, memoryDocuments } from '../support/memory-document-store.ts';
import { DAY, encryptionKey, HOUR } from './replica.ts';

const START = Date.parse('2026-11-22T09:00:00Z');
const EVERY = 30 * DAY;

let clock: FakeClock;
let documents: ReturnType<typeof memoryDocuments>;
let store: MemoryDocumentStore;
let rotation: KeyRotation;

const rotationOf = (over: { clock?: FakeClock } = {}) =>
  new KeyRotation({
    store: new MemoryDocumentStore(documents),
    encryptionKey,
    clock: over.clock ?? clock,
    rotateEveryMs: EVERY,
  });

async function ring(): Promise<Keyring> {
  const stored = await rotation.read('svid');
  if (!stored) throw new Error('no ring');
  return stored;
}
const kid = (key: { key: { kid: string } } | undefined) => key?.key.kid;
const states = async () => {
  const now = await ring();
  return now.map((key) => stateOf(now, key, clock.now()));
};
const active = async () => kid(activeKey(await ring(), clock.now()));
const published = async () => publishedKeys(await ring(), clock.now()).map(kid);
const sequence = async () => lastChangeAt(await ring(), clock.now());
const version = async () => (await store.get(SIGNING_KEYS, 'svid'))?.version;

beforeEach(async () => {
  clock = new FakeClock(START);
  documents = memoryDocuments();
  store = new MemoryDocumentStore(documents);
  await loadKeyrings({ store, encryptionKey, clock });
  rotation = rotationOf();
});

describe('tend', () => {
  test('prepares the next key 25 hours before it is due, and not a millisecond sooner', async () => {
    clock.set(START + EVERY - LEAD_MS - 1);
    await rotation.tend('svid');
    expect(await states()).toEqual(['active']);
    clock.advance(1);
    await rotation.tend('svid');
    expect(await states()).toEqual(['active', 'prepared']);
    const [old, next] = await ring();
    expect(next).toMatchObject({ publishedAt: clock.now(), activeAt: START + EVERY });
    expect(old).toMatchObject({ retiredAt: START + EVERY, goneAt: START + EVERY + RETENTION_MS });
  });

  test('writes nothing while nothing is due, however often it is asked', async () => {
    for (let days = 0; days < 28; days++) {
      await rotation.tend('svid');
      clock.advance(DAY);
    }
    expect(await version()).toBe(1);
  });

  test('gives a key its full day after a long sleep, instead of letting it sign at its date', async () => {
    clock.set(START + 100 * DAY);
    await rotation.tend('svid');
    const [, next] = await ring();
    expect(next?.activeAt).toBe(clock.now() + LEAD_MS);
    expect(await states()).toEqual(['active', 'prepared']);
  });

  test('rotates by time alone after the one write, and drops the old key an hour after it is gone', async () => {
    clock.set(START + EVERY - LEAD_MS);
    await rotation.tend('svid');
    const [old, next] = (await ring()).map(kid);
    clock.set(START + EVERY);
    expect([await active(), await published()]).toEqual([next, [old, next]]);
    clock.set(START + EVERY + RETENTION_MS);
    expect([await active(), await published()]).toEqual([next, [next]]);
    const before = await sequence();
    clock.advance(HOUR - 1);
    await rotation.tend('svid');
    expect(await ring()).toHaveLength(2);
    clock.advance(1);
    await rotation.tend('svid');
    expect((await ring()).map(kid)).toEqual([next]);
    expect(await sequence()).toBe(before);
  });

  test('leaves a key that signs where the clock of one process was a year ahead for a moment', async () => {
    clock.set(START + EVERY - LEAD_MS);
    await rotation.tend('svid');
    const [, next] = (await ring()).map(kid);
    const ahead = rotationOf({ clock: new FakeClock(clock.now() + 365 * DAY) });
    for (let pass = 0; pass < 2; pass += 1) await ahead.tend('svid');
    expect(await states()).toEqual(['active', 'prepared']);
    expect(await active()).toBe(next);
    // The next rotation is as late as the clock was ahead, unless somebody asks for it.
    await rotation.tend('svid');
    await rotation.activate('svid', { unpublished: true });
    expect(await states()).toEqual(['retired', 'active']);
    clock.set(START + EVERY);
    expect(await states()).toEqual(['retired', 'active']);
  });

  test('prepares one key when many processes come at once', async () => {
    clock.set(START + EVERY - LEAD_MS);
    await Promise.all(Array.from({ length: 6 }, () => rotationOf().tend('svid')));
    expect(await states()).toEqual(['active', 'prepared']);
    expect(await version()).toBe(2);
  });

  test('keeps the day before first use on a replica whose clock is ahead or behind by ten minutes', async () => {
    for (const difference of [-600_000, 600_000]) {
      const theirs = new FakeClock(START + EVERY + difference);
      await rotationOf({ clock: theirs }).prepare('svid');
    }
    clock.set(START + EVERY);
    const [, next] = await ring();
    expect((next?.activeAt ?? 0) - (next?.publishedAt ?? 0)).toBeGreaterThanOrEqual(DAY + 2 * 600_000);
  });

  test('fails where the document is gone, and makes no key in its place', async () => {
    documents.collections.clear();
    await expect(rotation.tend('svid')).rejects.toThrow('signing-keys/svid is missing');
    expect(await store.list(SIGNING_KEYS)).toEqual([]);
  });
});

describe('prepare', () => {
  test('publishes a key now that signs at the date of the schedule', async () => {
    clock.advance(DAY);
    const { kid: prepared, made } = await rotation.prepare('svid');
    expect([made, await states()]).toEqual([true, ['active', 'prepared']]);
    expect((await ring())[1]?.activeAt).toBe(START + EVERY);
    expect((await published()).at(-1)).toBe(prepared);
  });

  test('is done once, however often it is asked', async () => {
    const first = await rotation.prepare('svid');
    expect(await rotation.prepare('svid')).toEqual({ kid: first.kid, made: false });
    expect(await ring()).toHaveLength(2);
  });

  test('gives the new key a later instant than any before, also by a clock that is behind', async () => {
    const before = await sequence();
    await rotationOf({ clock: new FakeClock(START - 300_000) }).prepare('svid');
    expect(await sequence()).toBe(before + 1);
  });
});

describe('activate', () => {
  test('takes a key that was published for a day, and not one a millisecond younger', async () => {
    await rotation.prepare('svid');
    const [old, next] = await ring();
    clock.set((next?.publishedAt ?? 0) + DAY - 1);
    await expect(rotation.activate('svid', { unpublished: false })).rejects.toThrow(/less than 24 h.*2026-11-23T09:00/);
    expect(await active()).toBe(kid(old));
    clock.advance(1);
    expect(await rotation.activate('svid', { unpublished: false })).toBe(kid(next));
    expect([await active(), await states()]).toEqual([kid(next), ['retired', 'active']]);
    expect((await ring())[0]).toMatchObject({ retiredAt: clock.now(), goneAt: clock.now() + RETENTION_MS });
  });

  test('takes a younger one only when that is said', async () => {
    const { kid: prepared } = await rotation.prepare('svid');
    await rotation.activate('svid', { unpublished: true });
    expect(await active()).toBe(prepared);
  });

  test('refuses where nothing is prepared, even when a younger one is allowed', async () => {
    await expect(rotation.activate('svid', { unpublished: true })).rejects.toThrow(KeyRefusal);
    expect(await version()).toBe(1);
  });

  test('starts the period anew: the next key is prepared a period later', async () => {
    await rotation.prepare('svid');
    clock.advance(2 * DAY);
    await rotation.activate('svid', { unpublished: false });
    expect(rotation.plan(await ring())).toEqual({ nextRotationAt: clock.now() + EVERY, overdue: false });
  });
});

describe('revoke', () => {
  test('lets the prepared key sign at once when the active one is revoked', async () => {
    await rotation.prepare('svid');
    const [old, next] = (await ring()).map(kid);
    clock.advance(HOUR);
    const before = await sequence();
    const outcome = await rotation.revoke(old ?? '');
    expect(outcome).toEqual({ purpose: 'svid', kid: old, wasActive: true, activeKid: next, publishedForMs: HOUR - 1 });
    expect([await active(), await published()]).toEqual([next, [next]]);
    expect(await sequence()).toBeGreaterThan(before);
  });

  test('makes a key that signs at once when the only one is revoked', async () => {
    const [only] = (await ring()).map(kid);
    const outcome = await rotation.revoke(only ?? '');
    expect(outcome.publishedForMs).toBeLessThan(1);
    expect(await published()).toEqual([outcome.activeKid]);
    expect(outcome.activeKid).not.toBe(only);
    expect(await active()).toBe(outcome.activeKid);
  });

  test('takes back the end of the active key when the prepared one is revoked', async () => {
    await rotation.prepare('svid');
    const [old, next] = (await ring()).map(kid);
    await rotation.revoke(next ?? '');
    clock.set(START + EVERY + RETENTION_MS);
    expect([await active(), await published()]).toEqual([old, [old]]);
  });

  test('takes a retired key out and leaves the active one', async () => {
    await rotation.prepare('svid');
    clock.advance(2 * DAY);
    await rotation.activate('svid', { unpublished: false });
    const [old, next] = (await ring()).map(kid);
    clock.advance(1);
    const before = await sequence();
    expect(await rotation.revoke(old ?? '')).toMatchObject({ wasActive: false, activeKid: next });
    expect(await published()).toEqual([next]);
    expect(await sequence()).toBeGreaterThan(before);
  });

  test('never lets a retired key sign again, although it is the only one left that verifiers know', async () => {
    await rotation.prepare('svid');
    clock.advance(2 * DAY);
    await rotation.activate('svid', { unpublished: false });
    const [old, next] = (await ring()).map(kid);
    clock.advance(HOUR);
    const { activeKid } = await rotation.revoke(next ?? '');
    expect([old, next]).not.toContain(activeKid);
    expect(await published()).toEqual([old, activeKid]);
    // A replica whose clock is behind sees the new key before its time.
    expect(kid(activeKey(await ring(), clock.now() - 600_000))).toBe(activeKid);
  });

  test('finds the key in either purpose, and only in the one that is named', async () => {
    const [only] = (await ring()).map(kid);
    await expect(rotation.revoke(only ?? '', 'cloud')).rejects.toThrow(KeyRefusal);
    await expect(rotation.revoke('__proto__')).rejects.toThrow(KeyRefusal);
    expect((await rotation.revoke(only ?? '')).purpose).toBe('svid');
  });

  test('ends with one successor when two people revoke the same key at once', async () => {
    const [only] = (await ring()).map(kid);
    const both = await Promise.allSettled([rotationOf().revoke(only ?? ''), rotationOf().revoke(only ?? '')]);
    expect(both.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected']);
    expect(await states()).toEqual(['active']);
  });

  test('leaves nothing of the revoked key in the store', async () => {
    const [only] = (await ring()).map(kid);
    await rotation.revoke(only ?? '');
    const stored: JsonValue | undefined = (await store.get(SIGNING_KEYS, 'svid'))?.value;
    expect(JSON.stringify(stored)).not.toContain(only);
  });
});

describe('plan', () => {
  test('is overdue when the next key should have been published by now, a day before it signs, and is not', async () => {
    const rings = await ring();
    clock.set(START + EVERY - DAY);
    expect(rotation.plan(rings)).toEqual({ nextRotationAt: START + EVERY, overdue: false });
    clock.advance(1);
    expect(rotation.plan(rings).overdue).toBe(true);
    await rotation.tend('svid');
    expect(rotation.plan(await ring()).overdue).toBe(false);
  });
});
