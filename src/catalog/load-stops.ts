import type { ReadContext } from '../resources/context-checks.ts';
import { readDocuments } from '../resources/read-documents.ts';
import { type Loaded, type LoadInput, loadResources } from './load-resources.ts';
import type { ResourceText } from './stored-resources.ts';

interface StopsInput extends Omit<LoadInput, 'reading' | 'inForce'> {
  readonly loaded: Loaded;
  readonly readContext: ReadContext;
}

/** One reading and further stops. What was wrong with it is what is wrong; what is wrong with a stop shows later. */
export async function loadStops(
  stops: readonly ResourceText[],
  { loaded, readContext, ...input }: StopsInput,
): Promise<Loaded> {
  const readings = stops.map(({ source, text, ...provenance }) =>
    readDocuments(text, { ...provenance, id: source }, readContext),
  );
  const documents = [...loaded.documents, ...readings.flatMap((reading) => reading.documents)];
  const reading = { documents, faults: [], unread: [], damaged: [], signature: '', known: new Map() };
  const next = await loadResources({ ...input, reading, inForce: loaded });
  return { ...next, faults: loaded.faults };
}
