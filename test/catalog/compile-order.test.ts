import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { createCatalog } from '../../src/catalog/catalog.ts';
import type { Compile } from '../../src/catalog/compiling.ts';
import { DeletedNames } from '../../src/catalog/deleted-names.ts';
import { HeldStops } from '../../src/catalog/held-stops.ts';
import { ResourceMemory } from '../../src/catalog/resource-memory.ts';
import { StoredResources } from '../../src/catalog/stored-resources.ts';
import { compileInSteps } from '../../src/policy/compile.ts';
import type { Snapshot } from '../../src/policy/snapshot.ts';
import { createMetrics } from '../../src/telemetry/metrics.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { MemoryDocumentStore } from '../support/memory-document-store.ts';
import { fill, guardrail, issuer, mapping, temporaryFolder } from './folder.ts';

const NEVER = 3_600_000;
const STOP = { deny: 'true' };
const author = { issuer: 'https://idp.example.org', subject: 'eve', as: ['owners'] };

/** Compilations that hold all of these names wait, step by step, until they are let go. */
class Gate {
  readonly #names: readonly string[];
  readonly #reached = Promise.withResolvers<void>();
  #isOpen = false;
  #failure: Error | undefined;

  constructor(...names: readonly string[]) {
    this.#names = names;
  }

  get reached(): Promise<void> {
    return this.#reached.promise;
  }

  open(failure?: Error): void {
    this.#isOpen = true;
    this.#failure = failure;
  }

