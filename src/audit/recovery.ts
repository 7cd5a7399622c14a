import { basename } from 'node:path';
import { GENESIS, type Head, type Link, parseLine } from './line.ts';
import type { RecordedRecovery } from './record.ts';
import { type Line, lineBatches, listSegments, type Segment } from './segments.ts';

/** The log on disk is not what was written. It is left as it is: `carnet audit verify` shows what is wrong. */
export class AuditLogCorrupt extends Error {
  override readonly name = 'AuditLogCorrupt';

  constructor(file: string, line: number | undefined, what: string) {
    const place = line === undefined ? file : `${file}:${line}`;
    super(`audit log ${place}: ${what}; it is left untouched, run "carnet audit verify" and restore the files`);
  }
}

export interface Recovered {
  readonly head: Head;
  readonly last?: { readonly path: string; readonly goodBytes: number; readonly sizeBytes: number };
  /** Absent for a new stream. */
  readonly recovery?: RecordedRecovery;
}

interface Ending {
  readonly last?: Line;
  readonly torn?: Line;
  readonly sizeBytes: number;
}

/**
 * Where a stream goes on after its last process ended, however it ended. A torn last line is to be taken off and told.
 * Throws AuditLogCorrupt when the last whole line is damaged, when the log ends before the head that the store has, or
 * when a record from that head on breaks the chain.
 */
export async function recover(folder: string, stream: string, stored: Head | undefined): Promise<Recovered> {
  const segments = await listSegments(folder);
  const newest = segments.at(-1);
  if (newest === undefined) {
    if (stored !== undefined) {
      const other = `or another replica writes ${stream} and this one needs a name of its own in audit.stream`;
      throw new AuditLogCorrupt(folder, undefined, `records 1 to ${stored.seq} are missing, ${other}`);
    }
    return { head: GENESIS };
  }
  const ending = await endingOf(newest);
  const { link, file } = await lastLink(segments, ending, stream);
  const head = link === undefined ? GENESIS : { seq: link.seq, hash: link.hash };
  if (ending.last === undefined && newest.firstSeq !== head.seq + 1) {
    throw new AuditLogCorrupt(newest.path, undefined, `it begins after record ${head.seq}`);
  }
  if (stored !== undefined) await compareWithStored({ segments, head, stored, file });
  const torn = ending.torn && {
    file: basename(newest.path),
    droppedBytes: ending.sizeBytes - ending.torn.offset,
  };
  return {
    head,
    last: { path: newest.path, goodBytes: ending.torn?.offset ?? ending.sizeBytes, sizeBytes: ending.sizeBytes },
    recovery: {
      unclean: link?.type !== 'lifecycle' || link.members['outcome'] !== 'stopped',
      headUnknown: stored === undefined ? true : undefined,
      torn,
    },
  };
}

async function endingOf(segment: Segment): Promise<Ending> {
  let last: Line | undefined;
  let torn: Line | undefined;
  let sizeBytes = 0;
  for await (const lines of lineBatches(segment.path)) {
    const end = lines.at(-1);
    if (end === undefined) continue;
    sizeBytes = end.offset + end.length + (end.torn ? 0 : 1);
    if (end.torn) torn = end;
    else last = end;
  }
  return { ...(last && { last }), ...(torn && { torn }), sizeBytes };
}

async function lastLink(
  segments: readonly Segment[],
  ending: Ending,
  stream: string,
): Promise<{ readonly link: Link | undefined; readonly file: string }> {
  const newest = segments.at(-1);
  const before = segments.at(-2);
  if (newest === undefined) return { link: undefined, file: '' };
  if (ending.last !== undefined) return { link: soundLink(newest, ending.last, stream), file: newest.path };
  // The newest segment was created, and the process ended before its first record.
  if (before === undefined) return { link: undefined, file: newest.path };
  const earlier = await endingOf(before);
  if (earlier.torn !== undefined || earlier.last === undefined) {
    throw new AuditLogCorrupt(before.path, earlier.torn?.number, 'a segment that is not the last ends in a torn line');
  }
  return { link: soundLink(before, earlier.last, stream), file: before.path };
}

function soundLink(segment: Segment, line: Line, stream: string): Link {
  const link = line.overlong ? { fault: 'malformed' } : parseLine(line.bytes);
  if ('fault' in link) throw new AuditLogCorrupt(segment.path, line.number, FAULTS[link.fault] ?? link.fault);
  if (link.stream !== stream) {
    throw new AuditLogCorrupt(segment.path, line.number, `the record belongs to stream ${link.stream}`);
  }
  if (link.seq < segment.firstSeq) {
    throw new AuditLogCorrupt(segment.path, line.number, `record ${link.seq} does not belong in this segment`);
  }
  return link;
}

const FAULTS: Readonly<Record<string, string>> = {
  malformed: 'the line is not an audit record',
  hash: 'the record does not match its hash',
  version: 'the record was written by a newer version of Carnet',
};

interface Comparison {
  readonly segments: readonly Segment[];
  readonly head: Head;
  readonly stored: Head;
  readonly file: string;
}

/** The same for a log that is being written: `head` is the last record of it. Throws AuditLogCorrupt, or what the disk throws. */
export async function assertHolds(folder: string, head: Head, stored: Head): Promise<void> {
  await compareWithStored({ segments: await listSegments(folder), head, stored, file: folder });
}

async function compareWithStored({ segments, head, stored, file }: Comparison): Promise<void> {
  if (head.seq < stored.seq) {
    throw new AuditLogCorrupt(file, undefined, `records ${head.seq + 1} to ${stored.seq} are missing at the end`);
  }
  if (head.seq === stored.seq && head.hash === stored.hash) return;
  const first = segments.findLastIndex((segment) => segment.firstSeq <= stored.seq);
  let previous: Head | undefined;
  for (const segment of segments.slice(Math.max(first, 0))) {
    for await (const lines of lineBatches(segment.path)) {
      for (const line of lines) {
        if (!line.torn) previous = follow(segment, line, { previous, stored });
      }
    }
  }
}

interface Trail {
  readonly previous: Head | undefined;
  readonly stored: Head;
}

function follow(segment: Segment, line: Line, { previous, stored }: Trail): Head {
  const link = line.overlong ? { fault: 'malformed' } : parseLine(line.bytes);
  if ('fault' in link) throw new AuditLogCorrupt(segment.path, line.number, FAULTS[link.fault] ?? link.fault);
  if (previous !== undefined && (link.seq !== previous.seq + 1 || link.prev !== previous.hash)) {
    throw new AuditLogCorrupt(segment.path, line.number, `record ${link.seq} does not follow record ${previous.seq}`);
  }
  if (previous === undefined && link.seq > stored.seq) {
    throw new AuditLogCorrupt(segment.path, line.number, `record ${stored.seq} should come before record ${link.seq}`);
  }
  if (link.seq === stored.seq && link.hash !== stored.hash) {
    throw new AuditLogCorrupt(segment.path, line.number, `record ${link.seq} is not the one that the store knows`);
  }
  return { seq: link.seq, hash: link.hash };
}
