/** A path as people write it: `spec.previousIssuers[0].issuer`. */
export function fieldName(path: readonly (string | number)[]): string {
  return path.map((part, at) => (typeof part === 'number' ? `[${part}]` : at === 0 ? part : `.${part}`)).join('');
}
