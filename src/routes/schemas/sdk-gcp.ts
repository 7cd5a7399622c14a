import { z } from 'zod';
import { GRANT_TYPE_TOKEN_EXCHANGE, TokenType } from '../../core/token-types.ts';
import { errorResponses } from './errors.ts';
import { FORM_KEYS } from './form-keys.ts';
import { answer, jsonSchema } from './json-schema.ts';
import { tokenResponse } from './token.ts';

const googleForm = z.object({
  grant_type: z.literal(GRANT_TYPE_TOKEN_EXCHANGE),
  subject_token: z.string().max(16_384).meta({ description: 'The platform token of the workload.' }),
  subject_token_type: z.enum([TokenType.jwt, TokenType.idToken]),
  requested_token_type: z.literal(TokenType.accessToken).optional(),
  audience: z.string().optional().meta({ description: "Of the workload's file; the path selects." }),
  scope: z.string().optional().meta({ description: "Expresses no wish; the mapping's scopes are granted." }),
  options: z
    .string()
    .max(6144)
    .optional()
    .meta({ description: 'JSON text with an accessBoundary; taken where the intents are unrestricted.' }),
});

export const sdkGcpRouteSchema = {
  operationId: 'exchangeGoogleToken',
  tags: ['workload'],
  summary: 'Access token for SDKs by token_url of a Google external_account file',
  description: 'Also served with a slash at the end.',
  security: [],
  consumes: ['application/x-www-form-urlencoded'],
  params: jsonSchema(
    z.object({
      mapping: z
        .string()
        .min(1)
        .meta({ description: 'Name of the mapping or one of its addresses, percent-encoded.', examples: ['payments'] }),
    }),
  ),
  body: { content: { 'application/x-www-form-urlencoded': { schema: jsonSchema(googleForm, 'input') } } },
  response: {
    200: answer({ description: 'The access token.', schema: tokenResponse }),
    ...errorResponses({
      keys: [
        ...FORM_KEYS,
        'client_authentication',
        'grant_type_missing',
        'grant_type_unsupported',
        'subject_token_missing',
        'subject_token_type_missing',
        'subject_token_type_unsupported',
        'actor_token_pairing',
        'actor_token_unsupported',
        'requested_token_type_unsupported',
        'options_malformed',
      ],
    }),
  },
};
