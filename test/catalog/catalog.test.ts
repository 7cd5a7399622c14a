import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { type Catalog, createCatalog, type ReloadOutcome } from '../../src/catalog/catalog.ts';
import type { Compile } from '../../src/catalog/compiling.ts';
import { DeletedNames } from '../../src/catalog/deleted-names.ts';
import { ResourceMemory } from '../../src/catalog/resource-memory.ts';
import { StartRefused } from '../../src/catalog/start-refused.ts';
import { StoredResources } from '../../src/catalog/stored-resources.ts';
import { compileInSteps } from '../../src/policy/compile.ts';
import type { Log, LogFields } from '../../src/telemetry/logger.ts';
import { createMetrics } from '../../src/telemetry/metrics.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { MemoryDocumentStore } from '../support/memory-document-store.ts';
import { CountingStore } from './counting-store.ts';
import { fill, guardrail, issuer, mapping, publishConfigMap, temporaryFolder } from './folder.ts';

/** So rare that only events and calls bring a reading about. */
const NEVER = 3_600_000;

interface Setting {
  readonly store?: MemoryDocumentStore;
  readonly compile?: Compile;
  readonly watching?: { readonly debounceMs: number; readonly pollMs: number };
}

function catalogOf(sources: readonly string[], setting: Setting = {}) {
  const lines: [string, LogFields][] = [];
  const write = (message: string, fields: LogFields = {}) => void lines.push([message, fields]);
  const log: Log = { debug: write, info: write, warn: write, error: write };
  const metrics = createMetrics();
  const store = setting.store ?? new MemoryDocumentStore();
  const reused: string[] = [];
  const catalog = createCatalog({
    sources,
    stored: new StoredResources(store),
    memory: new ResourceMemory(store),
    deletedNames: new DeletedNames(store),
    onNameReused: (name) => reused.push(name),
    compile: setting.compile ?? compileInSteps,
    context: {
      trustDomain: 'example.org',
      ownIssuers: ['https://sts.example'],
      requireGrants: false,
      development: false,
    },
    clock: new FakeClock(),
    log,
    metrics,
    watching: setting.watching ?? { debounceMs: NEVER, pollMs: NEVER },
  });
  onTestFinished(() => catalog.close());
  return { catalog, lines, metrics, reused };
}

async function started(sources: readonly string[], setting: Setting = {}) {
  const made = catalogOf(sources, setting);
  await made.catalog.start();
  return made;
}

function next(catalog: Catalog, wanted: ReloadOutcome): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const stop = catalog.onReload((outcome) => {
    if (outcome !== wanted) return;
    stop();
    resolve();
  });
  return promise;
}

function inForce(catalog: Catalog) {
  const { issuers, guardrails } = catalog.current();
  return { issuers: [...issuers.byName.keys()].toSorted(), guardrails: guardrails.map(({ name }) => name).toSorted() };
}

function errors(catalog: Catalog) {
  return catalog.faults().filter(({ severity }) => severity === 'error');
}

async function refusal(sources: readonly string[], store = new MemoryDocumentStore()): Promise<StartRefused> {
  const thrown = await catalogOf(sources, { store })
    .catalog.start()
    .catch((error: unknown) => error);
  if (!(thrown instanceof StartRefused)) throw new Error(`started, or failed otherwise: ${String(thrown)}`);
  return thrown;
}

