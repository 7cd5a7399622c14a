import { z } from 'zod';
import { accessRequestSpec } from './access-request.ts';
import { API_VERSION } from './document.ts';
import { federationGrantSpec } from './federation-grant.ts';
import { federationMappingSpec } from './federation-mapping.ts';
import { guardrailSpec } from './guardrail.ts';
import { labels, name } from './names.ts';
import { trustedIssuerSpec } from './trusted-issuer.ts';

/** The schema of `spec` by kind: the one source of types, faults, editors' JSON Schema and OpenAPI. */
export const SPEC_SCHEMAS = {
  TrustedIssuer: trustedIssuerSpec,
  FederationMapping: federationMappingSpec,
  Guardrail: guardrailSpec,
  FederationGrant: federationGrantSpec,
  AccessRequest: accessRequestSpec,
} as const;

const metadata = z.strictObject({ name, labels: labels.optional() });

function resource<K extends keyof typeof SPEC_SCHEMAS>(kind: K, description: string) {
  return z
    .strictObject({
      apiVersion: z.literal(API_VERSION),
      kind: z.literal(kind),
      metadata,
      spec: SPEC_SCHEMAS[kind],
    })
    .meta({ description });
}

/** Whole documents by kind. */
export const RESOURCE_SCHEMAS = {
  TrustedIssuer: resource('TrustedIssuer', 'Somebody whose tokens Carnet accepts.'),
  FederationMapping: resource('FederationMapping', 'Who may have which credential, how narrow, how long, when.'),
  Guardrail: resource('Guardrail', 'An organisation-wide ceiling: it can only deny or cap.'),
  FederationGrant: resource('FederationGrant', 'Who may map whom to which targets.'),
  AccessRequest: resource('AccessRequest', 'Just-in-time access that somebody asks for: never in a file.'),
} as const;
