import { z } from 'zod';
import { ERRORS, type ErrorKey } from '../../core/oauth-error.ts';
import { stsError } from '../aws-error.ts';
import { errorResponses } from './errors.ts';
import { FORM_KEYS } from './form-keys.ts';
import { answer, jsonSchema } from './json-schema.ts';

const form = z.object({
  Action: z.literal('AssumeRoleWithWebIdentity'),
  Version: z.literal('2011-06-15'),
  RoleArn: z.string().max(2048).meta({ description: 'Selects the mapping.' }),
  RoleSessionName: z.string().meta({ description: "Checked in form; the session's name is the mapping's." }),
  WebIdentityToken: z.string().max(16_384).meta({ description: 'The platform token of the workload.' }),
  DurationSeconds: z.int().min(900).max(43_200).optional(),
  Policy: z.string().max(2048).optional().meta({ description: 'Taken where the intents are unrestricted.' }),
  'PolicyArns.member.1.arn': z.string().max(2048).optional().meta({ description: 'Up to member.10, as Policy.' }),
});

const xml = z.string();

export const sdkAwsStsRouteSchema = {
  operationId: 'assumeRoleWithWebIdentity',
  tags: ['workload'],
  summary: 'AssumeRoleWithWebIdentity for SDKs by AWS_ENDPOINT_URL_STS',
  description: 'Also served with a slash at the end. Every other action of STS is refused as InvalidAction.',
  security: [],
  consumes: ['application/x-www-form-urlencoded'],
  body: { content: { 'application/x-www-form-urlencoded': { schema: jsonSchema(form, 'input') } } },
  response: {
    200: answer({
      description: 'AssumeRoleWithWebIdentityResponse of 2011-06-15.',
      schema: xml,
      contentType: 'text/xml',
    }),
    ...errorResponses({
      keys: [...FORM_KEYS, ...(Object.keys(ERRORS) as ErrorKey[]).filter((key) => key.startsWith('sts_'))],
      schema: xml,
      render: stsError,
      contentType: 'text/xml',
    }),
  },
};
