import { describe, expect, onTestFinished, test } from 'vitest';
import type { Actor } from '../../src/admin/actor.ts';
import { AdminJournal } from '../../src/admin/admin-journal.ts';
import { Proposals } from '../../src/admin/proposals.ts';
import { ResourceAdmin } from '../../src/admin/resource-admin.ts';
import { SecondPerson } from '../../src/admin/second-person.ts';
import type { AuditLog } from '../../src/audit/audit-log.ts';
import type { AuditEvent } from '../../src/audit/events.ts';
import { createCatalog } from '../../src/catalog/catalog.ts';
import { DeletedNames } from '../../src/catalog/deleted-names.ts';
import { ResourceMemory } from '../../src/catalog/resource-memory.ts';
import { StoredResources } from '../../src/catalog/stored-resources.ts';
import { compileInSteps } from '../../src/policy/compile.ts';
import type { StoredDocument } from '../../src/store/document-store.ts';
import { createMetrics } from '../../src/telemetry/metrics.ts';
import { fill, issuer, mapping, temporaryFolder } from '../catalog/folder.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { MemoryDocumentStore, memoryDocuments } from '../support/memory-document-store.ts';

/** So rare that only calls bring a reading about: a replica that has not heard of the others yet. */
const NEVER = 3_600_000;

/** A store that cannot list its resources from the next write on, when it is told so. */
class FailingStore extends MemoryDocumentStore {
  failsAfterWrite = false;
  #down = false;

  override async put(...write: Parameters<MemoryDocumentStore['put']>): Promise<number> {
    const version = await super.put(...write);
    this.#down = this.failsAfterWrite;
    return version;
  }

