import type { Places } from '../../audit/fronts.ts';

const MAX_LENGTH = 8192;

/** Places as one opaque word of a URL. */
export function cursorOf(places: Places): string {
  const list = Object.entries(places).map(([stream, { segment, offset }]) => [stream, segment, offset]);
  return Buffer.from(JSON.stringify(list)).toString('base64url');
}

/** The places of a cursor; undefined where it is none. Whether they exist shows when they are read from. */
export function placesOf(cursor: string): Places | undefined {
  if (cursor.length > MAX_LENGTH) return undefined;
  const list = parsed(cursor);
  if (!Array.isArray(list) || list.length === 0) return undefined;
  const places = list.map((one: unknown) => {
    const [stream, segment, offset] = Array.isArray(one) ? one : [];
    return typeof stream === 'string' && isCount(segment) && isCount(offset) ? { stream, segment, offset } : undefined;
  });
  if (places.includes(undefined)) return undefined;
  return Object.fromEntries(places.flatMap((one) => (one === undefined ? [] : [[one.stream, one]])));
}

function parsed(cursor: string): unknown {
  try {
    return JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8'));
  } catch {
    return undefined;
  }
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}