describe('the first load', () => {
  test('loads the contract without an error', async () => {
    const { catalog, metrics } = await started([join(import.meta.dirname, '../fixtures/contract/resources')]);
    expect(errors(catalog)).toEqual([]);
    expect(inForce(catalog)).toEqual({
      issuers: ['edge-7', 'edge-8', 'github', 'prod-eu'],
      guardrails: ['no-cloud-from-edge-at-night', 'prod-needs-a-pod', 'two-hours-at-most'],
    });
    expect((await metrics.resourceFaults.get()).values[0]?.value).toBe(0);
  });

  test('has no Snapshot to give before it has ended', () => {
    expect(() => catalogOf([]).catalog.current()).toThrow('has not started');
  });

  test('loads what is good beside a bad mapping, and lists the fault', async () => {
    const folder = await temporaryFolder();
    await fill(folder, { 'a.yaml': issuer('prod'), 'b.yaml': mapping('bad', { owner: 5 }), 'c.yaml': 'kind: [' });
    const { catalog, lines } = await started([folder]);
    expect(inForce(catalog).issuers).toEqual(['prod']);
    expect(errors(catalog).map(({ source, field }) => [source.slice(folder.length + 1), field])).toEqual(
      expect.arrayContaining([
        ['b.yaml', 'spec.owner'],
        ['c.yaml', ''],
      ]),
    );
    expect(lines.filter(([message]) => message === 'faulty resource').length).toBeGreaterThan(1);
  });

  test.each([
    ['a faulty Guardrail', guardrail('cap', { maxTtl: 'x' })],
    ['a faulty TrustedIssuer', issuer('prod', { audiences: [] })],
    ['a Guardrail without a readable name', guardrail('Cap')],
    ['a misspelt kind that means a ceiling', guardrail('cap').replace('Guardrail', 'Guardrial')],
    ['a Guardrail behind a broken quote', `kind: FederationMapping\nx: "open\n${guardrail('cap').replaceAll('"', '')}`],
    ['a text that is no YAML and holds a Guardrail', `${guardrail('cap')}\u0007`],
  ])('refuses to start with %s that was never good', async (_, text) => {
    const folder = await temporaryFolder();
    await fill(folder, { 'a.yaml': text, 'b.yaml': issuer('good') });
    const { faults } = await refusal([folder]);
    expect(faults[0]?.source).toBe(join(folder, 'a.yaml'));
  });

  test('refuses to start without a configured folder that it has never seen, in which a ceiling may be', async () => {
    const folder = await temporaryFolder();
    const { faults } = await refusal([folder, join(folder, 'missing')]);
    expect(faults).toMatchObject([{ source: join(folder, 'missing'), message: 'does not exist' }]);
  });

  test('starts with the last good versions when a known ceiling has become faulty, unreadable or out of reach', async () => {
    for (const text of [guardrail('cap', { maxTtl: 'x' }), `${guardrail('cap')}"`, guardrail('Cap'), undefined]) {
      const folder = await temporaryFolder();
      const store = new MemoryDocumentStore();
      const path = join(folder, 'a.yaml');
      await fill(folder, { 'a.yaml': guardrail('cap', { maxTtl: '7m' }) });
      await (await started([path], { store })).catalog.close();
      await (text === undefined ? rm(path) : writeFile(path, text));
      const { catalog } = await started([path], { store });
      expect(catalog.current().guardrails).toMatchObject([{ name: 'cap' }]);
      expect(errors(catalog).length).toBeGreaterThan(0);
      await refusal([path]);
    }
  });

  test('names the field of a file that is not there, never its path, and starts', async () => {
    const folder = await temporaryFolder();
    const keys = (jwksFile: string) => ({ keys: { static: { jwksFile } } });
    await fill(folder, {
      'a.yaml':
        issuer('a', keys('./private/missing.json')) + issuer('b', keys('./b.json')) + issuer('c', keys('./c.json')),
      'b.json': '{"keys":',
      'c.json': '{"keys":[]}',
    });
    const { catalog } = await started([folder]);
    expect(errors(catalog).map(({ name, field, message, line }) => [name, field, message, line])).toEqual([
      ['a', 'spec.keys.static.jwksFile', 'names a file that does not exist', 2],
      ['b', 'spec.keys.static.jwksFile', 'names a file that is not JSON', 4],
    ]);
    expect(JSON.stringify(catalog.faults())).not.toContain('private');
    expect(inForce(catalog).issuers).toEqual(['a', 'b', 'c']);
  });
});

describe('a kubeconfig that an issuer names', () => {
  const TEXT = JSON.stringify({
    kind: 'Config',
    contexts: [
      { name: 'plugin', context: { cluster: 'c', user: 'p' } },
      { name: 'token', context: { cluster: 'c', user: 't' } },
    ],
    clusters: [{ name: 'c', cluster: { server: 'https://10.7.0.1:6443' } }],
    users: [
      { name: 'p', user: { exec: { command: 'login' } } },
      { name: 't', user: { token: 'a-very-secret-token' } },
    ],
  });

  test('is a fault of the field when its context cannot be used, and none when it can (K12)', async () => {
    const folder = await temporaryFolder();
    const keys = (context: string) => ({ keys: { kubeconfig: { file: './kubeconfig', context } } });
    await fill(folder, {
      'a.yaml': issuer('a', keys('plugin')) + issuer('b', keys('token')) + issuer('c', keys('tokn')),
      kubeconfig: TEXT,
    });
    const { catalog } = await started([folder]);
    expect(errors(catalog).map(({ name, field, message }) => [name, field, message])).toEqual([
      [
        'a',
        'spec.keys.kubeconfig.file',
        'names a kubeconfig that cannot be used: user p: exec is not supported; use a token or a tokenFile',
      ],
      [
        'c',
        'spec.keys.kubeconfig.file',
        'names a kubeconfig that cannot be used: has no context tokn; did you mean token?',
      ],
    ]);
    expect(JSON.stringify(catalog.faults())).not.toContain('a-very-secret-token');
  });
});

