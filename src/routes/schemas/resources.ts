import { z } from 'zod';
import type { AdminKind } from '../../admin/change/edit.ts';
import { name } from '../../resources/names.ts';
import { ADMIN_ROUTE, fault, problems } from './admin-route.ts';
import { change, PROPOSAL, proposal, wish } from './change.ts';
import { answer, jsonSchema } from './json-schema.ts';

const text = z.string();

/** Who wrote what the store holds. */
const provenance = {
  author: z
    .strictObject({
      issuer: text,
      subject: text,
      email: text.optional(),
      as: z.array(text).meta({ description: 'The values of `admin.oidc.roles` that gave the right.' }),
      scoped: z.literal(true).optional().meta({ description: 'Each entry that gave the right was limited.' }),
    })
    .optional(),
  proposedBy: z
    .strictObject({ issuer: text, subject: text, email: text.optional() })
    .optional()
    .meta({ description: 'Who proposed what the author confirmed.' }),
  why: text.optional().meta({ description: "The author's own words." }),
  set: text.optional().meta({ description: 'The set that it was applied with.' }),
  at: text.optional().meta({ description: 'When it was written, RFC 3339.' }),
};

const resource = z
  .strictObject({
    document: z.looseObject({}).meta({ description: 'The document; what `*File` fields name is left out.' }),
    source: z.union([
      z.strictObject({ type: z.literal('store'), ...provenance }),
      z.strictObject({ type: z.literal('file'), path: text, line: z.number().int() }),
    ]),
    state: z
      .enum(['in-force', 'faulty'])
      .meta({ description: 'A faulty one refuses, or its last good version stands in its place.' }),
    faults: z.array(fault),
    proposals: z.array(proposal).optional().meta({ description: 'Open ones about it.' }),
  })
  .meta({ id: 'Resource' });

const version = z
  .strictObject({
    version: z.number().int(),
    ...provenance,
    document: z.looseObject({}).optional(),
    deleted: z.literal(true).optional().meta({ description: 'In the place of the document: it was deleted.' }),
  })
  .meta({ id: 'Version' });
const params = jsonSchema(z.object({ name: name.meta({ examples: ['example'] }) }));
const headers = (fields: readonly string[]) =>
  jsonSchema(z.object(Object.fromEntries(fields.map((field) => [field, text.optional()]))), 'input');

const EXAMPLES: Readonly<Record<AdminKind, { readonly id: string; readonly plural: string; readonly spec: object }>> = {
  TrustedIssuer: {
    id: 'Issuer',
    plural: 'Issuers',
    spec: {
      issuer: 'https://oidc.example.org',
      audiences: ['https://sts.example.org'],
      keys: { discovery: {} },
      oidc: {},
    },
  },
  FederationMapping: {
    id: 'Mapping',
    plural: 'Mappings',
    spec: {
      owner: 'platform@example.org',
      subject: { issuer: 'prod-eu', namespace: 'payments', serviceAccount: 'reporter' },
      target: { jwtSvid: { audiences: ['ledger'] } },
    },
  },
  Guardrail: { id: 'Guardrail', plural: 'Guardrails', spec: { match: { namespace: 'payments' }, maxTtl: '1h' } },
  FederationGrant: {
    id: 'Grant',
    plural: 'Grants',
    spec: { from: { namespaces: ['payments'] }, to: { accounts: ['111122223333'], audiences: ['ledger'] } },
  },
};

