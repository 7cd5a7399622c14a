import { hash } from 'node:crypto';
import type { JsonObject, JsonValue } from '../core/json.ts';
import type { IdentityAttributes } from './identity-attributes.ts';
import type { RecordBody } from './record.ts';

/** A line with its tail and newline is never longer. */
export const MAX_LINE_BYTES = 32 * 1024;
export const TAIL_AND_NEWLINE_BYTES = 76;
// The closing brace of the JSON gives way to the tail.
export const MAX_JSON_BYTES = MAX_LINE_BYTES - TAIL_AND_NEWLINE_BYTES + 1;
const MAX_CLAIMS_BYTES = 16 * 1024;
const MAX_ITEMS = 16;
const STRING_LENGTHS = [1024, 256, 64];

type RecordMembers = Omit<RecordBody, 'type'>;

/**
 * The members of a record that is longer than a line may be, cut to the limit, as one object. What is cut, in this order,
 * and only as far as needed:
 * 1. claims: the largest members go until the rest is 16 KiB; `claimsSha256` is the hash of the JSON of all of them;
 * 2. outside the claims every string longer than 1024, then 256, then 64 UTF-16 units ends there in `…`, and every
 *    list after 16 items.
 * `truncated` names the steps that were taken.
 */
export function cutToLimit(place: string, objects: readonly string[]): string {
  const truncated: string[] = [];
  let cut: RecordMembers = Object.assign({}, ...objects.map((object) => JSON.parse(object)));
  if (cut.identity?.claims !== undefined && sizeOf(cut.identity.claims) > MAX_CLAIMS_BYTES) {
    cut = { ...cut, identity: withFewerClaims(cut.identity, cut.identity.claims) };
    truncated.push('claims');
  }
  let text = JSON.stringify({ ...cut, truncated });
  for (const length of STRING_LENGTHS) {
    if (Buffer.byteLength(place) + Buffer.byteLength(text) - 1 <= MAX_JSON_BYTES) break;
    text = JSON.stringify({ ...clipped(cut, length), truncated: [...truncated, `strings:${length}`] });
  }
  return text;
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

function clipped(body: RecordMembers, length: number): object {
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