describe('reloading', () => {
  test('swaps to another Snapshot, and keeps the very same revision when nothing has changed', async () => {
    const folder = await temporaryFolder();
    await fill(folder, { 'a.yaml': issuer('prod') });
    const { catalog } = await started([folder]);
    const before = catalog.current();
    expect(await catalog.reload()).toBe('unchanged');
    expect(catalog.current().revision).toBe(before.revision);
    await fill(folder, { 'b.yaml': issuer('new') });
    expect(await catalog.reload()).toBe('changed');
    expect(inForce(catalog).issuers).toEqual(['new', 'prod']);
    expect([...before.issuers.byName.keys()]).toEqual(['prod']);
  });

  test('loads the language with the first condition, and compiles what has not changed no second time', async () => {
    const folder = await temporaryFolder();
    await fill(folder, { 'a.yaml': issuer('prod') });
    const { catalog } = await started([folder]);
    await fill(folder, { 'b.yaml': guardrail('one', { deny: 'target.kind == "aws"' }) });
    expect(await catalog.reload()).toBe('changed');
    expect(errors(catalog)).toEqual([]);
    const condition = () => catalog.current().guardrails.find(({ name }) => name === 'one')?.deny?.condition;
    const before = condition();
    expect(before).toBeDefined();
    await fill(folder, { 'c.yaml': guardrail('two', { deny: 'target.knd == "aws"' }) });
    await catalog.reload();
    expect(condition()).toBe(before);
    expect(errors(catalog).map(({ name, field, message }) => `${name} ${field} ${message}`)).toContain(
      'two spec.deny column 8: has no field knd',
    );
  });

  test('leaves the Snapshot as it was when compiling throws, and recovers', async () => {
    const folder = await temporaryFolder();
    await fill(folder, { 'a.yaml': issuer('prod') });
    let broken = false;
    const { catalog } = await started([folder], {
      compile: (input) => {
        if (broken) throw new Error('out of luck');
        return compileInSteps(input);
      },
    });
    const before = catalog.current();
    await fill(folder, { 'b.yaml': issuer('new') });
    broken = true;
    expect(await catalog.reload()).toBe('failed');
    expect(catalog.current()).toBe(before);
    broken = false;
    expect(await catalog.reload()).toBe('changed');
  });

  test('keeps a ceiling whose file vanishes from a configured path or breaks, and drops one that is deleted from a folder', async () => {
    const folder = await temporaryFolder();
    await fill(folder, {
      'r/a.yaml': guardrail('kept') + guardrail('other'),
      'r/b.yaml': guardrail('deleted'),
      'one.yaml': guardrail('one'),
    });
    const { catalog } = await started([join(folder, 'r'), join(folder, 'one.yaml')]);
    await writeFile(join(folder, 'r/a.yaml'), `${guardrail('other')}---\n{"unclosed`);
    await rm(join(folder, 'r/b.yaml'));
    await rm(join(folder, 'one.yaml'));
    await catalog.reload();
    expect(inForce(catalog).guardrails).toEqual(['kept', 'one', 'other']);
    await rm(join(folder, 'r'), { recursive: true });
    await catalog.reload();
    expect(inForce(catalog).guardrails).toEqual(['kept', 'one', 'other']);
    await fill(folder, { 'r/a.yaml': guardrail('other') });
    await catalog.reload();
    expect(inForce(catalog).guardrails).toEqual(['one', 'other']);
  });

  test('takes an empty file for one that is being written, and one with a comment for one without documents', async () => {
    const folder = await temporaryFolder();
    await fill(folder, { 'a.yaml': guardrail('cap') });
    const { catalog } = await started([folder]);
    await writeFile(join(folder, 'a.yaml'), '');
    await catalog.reload();
    expect(inForce(catalog).guardrails).toEqual(['cap']);
    expect(errors(catalog)).toMatchObject([{ source: join(folder, 'a.yaml'), hint: 'mend the file, or delete it' }]);
    await writeFile(join(folder, 'a.yaml'), '# none any more\n');
    await catalog.reload();
    expect(inForce(catalog).guardrails).toEqual([]);
    expect(errors(catalog)).toEqual([]);
  });

  test('hands a mapping that broke to quarantine with its last good version, also when its text is torn off', async () => {
    const folder = await temporaryFolder();
    const handed: Parameters<Compile>[0][] = [];
    await fill(folder, { 'a.yaml': issuer('prod'), 'b.yaml': mapping('m') });
    const { catalog } = await started([folder], {
      compile: (input) => {
        handed.push(input);
        return compileInSteps(input);
      },
    });
    for (const text of [mapping('m', { owner: 5 }), mapping('m').slice(0, -40), '"']) {
      await writeFile(join(folder, 'b.yaml'), text);
      await catalog.reload();
      const { documents, lastGood } = handed.at(-1) ?? { documents: [], lastGood: [] };
      expect(documents.find(({ name }) => name === 'm')).toMatchObject({ valid: false, kind: 'FederationMapping' });
      expect(lastGood.find(({ name }) => name === 'm')).toMatchObject({ valid: true, spec: { owner: 'a' } });
    }
    await rm(join(folder, 'b.yaml'));
    await catalog.reload();
    await catalog.reload();
    expect(handed.at(-1)?.documents.map(({ name }) => name)).toEqual(['prod']);
    // Of what is good as it stands no former version is needed.
    expect(handed.at(-1)?.lastGood).toEqual([]);
  });

  test('remembers over a restart which of two files had a name first', async () => {
    const folder = await temporaryFolder();
    const store = new MemoryDocumentStore();
    await fill(folder, { 'i.yaml': issuer('prod'), 'z.yaml': mapping('m') });
    await (await started([folder], { store })).catalog.close();
    await fill(folder, { 'a.yaml': mapping('m', { owner: 'b' }) });
    for (let restart = 0; restart < 2; restart += 1) {
      const { catalog } = await started([folder], { store });
      expect(new Set(errors(catalog).map(({ source }) => source))).toEqual(new Set([join(folder, 'a.yaml')]));
      await catalog.close();
    }
    const { catalog } = await started([folder]);
    expect(new Set(errors(catalog).map(({ source }) => source))).toEqual(
      new Set([join(folder, 'a.yaml'), join(folder, 'z.yaml')]),
    );
  });

  test('goes on when the store fails, says so, and stores the history at the next reading', async () => {
    const folder = await temporaryFolder();
    const store = new CountingStore();
    await fill(folder, { 'a.yaml': issuer('prod') });
    const { catalog, lines } = await started([folder], { store });
    const { writes } = store;
    store.failure = new Error('disk full');
    await fill(folder, { 'b.yaml': issuer('new') });
    expect(await catalog.reload()).toBe('changed');
    expect(inForce(catalog).issuers).toEqual(['new', 'prod']);
    expect(lines.map(([message]) => message)).toContain('the history of the resources could not be stored');
    store.failure = undefined;
    expect(await catalog.reload()).toBe('unchanged');
    expect(store.writes).toBeGreaterThan(writes);
  });

  test('gives a caller who comes during a reading one that begins after the call', async () => {
    const folder = await temporaryFolder();
    await fill(folder, { 'a.yaml': issuer('prod') });
    const { catalog } = await started([folder]);
    const first = catalog.reload();
    await fill(folder, { 'b.yaml': issuer('new') });
    const [second, third] = [catalog.reload(), catalog.reload()];
    expect(second).toBe(third);
    await Promise.all([first, second]);
    expect(inForce(catalog).issuers).toEqual(['new', 'prod']);
  });
});

