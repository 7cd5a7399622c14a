import { z } from 'zod';
import { isPathSegment } from '../core/spiffe-id.ts';

/** The path of Kubernetes identities when an issuer gives none of its own. */
export const DEFAULT_KUBERNETES_PATH = '/cluster/{cluster}/ns/{namespace}/sa/{serviceAccount}';

const PLACEHOLDER = /^\{[A-Za-z0-9_.:/-]{1,128}\}$/;
const CLAIM = /^\{claims\..+\}$/;
const KUBERNETES_PLACEHOLDERS = ['{cluster}', '{namespace}', '{serviceAccount}'];

/** Segments of a path template; each is literal text or one placeholder in braces. */
function templateSegments(template: string): readonly string[] {
  const segments = template.slice(1).match(/\{[^{}]*\}|[^/{}]+|[{}]|(?<=\/|^)(?=\/|$)/g) ?? [];
  return segments.join('/') === template.slice(1) ? segments : [''];
}

function isPlaceholder(segment: string): boolean {
  return PLACEHOLDER.test(segment);
}

function isTemplate(template: string): boolean {
  if (!template.startsWith('/') || template.length > 1024) return false;
  const [first = '', ...rest] = templateSegments(template);
  return isPathSegment(first) && rest.every((segment) => isPlaceholder(segment) || isPathSegment(segment));
}

function isUnreserved(template: string): boolean {
  return template === DEFAULT_KUBERNETES_PATH || templateSegments(template)[0] !== 'cluster';
}

function isKubernetesTemplate(template: string): boolean {
  const placeholders = templateSegments(template).filter(isPlaceholder);
  const known = placeholders.every((placeholder) => KUBERNETES_PLACEHOLDERS.includes(placeholder));
  return known && placeholders.includes('{namespace}') && placeholders.includes('{serviceAccount}');
}

const template = z
  .string()
  .refine(isTemplate, {
    message: 'must be a path that begins with literal text; each segment is literal or one {placeholder}',
    abort: true,
  })
  .refine(isUnreserved, 'must not begin with /cluster/, which is reserved for the default form');

/** How the SPIFFE IDs of a cluster are made. Two different ServiceAccounts never share one. */
export const kubernetesPath = template
  .refine(isKubernetesTemplate, 'must hold {namespace} and {serviceAccount}, and beside them only {cluster}')
  .meta({ description: 'Path of SPIFFE IDs.', examples: ['/ns/{namespace}/sa/{serviceAccount}'] });

function isClaimsTemplate(template: string): boolean {
  const placeholders = templateSegments(template).filter(isPlaceholder);
  return placeholders.length > 0 && placeholders.every((placeholder) => CLAIM.test(placeholder));
}

/** How the SPIFFE IDs of an OIDC issuer are made: each placeholder names a claim. */
export const claimsPath = template
  .refine(isClaimsTemplate, 'must hold at least one {claims.NAME}, and no other placeholder')
  .meta({ description: 'Path of SPIFFE IDs.', examples: ['/ci/{claims.repository_id}'] });

/**
 * True when some two identities could get the same path from the two templates. A placeholder is taken to stand for any
 * text, so the answer errs towards true.
 */
export function mayProduceSamePath(one: string, other: string): boolean {
  const left = templateSegments(one);
  const right = templateSegments(other);
  if (left.length !== right.length) return false;
  return left.every((segment, at) => {
    const opposite = right[at] ?? '';
    return segment === opposite || isPlaceholder(segment) || isPlaceholder(opposite);
  });
}

/**
 * How the paths of a template begin where `textFor` knows what stands in a placeholder; `whole` where it knows all of
 * them, else the text ends in the `/` before the first that it does not know.
 */
export function knownPath(
  template: string,
  textFor: (placeholder: string) => string | undefined,
): { readonly text: string; readonly whole: boolean } {
  let text = '';
  for (const segment of templateSegments(template)) {
    const value = isPlaceholder(segment) ? textFor(segment.slice(1, -1)) : segment;
    if (value === undefined) return { text: `${text}/`, whole: false };
    text += `/${value}`;
  }
  return { text, whole: true };
}
