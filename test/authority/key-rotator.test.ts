import { calculateJwkThumbprint, decodeProtectedHeader } from 'jose';
import { beforeEach, describe, expect, test } from 'vitest';
import { PURPOSES } from '../../src/authority/authority.ts';
import type { KeyEvent } from '../../src/authority/key-journal.ts';
import { KeyRotation } from '../../src/authority/key-rotation.ts';
import { LEAD_MS, MAX_UNREAD_MS, RETENTION_MS } from '../../src/authority/key-schedule.ts';
import { SIGNING_KEYS } from '../../src/authority/keyring.ts';
import type { JsonValue } from '../../src/core/json.ts';
import type { DocumentStore } from '../../src/store/document-store.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { MemoryDocumentStore, memoryDocuments } from '../support/memory-document-store.ts';
import { claimsOf, DAY, encryptionKey, HOUR, type Replica, startReplica } from './replica.ts';

const START = Date.parse('2026-11-22T09:00:00Z');
const EVERY = 30 * DAY;

/** A store that can be down, and that can lose its process right after a write. */
class BreakableStore extends MemoryDocumentStore {
  down = false;
  diesAfterWriting: string | undefined;

  override async get(collection: string, name: string) {
    if (this.down) throw new Error('the disk is gone');
    return await super.get(collection, name);
  }

  override async put(collection: string, name: string, value: JsonValue, ifVersion: number): Promise<number> {
    if (this.down) throw new Error('the disk is gone');
    const version = await super.put(collection, name, value, ifVersion);
    if (this.diesAfterWriting === collection) throw new Error('the process ended');
    return version;
  }
}

/** A store whose next read of the SVID keys can be held after it was made, so that its answer is old when it comes. */
class SlowStore extends MemoryDocumentStore {
  #held: Promise<void> | undefined;

  holdNextRead(): () => void {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#held = promise;
    return resolve;
  }

