import { z } from 'zod';
import { ERRORS, type ErrorKey } from '../../core/oauth-error.ts';
import { awsError } from '../aws-error.ts';
import { errorResponses } from './errors.ts';
import { answer, jsonSchema } from './json-schema.ts';

/** What all four SDK families read from a container credentials endpoint (clouds.md 3.1). */
export const containerCredentials = z
  .strictObject({
    AccessKeyId: z.string().min(1),
    SecretAccessKey: z.string().min(1),
    Token: z.string().min(1),
    Expiration: z
      .string()
      .regex(/^[0-9-]{10}T[0-9:]{8}Z$/)
      .meta({ description: 'UTC, without a fraction.' }),
    AccountId: z.string().optional(),
  })
  .meta({ id: 'AwsContainerCredentials' });

/** Both spellings: SDKs look for one or the other. */
export const awsErrorBody = z
  .strictObject({
    Code: z.string(),
    Message: z.string(),
    code: z.string(),
    message: z.string(),
  })
  .meta({ id: 'AwsError' });

const KEYS = (Object.keys(ERRORS) as ErrorKey[]).filter(
  (key) =>
    key.startsWith('token_') ||
    ['method_not_served', 'parameter_in_query', 'parameter_too_large', 'target_refused', 'target_denied'].includes(
      key,
    ) ||
    ['slow_down', 'temporarily_unavailable', 'server_error'].includes(ERRORS[key].code),
);

const value = {
  AccessKeyId: 'ASIAEXAMPLE',
  SecretAccessKey: 'example',
  Token: 'example',
  Expiration: '2026-11-22T10:00:00Z',
  AccountId: '123456789012',
};

export const sdkAwsRouteSchema = {
  operationId: 'getAwsContainerCredentials',
  tags: ['workload'],
  summary: 'AWS credentials for SDKs by AWS_CONTAINER_CREDENTIALS_FULL_URI',
  description: 'The platform token stands in the Authorization header, bare or as a bearer token.',
  security: [{ platformToken: [] }],
  params: jsonSchema(
    z.object({
      mapping: z
        .string()
        .min(1)
        .meta({ description: 'Name of the mapping or one of its addresses, percent-encoded.', examples: ['payments'] }),
    }),
  ),
  response: {
    200: answer({
      description: 'Credentials of the role session.',
      schema: containerCredentials,
      examples: { session: { value } },
    }),
    ...errorResponses({ keys: KEYS, schema: awsErrorBody, render: awsError }),
  },
};
