import { z } from 'zod';

export interface Variable {
  /** `CARNET_SIGNING_ENCRYPTION_KEY_FILE` */
  readonly name: string;
  readonly path: readonly string[];
  readonly kind: 'text' | 'number' | 'boolean' | 'list' | 'json';
}

function upperSnake(segment: string): string {
  return segment.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase();
}

function bare(schema: unknown): unknown {
  return schema instanceof z.ZodOptional || schema instanceof z.ZodDefault ? bare(schema.unwrap()) : schema;
}

function kindOf(schema: unknown): Variable['kind'] {
  if (schema instanceof z.ZodNumber) return 'number';
  if (schema instanceof z.ZodBoolean) return 'boolean';
  if (schema instanceof z.ZodArray) return bare(schema.element) instanceof z.ZodString ? 'list' : 'json';
  return schema instanceof z.ZodString || schema instanceof z.ZodEnum ? 'text' : 'json';
}

/** Every environment variable that a schema gives rise to: outer fields before the fields in them. */
export function variablesOf(schema: unknown, path: readonly string[] = []): Variable[] {
  const inner = bare(schema);
  const own: Variable[] =
    path.length === 0 ? [] : [{ name: `CARNET_${path.map(upperSnake).join('_')}`, path, kind: kindOf(inner) }];
  if (!(inner instanceof z.ZodObject)) return own;
  return [...own, ...Object.entries(inner.shape).flatMap(([key, field]) => variablesOf(field, [...path, key]))];
}