describe('watching', () => {
  const QUICK = { debounceMs: 5, pollMs: NEVER };

  test('sees a changed file by its event', async () => {
    const folder = await temporaryFolder();
    await fill(folder, { 'a.yaml': issuer('prod') });
    const { catalog } = await started([folder], { watching: QUICK });
    const changed = next(catalog, 'changed');
    await fill(folder, { 'b.yaml': issuer('new') });
    await changed;
    // The first look may have seen the file before its text was in it.
    await catalog.reload();
    expect(inForce(catalog).issuers).toEqual(['new', 'prod']);
  });

  test('sees the atomic swap of a ConfigMap, and never a mixture', async () => {
    const folder = await temporaryFolder();
    const both = (version: string) => ({ 'a.yaml': guardrail(`a-${version}`), 'b.yaml': guardrail(`b-${version}`) });
    await publishConfigMap(folder, 'one', both('one'));
    const { catalog } = await started([folder], { watching: QUICK });
    const changed = next(catalog, 'changed');
    await publishConfigMap(folder, 'two', both('two'));
    await changed;
    expect(inForce(catalog).guardrails).toEqual(['a-two', 'b-two']);
  });

  test('sees a configured file replaced by another, by its folder', async () => {
    const folder = await temporaryFolder();
    const path = join(folder, 'one.yaml');
    await fill(folder, { 'one.yaml': issuer('prod') });
    const { catalog } = await started([path], { watching: QUICK });
    const changed = next(catalog, 'changed');
    await writeFile(path, issuer('new'));
    await changed;
    await catalog.reload();
    expect(inForce(catalog).issuers).toEqual(['new']);
  });

  test('finds by looking what no event told, also a folder that comes back', async () => {
    const folder = await temporaryFolder();
    const store = new MemoryDocumentStore();
    const inner = join(folder, 'inner');
    await fill(folder, { 'inner/a.yaml': issuer('prod') });
    await (await started([inner], { store })).catalog.close();
    await rm(inner, { recursive: true });
    const { catalog } = await started([inner], { store, watching: { debounceMs: NEVER, pollMs: 10 } });
    expect(inForce(catalog).issuers).toEqual(['prod']);
    const changed = next(catalog, 'changed');
    await fill(folder, { 'inner/b.yaml': issuer('new') });
    await changed;
    expect(inForce(catalog).issuers).toContain('new');
  });

  test('ends with close', async () => {
    const folder = await temporaryFolder();
    await fill(folder, { 'a.yaml': issuer('prod') });
    const { catalog } = await started([folder], { watching: { debounceMs: 1, pollMs: 1 } });
    await catalog.close();
    const { revision } = catalog.current();
    const outcomes: ReloadOutcome[] = [];
    catalog.onReload((outcome) => outcomes.push(outcome));
    await fill(folder, { 'b.yaml': issuer('new') });
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect([outcomes, catalog.current().revision]).toEqual([[], revision]);
  });
});

