import { z } from 'zod';
import { ADMIN_ROLES } from '../../core/admin-role.ts';
import { ADMIN_ROUTE, problems } from './admin-route.ts';
import { answer, jsonSchema } from './json-schema.ts';

const text = z.string();

const owner = z
  .strictObject({
    issuer: text.meta({ description: 'That of admin.oidc, byte for byte.' }),
    subject: text.meta({ description: '`sub` of the tokens of the owner.' }),
  })
  .meta({ id: 'Owner' });
const OWNER = { issuer: 'https://idp.example.org', subject: '248289761001' };

export const accountSchemas = {
  whoami: {
    ...ADMIN_ROUTE,
    operationId: 'getWhoami',
    summary: 'Who the bearer of the token is, and which roles that gives',
    response: {
      200: answer({
        description: 'It.',
        schema: z.strictObject({
          issuer: text,
          subject: text,
          roles: z.array(z.enum(ADMIN_ROLES)).meta({ description: 'Those that hold for every document.' }),
          limited: z
            .array(
              z.strictObject({
                role: z.enum(ADMIN_ROLES),
                labels: z.record(z.string(), text).optional(),
                grants: z.array(text).optional(),
              }),
            )
            .meta({ description: 'Those that hold for documents with these labels, or that these grants cover.' }),
        }),
        examples: {
          owner: { value: { ...OWNER, roles: ['owner'], limited: [] } },
          team: { value: { ...OWNER, roles: [], limited: [{ role: 'editor', labels: { team: 'payments' } }] } },
        },
      }),
      ...problems('method'),
    },
  },
  owner: {
    ...ADMIN_ROUTE,
    operationId: 'nameFirstOwner',
    summary: 'Name the first owner, with the bootstrap token and once',
    consumes: ['application/json'],
    body: {
      content: { 'application/json': { schema: { ...jsonSchema(owner, 'input'), examples: [OWNER] } } },
    },
    response: {
      201: answer({ description: 'Named.', schema: owner, examples: { owner: { value: OWNER } } }),
      ...problems('owner_named', 'too_large', 'media_type', 'invalid'),
    },
  },
};
