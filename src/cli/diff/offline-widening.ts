import type { Compiled } from '../../policy/compile.ts';
import { compile } from '../../policy/compile.ts';
import { conditionsFor } from '../../policy/conditions/conditions-for.ts';
import { type Widening, wideningBetween } from '../../policy/widening.ts';
import { readDocuments } from '../../resources/read-documents.ts';
import { ANY_CLUSTER } from '../installation.ts';

/** Whether the second of two texts lets anybody get more than the first, each taken for all that there is. */
export async function offlineWidening(before: string, after: string, now: number): Promise<Widening> {
  const conditions = await conditionsFor([...read(before, now), ...read(after, now)]);
  const compiled = (text: string): Compiled =>
    compile({
      documents: read(text, now),
      firstSeen: () => undefined,
      lastGood: [],
      conditions,
      context: { trustDomain: 'example.org', ownIssuers: [], ownCluster: ANY_CLUSTER, requireGrants: false },
    });
  return wideningBetween(compiled(before).snapshot, compiled(after).snapshot, conditions);
}

function read(text: string, now: number) {
  // A document is at most 1 MiB, a text of many may be more.
  return text
    .split(/^(?=---(?:[ \t\r\n]|$))/m)
    .flatMap(
      (part, at) => readDocuments(part, { id: String(at), baseDirectory: '/' }, { development: true, now }).documents,
    );
}
