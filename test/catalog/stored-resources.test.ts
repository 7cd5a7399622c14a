import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { type Catalog, createCatalog } from '../../src/catalog/catalog.ts';
import type { Compile } from '../../src/catalog/compiling.ts';
import { DeletedNames } from '../../src/catalog/deleted-names.ts';
import { ResourceMemory } from '../../src/catalog/resource-memory.ts';
import { StoredResources } from '../../src/catalog/stored-resources.ts';
import type { JsonObject } from '../../src/core/json.ts';
import { compileInSteps } from '../../src/policy/compile.ts';
import type { Kind } from '../../src/resources/document.ts';
import type { StoredDocument } from '../../src/store/document-store.ts';
import { createMetrics } from '../../src/telemetry/metrics.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { MemoryDocumentStore, memoryDocuments } from '../support/memory-document-store.ts';
import { fill, guardrail, issuer, mapping, temporaryFolder } from './folder.ts';

/** So rare that only events and calls bring a reading about. */
const NEVER = 3_600_000;

/** A store whose lists fail while it is told to. */
class FailingStore extends MemoryDocumentStore {
  down = false;

  override async list(collection: string): Promise<readonly StoredDocument[]> {
    if (this.down && collection === 'resources') throw new Error('the store is down');
    return super.list(collection);
  }
}

interface Running {
  readonly catalog: Catalog;
  readonly stored: StoredResources;
  readonly warnings: readonly string[];
}

async function started(
  folder: string,
  store = new MemoryDocumentStore(),
  compileWith: Compile = compileInSteps,
  debounceMs = 5,
): Promise<Running> {
  const warnings: string[] = [];
  const quiet = () => undefined;
  const log = { debug: quiet, info: quiet, warn: (message: string) => void warnings.push(message), error: quiet };
  const stored = new StoredResources(store);
  const catalog = createCatalog({
    sources: [folder],
    stored,
    memory: new ResourceMemory(store),
    deletedNames: new DeletedNames(store),
    compile: compileWith,
    context: { trustDomain: 'example.org', ownIssuers: [], requireGrants: false, development: false },
    clock: new FakeClock(),
    log,
    metrics: createMetrics(),
    watching: { debounceMs, pollMs: NEVER },
  });
  onTestFinished(() => catalog.close());
  await catalog.start();
  return { catalog, stored, warnings };
}

/** The text of a document that `folder.ts` writes, as the store keeps it. */
function parsed(text: string): JsonObject {
  return JSON.parse(text.replace(/^---\n/, ''));
}

function put({ stored }: Running, kind: Kind, name: string, text: string | undefined, ifVersion = 0) {
  return stored.put({ kind, name, document: text === undefined ? undefined : parsed(text), ifVersion });
}

function guardrails({ catalog }: Running): readonly string[] {
  return catalog.current().guardrails.map(({ name }) => name);
}

function errors({ catalog }: Running): readonly string[] {
  return catalog.faults().flatMap(({ severity, source, message }) => (severity === 'error' ? [source, message] : []));
}