  override async list(collection: string): Promise<readonly StoredDocument[]> {
    if (this.#down && collection === 'resources') throw new Error('the store is down');
    return super.list(collection);
  }
}

interface Replica {
  readonly admin: ResourceAdmin;
  readonly reload: () => Promise<unknown>;
  readonly notes: readonly AuditEvent[];
}

interface Options {
  readonly store?: MemoryDocumentStore;
  /** Waited for before a record is durable. */
  readonly durable?: Promise<void>;
}

async function replica(folder: string, { store = new MemoryDocumentStore(), durable }: Options = {}): Promise<Replica> {
  const quiet = () => undefined;
  const clock = new FakeClock();
  const notes: AuditEvent[] = [];
  const audit: AuditLog = {
    record: async () => durable,
    note: (event) => void notes.push(event),
    countRefused: quiet,
    head: () => ({ seq: 0, hash: '' }),
    state: () => ({ ok: true }),
    close: async () => undefined,
  };
  const stored = new StoredResources(store);
  const deletedNames = new DeletedNames(store);
  const catalog = createCatalog({
    sources: [folder],
    stored,
    memory: new ResourceMemory(store),
    deletedNames,
    compile: compileInSteps,
    context: { trustDomain: 'example.org', ownIssuers: [], requireGrants: false, development: false },
    clock,
    log: { debug: quiet, info: quiet, warn: quiet, error: quiet },
    metrics: createMetrics(),
    watching: { debounceMs: NEVER, pollMs: NEVER },
  });
  onTestFinished(() => catalog.close());
  await catalog.start();
  const journal = new AdminJournal(audit, clock);
  const rules = { fourEyes: false, readOnly: false };
  const secondPerson = new SecondPerson({ rules, proposals: new Proposals(store, clock), journal });
  const admin = new ResourceAdmin({ catalog, stored, deletedNames, journal, clock, secondPerson });
  return { admin, reload: () => catalog.reload(), notes };
}

const as = (role: Actor['roles'][number]): Actor => ({
  issuer: 'https://idp.example.org',
  subject: role,
  roles: [role],
});
const WISH = { traceId: '0'.repeat(32), dryRun: false };
const named = (name: string) => ({ kind: 'FederationMapping', name }) as const;

function document(name: string, spec: object = {}): string {
  const written = JSON.parse(mapping(name).replace(/^---\n/, ''));
  return JSON.stringify({ ...written, spec: { ...written.spec, ...spec } });
}

describe('names of deleted mappings (DESIGN section 8)', () => {
  test('are for an owner also at a replica that has not heard of the deletion', async () => {
    const folder = await temporaryFolder();
    await fill(folder, { 'issuer.yaml': issuer('prod') });
    const shared = memoryDocuments();
    const here = await replica(folder, { store: new MemoryDocumentStore(shared) });
    const { etag } = await here.admin.put(as('editor'), named('reused'), document('reused'), WISH);
    const elsewhere = await replica(folder, { store: new MemoryDocumentStore(shared) });
    await here.admin.delete(as('editor'), named('reused'), { ...WISH, ifMatch: etag });

    const again = elsewhere.admin.put(as('editor'), named('reused'), document('reused'), WISH);
    await expect(again).rejects.toMatchObject({ key: 'forbidden', field: 'metadata.name' });
    const byOwner = elsewhere.admin.put(as('owner'), named('reused'), document('reused'), WISH);
    expect(await byOwner).toMatchObject({ created: true });
  });
});

describe('a change that this replica could not load', () => {
  test.each([
    [false, true],
    [true, false],
  ])('is not said to be in force (the store fails after the write: %s)', async (failsAfterWrite, inForce) => {
    const folder = await temporaryFolder();
    await fill(folder, { 'issuer.yaml': issuer('prod') });
    const store = new FailingStore();
    const { admin } = await replica(folder, { store });
    store.failsAfterWrite = failsAfterWrite;
    expect(await admin.put(as('editor'), named('new'), document('new'), WISH)).toMatchObject({ inForce });
  });
});

describe('a set that is applied (docs/adr/0021)', () => {
  const SET = { ...WISH, set: 'team', prune: false };

  /** A store in which somebody else writes first, once, whenever a batch comes. */
  class ContestedStore extends MemoryDocumentStore {
    contest: (() => Promise<unknown>) | undefined;

    override async putAll(...batch: Parameters<MemoryDocumentStore['putAll']>): Promise<void> {
      const contest = this.contest;
      this.contest = undefined;
      await contest?.();
      await super.putAll(...batch);
    }
  }

  test('is refused whole where another replica changed one of its documents meanwhile, and names that one', async () => {
    const folder = await temporaryFolder();
    await fill(folder, { 'issuer.yaml': issuer('prod') });
    const shared = memoryDocuments();
    const store = new ContestedStore(shared);
    const { admin } = await replica(folder, { store });
    const elsewhere = await replica(folder, { store: new MemoryDocumentStore(shared) });
    store.contest = () => elsewhere.admin.put(as('editor'), named('b'), document('b'), WISH);
    const text = ['a', 'b'].map((name) => document(name)).join('\n---\n');
    await expect(admin.apply(as('editor'), text, SET)).rejects.toMatchObject({
      key: 'precondition_failed',
      detail: 'somebody else has changed FederationMapping/b',
    });
    await expect(admin.history(as('viewer'), named('a'), {})).rejects.toMatchObject({ key: 'not_found' });
    store.contest = () => elsewhere.admin.put(as('editor'), named('c'), document('c'), WISH);
    expect(await admin.apply(as('editor'), document('a'), SET)).toMatchObject({ added: [named('a')] });
  });

  test('says on which line what is wrong, of documents that come one after the other', async () => {
    const folder = await temporaryFolder();
    await fill(folder, { 'issuer.yaml': issuer('prod') });
    const { admin } = await replica(folder);
    const cases = [
      [`${document('a')}\n---\n${document('a')}`, 3, 'FederationMapping a is there twice'],
      [`${document('a')}\n---\nkind: Secret`, 3, /^kind must be one of/],
      [`# none\n---\n# and none`, 1, 'holds no document'],
      [`${document('a')}\n--- # next\n\na: &x 1`, 4, /anchor/],
    ] as const;
    for (const [text, line, message] of cases) {
      const refused = await admin.apply(as('owner'), text, SET).catch((error: unknown) => error);
      expect(refused).toMatchObject({ key: 'invalid' });
      const [fault] = (refused as { faults: { line: number; message: string }[] }).faults;
      expect(fault?.message).toMatch(message);
      expect(fault?.line).toBe(line);
    }
  });
});

describe('changes that wait for their turn', () => {
  test('are those of people who may make them: a viewer takes no place, and is on record', async () => {
    const folder = await temporaryFolder();
    await fill(folder, { 'issuer.yaml': issuer('prod') });
    const { promise: durable, resolve } = Promise.withResolvers<void>();
    const { admin, notes } = await replica(folder, { durable });
    const first = admin.put(as('editor'), named('first'), document('first'), WISH);
    const refused = Array.from({ length: 20 }, () => admin.delete(as('viewer'), named('first'), WISH));
    for (const one of await Promise.allSettled(refused)) {
      expect(one).toMatchObject({ status: 'rejected', reason: { key: 'forbidden' } });
    }
    expect(notes).toHaveLength(20);
    const second = admin.put(as('owner'), named('second'), document('second'), WISH);
    resolve();
    expect([await first, await second]).toMatchObject([{ created: true }, { created: true }]);
  });
});

describe('a mapping by the API beside those of files (DESIGN section 5)', () => {
  test('does not take a name by which a mapping of a file is asked for, nor reserve its audience', async () => {
    const folder = await temporaryFolder();
    const ofFile = document('of-file', { addresses: ['ledger'], target: { jwtSvid: { audiences: ['books'] } } });
    await fill(folder, { 'issuer.yaml': issuer('prod'), 'mapping.json.yaml': ofFile });
    const { admin } = await replica(folder);
    for (const name of ['ledger', 'books']) {
      const put = admin.put(as('editor'), named(name), document(name), WISH);
      await expect(put).rejects.toMatchObject({
        key: 'invalid',
        faults: [{ kind: 'FederationMapping', name: 'of-file', message: `${name} is the name of another mapping` }],
      });
    }
    expect(await admin.put(as('editor'), named('else'), document('else'), WISH)).toMatchObject({ created: true });
    expect(await admin.get(as('viewer'), named('of-file'))).toMatchObject({ state: 'in-force' });
  });

  test('does not take the role of a younger one by a change', async () => {
    const folder = await temporaryFolder();
    await fill(folder, { 'issuer.yaml': issuer('prod') });
    const { admin, reload } = await replica(folder);
    const { etag } = await admin.put(as('editor'), named('old'), document('old'), WISH);
    const target = { aws: { roleArn: 'arn:aws:iam::123456789012:role/reports', region: 'eu-west-1' } };
    const role = { subject: { issuer: 'prod', namespace: 'payments', serviceAccount: 'one' }, target };
    await fill(folder, { 'young.yaml': document('young', { ...role, intents: 'unrestricted' }) });
    await reload();

    const changed = document('old', { ...role, intents: 'unrestricted' });
    await expect(admin.put(as('editor'), named('old'), changed, { ...WISH, ifMatch: etag })).rejects.toMatchObject({
      key: 'invalid',
      faults: [{ name: 'young', message: expect.stringMatching(/^leaves arn:\S+ to mapping old/) }],
    });
  });
});
