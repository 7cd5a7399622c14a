import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createLocalJWKSet, type JSONWebKeySet, jwtVerify } from 'jose';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { PURPOSES, type Purpose } from '../../src/authority/authority.ts';
import { jwksDocument, spiffeBundle } from '../../src/authority/discovery.ts';
import { KeyRotation } from '../../src/authority/key-rotation.ts';
import { SIGNING_KEYS } from '../../src/authority/keyring.ts';
import { run } from '../../src/cli/program.ts';
import type { JsonValue } from '../../src/core/json.ts';
import type { DocumentStore } from '../../src/store/document-store.ts';
import { openSqliteStore } from '../../src/store/sqlite-document-store.ts';
import { claimsOf, DAY, encryptionKey, HOUR, startReplica } from '../authority/replica.ts';
import { FakeSurroundings } from '../cli/fake-surroundings.ts';
import { FakeCluster } from '../fakes/cluster.ts';
import { openDoor, send } from '../routes/door-fixture.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { AUDIENCE, CLUSTER, clusterIssuer, exchangeForm, install, start } from '../support/running-carnet.ts';

const START = Date.parse('2026-11-22T09:00:00Z');
const EVERY = 7 * DAY;
const WEEKS = 10;
const STEP = 7 * HOUR;

const PATHS = { cloud: '/.well-known/jwks.json', svid: '/svid/.well-known/jwks.json' } as const;

interface Copy {
  readonly keys: JSONWebKeySet;
  readonly until: number;
}

/**
 * A verifier that keeps a key set for exactly as long as the answer says, or for a time of its own, and asks again only
 * when that has ended: never because of a kid that it does not know.
 */
class PatientVerifier {
  readonly #clock: FakeClock;
  readonly #keepMs: number | undefined;
  readonly #copies = new Map<Purpose, Copy>();
  fetches = 0;
  mostKeys = 0;

  constructor(clock: FakeClock, keepMs?: number) {
    this.#clock = clock;
    this.#keepMs = keepMs;
  }