describe('documents in the store, a second source beside the files (DESIGN section 5)', () => {
  test('are in force from the start on', async () => {
    const store = new MemoryDocumentStore();
    const document = parsed(guardrail('cap'));
    await new StoredResources(store).put({ kind: 'Guardrail', name: 'cap', document, ifVersion: 0 });
    expect(guardrails(await started(await temporaryFolder(), store))).toEqual(['cap']);
  });

  test('count when another replica writes them, and no longer when it deletes them', async () => {
    const shared = memoryDocuments();
    const here = await started(await temporaryFolder(), new MemoryDocumentStore(shared));
    const elsewhere = new StoredResources(new MemoryDocumentStore(shared));
    const cap = { kind: 'Guardrail', name: 'cap' } as const;
    const version = await elsewhere.put({ ...cap, document: parsed(guardrail('cap')), ifVersion: 0 });
    await expect.poll(() => guardrails(here)).toEqual(['cap']);
    await elsewhere.put({ ...cap, document: undefined, ifVersion: version });
    await expect.poll(() => guardrails(here)).toEqual([]);
  });

  test('keep counting their versions over a deletion, so that no version means two documents', async () => {
    const running = await started(await temporaryFolder());
    const first = await put(running, 'Guardrail', 'cap', guardrail('cap'));
    const deleted = await put(running, 'Guardrail', 'cap', undefined, first);
    expect(await running.stored.get('Guardrail', 'cap')).toEqual({ version: deleted });
    const again = await put(running, 'Guardrail', 'cap', guardrail('cap', { maxTtl: '2h' }), deleted);
    expect([first, deleted, again]).toEqual([1, 2, 3]);
  });

  test('are the fault where a file had their kind and name first', async () => {
    const folder = await temporaryFolder();
    await fill(folder, { 'cap.yaml': guardrail('cap', { maxTtl: '1h' }) });
    const running = await started(folder);
    await put(running, 'Guardrail', 'cap', guardrail('cap', { maxTtl: '9h' }));
    await expect.poll(() => errors(running)).toContain('store:/Guardrail/cap');
    expect(running.catalog.current().guardrails).toMatchObject([{ name: 'cap', maxTtlSeconds: 3600 }]);
  });

  test('stay in force where a file takes their kind and name later: the file is the fault', async () => {
    const folder = await temporaryFolder();
    const running = await started(folder);
    await put(running, 'Guardrail', 'cap', guardrail('cap', { maxTtl: '9h' }));
    await expect.poll(() => guardrails(running)).toEqual(['cap']);
    await fill(folder, { 'cap.yaml': guardrail('cap', { maxTtl: '1h' }) });
    await running.catalog.reload();
    expect(errors(running)).toContain(join(folder, 'cap.yaml'));
    expect(running.catalog.current().guardrails).toMatchObject([{ name: 'cap', maxTtlSeconds: 9 * 3600 }]);
  });

  test('count as a store has them that was restored from a backup, where their versions are lower', async () => {
    const documents = memoryDocuments();
    const running = await started(await temporaryFolder(), new MemoryDocumentStore(documents));
    await put(running, 'Guardrail', 'cap', guardrail('cap'));
    await running.catalog.reload();
    const backup = documents.collections.get('resources')?.get('Guardrail/cap');
    await put(running, 'Guardrail', 'cap', undefined, 1);
    await running.catalog.reload();
    expect(guardrails(running)).toEqual([]);
    if (backup !== undefined) documents.collections.get('resources')?.set('Guardrail/cap', backup);
    await running.catalog.reload();
    expect(guardrails(running)).toEqual(['cap']);
  });

  test('may not name files: that is for documents from files', async () => {
    const running = await started(await temporaryFolder());
    const document = issuer('prod', { keys: { static: { jwksFile: './keys.json' } } });
    await put(running, 'TrustedIssuer', 'prod', document);
    await expect.poll(() => errors(running)).toContain('is only for documents from files');
    expect(running.catalog.current().issuers.byName.has('prod')).toBe(false);
  });

  test('stay in force while the store cannot be read, and a file that changes meanwhile counts', async () => {
    const folder = await temporaryFolder();
    const store = new FailingStore();
    const running = await started(folder, store);
    await put(running, 'Guardrail', 'cap', guardrail('cap'));
    await expect.poll(() => guardrails(running)).toEqual(['cap']);
    store.down = true;
    await fill(folder, { 'stop.yaml': guardrail('stop', { deny: 'true', message: 'stopped' }) });
    expect(await running.catalog.reload()).toBe('changed');
    expect(guardrails(running).toSorted()).toEqual(['cap', 'stop']);
    expect(running.warnings).toContain(
      'the resources in the store cannot be read; those that were read last stay in force',
    );
  });
});

