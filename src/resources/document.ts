import type { Provenance } from '../core/author.ts';
import type { AccessRequestSpec } from './access-request.ts';
import type { FederationGrantSpec } from './federation-grant.ts';
import type { FederationMappingSpec } from './federation-mapping.ts';
import type { GuardrailSpec } from './guardrail.ts';
import type { TrustedIssuerSpec } from './trusted-issuer.ts';

export const API_VERSION = 'carnet.dev/v1alpha1';
export const KINDS = ['TrustedIssuer', 'FederationMapping', 'Guardrail', 'FederationGrant', 'AccessRequest'] as const;
export type Kind = (typeof KINDS)[number];

/** Kinds without which policy would decide on less than it should: one that was never good stops a start. */
export const CEILING_KINDS: readonly Kind[] = ['TrustedIssuer', 'Guardrail', 'FederationGrant'];

interface Specs {
  TrustedIssuer: TrustedIssuerSpec;
  FederationMapping: FederationMappingSpec;
  Guardrail: GuardrailSpec;
  FederationGrant: FederationGrantSpec;
  AccessRequest: AccessRequestSpec;
}

/** Where a document came from, who put it there where that was a door of Carnet, and where in it each field stands. */
export interface Source extends Provenance {
  /** Stable identity of the source: a file path as configured. Together with kind and name it says what was first seen where. */
  readonly id: string;
  /** Folder against which `*File` fields resolve; absent for documents that are not from files. */
  readonly baseDirectory?: string;
  /** Line of a field in the source, 1-based: the nearest one that exists. Path as in `spec.subject.issuer`, array indices as numbers. */
  line(path: readonly (string | number)[]): number;
}

interface DocumentBase {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly source: Source;
  /** Position among all documents of its source, from 0. */
  readonly index: number;
}

/** A document that its schema accepts. */
export type ValidDocument = {
  [K in Kind]: DocumentBase & { readonly kind: K; readonly valid: true; readonly spec: Specs[K] };
}[Kind];

/** A document whose kind and name are readable but whose spec is not valid; its faults are listed beside it. */
export interface FaultyDocument extends DocumentBase {
  readonly kind: Kind;
  readonly valid: false;
  /** `spec` as far as it parsed: policy keeps subject and addresses in the index from it (quarantine), nothing else is trusted. */
  readonly raw: unknown;
}

export type Document = ValidDocument | FaultyDocument;
export type DocumentOf<K extends Kind> = Extract<ValidDocument, { kind: K }>;

/** Something wrong with a document, for people: where, what, and the mend. */
export interface Fault {
  readonly source: string;
  readonly line?: number;
  readonly kind?: Kind;
  readonly name?: string;
  /** `spec.target.aws.roleArn`, empty when the whole document or file is meant. */
  readonly field: string;
  readonly message: string;
  /** How to mend it. */
  readonly hint?: string;
  /** `warning` never changes what is loaded. */
  readonly severity: 'error' | 'warning';
}
