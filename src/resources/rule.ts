import type { z } from 'zod';
import { isJsonObject, type JsonObject } from '../core/json.ts';

/** What a rule between several fields says when it does not hold. */
interface RuleText {
  /** Field to point at, below the object that the rule is about. */
  readonly path?: readonly (string | number)[];
  readonly message: string;
  readonly hint?: string;
}

/**
 * A rule between fields of one object. It is asked even when single fields are wrong, so that all faults of a document
 * are reported together; `holds` therefore sees unchecked values and answers true about what it cannot read.
 */
export function rule<T extends z.ZodType>(schema: T, holds: (value: JsonObject) => boolean, text: RuleText): T {
  return schema.refine((value) => !isJsonObject(value) || holds(value), {
    message: text.message,
    path: [...(text.path ?? [])],
    params: { hint: text.hint },
    when: () => true,
  });
}

/** The rule that exactly one of some fields is there. */
export function exactlyOne<T extends z.ZodType>(schema: T, fields: readonly string[]): T {
  return rule(schema, (value) => present(value, fields).length === 1, {
    message: `must have exactly one of ${fields.join(', ')}`,
  });
}

/** Those of the fields that the object has. */
export function present(value: JsonObject, fields: readonly string[]): readonly string[] {
  return fields.filter((field) => value[field] !== undefined);
}
