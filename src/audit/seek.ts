import { stat } from 'node:fs/promises';
import { instantAfter, type Place } from './backward-lines.ts';
import { listSegments, type Segment } from './segments.ts';

/** A reading that begins this many bytes late reads them for nothing. */
const NEAR_BYTES = 256 * 1024;

/**
 * A place before which everything older than an instant stands, found by halving: among the segments, then within one.
 * Undefined: at the end. Where clocks went back, records are not in the order of their times; leave room for that.
 */
export async function placeBefore(folder: string, instant: string): Promise<Place | undefined> {
  const segments = await listSegments(folder);
  const later = await firstOf(segments.length, async (index) => isLater(segments[index], 0, instant));
  if (later === 0) return nextAfter(segments, 0);
  const segment = segments[later - 1];
  if (segment === undefined) return undefined;
  const { size } = await stat(segment.path).catch(() => ({ size: 0 }));
  const steps = Math.ceil(size / NEAR_BYTES);
  const step = await firstOf(steps, (index) => isLater(segment, index * NEAR_BYTES, instant));
  // The line in which this byte stands begins before it: the reader finds the end of that line by itself.
  return step >= steps ? nextAfter(segments, later) : { segment: segment.firstSeq, offset: (step + 1) * NEAR_BYTES };
}

function nextAfter(segments: readonly Segment[], index: number): Place | undefined {
  const next = segments[index];
  return next === undefined ? undefined : { segment: next.firstSeq, offset: 0 };
}

async function isLater(segment: Segment | undefined, offset: number, instant: string): Promise<boolean> {
  const at = segment && (await instantAfter(segment.path, offset));
  return at !== undefined && at >= instant;
}

/** The first of `count` for which it holds, as if it held for all after it; `count` where it holds for none. */
async function firstOf(count: number, holds: (index: number) => Promise<boolean>): Promise<number> {
  let low = 0;
  let high = count;
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    if (await holds(middle)) high = middle;
    else low = middle + 1;
  }
  return low;
}
