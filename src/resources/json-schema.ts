import { z } from 'zod';
import { RESOURCE_SCHEMAS } from './resource-schemas.ts';

/**
 * JSON Schema (2020-12) of one resource document, for editors. It knows the fields and their forms; rules between
 * fields are found by `carnet check`.
 */
export function resourceJsonSchema(): z.core.JSONSchema.BaseSchema {
  const { TrustedIssuer, FederationMapping, Guardrail, FederationGrant, AccessRequest } = RESOURCE_SCHEMAS;
  const document = z
    .discriminatedUnion('kind', [TrustedIssuer, FederationMapping, Guardrail, FederationGrant, AccessRequest])
    .meta({ title: 'Carnet resource', description: 'One document of a Carnet resource file.' });
  return z.toJSONSchema(document, { target: 'draft-2020-12', io: 'input' });
}
