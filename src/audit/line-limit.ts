import { hash } from 'node:crypto';
import type { JsonObject, JsonValue } from '../core/json.ts';
import type { IdentityAttributes } from './identity-attributes.ts';
import type { RecordBody } from './record.ts';

/** A line with its tail and newline is never longer. */
export const MAX_LINE_BYTES = 32 * 1024;
const TAIL_AND_NEWLINE_BYTES = 76;
// The closing brace of the JSON gives way to the tail.
const MAX_JSON_BYTES = MAX_LINE_BYTES - TAIL_AND_NEWLINE_BYTES + 1;
const MAX_CLAIMS_BYTES = 16 * 1024;
const MAX_ITEMS = 16;
const STRING_LENGTHS = [1024, 256, 64];

/**
 * The JSON of a record, cut to the limit of a line; `place` is how it begins, up to `prev`. What is cut, in this order,
 * and only as far as needed:
 * 1. claims: the largest members go until the rest is 16 KiB; `claimsSha256` is the hash of the JSON of all of them;
 * 2. outside the claims every string longer than 1024, then 256, then 64 UTF-16 units ends there in `…`, and every
 *    list after 16 items.
 * `truncated` names the steps that were taken.
 */
export function fitted(place: string, body: RecordBody): string {
  const whole = joined(place, body);
  if (fits(whole)) return whole;
  const truncated: string[] = [];
  let cut = body;
  if (body.identity?.claims !== undefined && sizeOf(body.identity.claims) > MAX_CLAIMS_BYTES) {
    cut = { ...body, identity: withFewerClaims(body.identity, body.identity.claims) };
    truncated.push('claims');
  }
  let text = joined(place, { ...cut, truncated });
  for (const length of STRING_LENGTHS) {
    if (fits(text)) break;
    text = joined(place, { ...clipped(cut, length), truncated: [...truncated, `strings:${length}`] });
  }
  return text;
}

// Not one object with both: to copy the members would cost a quarter of the whole.
function joined(place: string, members: object): string {
  return `${place},${JSON.stringify(members).slice(1)}`;
}

// One UTF-16 unit is at most three bytes of UTF-8, so most lines need no counting.
function fits(text: string): boolean {
  return text.length * 3 <= MAX_JSON_BYTES || Buffer.byteLength(text) <= MAX_JSON_BYTES;
}

function sizeOf(value: JsonValue): number {
  return Buffer.byteLength(JSON.stringify(value));
}

function withFewerClaims(identity: IdentityAttributes, claims: JsonObject): IdentityAttributes {
  const sized = Object.entries(claims).map(([name, value]) => ({ name, value, bytes: sizeOf({ [name]: value }) }));
  sized.sort((left, right) => left.bytes - right.bytes || (left.name < right.name ? -1 : 1));
  const kept: Record<string, JsonValue> = Object.create(null);
  let total = 0;
  for (const { name, value, bytes } of sized) {
    total += bytes;
    if (total <= MAX_CLAIMS_BYTES) kept[name] = value;
  }
  return { ...identity, claims: kept, claimsSha256: hash('sha256', JSON.stringify(claims), 'hex') };
}

function clipped(body: RecordBody, length: number): object {
  const { claims, ...attributes } = body.identity ?? {};
  const identity = body.identity && { ...Object(clip(attributes, length)), claims };
  const entries = Object.entries(body).map(([name, value]) => [
    name,
    name === 'identity' ? identity : clip(value, length),
  ]);
  return Object.fromEntries(entries);
}

function clip(value: unknown, length: number): unknown {
  if (typeof value === 'string') return value.length > length ? `${value.slice(0, length)}…` : value;
  if (Array.isArray(value)) return value.slice(0, MAX_ITEMS).map((item) => clip(item, length));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, clip(item, length)]));
}
