import type { VerifiedIdentity } from '../../core/identity.ts';

/** What a template's variables are taken from. */
export interface TemplateSource {
  readonly identity: VerifiedIdentity;
  /** Name of the mapping. */
  readonly mapping: string;
}

const VARIABLES = ['namespace', 'serviceAccount', 'cluster', 'issuer', 'mapping', 'pod'] as const;
type Variable = (typeof VARIABLES)[number];
const CLAIM_PREFIX = 'claims.';
const PART = /\{([^{}]*)\}/g;

/** What is wrong with a template, or undefined: only known variables, every brace closed. */
export function templateFault(template: string): string | undefined {
  for (const [, variable = ''] of template.matchAll(PART)) {
    if (!isVariable(variable) && !isClaim(variable)) {
      return `unknown variable {${variable}}; known are {${VARIABLES.join('} {')}} and {claims.NAME}`;
    }
  }
  return /[{}]/.test(template.replaceAll(PART, '')) ? 'a brace stands alone; variables are written {name}' : undefined;
}

/** The text of a template outside its variables. */
export function literalText(template: string): string {
  return template.replaceAll(PART, '');
}

export type Resolved =
  | { readonly ok: true; readonly text: string }
  /** The first variable that the identity lacks. */
  | { readonly ok: false; readonly missing: string };

/** Fills a template in one pass, so that a value that looks like a variable stays text. An absent value is never "". */
export function resolveTemplate(template: string, source: TemplateSource): Resolved {
  let missing: string | undefined;
  const text = template.replaceAll(PART, (_, variable: string) => {
    const value = variableValue(variable, source);
    if (value === undefined) missing ??= variable;
    return value ?? '';
  });
  return missing === undefined ? { ok: true, text } : { ok: false, missing };
}

/** A template filled from what is known of every identity alike, or undefined where it needs more. */
export function fixedText(template: string, known: Readonly<Record<string, string>>): string | undefined {
  const needed = [...template.matchAll(PART)].map(([, variable = '']) => variable);
  if (!needed.every((variable) => Object.hasOwn(known, variable))) return undefined;
  return template.replaceAll(PART, (_, variable: string) => known[variable] ?? '');
}

function isVariable(text: string): text is Variable {
  return VARIABLES.some((variable) => variable === text);
}

function isClaim(text: string): boolean {
  return text.startsWith(CLAIM_PREFIX) && text.length > CLAIM_PREFIX.length;
}

function variableValue(variable: string, { identity, mapping }: TemplateSource): string | undefined {
  if (isClaim(variable)) return claimOf(identity, variable.slice(CLAIM_PREFIX.length));
  if (!isVariable(variable)) return undefined;
  if (variable === 'issuer') return identity.issuer;
  if (variable === 'mapping') return mapping;
  if (identity.kind !== 'kubernetes') return undefined;
  return variable === 'pod' ? identity.pod?.name : identity[variable];
}

function claimOf(identity: VerifiedIdentity, name: string): string | undefined {
  if (identity.kind !== 'oidc' || !Object.hasOwn(identity.claims, name)) return undefined;
  const value = identity.claims[name];
  return typeof value === 'string' ? value : undefined;
}
