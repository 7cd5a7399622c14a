import { readFile } from 'node:fs/promises';
import { compile } from '../src/policy/compile.ts';
import { readDocuments } from '../src/resources/read-documents.ts';
import { type Material, mappingFiles } from './material.ts';

// Text of many mappings to a Snapshot: parsing, checking, compiling, indexing; no files and no store. Run with
// --expose-gc: what is held is the heap that the Snapshot alone keeps alive.
const [name = '', count = '', materialFile = ''] = process.argv.slice(2);
const material = JSON.parse(await readFile(materialFile, 'utf8')) as Material;
const context = {
  trustDomain: 'example.org',
  development: true,
  ownIssuers: ['https://carnet.example.org'],
  requireGrants: false,
};

function load(texts: readonly string[]) {
  const documents = texts.flatMap((text, index) => {
    const reading = readDocuments(text, { id: `file-${index}`, baseDirectory: '/' }, { ...context, now: Date.now() });
    if (reading.faults.length > 0) throw new Error(`the mappings have faults: ${reading.faults[0]?.message}`);
    return reading.documents;
  });
  return compile({ documents, firstSeen: () => undefined, lastGood: [], context }).snapshot;
}

function heapBytes(): number {
  globalThis.gc?.();
  return process.memoryUsage().heapUsed;
}

const small = load([material.resources]);
const texts = mappingFiles(Number(count));
const heapBefore = heapBytes();
const begun = performance.now();
const before = process.cpuUsage();
const snapshot = load([material.resources, ...texts]);
const { user, system } = process.cpuUsage(before);
const seconds = (performance.now() - begun) / 1000;
const held = heapBytes() - heapBefore;
if (snapshot.mappings.size !== small.mappings.size + Number(count)) throw new Error('not every mapping is in force');
process.send?.({
  [`${name}.cpu`]: (user + system) / 1000,
  [`${name}.seconds`]: seconds,
  [`${name}.held`]: held / 1024 / 1024,
  [`${name}.rss`]: process.resourceUsage().maxRSS / 1024,
});
process.disconnect?.();
