import type { VerifiedIdentity } from '../core/identity.ts';
import { ANY, claimText } from './subject.ts';

type Claims = Readonly<Record<string, string>>;

/** Which claims a claim set asks for, without the values: sets of one shape are looked up together. */
export interface ClaimShape {
  /** Equal for equal shapes. */
  readonly id: string;
  /** Names whose value must be exact, sorted. */
  readonly exact: readonly string[];
  /** Names that must be there, with any text. */
  readonly present: readonly string[];
}

export function claimShape(claims: Claims): ClaimShape {
  const names = Object.keys(claims).sort();
  const exact = names.filter((name) => claims[name] !== ANY);
  const present = names.filter((name) => claims[name] === ANY);
  return { id: JSON.stringify([exact, present]), exact, present };
}

/** The identity's values for a shape, in the shape's order, or undefined when it lacks one. */
export function claimValues(identity: VerifiedIdentity, shape: ClaimShape): readonly string[] | undefined {
  if (!shape.present.every((name) => claimText(identity, name) !== undefined)) return undefined;
  const values: string[] = [];
  for (const name of shape.exact) {
    const value = claimText(identity, name);
    if (value === undefined) return undefined;
    values.push(value);
  }
  return values;
}

/** A claim set's own values for some of its exact names, as a key. */
export function projection(claims: Claims, names: readonly string[]): string {
  return JSON.stringify(names.map((name) => claims[name]));
}

/**
 * True when of two sets with these shapes that match one identity, one always contains the other. Sets of one shape
 * that match one identity are the same set.
 */
export function comparable(a: ClaimShape, b: ClaimShape): boolean {
  return covers(a, b) || covers(b, a);
}

function covers(a: ClaimShape, b: ClaimShape): boolean {
  return (
    b.exact.every((name) => a.exact.includes(name)) &&
    b.present.every((name) => a.exact.includes(name) || a.present.includes(name))
  );
}
