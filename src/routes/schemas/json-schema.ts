import { z } from 'zod';

/**
 * A zod schema as OpenAPI 3.1 reads it, JSON Schema 2020-12: of an `output`, which has the listed members and no others,
 * or of an `input`, which may have more.
 */
export function jsonSchema(schema: z.ZodType, io: 'input' | 'output' = 'output'): Record<string, unknown> {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { target: 'draft-2020-12', io });
  return rest;
}

interface Answer {
  readonly description: string;
  readonly schema: z.ZodType;
  readonly examples?: Readonly<Record<string, { readonly summary?: string; readonly value: unknown }>>;
  readonly contentType?: string;
}

/**
 * One response of a route, in the shape of OpenAPI. Named schemas stand beside it under `x-schemas`, because the reader
 * of route schemas drops what stands beside a `$ref`; openapi.ts moves them to the components.
 */
export function answer({ description, schema, examples, contentType = 'application/json' }: Answer) {
  const { $defs, ...rest } = jsonSchema(schema);
  const named = $defs === undefined ? {} : { 'x-schemas': $defs };
  const media = { schema: rest, ...named, ...(examples === undefined ? {} : { examples }) };
  return { description, content: { [contentType]: media } };
}
