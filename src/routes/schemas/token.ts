import { z } from 'zod';
import { ERRORS, type ErrorKey } from '../../core/oauth-error.ts';
import { GRANT_TYPE_TOKEN_EXCHANGE, JWT_SVID_ALIAS, TokenType } from '../../core/token-types.ts';
import { errorResponses } from './errors.ts';
import { answer, jsonSchema } from './json-schema.ts';

const SUBJECT_TOKEN = 'eyJhbGciOiJSUzI1NiIsImtpZCI6IjEifQ.eyJpc3MiOiIuLi4ifQ.c2lnbmF0dXJl';

const tokenForm = z.object({
  grant_type: z.literal(GRANT_TYPE_TOKEN_EXCHANGE),
  subject_token: z
    .string()
    .max(16_384)
    .meta({ description: 'The token that the platform gave to the workload.', examples: [SUBJECT_TOKEN] }),
  subject_token_type: z
    .enum([TokenType.jwt, TokenType.idToken])
    .meta({ description: 'jwt for every issuer; id_token for OIDC issuers only.' }),
  audience: z
    .string()
    .optional()
    .meta({ description: 'Address of the one target. Exactly one of audience and resource.', examples: ['payments'] }),
  resource: z
    .string()
    .optional()
    .meta({
      description: 'Address of the one target, where it is an absolute URI without a fragment.',
      examples: ['arn:aws:iam::123456789012:role/payments', 'urn:carnet:mapping:payments'],
    }),
  requested_token_type: z
    .enum([...Object.values(TokenType), JWT_SVID_ALIAS])
    .optional()
    .meta({ description: 'Never selects: another type than the target issues is refused.' }),
  requested_expires_in: z
    .string()
    .regex(/^[0-9]{1,10}$/)
    .optional()
    .meta({ description: 'Seconds; expires_in tells what was granted.', examples: ['900'] }),
  scope: z.string().optional().meta({ description: 'Narrows what the target allows, never widens it.' }),
  actor_token: z.string().optional().meta({ description: 'Not accepted in this version.' }),
  actor_token_type: z.string().optional().meta({ description: 'Not accepted in this version.' }),
  client_id: z.string().optional().meta({ description: 'Ignored: this endpoint authenticates no clients.' }),
});

/** Success members of RFC 8693 section 2.2.1. */
export const tokenResponse = z
  .strictObject({
    access_token: z.string().meta({
      description: 'A JWS, a token of the target, or for AWS the text of a credential_process document.',
    }),
    issued_token_type: z.enum(Object.values(TokenType) as [TokenType, ...TokenType[]]),
    token_type: z.enum(['N_A', 'Bearer']),
    expires_in: z.number().int().min(1).max(315_360_000).meta({ description: 'Seconds, rounded down.' }),
    scope: z.string().optional().meta({ description: 'What was granted, where it differs from what was asked.' }),
  })
  .meta({ id: 'TokenResponse' });

const AWS_DOCUMENT = JSON.stringify({
  Version: 1,
  AccessKeyId: 'ASIAEXAMPLE',
  SecretAccessKey: 'example',
  SessionToken: 'example',
  Expiration: '2026-11-22T10:00:00Z',
});

const examples = {
  jwt_svid: {
    summary: 'A JWT-SVID',
    value: { access_token: SUBJECT_TOKEN, issued_token_type: TokenType.jwtSvid, token_type: 'N_A', expires_in: 300 },
  },
  aws: {
    summary: 'AWS credentials',
    value: {
      access_token: AWS_DOCUMENT,
      issued_token_type: TokenType.awsCredentials,
      token_type: 'N_A',
      expires_in: 3599,
    },
  },
  cloud_token: {
    summary: 'A token of Google Cloud, Azure or an OAuth server',
    value: {
      access_token: 'ya29.example',
      issued_token_type: TokenType.accessToken,
      token_type: 'Bearer',
      expires_in: 3599,
    },
  },
  assertion: {
    summary: 'An assertion for a cloud, where the mapping delivers one',
    value: { access_token: SUBJECT_TOKEN, issued_token_type: TokenType.jwt, token_type: 'N_A', expires_in: 60 },
  },
};

/** Rows that other doors answer with and this one never does. */
const ELSEWHERE: readonly ErrorKey[] = [
  'method_not_served',
  'not_found',
  'token_missing',
  'options_malformed',
  'sts_action',
  'sts_parameter',
  'client_assertion',
  'client_credentials',
];

/** What a form needs beside its parameters, by grant type. */
const form = {
  ...jsonSchema(tokenForm, 'input'),
  oneOf: [
    { title: 'by audience', required: ['audience'] },
    { title: 'by resource', required: ['resource'] },
  ],
  dependentRequired: { actor_token: ['actor_token_type'], actor_token_type: ['actor_token'] },
};

export const tokenRouteSchema = {
  operationId: 'exchangeToken',
  tags: ['workload'],
  summary: 'Exchange a platform token for one short-lived credential (RFC 8693)',
  description: 'The subject token is the only credential of the caller. Parameters come in the form body alone.',
  security: [],
  consumes: ['application/x-www-form-urlencoded'],
  body: { content: { 'application/x-www-form-urlencoded': { schema: form } } },
  response: {
    200: answer({
      description: 'The credential. Never stored by anybody on the way.',
      schema: tokenResponse,
      examples,
    }),
    ...errorResponses({ keys: (Object.keys(ERRORS) as ErrorKey[]).filter((key) => !ELSEWHERE.includes(key)) }),
  },
};
