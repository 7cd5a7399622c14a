import { z } from 'zod';
import { errorResponses } from './errors.ts';
import { answer } from './json-schema.ts';

const url = z.string().min(1);

const publicKey = z
  .looseObject({ kty: z.string(), kid: z.string(), use: z.string(), alg: z.string().optional() })
  .meta({ id: 'PublicKey', description: 'A public key (RFC 7517) with exactly the members that its type needs.' });

const authorizationServer = z
  .looseObject({
    issuer: url,
    jwks_uri: url,
    token_endpoint: url.optional().meta({ description: 'Named by the cloud issuer only.' }),
    grant_types_supported: z.array(z.string()).optional(),
    token_endpoint_auth_methods_supported: z.array(z.string()).optional(),
    response_types_supported: z.array(z.string()),
  })
  .meta({ id: 'AuthorizationServerMetadata' });

const openidConfiguration = authorizationServer
  .extend({
    subject_types_supported: z.array(z.string()),
    id_token_signing_alg_values_supported: z.array(z.string()),
    claims_supported: z.array(z.string()),
  })
  .meta({ id: 'OpenidConfiguration' });

const jwks = z.strictObject({ keys: z.array(publicKey) }).meta({ id: 'JwkSet' });

const spiffeBundle = z
  .strictObject({
    spiffe_sequence: z.number().int().min(0).max(Number.MAX_SAFE_INTEGER),
    spiffe_refresh_hint: z.number().int().min(1).max(86_400),
    keys: z.array(publicKey),
  })
  .meta({ id: 'SpiffeBundle' });

interface Published {
  readonly operationId: string;
  readonly summary: string;
  readonly document: z.ZodType;
}

function described({ operationId, summary, document }: Published) {
  return {
    operationId,
    tags: ['public'],
    summary,
    security: [],
    response: {
      200: answer({ description: 'The document, cacheable, with an ETag.', schema: document }),
      304: { description: 'Unchanged since the ETag in If-None-Match.', type: 'null' },
      ...errorResponses({ keys: ['not_found', 'method_not_served', 'overloaded'] }),
    },
  };
}

const ISSUERS = [
  { id: 'Cloud', of: 'the issuer that clouds trust' },
  { id: 'Svid', of: 'the issuer of JWT-SVIDs' },
];

export const publishedSchemas = [
  ...ISSUERS.flatMap(({ id, of }) => [
    described({
      operationId: `get${id}OpenidConfiguration`,
      summary: `OpenID discovery document of ${of}`,
      document: openidConfiguration,
    }),
    described({
      operationId: `get${id}AuthorizationServerMetadata`,
      summary: `Authorization server metadata of ${of} (RFC 8414)`,
      document: authorizationServer,
    }),
    described({ operationId: `get${id}Jwks`, summary: `Public keys of ${of}`, document: jwks }),
  ]),
  described({ operationId: 'getSpiffeBundle', summary: 'SPIFFE trust bundle', document: spiffeBundle }),
];
