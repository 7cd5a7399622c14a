import type { Catalog } from '../../catalog/catalog.ts';
import { type Preview, type ReadChange, type StoredChange, TooManyErrors } from '../../catalog/preview.ts';
import type { Compiled } from '../../policy/compile.ts';
import { uncovered } from '../../policy/coverage.ts';
import { errorAt } from '../../policy/fault.ts';
import { type Widening, wideningBetween } from '../../policy/widening.ts';
import type { Fault } from '../../resources/document.ts';
import { AdminError } from '../admin-error.ts';
import { type Changes, changesBetween, faultsOf } from '../changes.ts';

const MAX_TOLD_FAULTS = 100;

/** What a change would do. */
export interface Judged {
  readonly changes: Changes;
  /** Whether anybody may get more. */
  readonly widening: Widening;
}

/**
 * What would change. Throws AdminError `invalid` where a document is wrong by itself or beside the others, and where it
 * would take from mappings that are not changed.
 */
export async function judged(catalog: Catalog, changes: readonly StoredChange[]): Promise<Judged> {
  const preview = await catalog.preview(changes).catch((cause) => {
    if (cause instanceof TooManyErrors) throw invalid(cause.faults);
    throw cause;
  });
  const bySource = Map.groupBy(faultsOf(preview.compiled), ({ source }) => source);
  const found = preview.changes.flatMap((read, index) => faultsIn(changes[index], read, bySource));
  const errors = found.filter(({ severity }) => severity === 'error');
  if (errors.length > 0) throw invalid(errors);
  assertCovered(preview);
  const { compiled } = catalog.loaded();
  const difference = changesBetween(compiled, preview.compiled);
  assertHarmless(changes, compiled, difference);
  const widening = wideningBetween(compiled.snapshot, preview.compiled.snapshot, preview.conditions);
  return { changes: difference, widening };
}

function invalid(errors: readonly Fault[]): AdminError {
  return new AdminError('invalid', { faults: errors.slice(0, MAX_TOLD_FAULTS).map(ofRequest) });
}

/** Whoever is limited writes nothing that would refuse for want of a grant. Throws AdminError `invalid`. */
function assertCovered({ changes, compiled: { snapshot } }: Preview): void {
  const faults = changes.flatMap(({ document }) => {
    if (document?.source.author?.scoped !== true || !document.valid || document.kind !== 'FederationMapping') return [];
    const coverage = snapshot.grants.of({ mapping: document, source: document.source });
    if (coverage.ok) return [];
    const { path, ...text } = uncovered(coverage);
    return [errorAt(document, path, text)];
  });
  if (faults.length === 0) return;
  const detail = 'what this identity maps needs a FederationGrant that covers it';
  throw new AdminError('invalid', { detail, faults: faults.slice(0, MAX_TOLD_FAULTS).map(ofRequest) });
}

type BySource = ReadonlyMap<string, readonly Fault[]>;

/** What is wrong within a document has compiled to nothing, and says so once more: then that alone. */
function faultsIn(change: StoredChange | undefined, { document, ownFaults }: ReadChange, beside: BySource) {
  if (ownFaults.length > 0 || document === undefined) return ownFaults;
  const here = beside.get(document.source.id) ?? [];
  return here.filter(({ kind, name }) => kind === change?.kind && name === change?.name);
}

/**
 * A mapping that takes a name, an audience or an address of others would put them out of force or leave them less, those
 * of files too. Throws AdminError `invalid` with what would be wrong with them.
 */
function assertHarmless(changes: readonly StoredChange[], { accepted }: Compiled, { newFaults }: Changes): void {
  const mappings = changes.filter(({ kind }) => kind === 'FederationMapping');
  if (!mappings.some(({ document }) => document !== undefined)) return;
  const changed = new Set<string | undefined>(mappings.map(({ name }) => name));
  const found = newFaults.filter(({ kind, name }) => isMapping(kind) && !changed.has(name));
  const others = new Set(found.map(({ name }) => name));
  const good = new Set(accepted.flatMap(({ kind, name }) => (isMapping(kind) && others.has(name) ? [name] : [])));
  const faults = found.filter(({ name }) => name !== undefined && good.has(name));
  if (faults.length === 0) return;
  throw new AdminError('invalid', {
    detail: 'it would take from other mappings',
    faults: faults.slice(0, MAX_TOLD_FAULTS),
  });
}

function isMapping(kind: string | undefined): boolean {
  return kind === 'FederationMapping';
}

/** The lines are those of the store's own text. */
function ofRequest({ line: _, ...fault }: Fault): Fault {
  return { ...fault, source: 'request body' };
}
