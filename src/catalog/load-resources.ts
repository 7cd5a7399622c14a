import type { Snapshot } from '../policy/snapshot.ts';
import { CEILING_KINDS, type Document, type Fault, type FaultyDocument } from '../resources/document.ts';
import type { Compilation, Compiling } from './compiling.ts';
import { fileFault } from './file-fault.ts';
import type { ResourceReading } from './read-resources.ts';
import type { ResourceMemory } from './resource-memory.ts';

export interface Loaded extends Compilation {
  readonly snapshot: Snapshot;
  readonly faults: readonly Fault[];
  /** Faults with which a service that has not run yet must not start. */
  readonly stopping: readonly Fault[];
  readonly documents: readonly Document[];
}

export interface LoadInput {
  readonly reading: ResourceReading;
  readonly memory: ResourceMemory;
  readonly compiling: Compiling;
  /** What is in force while it is compiled. */
  readonly inForce: Loaded | undefined;
}

/**
 * One reading as a Snapshot. What a source used to hold and now cannot be read is taken as faulty, not as deleted: a
 * mapping then refuses, and an issuer or a ceiling keeps its last good version.
 */
export async function loadResources({ reading, memory, compiling, inForce }: LoadInput): Promise<Loaded> {
  const missing = memory.missing(reading.documents, [...reading.unread, ...reading.damaged]);
  const documents = [...reading.documents, ...missing];
  await memory.see(documents.filter((document) => inForce?.inputs.ages.has(document) !== true));
  const compilation = await compiling.load(documents, inForce);
  const { compiled } = compilation;
  const faults = [...reading.faults, ...compiled.faults, ...compiled.refused, ...keptFaults(missing)];
  return {
    ...compilation,
    snapshot: compiled.snapshot,
    faults,
    stopping: [...compiled.refused, ...unknownCeilings(reading, missing)],
    documents,
  };
}

/** Says for each source how many of its former documents are held on to. */
function keptFaults(missing: readonly FaultyDocument[]): readonly Fault[] {
  return [...Map.groupBy(missing, ({ source }) => source.id)].map(([source, documents]) =>
    fileFault(
      source,
      `${documents.length} documents that were here cannot be found: mappings refuse, the others stay as they were`,
      'mend the file, or delete it',
    ),
  );
}

/**
 * Faults behind which an issuer or a ceiling may stand that nobody has seen: a text that means such a kind and gave no
 * document, and a file or folder that cannot be read. Where the memory knows what was there, it is in `missing`.
 */
function unknownCeilings(reading: ResourceReading, missing: readonly FaultyDocument[]): readonly Fault[] {
  const { faults, unread } = reading;
  const isKnown = (source: string) =>
    missing.some(({ source: { id } }) => id === source || id.startsWith(`${source}/`));
  return faults.filter((fault) => {
    const { severity, source, kind } = fault;
    if (severity === 'warning' || belongsToDocument(fault, reading.documents)) return false;
    if (kind === undefined) return unread.includes(source) && !isKnown(source);
    return CEILING_KINDS.includes(kind) && !missing.some((one) => one.kind === kind && one.source.id === source);
  });
}

function belongsToDocument({ source, kind, name }: Fault, documents: readonly Document[]): boolean {
  if (name === undefined) return false;
  return documents.some((one) => one.kind === kind && one.name === name && one.source.id === source);
}
