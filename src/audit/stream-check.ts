import { basename } from 'node:path';
import { GENESIS, type Head, type Link, parseLine } from './line.ts';
import { OpenOutcomes } from './open-outcomes.ts';
import type { Line, Segment } from './segments.ts';
import type { Fault, FaultKind, StreamReport } from './verify-report.ts';

const MAX_FAULTS = 100;
const MAX_OPEN_LISTED = 1_000;

const SELF_FAULTS = {
  malformed: 'the line is not an audit record',
  overlong: 'the line is longer than a record can be',
  hash: 'the record does not match its hash',
  version: 'the record was written by a newer version of Carnet',
} as const;

/** The checking of one stream, line after line; memory does not grow with the log. */
export class StreamCheck {
  readonly #stream: string;
  readonly #head: Head | undefined;
  readonly #open = new OpenOutcomes();
  readonly #faults: Fault[] = [];
  #faultCount = 0;
  #segments = 0;
  #records = 0;
  #bytes = 0;
  /** Where the chain stands; the hash is unknown after a line that could not be read. */
  #at: { readonly seq: number; readonly hash: string | undefined } = GENESIS;
  #last: StreamReport['last'];
  #consistentTo = 0;
  #headSeen = false;
  #tornTail: StreamReport['tornTail'];

  constructor(stream: string, head: Head | undefined) {
    this.#stream = stream;
    this.#head = head;
  }

  get records(): number {
    return this.#records;
  }

  get bytes(): number {
    return this.#bytes;
  }

  line(segment: Segment, line: Line, isNewest: boolean): void {
    this.#bytes += line.length + (line.torn ? 0 : 1);
    const file = basename(segment.path);
    if (line.torn) {
      if (isNewest) this.#tornTail = { file, line: line.number, bytes: line.length };
      else this.#fault('torn', { file, line: line.number }, 'the segment ends within a line');
      return;
    }
    const link = line.overlong ? { fault: 'overlong' as const } : parseLine(line.bytes);
    if ('fault' in link) this.#unreadable(link, file, line.number);
    else this.#record(link, file, line.number);
    if (line.number === 1) this.#checkName(segment, file);
  }

  /** To be called after the lines of each segment. */
  endOfSegment(segment: Segment, lines: number, isNewest: boolean): void {
    this.#segments += 1;
    if (lines > 0) return;
    const file = basename(segment.path);
    if (!isNewest) this.#fault('malformed', { file }, 'the segment is empty');
    else if (segment.firstSeq !== this.#at.seq + 1) {
      this.#fault('gap', { file, seq: this.#at.seq + 1 }, `records before ${segment.firstSeq} are missing`);
    }
  }

  report(folder: string): StreamReport {
    this.#compareEnd(folder);
    const head = this.#head;
    const proven = head !== undefined && this.#headSeen && this.#consistentTo >= head.seq;
    return {
      stream: this.#stream,
      segments: this.#segments,
      records: this.#records,
      bytes: this.#bytes,
      ...(this.#last && { last: this.#last }),
      ...(head && { headSeq: head.seq }),
      provenTo: proven ? head.seq : 0,
      consistentTo: this.#consistentTo,
      ...(this.#tornTail && { tornTail: this.#tornTail }),
      faults: this.#faults,
      faultCount: this.#faultCount,
      openOutcomes: this.#open.first(MAX_OPEN_LISTED),
      openOutcomeCount: this.#open.count,
    };
  }

  #unreadable(found: { readonly fault: keyof typeof SELF_FAULTS; readonly seq?: number }, file: string, line: number) {
    const seq = found.seq ?? this.#at.seq + 1;
    this.#fault(found.fault, { file, line, seq }, SELF_FAULTS[found.fault]);
    this.#at = { seq, hash: undefined };
  }

  #record(link: Link, file: string, line: number): void {
    this.#records += 1;
    const place = { file, line, seq: link.seq };
    const { seq, hash } = this.#at;
    if (link.stream !== this.#stream) {
      this.#fault('foreign-stream', place, `the record belongs to stream ${JSON.stringify(link.stream)}`);
    }
    if (link.seq > seq + 1) this.#fault('gap', place, `records ${seq + 1} to ${link.seq - 1} are missing before it`);
    else if (link.seq <= seq) this.#fault('repeated', place, `it stands after record ${seq}`);
    else if (hash !== undefined && link.prev !== hash) {
      this.#fault('chain', place, `it is not chained to the record ${seq} that stands before it`);
    }
    if (link.seq === this.#head?.seq) this.#compareHead(link, place);
    this.#at = link;
    this.#last = { seq: link.seq, at: link.at, hash: link.hash };
    if (this.#faultCount === 0) this.#consistentTo = link.seq;
    this.#open.follow(link, file, line);
  }

  #compareHead(link: Link, place: Omit<Fault, 'kind' | 'detail'>): void {
    this.#headSeen = true;
    if (link.hash !== this.#head?.hash) this.#fault('head-differs', place, 'it is not the record that the store knows');
  }

  #checkName(segment: Segment, file: string): void {
    const { seq } = this.#at;
    if (seq !== segment.firstSeq) {
      this.#fault('segment-name', { file, line: 1, seq }, `the segment should begin with record ${segment.firstSeq}`);
    }
  }

  #compareEnd(folder: string): void {
    const head = this.#head;
    if (head === undefined || this.#headSeen) return;
    const end = this.#last?.seq ?? 0;
    if (this.#segments === 0) {
      this.#fault('missing-stream', { file: folder }, `the store knows ${head.seq} records of this stream`);
    } else if (end < head.seq) {
      this.#fault('cut', { file: folder, seq: end + 1 }, `records ${end + 1} to ${head.seq} are missing at the end`);
    } else {
      this.#fault('head-differs', { file: folder, seq: head.seq }, 'the record that the store knows is not there');
    }
  }

  #fault(kind: FaultKind, place: Omit<Fault, 'kind' | 'detail'>, detail: string): void {
    this.#faultCount += 1;
    if (this.#faults.length < MAX_FAULTS) this.#faults.push({ kind, ...place, detail });
  }
}
