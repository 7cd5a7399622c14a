import { hash } from 'node:crypto';
import { isJsonObject, type JsonObject } from '../core/json.ts';
import { RECORD_VERSION } from './record.ts';

/** The last record of a chain so far. */
export interface Head {
  readonly seq: number;
  /** 64 lower-case hex digits. */
  readonly hash: string;
}

/** Where every chain begins. */
export const GENESIS: Head = { seq: 0, hash: '0'.repeat(64) };

export const TAIL_OPEN = ',"hash":"';
export const TAIL_CLOSE = '"}';
/** Bytes of `,"hash":"<64 hex>"}`: the same in every line of every version. */
export const TAIL_BYTES = TAIL_OPEN.length + 64 + TAIL_CLOSE.length;

/** The members by which a record holds its place; every version has them. */
export interface Link {
  readonly v: number;
  readonly stream: string;
  readonly seq: number;
  readonly at: string;
  readonly prev: string;
  readonly type: string;
  readonly hash: string;
  /** The whole record as parsed. */
  readonly members: JsonObject;
}

/** What is wrong with a line by itself. */
export type LineFault = 'malformed' | 'hash' | 'version';

const HEX64 = /^[0-9a-f]{64}$/;
const INSTANT = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z$/;

/** Reads one line without its newline: the record, or what is wrong with it and, where it can be told, its seq. */
export function parseLine(bytes: Buffer): Link | { readonly fault: LineFault; readonly seq?: number } {
  const tail = bytes.toString('latin1', Math.max(0, bytes.length - TAIL_BYTES));
  const sum = tail.slice(TAIL_OPEN.length, -TAIL_CLOSE.length);
  if (!tail.startsWith(TAIL_OPEN) || !tail.endsWith(TAIL_CLOSE) || !HEX64.test(sum)) return { fault: 'malformed' };
  const intact = hash('sha256', bytes.subarray(0, bytes.length - TAIL_BYTES), 'hex') === sum;
  const members = parseMembers(bytes);
  const { v, stream, seq, at, prev, type } = members ?? {};
  const known = typeof seq === 'number' && Number.isSafeInteger(seq) && seq > 0 ? { seq } : {};
  if (!intact) return { fault: 'hash', ...known };
  if (typeof v === 'number' && v > RECORD_VERSION) return { fault: 'version', ...known };
  if (
    members === undefined ||
    !Number.isSafeInteger(v) ||
    known.seq === undefined ||
    typeof v !== 'number' ||
    typeof stream !== 'string' ||
    typeof type !== 'string' ||
    typeof at !== 'string' ||
    !INSTANT.test(at) ||
    typeof prev !== 'string' ||
    !HEX64.test(prev)
  ) {
    return { fault: 'malformed', ...known };
  }
  return { v, stream, seq: known.seq, at, prev, type, hash: sum, members };
}

function parseMembers(bytes: Buffer): JsonObject | undefined {
  try {
    const value: unknown = JSON.parse(bytes.toString('utf8'));
    return isJsonObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