  /** Throws what `jose` throws. `port` is whichever replica answers this time. */
  async verify(purpose: Purpose, token: string, port: number): Promise<void> {
    const copy = await this.#copy(purpose, port);
    await jwtVerify(token, createLocalJWKSet(copy.keys), { currentDate: new Date(this.#clock.now()) });
  }

  async #copy(purpose: Purpose, port: number): Promise<Copy> {
    const now = this.#clock.now();
    const held = this.#copies.get(purpose);
    if (held && held.until > now) return held;
    const { json, headers } = await send(port, { path: PATHS[purpose] });
    const [, maxAge] = /max-age=(\d+)/.exec(headers['cache-control'] ?? '') ?? [];
    const keys = json as unknown as JSONWebKeySet;
    const copy = { keys, until: now + (this.#keepMs ?? Number(maxAge) * 1000) };
    this.fetches += 1;
    this.mostKeys = Math.max(this.mostKeys, keys.keys.length);
    this.#copies.set(purpose, copy);
    return copy;
  }
}

describe('a rotation drill over ten weeks', () => {
  let folder: string;
  let clock: FakeClock;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'carnet-drill-'));
    clock = new FakeClock(START);
  });

  afterEach(() => rm(folder, { recursive: true, force: true }));

  const open = () => openSqliteStore({ path: join(folder, 'carnet.db'), clock, watchIntervalMs: 3_600_000 });

  async function serving(store: DocumentStore, theirs: FakeClock) {
    const replica = await startReplica({ store, clock: theirs, rotateEveryMs: EVERY });
    const { authority } = replica;
    const documents = {
      openidConfiguration: () => ({}),
      authorizationServer: () => ({}),
      jwks: (purpose: Purpose) => jwksDocument(authority.publicKeys(purpose)),
      spiffeBundle: () => spiffeBundle(authority.publicKeys('svid'), authority.keysChangedAt('svid')),
    };
    const { port } = await openDoor({ documents });
    return { replica, port };
  }

  test('no token fails at a verifier that honours max-age, or at one that keeps keys for a day', async () => {
    const stores = [await open(), await open()];
    // Clocks of the replicas differ by as much as they may.
    const clocks = [clock, new FakeClock(START + 600_000)];
    const replicas = await Promise.all(stores.map((store, index) => serving(store, clocks[index] ?? clock)));
    const verifiers = [new PatientVerifier(clock), new PatientVerifier(clock, DAY)];
    const alive: { purpose: Purpose; token: string; until: number }[] = [];
    const signers = new Set<string>();
    const verified = { tokens: 0 };
    let sequence = 0;
    for (let step = 0; step * STEP < WEEKS * 7 * DAY; step++) {
      clock.set(START + step * STEP);
      clocks[1]?.set(clock.now() + 600_000);
      const chosen = replicas[step % 2];
      // The other one looks later: it signs and answers by what it read a step ago.
      await chosen?.replica.rotator.pass();
      for (const purpose of PURPOSES)
        for (const { replica } of replicas) {
          const now = clock.now();
          const token = (await replica.authority.sign(purpose, claimsOf(purpose, now))).reveal();
          signers.add(`${purpose} ${JSON.parse(Buffer.from(token.split('.')[0] ?? '', 'base64url').toString()).kid}`);
          alive.push({ purpose, token, until: now + (purpose === 'cloud' ? 299_000 : DAY - 1000) });
        }
      const living = alive.filter(({ until }) => until >= clock.now());
      alive.splice(0, alive.length, ...living);
      for (const verifier of verifiers)
        for (const [index, { purpose, token }] of living.entries()) {
          await verifier.verify(purpose, token, replicas[(step + index) % 2]?.port ?? 0);
          verified.tokens += 1;
        }
      const now = replicas[0]?.replica.authority.keysChangedAt('svid') ?? 0;
      expect(now).toBeGreaterThanOrEqual(sequence);
      sequence = now;
    }
    expect(verified.tokens).toBeGreaterThan(2000);
    expect(signers.size).toBe(2 * WEEKS);
    for (const { mostKeys } of verifiers) expect([2, 3]).toContain(mostKeys);
    expect(replicas.flatMap(({ replica }) => replica.failures)).toEqual([]);
    for (const { replica } of replicas) await replica.rotator.close();
    for (const store of stores) await store.close();
  });

  test('the drill fails without publishing first, so that it can fail', async () => {
    const store = await open();
    const { replica, port } = await serving(store, clock);
    const verifier = new PatientVerifier(clock);
    const signed = async () => (await replica.authority.sign('svid', claimsOf('svid', clock.now()))).reveal();
    await verifier.verify('svid', await signed(), port);
    const [kid = ''] = replica.authority.publicKeys('svid').map((key) => key.kid);
    await new KeyRotation({ store, encryptionKey, clock, rotateEveryMs: EVERY }).revoke(kid);
    await replica.rotator.pass();
    const token = await signed();
    await expect(verifier.verify('svid', token, port)).rejects.toThrow('no applicable key');
    clock.advance(300_000);
    await verifier.verify('svid', token, port);
    await replica.rotator.close();
    await store.close();
  });

  test('a process that ends at any write, again and again, leaves a ring that verifiers can follow', async () => {
    const store = await open();
    const mortal = dyingEachTime(store);
    const verifier = new PatientVerifier(clock, DAY);
    let deaths = 0;
    for (let step = 0; step * STEP < 2 * EVERY + 4 * DAY; step++) {
      clock.set(START + step * STEP);
      // Each step is a process of its own that ends right after its first write.
      const { replica, port } = await serving(mortal, clock).catch(async () => {
        deaths += 1;
        return await serving(store, clock);
      });
      deaths += replica.failures.length;
      await replica.authority.refresh();
      for (const purpose of PURPOSES) {
        const token = (await replica.authority.sign(purpose, claimsOf(purpose, clock.now()))).reveal();
        await verifier.verify(purpose, token, port);
      }
      expect(replica.authority.publicKeys('svid').length).toBeLessThanOrEqual(3);
      await replica.rotator.close();
    }
    expect(deaths).toBeGreaterThan(5);
    await store.close();
  });
});

function dyingEachTime(store: DocumentStore): DocumentStore {
  return {
    get: (collection, name) => store.get(collection, name),
    putAll: (writes) => store.putAll(writes),
    delete: (collection, name, ifVersion) => store.delete(collection, name, ifVersion),
    history: (collection, name) => store.history(collection, name),
    list: (collection) => store.list(collection),
    watch: (collection, onChange) => store.watch(collection, onChange),
    close: () => store.close(),
    put: async (collection: string, name: string, value: JsonValue, ifVersion: number) => {
      await store.put(collection, name, value, ifVersion);
      throw new Error('the process ended');
    },
  };
}

