import { join } from 'node:path';
import type { Head } from './line.ts';
import { lineBatches, listSegments, listStreams } from './segments.ts';
import { StreamCheck } from './stream-check.ts';
import type { StreamReport, VerifyReport } from './verify-report.ts';

export interface VerifyProgress {
  readonly stream: string;
  readonly file: string;
  readonly records: number;
  readonly bytes: number;
}

export interface VerifyOptions {
  /** The audit directory: a folder per stream. */
  readonly directory: string;
  /** The heads that the store knows, by stream, read before this is called. Without them no cut at the end is found. */
  readonly heads?: ReadonlyMap<string, Head>;
  /**
   * In a store that replicas share: the stream that must be in this directory. Others that the store knows may be in the
   * directories of other replicas. Without it all must be here.
   */
  readonly own?: string;
  readonly onProgress?: (progress: VerifyProgress) => void;
}

/**
 * Checks every stream of a directory, also while it is written. Only reads.
 *
 * Found always: a changed, cut, added or moved byte anywhere but in an unfinished last line (`tornTail`), and a missing,
 * repeated, moved or foreign record before the last one. Found by the head in the store: a cut at the end that takes
 * records up to that head, and a log that was rewritten with new hashes from a record up to it. Not found: a cut at a
 * line's end, or a rewriting, of records that came after the last stored head (at most the last second before a crash).
 */
export async function verifyAuditLog({ directory, heads, own, onProgress }: VerifyOptions): Promise<VerifyReport> {
  const here = new Set(await listStreams(directory));
  const known = [...(heads?.keys() ?? [])];
  const elsewhere = known.filter((stream) => own !== undefined && stream !== own && !here.has(stream));
  const names = new Set([...here, ...known]).difference(new Set(elsewhere));
  const streams: StreamReport[] = [];
  for (const stream of [...names].sort()) {
    const check = new StreamCheck(stream, heads?.get(stream));
    const folder = join(directory, stream);
    await checkFolder(check, folder, (file) => {
      onProgress?.({ stream, file, records: check.records, bytes: check.bytes });
    });
    streams.push(check.report(folder));
  }
  return { ok: streams.every(({ faultCount }) => faultCount === 0), streams, elsewhere };
}

async function checkFolder(check: StreamCheck, folder: string, onProgress: (file: string) => void): Promise<void> {
  const segments = await listSegments(folder);
  for (const segment of segments) {
    const isNewest = segment === segments.at(-1);
    let lines = 0;
    for await (const batch of lineBatches(segment.path)) {
      for (const line of batch) check.line(segment, line, isNewest);
      lines += batch.length;
      onProgress(segment.path);
    }
    check.endOfSegment(segment, lines, isNewest);
  }
}
