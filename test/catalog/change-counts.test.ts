import { describe, expect, onTestFinished, test } from 'vitest';
import { createCatalog } from '../../src/catalog/catalog.ts';
import { DeletedNames } from '../../src/catalog/deleted-names.ts';
import { ResourceMemory } from '../../src/catalog/resource-memory.ts';
import { StoredResources } from '../../src/catalog/stored-resources.ts';
import { inSlices, whole } from '../../src/core/steps.ts';
import { compileInSteps } from '../../src/policy/compile.ts';
import type { CompiledMapping } from '../../src/policy/compiled-mapping.ts';
import { MappingIndex } from '../../src/policy/mapping-index.ts';
import type { KnownVersions } from '../../src/store/document-store.ts';
import { createMetrics } from '../../src/telemetry/metrics.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { cluster, snapshotOf, svidMapping } from '../support/policy-builders.ts';
import { CountingStore } from './counting-store.ts';
import { issuer, mapping, temporaryFolder } from './folder.ts';

const NEVER = 3_600_000;

/** Counts the resources that it was asked for. */
class ListingStore extends CountingStore {
  listed = 0;

  override async list(collection: string, known?: KnownVersions) {
    const found = await super.list(collection, known);
    if (collection === 'resources') this.listed += found.length;
    return found;
  }
}

const documentOf = (text: string) => JSON.parse(text.replace(/^---\n/, ''));

async function running(count: number) {
  const store = new ListingStore();
  const stored = new StoredResources(store);
  await stored.put({ kind: 'TrustedIssuer', name: 'prod', document: documentOf(issuer('prod')), ifVersion: 0 });
  for (let at = 0; at < count; at += 1) {
    const name = `m-${at}`;
    await stored.put({ kind: 'FederationMapping', name, document: documentOf(mapping(name)), ifVersion: 0 });
  }
  const quiet = () => undefined;
  const catalog = createCatalog({
    sources: [await temporaryFolder()],
    stored,
    memory: new ResourceMemory(store),
    deletedNames: new DeletedNames(store),
    compile: compileInSteps,
    context: { trustDomain: 'example.org', ownIssuers: [], requireGrants: false, development: false },
    clock: new FakeClock(),
    log: { debug: quiet, info: quiet, warn: quiet, error: quiet },
    metrics: createMetrics(),
    watching: { debounceMs: NEVER, pollMs: NEVER },
  });
  onTestFinished(() => catalog.close());
  await catalog.start();
  return { store, stored, catalog };
}

describe('one change among 1,000 mappings (docs/adr/0029)', () => {
  test.each([
    ['a new mapping', 'more', 0, mapping('more')],
    ['a changed one', 'm-7', 1, mapping('m-7', { owner: 'b' })],
  ])('reads, parses, compiles and remembers that one: %s', async (_, name, ifVersion, text) => {
    const { store, stored, catalog } = await running(1000);
    const before = catalog.loaded();
    const [documents, mappings] = [new Set(before.documents), new Set(before.snapshot.mappings.all)];
    store.listed = 0;
    await stored.put({ kind: 'FederationMapping', name, document: documentOf(text), ifVersion });
    store.writes = 0;
    expect(await catalog.reload()).toBe('changed');
    const after = catalog.loaded();
    expect(after.documents.filter((one) => !documents.has(one))).toMatchObject([{ name }]);
    expect(after.snapshot.mappings.all.filter((one) => !mappings.has(one))).toMatchObject([{ name }]);
    expect(after.snapshot.mappings.size).toBe(ifVersion === 0 ? 1001 : 1000);
    // The document itself, and the part of the memory that it is in.
    expect([store.listed, store.writes]).toEqual([1, 1]);
  });

  test('of a stop and of any other Guardrail no mapping is compiled, and the index is not made anew by mappings', async () => {
    const { stored, catalog } = await running(50);
    const mappings = new Set(catalog.current().mappings.all);
    const document = {
      ...documentOf(mapping('x')),
      kind: 'Guardrail',
      metadata: { name: 'cap' },
      spec: { maxTtl: '1h' },
    };
    await stored.put({ kind: 'Guardrail', name: 'cap', document, ifVersion: 0 });
    expect(await catalog.reload()).toBe('changed');
    expect(catalog.current().guardrails).toMatchObject([{ name: 'cap' }]);
    expect(catalog.current().mappings.all.filter((one) => !mappings.has(one))).toEqual([]);
  });

  test.each([10, 1000])('touches the entries of that one in an index of %d', (count) => {
    let placed = 0;
    const counted = (one: CompiledMapping): CompiledMapping => ({
      ...one,
      get addresses() {
        placed += 1;
        return one.addresses;
      },
    });
    const subject = (at: number) => ({ issuer: 'prod-eu', namespace: 'n', serviceAccount: `s-${at}` });
    const { mappings, issuers } = snapshotOf(
      cluster('prod-eu'),
      ...Array.from({ length: count }, (_, at) => svidMapping(`m-${at}`, { subject: subject(at) })),
    );
    const all = mappings.all.map(counted);
    const index = new MappingIndex(all, issuers);
    expect(placed).toBe(count);
    placed = 0;
    const [gone, ...rest] = all;
    const fresh = counted({ ...(mappings.all[0] as CompiledMapping) });
    const next = whole(index.changed({ gone: [gone as CompiledMapping], fresh: [fresh] }, issuers));
    expect(placed).toBe(2);
    expect([new Set(index.all), new Set(next.all)]).toEqual([new Set(all), new Set([...rest, fresh])]);
  });
});

test('work in slices lets others in, and gives what it gives at once', async () => {
  const order: string[] = [];
  function* work() {
    for (let step = 0; step < 1000; step += 1) yield;
    order.push('done');
    return 5;
  }
  const result = inSlices(work());
  setImmediate(() => order.push('other'));
  expect([await result, whole(work()), order]).toEqual([5, 5, ['other', 'done', 'done']]);
});