/** How the routes of one kind are described. */
export function resourceSchemas(kind: AdminKind) {
  const { id, plural, spec } = EXAMPLES[kind];
  const document = { apiVersion: 'carnet.dev/v1alpha1', kind, metadata: { name: 'example' }, spec };
  const view = { document, source: { type: 'store' }, state: 'in-force', faults: [] };
  const widening = { widens: true, reasons: [{ kind, name: 'example', field: '', why: 'comes into force' }], more: 0 };
  const added = [{ kind, name: 'example' }];
  const changes = { added, removed: [], changed: [], newFaults: [], goneFaults: [] };
  const waits = answer({
    description: 'Under four eyes: proposed, and nothing has changed yet.',
    schema: change,
    examples: { proposed: { value: { dryRun: false, inForce: false, changes, widening, proposal: PROPOSAL } } },
  });
  const made = { example: { value: { dryRun: false, inForce: true, changes, widening } } };
  const changed = (description: string) => answer({ description, schema: change, examples: made });
  const body = { schema: { ...jsonSchema(z.looseObject({}), 'input'), examples: [document] } };
  return {
    list: {
      ...ADMIN_ROUTE,
      operationId: `list${plural}`,
      summary: `List ${kind}s, by name`,
      querystring: jsonSchema(
        z.object({
          limit: text.optional().meta({ description: '1 to 500; 100 where it is absent.' }),
          after: text.optional().meta({ description: 'A name after which to go on: `next` of the page before.' }),
          label: text.optional().meta({ description: 'KEY=VALUE: only those with this label.' }),
          source: z.enum(['file', 'store']).optional(),
          proposed: z.literal('true').optional().meta({ description: 'The open proposals instead; stands alone.' }),
        }),
        'input',
      ),
      response: {
        200: answer({
          description: 'A page; `next` is there where more follow.',
          schema: z.strictObject({
            items: z.array(resource),
            next: text.optional(),
            proposals: z.array(proposal).optional(),
          }),
          examples: { page: { value: { items: [view] } } },
        }),
        ...problems(),
      },
    },
    get: {
      ...ADMIN_ROUTE,
      operationId: `get${id}`,
      summary: `One ${kind}; an ETag where the API may change it`,
      params,
      querystring: jsonSchema(
        z.object({
          history: z.enum(['true', 'false']).optional().meta({ description: 'Its versions in the place of it.' }),
          before: text.optional().meta({ description: 'Versions below this one: `next` of the page before.' }),
        }),
        'input',
      ),
      response: {
        200: answer({
          description: 'It; or a page of its versions, the newest first, with `next` where older ones follow.',
          schema: z.union([resource, z.strictObject({ items: z.array(version), next: z.number().int().optional() })]),
          examples: { store: { value: view }, history: { value: { items: [{ version: 1, document }] } } },
        }),
        ...problems('not_found'),
      },
    },
    put: {
      ...ADMIN_ROUTE,
      operationId: `put${id}`,
      summary: `Create a ${kind}, or change the one that If-Match names`,
      params,
      querystring: jsonSchema(
        wish.extend({
          rollback: text
            .optional()
            .meta({ description: 'A version whose document is to be there again; the body is `{}`.' }),
        }),
        'input',
      ),
      headers: headers(['if-match', 'if-none-match']),
      consumes: ['application/json', 'application/yaml'],
      body: { content: { 'application/json': body, 'application/yaml': body } },
      response: {
        200: changed('Changed, or a dry run.'),
        201: changed('Created.'),
        202: waits,
        ...problems(
          'read_only',
          'not_found',
          'from_file',
          'proposed_for_another_set',
          'precondition_failed',
          'too_large',
          'media_type',
          'invalid',
          'precondition_required',
        ),
      },
    },
    delete: {
      ...ADMIN_ROUTE,
      operationId: `delete${id}`,
      summary: `Delete the ${kind} that If-Match names`,
      params,
      querystring: jsonSchema(
        wish.extend({
          proposed: z.literal('true').optional().meta({ description: 'Takes own proposals back; stands alone.' }),
        }),
        'input',
      ),
      headers: headers(['if-match']),
      response: {
        200: answer({
          description: 'Deleted, a dry run, or own proposals taken back.',
          schema: z.union([change, z.strictObject({ withdrawn: z.array(proposal) })]),
          examples: made,
        }),
        202: waits,
        ...problems(
          'read_only',
          'not_found',
          'from_file',
          'proposed_for_another_set',
          'precondition_failed',
          'precondition_required',
        ),
      },
    },
  };
}