  override async get(collection: string, name: string) {
    const answer = await super.get(collection, name);
    if (collection !== SIGNING_KEYS || name !== 'svid' || !this.#held) return answer;
    const held = this.#held;
    this.#held = undefined;
    await held;
    return answer;
  }
}

let clock: FakeClock;
let documents: ReturnType<typeof memoryDocuments>;
let store: BreakableStore;
let events: KeyEvent[];
const record = async (event: KeyEvent) => void events.push(event);
const told = () => events.map(({ purpose, change }) => `${purpose} ${change}`);
const kids = ({ authority }: Replica) => authority.publicKeys('svid').map(({ kid }) => kid);
const operator = (on: DocumentStore = store) =>
  new KeyRotation({ store: on, encryptionKey, clock, rotateEveryMs: EVERY });

/** Until what a write has set off is done: the watch calls back in a task of its own, and a pass is awaited by the next. */
async function settled(...replicas: readonly Replica[]): Promise<void> {
  for (const { rotator } of replicas) await rotator.pass();
}

beforeEach(() => {
  clock = new FakeClock(START);
  documents = memoryDocuments();
  store = new BreakableStore(documents);
  events = [];
});

describe('startKeyRotator', () => {
  test('tells of the keys of a first start, and of nothing at the second', async () => {
    const first = await startReplica({ store, clock, record });
    expect(told()).toEqual(['cloud active', 'svid active']);
    for (const { purpose, kid } of events) {
      const [key] = first.authority.publicKeys(purpose);
      expect(kid).toBe(key && (await calculateJwkThumbprint(key)));
    }
    await first.rotator.close();
    events = [];
    await startReplica({ store, clock, record });
    expect(told()).toEqual([]);
  });

  test('tells of each state once, in order, through a whole rotation', async () => {
    const replica = await startReplica({ store, clock, record });
    events = [];
    for (let at = START; at < START + EVERY + 5 * DAY; at += HOUR) {
      clock.set(at);
      await replica.rotator.pass();
    }
    const ofSvid = events.filter(({ purpose }) => purpose === 'svid');
    expect(ofSvid.map(({ change }) => change)).toEqual(['prepared', 'retired', 'active', 'gone']);
    const [prepared, retired, active, gone] = ofSvid.map(({ kid }) => kid);
    expect([active, gone]).toEqual([prepared, retired]);
    expect(events).toHaveLength(8);
  });

  test('tells what happened while nothing ran, after the next start', async () => {
    const before = await startReplica({ store, clock, record });
    await before.rotator.close();
    events = [];
    const [kid = ''] = kids(before);
    await operator().revoke(kid);
    await startReplica({ store, clock, record });
    expect(events.filter(({ kid: one }) => one === kid)).toEqual([{ purpose: 'svid', kid, change: 'revoked' }]);
    expect(told()).toEqual(['svid active', 'svid revoked']);
  });

  test('tells of a key as gone, not as revoked, that was erased after its end while nothing looked', async () => {
    const replica = await startReplica({ store, clock, record });
    const [old = ''] = kids(replica);
    clock.set(START + EVERY - LEAD_MS);
    await replica.rotator.pass();
    await replica.rotator.close();
    events = [];
    clock.set(START + EVERY + RETENTION_MS + HOUR);
    await operator().tend('svid');
    await startReplica({ store, clock, record });
    expect(events.filter(({ kid }) => kid === old)).toEqual([{ purpose: 'svid', kid: old, change: 'gone' }]);
  });

  test('tells again what could not be recorded, and holds nothing back meanwhile', async () => {
    let full = true;
    const replica = await startReplica({
      store,
      clock,
      record: async (event) => {
        if (full) throw new Error('no space');
        await record(event);
      },
    });
    expect(replica.failures).toHaveLength(2);
    expect(replica.rotator.state()).toMatchObject({ state: 'degraded' });
    await replica.authority.sign('svid', claimsOf('svid', clock.now()));
    full = false;
    await replica.rotator.pass();
    expect(told()).toEqual(['cloud active', 'svid active']);
    expect(replica.rotator.state()).toEqual({ state: 'ok' });
  });

  test('tells an event again rather than never when the process ends between record and journal', async () => {
    store.diesAfterWriting = 'signing-key-journal';
    const dying = await startReplica({ store, clock, record });
    await dying.rotator.close();
    expect(told()).toEqual(['cloud active', 'svid active']);
    documents.collections.delete('signing-key-journal');
    await startReplica({ store: new MemoryDocumentStore(documents), clock, record });
    expect(told()).toEqual(['cloud active', 'svid active', 'cloud active', 'svid active']);
  });

  test('does not take back what was told when a replica whose clock is behind looks later', async () => {
    const ahead = await startReplica({ store, clock, record });
    clock.set(START + EVERY - LEAD_MS);
    await ahead.rotator.pass();
    clock.set(START + EVERY);
    await ahead.rotator.pass();
    events = [];
    const behind = new FakeClock(START + EVERY - 600_000);
    const other = await startReplica({ store: new MemoryDocumentStore(documents), clock: behind, record });
    await settled(ahead, other, ahead);
    expect(told()).toEqual([]);
  });

  test('never holds key material in an event or in a metric', async () => {
    const replica = await startReplica({ store, clock, record });
    const metrics = await replica.metrics.registry.metrics();
    expect(Object.keys(events[0] ?? {}).toSorted()).toEqual(['change', 'kid', 'purpose']);
    for (const { kid } of events) expect(metrics).not.toContain(kid);
  });
});

describe('several replicas over one store', () => {
  test('follow a revocation by whichever process, without a tick of their own', async () => {
    const replicas = await Promise.all(
      [0, 1, 2].map(() => startReplica({ store: new MemoryDocumentStore(documents), clock, record })),
    );
    const [first] = replicas;
    const [kid = ''] = first ? kids(first) : [];
    const { activeKid } = await operator().revoke(kid);
    await settled(...replicas);
    for (const replica of replicas) expect(kids(replica)).toEqual([activeKid]);
  });

  test('learn of a write by themselves', async () => {
    const revoked = Promise.withResolvers<void>();
    const replica = await startReplica({
      store: new MemoryDocumentStore(documents),
      clock,
      record: async ({ change }) => {
        if (change === 'revoked') revoked.resolve();
      },
    });
    const [kid = ''] = kids(replica);
    const { activeKid } = await operator().revoke(kid);
    await revoked.promise;
    expect(kids(replica)).toEqual([activeKid]);
  });

  test('read again what changed while a reading was under way', async () => {
    const slow = new SlowStore(documents);
    const { authority } = await startReplica({ store: slow, clock, record });
    const [kid = ''] = authority.publicKeys('svid').map((key) => key.kid);
    const gate = slow.holdNextRead();
    const early = authority.refresh();
    await operator().revoke(kid);
    const late = authority.refresh();
    gate();
    await Promise.all([early, late]);
    expect(authority.publicKeys('svid').map((key) => key.kid)).not.toContain(kid);
  });

  test('do not open a ring again that nobody changed', async () => {
    const { authority } = await startReplica({ store, clock });
    const before = authority.keyring('svid');
    await authority.refresh();
    expect(authority.keyring('svid')).toBe(before);
  });

  test('end with one ring when all of them tend at once', async () => {
    const replicas = await Promise.all(
      [0, 1, 2, 3].map(() => startReplica({ store: new MemoryDocumentStore(documents), clock, record })),
    );
    clock.set(START + EVERY - LEAD_MS);
    await Promise.all(replicas.map(({ rotator }) => rotator.pass()));
    await settled(...replicas);
    const [first] = replicas;
    for (const replica of replicas) expect(kids(replica)).toEqual(first && kids(first));
    expect(first && kids(first)).toHaveLength(2);
  });

  test('do not tell of a newer key as revoked where they have not read it yet', async () => {
    const one = await startReplica({ store: new MemoryDocumentStore(documents), clock, record });
    const two = await startReplica({ store: new MemoryDocumentStore(documents), clock, record });
    await operator().prepare('svid');
    await Promise.all([one.rotator.pass(), two.rotator.pass()]);
    expect(told().filter((text) => text.includes('revoked'))).toEqual([]);
  });
});

describe('a replica whose store is down', () => {
  test('signs on, says degraded, and refuses after a day, when it may have missed a change', async () => {
    const { authority, rotator, failures } = await startReplica({ store, clock });
    const sign = () => authority.sign('svid', claimsOf('svid', clock.now()));
    store.down = true;
    clock.advance(MAX_UNREAD_MS);
    await rotator.pass();
    expect(failures.length).toBeGreaterThan(0);
    expect(rotator.state()).toMatchObject({ state: 'degraded', detail: expect.stringContaining('cannot be followed') });
    await sign();
    clock.advance(1);
    expect(rotator.state()).toMatchObject({ state: 'failed', detail: expect.stringContaining('for a day') });
    await expect(sign()).rejects.toMatchObject({
      key: 'signing_unavailable',
      status: 503,
      retryAfterSeconds: 5,
      detail: 'the keys could not be read from the store for a day',
      cause: new Error('the disk is gone'),
    });
    store.down = false;
    await sign();
    expect(rotator.state().state).toBe('degraded');
    await rotator.pass();
    expect(rotator.state()).toEqual({ state: 'ok' });
  });

  test('rotates all the same once the next key is written: time alone takes it through', async () => {
    const { authority, rotator } = await startReplica({ store, clock });
    clock.set(START + EVERY - LEAD_MS);
    await rotator.pass();
    const [old, next] = authority.publicKeys('svid').map(({ kid }) => kid);
    clock.set(START + EVERY - 1);
    await rotator.pass();
    store.down = true;
    const signer = async () =>
      decodeProtectedHeader((await authority.sign('svid', claimsOf('svid', clock.now()))).reveal()).kid;
    expect(await signer()).toBe(old);
    clock.advance(1);
    expect(await signer()).toBe(next);
  });

  test('does not go back to nothing where the document was deleted under it', async () => {
    const replica = await startReplica({ store, clock });
    const before = kids(replica);
    documents.collections.delete(SIGNING_KEYS);
    await replica.rotator.pass();
    expect(kids(replica)).toEqual(before);
    expect(replica.rotator.state().state).toBe('degraded');
    expect(await store.list(SIGNING_KEYS)).toEqual([]);
  });
});

describe('state and metrics', () => {
  test('are overdue, degraded, when nobody could prepare the next key in time', async () => {
    const { rotator, authority } = await startReplica({ store, clock });
    clock.set(START + EVERY - DAY + 1);
    await authority.refresh();
    expect(rotator.state()).toEqual({ state: 'degraded', detail: 'rotation is overdue for cloud, svid' });
    await rotator.pass();
    expect(rotator.state()).toEqual({ state: 'ok' });
  });

  test('are failed when no key of several is active, which only a clock that is wrong by far can bring about', async () => {
    const { rotator, authority } = await startReplica({ store, clock });
    for (const purpose of PURPOSES) await operator().prepare(purpose);
    await rotator.pass();
    clock.set(START - HOUR);
    expect(rotator.state()).toEqual({ state: 'failed', detail: 'no key is active for cloud, svid' });
    await expect(authority.sign('cloud', claimsOf('cloud', clock.now()))).rejects.toMatchObject({
      key: 'signing_unavailable',
      detail: 'no key for cloud is active',
    });
  });

  test('are good with first keys that a clock a year ahead has made, and the next keys take over from them', async () => {
    clock.set(START + 365 * DAY);
    await startReplica({ store, clock });
    clock.set(START);
    const { rotator, authority } = await startReplica({ store, clock });
    expect(rotator.state()).toEqual({ state: 'ok' });
    await authority.sign('svid', claimsOf('svid', clock.now()));
    await operator().prepare('svid');
    await rotator.pass();
    await authority.sign('svid', claimsOf('svid', clock.now()));
    await operator().activate('svid', { unpublished: true });
    await rotator.pass();
    const [, next] = authority.publicKeys('svid').map(({ kid }) => kid);
    const token = await authority.sign('svid', claimsOf('svid', clock.now()));
    expect(decodeProtectedHeader(token.reveal()).kid).toBe(next);
  });

  test('show since when the key signs, when the next does, and how many are published', async () => {
    const { rotator, metrics } = await startReplica({ store, clock });
    const values = async () => {
      const text = await metrics.registry.metrics();
      return [...text.matchAll(/^carnet_signing_key\w*\{purpose="svid"\} (\S+)$/gm)].map(([, value]) => Number(value));
    };
    expect(await values()).toEqual([START / 1000, (START + EVERY) / 1000, 1]);
    clock.set(START + EVERY - LEAD_MS);
    await rotator.pass();
    expect(await values()).toEqual([START / 1000, (START + EVERY) / 1000, 2]);
    clock.set(START + EVERY);
    await rotator.pass();
    expect(await values()).toEqual([(START + EVERY) / 1000, (START + 2 * EVERY) / 1000, 2]);
    clock.set(START + EVERY + RETENTION_MS);
    await rotator.pass();
    expect(await values()).toEqual([(START + EVERY) / 1000, (START + 2 * EVERY) / 1000, 1]);
  });

  test('that cannot be measured are a failure of the pass, and the pass rejects nothing: nobody waits for it', async () => {
    const { rotator, failures, metrics } = await startReplica({ store, clock });
    const unmeasurable = new Error('not a number');
    metrics.signingKeyNextRotation.set = () => {
      throw unmeasurable;
    };
    await rotator.pass();
    expect(failures).toEqual([unmeasurable, unmeasurable]);
    expect(rotator.state().state).toBe('degraded');
  });

  test('take no step any more after close', async () => {
    const { rotator } = await startReplica({ store, clock });
    await rotator.close();
    clock.set(START + EVERY);
    await rotator.pass();
    expect((await store.get(SIGNING_KEYS, 'svid'))?.version).toBe(1);
    expect(documents.listeners.size).toBe(0);
  });
});
