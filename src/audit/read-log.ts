import { join } from 'node:path';
import { parseLine } from './line.ts';
import type { AuditRecord } from './record.ts';
import { AuditLogCorrupt } from './recovery.ts';
import { lineBatches, listSegments, listStreams } from './segments.ts';

export interface ReadOptions {
  /** The audit directory: a folder per stream. */
  readonly directory: string;
  /** One stream; absent: all of them. */
  readonly stream?: string;
  /** Begins with this record of each stream; default 1. */
  readonly fromSeq?: number;
}

/**
 * The records of a directory: each stream in its own order, several streams merged by `at`. Ends at an unfinished last
 * line. Throws AuditLogCorrupt at a line that is no record or does not match its hash; the chain is not checked.
 */
export async function* readAuditLog({ directory, stream, fromSeq = 1 }: ReadOptions): AsyncGenerator<AuditRecord> {
  const names = stream === undefined ? await listStreams(directory) : [stream];
  const sources = names.map((name) => readStream(join(directory, name), fromSeq));
  try {
    const fronts = await Promise.all(sources.map(async (source) => ({ source, next: await source.next() })));
    for (;;) {
      const first = fronts.filter(({ next }) => next.done !== true).reduce(earlier, undefined);
      if (first === undefined || first.next.done === true) return;
      yield first.next.value;
      first.next = await first.source.next();
    }
  } finally {
    for (const source of sources) await source.return(undefined);
  }
}

interface Front {
  readonly source: AsyncGenerator<AuditRecord, undefined>;
  next: IteratorResult<AuditRecord, undefined>;
}

function earlier(best: Front | undefined, front: Front): Front {
  return best === undefined || instant(front) < instant(best) ? front : best;
}

function instant({ next }: Front): string {
  return next.value?.at ?? '';
}

async function* readStream(folder: string, fromSeq: number): AsyncGenerator<AuditRecord, undefined> {
  const segments = await listSegments(folder);
  const start = segments.findLastIndex(({ firstSeq }) => firstSeq <= fromSeq);
  for (const { path } of segments.slice(Math.max(start, 0))) {
    for await (const lines of lineBatches(path)) {
      for (const line of lines) {
        if (line.torn) return;
        const link = line.overlong ? { fault: 'overlong' } : parseLine(line.bytes);
        if ('fault' in link || !isRecord(link.members)) {
          throw new AuditLogCorrupt(path, line.number, 'the line is not a sound audit record');
        }
        if (link.seq >= fromSeq) yield link.members;
      }
    }
  }
}

// `parseLine` has checked the members that hold the chain; the rest is as written by this or an older version.
function isRecord(members: unknown): members is AuditRecord {
  return typeof members === 'object' && members !== null && 'outcome' in members;
}
