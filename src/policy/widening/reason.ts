import { isDeepStrictEqual } from 'node:util';
import type { Kind } from '../../resources/document.ts';

/** A field by which somebody may get what nobody could get before, or for longer, or in another way. */
export interface WideningReason {
  readonly kind: Kind;
  readonly name: string;
  /** `spec.ttl.max`; empty where the whole document is meant. */
  readonly field: string;
  /** Continues a sentence that begins with the field. */
  readonly why: string;
}

/** What a part of a resource found: a field and why. */
export type Found = Pick<WideningReason, 'field' | 'why'>;

export function differs(before: unknown, after: unknown): boolean {
  return !isDeepStrictEqual(before, after);
}

/** What the second list has and the first lacks; an absent first list holds everything. */
export function beyond<T>(before: readonly T[] | undefined, after: readonly T[]): readonly T[] {
  return before === undefined ? [] : after.filter((one) => !before.includes(one));
}

/** The fields for which a rule finds a reason. */
export function found(rules: readonly (readonly [field: string, why: string | false | undefined])[]): readonly Found[] {
  return rules.flatMap(([field, why]) => (typeof why === 'string' ? [{ field, why }] : []));
}