describe('the whole product', () => {
  const MAPPING = `apiVersion: carnet.dev/v1alpha1
kind: FederationMapping
metadata: { name: ledger }
spec:
  owner: team-ledger@example.org
  subject: { issuer: ${CLUSTER}, namespace: pay, serviceAccount: api }
  target: { jwtSvid: { audiences: ['https://ledger.example.org'] } }
`;

  const keysAt = async (url: string) => {
    const answer = await fetch(`${url}/svid/.well-known/jwks.json`);
    const { keys } = (await answer.json()) as { keys: { kid: string }[] };
    return keys.map(({ kid }) => kid);
  };

  async function operator(folder: string, ...args: readonly string[]) {
    const around = new FakeSurroundings({ workingDirectory: folder });
    around.clock.set(Date.now());
    const code = await run(['keys', ...args], around);
    return { code, out: around.stdout, err: around.stderr };
  }

  async function audited(folder: string): Promise<readonly string[]> {
    const directory = join(folder, 'data/audit/carnet');
    const files = (await readdir(directory)).filter((file) => file.endsWith('.jsonl'));
    const texts = await Promise.all(files.map((file) => readFile(join(directory, file), 'utf8')));
    return texts
      .flatMap((text) => text.trim().split('\n'))
      .map((line) => JSON.parse(line) as { type: string; outcome: string; detail?: string })
      .filter(({ type, outcome }) => type === 'changed' && outcome === 'keys')
      .map(({ detail }) => detail ?? '');
  }

  test('follows carnet keys while it runs: prepare, activate, revoke, each in the audit log', async () => {
    const cluster = await FakeCluster.start();
    const carnet = await start(await install({ cluster, resources: clusterIssuer(cluster) + MAPPING }));
    try {
      const until = async (condition: (kids: readonly string[]) => boolean) => {
        for (let kids = await keysAt(carnet.url); ; kids = await keysAt(carnet.url)) {
          if (condition(kids)) return kids;
          await new Promise((resolve) => setTimeout(resolve, 50));
        }
      };
      const [old = ''] = await keysAt(carnet.url);
      expect((await operator(carnet.folder, 'prepare', '--purpose', 'svid')).code).toBe(0);
      const [, next = ''] = await until((kids) => kids.length === 2);
      const early = await operator(carnet.folder, 'activate', '--purpose', 'svid');
      expect([early.code, early.err]).toEqual([1, expect.stringContaining('less than 24 h')]);
      const hurried = await operator(carnet.folder, 'activate', '--purpose', 'svid', '--now');
      expect([hurried.code, hurried.err]).toEqual([0, expect.stringContaining('warning:')]);
      expect((await operator(carnet.folder, 'revoke', old)).code).toBe(0);
      expect(await until((kids) => kids.length === 1)).toEqual([next]);
      const token = cluster.token({ namespace: 'pay', serviceAccount: 'api', audiences: [AUDIENCE] });
      const answer = await carnet.exchange(exchangeForm(token, 'https://ledger.example.org'));
      expect(answer.status, JSON.stringify(answer.body)).toBe(200);
      const published = await fetch(`${carnet.url}/svid/.well-known/jwks.json`);
      const keys = createLocalJWKSet((await published.json()) as JSONWebKeySet);
      const { protectedHeader } = await jwtVerify(String(answer.body['access_token']), keys);
      expect(protectedHeader.kid).toBe(next);
      const ready = (await (await fetch(`${carnet.url}/readyz`)).json()) as { parts: unknown[] };
      expect(ready.parts).toContainEqual({ name: 'keys', state: 'ok' });
      await carnet.stop();
      const records = await audited(carnet.folder);
      expect(records).toContain(`svid key ${next}: prepared`);
      expect(records).toContain(`svid key ${next}: active`);
      expect(records).toContain(`svid key ${old}: revoked`);
      expect(new Set(records).size).toBe(records.length);
    } finally {
      await carnet.stop();
      await cluster.close();
      await carnet.remove();
    }
  });

  test('goes on with a rotation where the process before it ended', async () => {
    const cluster = await FakeCluster.start();
    const installation = await install({ cluster, resources: clusterIssuer(cluster) });
    const clock = new FakeClock(START);
    const seen: (readonly string[])[] = [];
    try {
      for (const at of [0, 29 * DAY, 31 * DAY, 34 * DAY]) {
        clock.set(START + at);
        const carnet = await start(installation, clock);
        seen.push(await keysAt(carnet.url));
        await carnet.stop();
      }
      const [first, prepared, active, last] = seen;
      expect(prepared).toEqual([first?.[0], expect.any(String)]);
      expect(active).toEqual(prepared);
      expect(last).toEqual([prepared?.[1]]);
      const store = await openSqliteStore({ path: join(installation.folder, 'data/carnet.db'), clock });
      expect(JSON.stringify(await store.get(SIGNING_KEYS, 'svid'))).not.toContain(first?.[0]);
      await store.close();
      const kid = first?.[0];
      expect((await audited(installation.folder)).filter((detail) => kid && detail.includes(kid))).toEqual(
        ['active', 'retired', 'gone'].map((change) => `svid key ${kid}: ${change}`),
      );
    } finally {
      await cluster.close();
      await installation.remove();
    }
  });
});
