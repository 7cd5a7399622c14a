import { isAlias, isMap, isScalar, isSeq, type Pair, type ParsedNode, Scalar } from 'yaml';
import type { JsonObject, JsonValue } from '../core/json.ts';
import { differentInYaml11 } from './yaml-scalars.ts';

export const MAX_NESTING = 32;

export type FieldPath = readonly (string | number)[];
/** Called with the place in the text, the field, and what is wrong. */
export type Report = (offset: number, path: FieldPath, message: string, hint?: string) => void;

type Node = ParsedNode | null | undefined;

/** A node as JSON; everything that Carnet's YAML does not have is reported and left out. Objects have no prototype. */
export function readNode(node: Node, path: FieldPath, report: Report): JsonValue | undefined {
  if (node === null || node === undefined) return null;
  const at = node.range[0];
  if (isAlias(node)) {
    report(at, path, 'aliases are not allowed', 'write the value out');
    return undefined;
  }
  if (node.anchor !== undefined) report(at, path, 'anchors are not allowed', 'write the value out where it is needed');
  if (node.tag !== undefined)
    report(at, path, 'tags are not allowed', 'leave it out, or quote a text that begins with !');
  if (isScalar(node)) return readScalar(node, path, report);
  if (path.length >= MAX_NESTING) {
    report(at, path, `must not nest deeper than ${MAX_NESTING}`);
    return undefined;
  }
  if (isSeq(node)) return node.items.map((item, index) => readNode(item as Node, [...path, index], report) ?? null);
  return isMap(node) ? readMap(node.items as Pair[], path, report) : null;
}

/** Offset of a field, or of its nearest ancestor that exists. */
export function offsetOf(node: Node, path: FieldPath): number {
  let found = node?.range[0] ?? 0;
  let current: Node = node;
  for (const part of path) {
    if (isSeq(current) && typeof part === 'number') {
      current = current.items[part] as Node;
      if (current === undefined) return found;
      found = current?.range[0] ?? found;
    } else if (isMap(current)) {
      const pair = (current.items as Pair[]).find((item) => isScalar(item.key) && keyText(item.key) === String(part));
      if (pair === undefined) return found;
      found = (pair.key as ParsedNode).range[0];
      current = pair.value as Node;
    } else return found;
  }
  return found;
}

function readScalar(node: Scalar, path: FieldPath, report: Report): JsonValue | undefined {
  const at = node.range?.[0] ?? 0;
  const value = node.value;
  if (node.type === Scalar.PLAIN) reportYaml11(node.source ?? '', at, path, report);
  if (typeof value === 'number' && !Number.isFinite(value)) {
    report(at, path, 'must be a finite number');
    return undefined;
  }
  const plain = value === null || typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean';
  // JSON has no -0: read anew or from what was kept of it, a text says the same.
  if (Object.is(value, -0)) return 0;
  return plain ? value : undefined;
}

function reportYaml11(source: string, at: number, path: FieldPath, report: Report): void {
  if (source === '<<') {
    report(at, path, 'merge keys are not allowed', 'write the fields out');
    return;
  }
  const older = differentInYaml11(source);
  if (older !== undefined) report(at, path, `YAML 1.1 reads this as ${older}`, `quote it: ${JSON.stringify(source)}`);
}

function readMap(items: readonly Pair[], path: FieldPath, report: Report): JsonValue {
  const object: Record<string, JsonValue> = Object.create(null);
  for (const pair of items) {
    const key = readKey(pair, object, path, report);
    if (key === undefined) continue;
    object[key] = null;
    const value = readNode(pair.value as Node, [...path, key], report);
    if (value === undefined) delete object[key];
    else object[key] = value;
  }
  return object;
}

/** The key of a pair, when it is a text that its map does not have yet. */
function readKey({ key }: Pair, object: JsonObject, path: FieldPath, report: Report): string | undefined {
  const node = key as Node;
  const at = node?.range[0] ?? 0;
  if (!isScalar(node)) {
    report(at, path, isAlias(node) ? 'aliases are not allowed' : 'a key must be a text');
    return undefined;
  }
  const value = readNode(node, path, report);
  const text = keyText(node);
  if (node.type === Scalar.PLAIN && text === '<<') return undefined;
  if (typeof value !== 'string') {
    report(at, path, 'a key must be a text', `quote it: ${JSON.stringify(text)}`);
    return undefined;
  }
  if (text === '__proto__') {
    report(at, path, 'the key __proto__ is not allowed');
    return undefined;
  }
  if (Object.hasOwn(object, text)) {
    report(at, [...path, text], 'is there twice', 'keep one of them');
    return undefined;
  }
  return text;
}

function keyText(key: Scalar): string {
  return typeof key.value === 'string' ? key.value : (key.source ?? '');
}