describe('the name of a deleted mapping (DESIGN section 8)', () => {
  test('is told when it comes back, also after a restart, and only once', async () => {
    const folder = await temporaryFolder();
    const store = new MemoryDocumentStore();
    await fill(folder, { 'a.yaml': issuer('prod'), 'b.yaml': mapping('reports') });
    const first = await started([folder], { store });
    await rm(join(folder, 'b.yaml'));
    await first.catalog.reload();
    await first.catalog.close();
    await fill(folder, { 'c.yaml': mapping('reports', { owner: 'somebody else' }) });
    const second = await started([folder], { store });
    expect(second.reused).toEqual(['reports']);
    await second.catalog.reload();
    expect([...first.reused, ...second.reused]).toEqual(['reports']);
  });

  test('is remembered when the file goes while nothing runs', async () => {
    const folder = await temporaryFolder();
    const store = new MemoryDocumentStore();
    await fill(folder, { 'a.yaml': issuer('prod'), 'b.yaml': mapping('reports') });
    await (await started([folder], { store })).catalog.close();
    await rm(join(folder, 'b.yaml'));
    await (await started([folder], { store })).catalog.close();
    await fill(folder, { 'b.yaml': mapping('reports') });
    expect((await started([folder], { store })).reused).toEqual(['reports']);
  });

  test('is not reused by a mapping that only moves to another file', async () => {
    const folder = await temporaryFolder();
    await fill(folder, { 'a.yaml': issuer('prod'), 'b.yaml': mapping('reports') });
    const { catalog, reused } = await started([folder]);
    await rm(join(folder, 'b.yaml'));
    await fill(folder, { 'moved.yaml': mapping('reports') });
    await catalog.reload();
    await catalog.reload();
    expect(reused).toEqual([]);
  });
});
