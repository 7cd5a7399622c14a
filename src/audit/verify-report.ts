/** What can be wrong with a log; each fault has a place and, where it can be told, the seq of the record. */
export type FaultKind =
  /** Not an audit record, or a segment without one. */
  | 'malformed'
  /** Longer than a record can be. */
  | 'overlong'
  /** The bytes do not match the hash in the line. */
  | 'hash'
  /** Written by a newer version: what it says cannot be judged. */
  | 'version'
  | 'foreign-stream'
  /** Records are missing before this one. */
  | 'gap'
  /** This seq was there already: a repetition or another order. */
  | 'repeated'
  /** The record before it is not the one it was chained to. */
  | 'chain'
  /** A segment does not begin with the record that it is named by. */
  | 'segment-name'
  /** A segment that is not the last ends within a line. */
  | 'torn'
  /** The log ends before the head that the store knows. */
  | 'cut'
  /** Another record stands where the head that the store knows was. */
  | 'head-differs'
  /** The store knows a stream of which there is no file. */
  | 'missing-stream';

export interface Fault {
  readonly kind: FaultKind;
  readonly file: string;
  /** From 1; absent where the fault is of the file as a whole. */
  readonly line?: number;
  readonly seq?: number;
  readonly detail: string;
}

/** An "allowed" after which the log tells no outcome: a crash in between, or a request that is still under way. */
export interface OpenOutcome {
  readonly file: string;
  readonly line: number;
  readonly seq: number;
  readonly at: string;
  readonly traceId: string;
  readonly mapping?: string;
}

export interface StreamReport {
  readonly stream: string;
  readonly segments: number;
  readonly records: number;
  readonly bytes: number;
  /** The last record; absent when there is none. */
  readonly last?: { readonly seq: number; readonly at: string; readonly hash: string };
  /** The head that the store knew, when one was given. */
  readonly headSeq?: number;
  /**
   * Every record from 1 to here is there and unaltered, by the head in the store. 0 without a head or with a fault
   * before it. Records after it are chained, but whoever can write the files could have rewritten or cut them.
   */
  readonly provenTo: number;
  /** Every record from 1 to here follows from the one before it, by the files alone. */
  readonly consistentTo: number;
  /** An unfinished last line: being written, or left by a crash. The next start takes it off and says so. */
  readonly tornTail?: { readonly file: string; readonly line: number; readonly bytes: number };
  /** The first 100 faults in the order of the files. */
  readonly faults: readonly Fault[];
  readonly faultCount: number;
  /** The first 1,000. */
  readonly openOutcomes: readonly OpenOutcome[];
  /** When more than 100,000 are open at once the oldest are counted as open for good. */
  readonly openOutcomeCount: number;
}

export interface VerifyReport {
  /** No fault in any stream. */
  readonly ok: boolean;
  readonly streams: readonly StreamReport[];
  /** Streams of other replicas, of which the store knows a head and this directory has nothing: not checked. */
  readonly elsewhere: readonly string[];
}
