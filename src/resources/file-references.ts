import { isJsonObject } from '../core/json.ts';
import type { Kind } from './document.ts';

/** A field that names a file. */
export interface FileReference {
  /** Path from the document's root. */
  readonly path: readonly string[];
  /** As written: relative to the folder of the document. Never for the eyes of a caller of the API. */
  readonly file: string;
  readonly content: 'jwks' | 'certificates' | 'secret' | 'bundle' | 'kubeconfig';
}

type Field = Omit<FileReference, 'file'>;

const FILE_FIELDS: { readonly [K in Kind]: readonly Field[] } = {
  TrustedIssuer: [
    { path: ['spec', 'keys', 'discovery', 'caFile'], content: 'certificates' },
    { path: ['spec', 'keys', 'discovery', 'bearerTokenFile'], content: 'secret' },
    { path: ['spec', 'keys', 'jwks', 'caFile'], content: 'certificates' },
    { path: ['spec', 'keys', 'static', 'jwksFile'], content: 'jwks' },
    { path: ['spec', 'keys', 'kubeconfig', 'file'], content: 'kubeconfig' },
    { path: ['spec', 'kubernetes', 'tokenReview', 'caFile'], content: 'certificates' },
    { path: ['spec', 'kubernetes', 'tokenReview', 'bearerTokenFile'], content: 'secret' },
    { path: ['spec', 'spiffe', 'bundle', 'caFile'], content: 'certificates' },
    { path: ['spec', 'spiffe', 'bundle', 'file'], content: 'bundle' },
  ],
  FederationMapping: [],
  Guardrail: [],
  FederationGrant: [],
  AccessRequest: [],
};

/** Every field of a document that names a file. */
export function fileReferences(document: { readonly kind: Kind; readonly spec: unknown }): readonly FileReference[] {
  return FILE_FIELDS[document.kind].flatMap((field) => {
    const file = textAt(document, field.path);
    return file === undefined ? [] : [{ ...field, file }];
  });
}

function textAt(root: unknown, path: readonly string[]): string | undefined {
  let current: unknown = root;
  for (const part of path) current = isJsonObject(current) ? current[part] : undefined;
  return typeof current === 'string' ? current : undefined;
}