  *pass(names: ReadonlySet<string>) {
    if (!this.#names.every((name) => names.has(name))) return;
    this.#reached.resolve();
    while (!this.#isOpen) yield;
    const failure = this.#failure;
    this.#failure = undefined;
    if (failure !== undefined) throw failure;
  }
}

async function started(...gates: readonly Gate[]) {
  const folder = await temporaryFolder();
  await fill(folder, { 'r/issuer.yaml': issuer('prod'), 'r/first.yaml': mapping('first') });
  const store = new MemoryDocumentStore();
  const held = await HeldStops.open(join(folder, 'stops.json'));
  const stored = new StoredResources(store, held);
  const swaps: Snapshot[] = [];
  const quiet = () => undefined;
  const compile: Compile = function* (input) {
    const names = new Set(input.documents.map(({ name }) => name));
    for (const gate of gates) yield* gate.pass(names);
    return yield* compileInSteps(input);
  };
  const catalog = createCatalog({
    sources: [join(folder, 'r')],
    stored,
    memory: new ResourceMemory(store),
    deletedNames: new DeletedNames(store),
    compile,
    context: { trustDomain: 'example.org', ownIssuers: [], requireGrants: false, development: false },
    beforeSwap: (snapshot) => void swaps.push(snapshot),
    clock: new FakeClock(),
    log: { debug: quiet, info: quiet, warn: quiet, error: quiet },
    metrics: createMetrics(),
    watching: { debounceMs: 5, pollMs: NEVER },
  });
  onTestFinished(() => catalog.close());
  await catalog.start();
  const stop = async (name: string) => {
    const document = JSON.parse(guardrail(name, STOP).replace(/^---\n/, ''));
    await held.hold({ name, document, author, at: 1 });
    await catalog.takeStops();
  };
  const change = (files: Readonly<Record<string, string>>) => fill(join(folder, 'r'), files);
  const mappings = () =>
    catalog
      .current()
      .mappings.all.map(({ name }) => name)
      .toSorted();
  return { catalog, stored, stop, change, swaps, mappings };
}

const stopsOf = ({ guardrails }: Snapshot) => guardrails.map(({ name }) => name);

describe('while a change is compiled (docs/adr/0029)', () => {
  test('a stop is in force at once, on what was in force, and stays when the change comes into force', async () => {
    const gate = new Gate('slow');
    const { catalog, change, stop, swaps, mappings } = await started(gate);
    await change({ 'slow.yaml': mapping('slow') });
    const reloading = catalog.reload();
    await gate.reached;
    await stop('stop-now');
    expect(stopsOf(catalog.current())).toEqual(['stop-now']);
    expect(mappings()).toEqual(['first']);
    gate.open();
    expect(await reloading).toBe('changed');
    expect(mappings()).toEqual(['first', 'slow']);
    // Not for a moment was there a Snapshot without it.
    expect(swaps.slice(1).map(stopsOf)).toEqual(swaps.slice(1).map(() => ['stop-now']));
  });

  test('a stop that comes while an earlier one is taken into the change stays as well', async () => {
    const slow = new Gate('slow');
    const both = new Gate('slow', 'stop-1');
    const { catalog, change, stop, swaps } = await started(slow, both);
    await change({ 'slow.yaml': mapping('slow') });
    const reloading = catalog.reload();
    await slow.reached;
    await stop('stop-1');
    slow.open();
    await both.reached;
    await stop('stop-2');
    expect(stopsOf(catalog.current())).toEqual(['stop-1', 'stop-2']);
    both.open();
    expect(await reloading).toBe('changed');
    expect(swaps.slice(2).map(stopsOf)).toEqual(swaps.slice(2).map(() => ['stop-1', 'stop-2']));
    expect(stopsOf(catalog.current())).toEqual(['stop-1', 'stop-2']);
  });

  test('a stop stays in force when compiling the change fails, and the change comes with the next reading', async () => {
    const gate = new Gate('slow');
    const { catalog, change, stop, mappings } = await started(gate);
    await change({ 'slow.yaml': mapping('slow') });
    const reloading = catalog.reload();
    await gate.reached;
    await stop('stop-now');
    gate.open(new Error('out of luck'));
    expect(await reloading).toBe('failed');
    expect(stopsOf(catalog.current())).toEqual(['stop-now']);
    expect(mappings()).toEqual(['first']);
    await catalog.reload();
    expect(stopsOf(catalog.current())).toEqual(['stop-now']);
    expect(mappings()).toEqual(['first', 'slow']);
  });

  test('what is written to the store comes into force by the reading that follows, with the change', async () => {
    const gate = new Gate('slow');
    const { catalog, change, stored, mappings } = await started(gate);
    await change({ 'slow.yaml': mapping('slow') });
    const reloading = catalog.reload();
    await gate.reached;
    const document = JSON.parse(mapping('put').replace(/^---\n/, ''));
    await stored.put({ kind: 'FederationMapping', name: 'put', document, ifVersion: 0 });
    const following = catalog.reload();
    expect(mappings()).toEqual(['first']);
    gate.open();
    expect([await reloading, mappings()]).toEqual(['changed', ['first', 'slow']]);
    expect([await following, mappings()]).toEqual(['changed', ['first', 'put', 'slow']]);
  });

  test('a file that is changed comes into force by the reading that its event brings', async () => {
    const gate = new Gate('slow');
    const { catalog, change, mappings } = await started(gate);
    await change({ 'slow.yaml': mapping('slow') });
    const reloading = catalog.reload();
    await gate.reached;
    await change({ 'slow.yaml': mapping('other') });
    gate.open();
    await reloading;
    await expect.poll(mappings).toEqual(['first', 'other']);
  });

  test('a preview of another change is of what is in force, and the change is compiled beside the other', async () => {
    const gate = new Gate('slow');
    const { catalog, change } = await started(gate);
    await change({ 'slow.yaml': mapping('slow') });
    const reloading = catalog.reload();
    await gate.reached;
    const document = JSON.parse(mapping('put').replace(/^---\n/, ''));
    const { compiled } = await catalog.preview([{ kind: 'FederationMapping', name: 'put', document }]);
    expect(compiled.snapshot.mappings.all.map(({ name }) => name).toSorted()).toEqual(['first', 'put']);
    gate.open();
    expect(await reloading).toBe('changed');
  });
});