describe('a preview of a change', () => {
  test('shows what would be in force and what would be wrong, and changes nothing', async () => {
    const running = await started(await temporaryFolder());
    const { revision } = running.catalog.current();
    const change = { kind: 'FederationMapping', name: 'pay', document: parsed(mapping('pay')) } as const;
    const { changes, compiled } = await running.catalog.preview([change]);
    expect(changes).toMatchObject([{ document: { valid: true }, ownFaults: [] }]);
    expect(compiled.snapshot.mappings.size).toBe(1);
    // Its TrustedIssuer is nowhere.
    expect(compiled.faults).toMatchObject([{ name: 'pay', field: 'spec.subject.issuer' }]);
    expect([
      running.catalog.current().revision,
      (await running.stored.get('FederationMapping', 'pay')).version,
    ]).toEqual([revision, 0]);
  });

  test('of a deletion shows what would be without the document', async () => {
    const running = await started(await temporaryFolder());
    await put(running, 'Guardrail', 'cap', guardrail('cap'));
    await expect.poll(() => guardrails(running)).toEqual(['cap']);
    const { compiled } = await running.catalog.preview([{ kind: 'Guardrail', name: 'cap', document: undefined }]);
    expect(compiled.snapshot.guardrails).toEqual([]);
    expect(guardrails(running)).toEqual(['cap']);
  });

  test('looks at no more documents than it takes to find a hundred errors, and at none beside the others', async () => {
    const counted: string[] = [];
    const changes = Array.from({ length: 300 }, (_, number) => {
      const name = `pay-${number}`;
      const document = parsed(mapping(name));
      return { kind: 'FederationMapping', name, document: { ...document, spec: [] } } as const;
    });
    const looked = changes.map((change) => ({
      ...change,
      get document() {
        counted.push(change.name);
        return change.document;
      },
    }));
    const running = await started(await temporaryFolder());
    await expect(running.catalog.preview(looked)).rejects.toMatchObject({ name: 'TooManyErrors' });
    expect(new Set(counted).size).toBe(100);
    const few = await running.catalog.preview(changes.slice(0, 99));
    expect(few.changes).toHaveLength(99);
  });

  describe('that is written next', () => {
    async function counting() {
      const compiled: Parameters<Compile>[0][] = [];
      const compile: Compile = (input) => {
        compiled.push(input);
        return compileInSteps(input);
      };
      // A reading that an event brings about would be one more.
      const running = await started(await temporaryFolder(), new MemoryDocumentStore(), compile, NEVER);
      await put(running, 'TrustedIssuer', 'prod', issuer('prod'));
      await running.catalog.reload();
      compiled.length = 0;
      return { ...running, compiled };
    }

    const change = { kind: 'FederationMapping', name: 'pay', document: parsed(mapping('pay')), ifVersion: 0 } as const;
    const author = { issuer: 'https://idp.example', subject: 'ann', as: ['owners'] };

    test('comes into force as it was compiled, document by document', async () => {
      const { catalog, stored, compiled } = await counting();
      const written = { ...change, at: 5, author, why: 'asked for', set: 'team' };
      const preview = await catalog.preview([written]);
      await stored.put(written);
      expect(await catalog.reload()).toBe('changed');
      expect(compiled).toHaveLength(1);
      expect(catalog.loaded().compiled).toBe(preview.compiled);
      expect(catalog.loaded().documents).toContain(preview.changes[0]?.document);
      expect(await catalog.reload()).toBe('unchanged');
      expect(compiled).toHaveLength(1);
    });

    test.each([
      ['another text', { document: parsed(mapping('pay', { owner: 'b' })) }],
      ['another author', { author: { ...author, subject: 'bob' } }],
      ['another time', { at: 6 }],
      ['another name', { name: 'pay2', document: parsed(mapping('pay2')) }],
    ])('is compiled anew when %s was written', async (_, other) => {
      const { catalog, stored, compiled } = await counting();
      const preview = await catalog.preview([{ ...change, at: 5, author }]);
      await stored.put({ ...change, at: 5, author, ...other });
      await catalog.reload();
      expect(compiled).toHaveLength(2);
      expect(catalog.loaded().compiled).not.toBe(preview.compiled);
      const source = { at: 5, author, ...other };
      const [document] = catalog.loaded().documents.filter(({ kind }) => kind === 'FederationMapping');
      expect(document?.source).toMatchObject({ at: source.at, author: source.author });
    });

    test('is compiled anew when something else was written beside it', async () => {
      const running = await counting();
      await running.catalog.preview([change]);
      await running.stored.put(change);
      await put(running, 'Guardrail', 'cap', guardrail('cap'));
      await running.catalog.reload();
      expect(running.compiled).toHaveLength(2);
      expect(guardrails(running)).toEqual(['cap']);
    });
  });
});
