import { z } from 'zod';
import { errorResponses } from './errors.ts';
import { FORM_KEYS } from './form-keys.ts';
import { answer, jsonSchema } from './json-schema.ts';

const entraForm = z.object({
  grant_type: z.literal('client_credentials'),
  client_id: z.string().meta({ description: 'Selects the mapping, with tenant and scope.' }),
  scope: z.string().meta({ description: 'Of one resource.', examples: ['https://storage.azure.com/.default'] }),
  client_assertion_type: z.literal('urn:ietf:params:oauth:client-assertion-type:jwt-bearer'),
  client_assertion: z.string().max(16_384).meta({ description: 'The platform token of the workload.' }),
});

/** What Microsoft's libraries read. */
export const entraToken = z
  .strictObject({
    token_type: z.literal('Bearer'),
    expires_in: z.int().min(1).meta({ description: 'Seconds, rounded down.' }),
    ext_expires_in: z.int().min(1),
    access_token: z.string().min(1),
  })
  .meta({ id: 'EntraToken' });

export const sdkAzureRouteSchema = {
  operationId: 'exchangeEntraToken',
  tags: ['workload'],
  summary: 'Access token for SDKs by AZURE_KUBERNETES_TOKEN_PROXY',
  description: 'Also served with a slash at the end.',
  security: [],
  consumes: ['application/x-www-form-urlencoded'],
  params: jsonSchema(z.object({ tenant: z.string().min(1).meta({ description: 'Id of the Entra tenant.' }) })),
  body: { content: { 'application/x-www-form-urlencoded': { schema: jsonSchema(entraForm, 'input') } } },
  response: {
    200: answer({ description: 'The access token.', schema: entraToken }),
    ...errorResponses({
      keys: [...FORM_KEYS, 'grant_type_missing', 'client_credentials', 'client_assertion', 'scope_refused'],
    }),
  },
};
