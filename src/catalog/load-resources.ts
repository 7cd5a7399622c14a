import type { CompileContext, Compiled, CompileInput } from '../policy/compile.ts';
import type { Conditions } from '../policy/conditions/condition.ts';
import { conditionsFor } from '../policy/conditions/conditions-for.ts';
import type { Snapshot } from '../policy/snapshot.ts';
import type { ReadContext } from '../resources/context-checks.ts';
import { CEILING_KINDS, type Document, type Fault, type FaultyDocument, type Kind } from '../resources/document.ts';
import { fileFault } from './file-fault.ts';
import type { ResourceReading } from './read-resources.ts';
import type { ResourceMemory } from './resource-memory.ts';

export type Compile = (input: CompileInput) => Compiled;

export interface Loaded {
  readonly snapshot: Snapshot;
  readonly faults: readonly Fault[];
  /** Faults with which a service that has not run yet must not start. */
  readonly stopping: readonly Fault[];
  readonly documents: readonly Document[];
  readonly compiled: Compiled;
  readonly conditions: Conditions;
}

export interface LoadInput {
  readonly reading: ResourceReading;
  readonly memory: ResourceMemory;
  readonly compile: Compile;
  /** What the former reading's conditions were compiled with. */
  readonly conditions?: Conditions | undefined;
  readonly context: CompileContext & Pick<ReadContext, 'development'>;
}

/**
 * One reading as a Snapshot. What a source used to hold and now cannot be read is taken as faulty, not as deleted: a
 * mapping then refuses, and an issuer or a ceiling keeps its last good version.
 */
export async function loadResources({ reading, memory, compile, context, ...former }: LoadInput): Promise<Loaded> {
  const missing = memory.missing(reading.documents, [...reading.unread, ...reading.damaged]);
  const documents = [...reading.documents, ...missing];
  memory.see(documents);
  const lastGood = memory.lastGood(documents);
  const conditions = await conditionsFor([...documents, ...lastGood], former.conditions);
  const compiled = compile({
    documents,
    firstSeen: (kind: Kind, name: string, sourceId: string) => memory.firstSeen(kind, name, sourceId),
    lastGood,
    context,
    conditions,
  });
  const faults = [...reading.faults, ...compiled.faults, ...compiled.refused, ...keptFaults(missing)];
  return {
    snapshot: compiled.snapshot,
    faults,
    stopping: [...compiled.refused, ...unknownCeilings(reading, missing)],
    documents,
    compiled,
    conditions,
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
