import { STATUS_CODES } from 'node:http';
import { z } from 'zod';
import { AdminError, PROBLEMS, type ProblemKey } from '../../admin/admin-error.ts';
import type { AdminKind } from '../../admin/change/edit.ts';
import { ADMIN_ROLES } from '../../core/admin-role.ts';
import { KINDS } from '../../resources/document.ts';
import { name } from '../../resources/names.ts';
import { PROBLEM_TYPE, problem } from '../admin/problem.ts';
import { answer, jsonSchema } from './json-schema.ts';

const TRACE_ID = '4bf92f3577b34da6a3ce929d0e0e4736';
const text = z.string();

export const fault = z
  .strictObject({
    severity: z.enum(['error', 'warning']),
    kind: z.enum(KINDS).optional(),
    name: text.optional(),
    field: text.meta({ description: 'Empty where the whole document is meant.' }),
    message: text,
    mend: text.optional(),
    source: text,
    line: z.number().int().optional(),
  })
  .meta({ id: 'Fault' });

const problemBody = z
  .strictObject({
    type: text,
    title: text,
    status: z.number().int().min(400).max(599),
    detail: text.optional(),
    field: text.optional().meta({ description: 'The header, parameter or field that is meant.' }),
    mend: text.optional().meta({ description: 'How to mend it.' }),
    faults: z.array(fault).optional(),
    trace_id: text,
  })
  .meta({ id: 'Problem', description: 'RFC 9457.' });

/** Who wrote what the store holds. */
const provenance = {
  author: z
    .strictObject({
      issuer: text,
      subject: text,
      as: z.array(text).meta({ description: 'The values of `admin.oidc.roles` that gave the right.' }),
      scoped: z.literal(true).optional().meta({ description: 'Each entry that gave the right was limited.' }),
    })
    .optional(),
  proposedBy: z
    .strictObject({ issuer: text, subject: text })
    .optional()
    .meta({ description: 'Who proposed what the author confirmed.' }),
  why: text.optional().meta({ description: "The author's own words." }),
  set: text.optional().meta({ description: 'The set that it was applied with.' }),
  at: text.optional().meta({ description: 'When it was written, RFC 3339.' }),
};

export const proposal = z
  .strictObject({
    id: text.meta({ description: 'SHA-256 of the content and the versions that it is for.' }),
    by: z.strictObject({ issuer: text, subject: text }).meta({ description: 'The first person.' }),
    at: text,
    until: text.meta({ description: 'From then on it is gone.' }),
    resources: z.array(z.strictObject({ kind: text, name: text, version: z.number().int() })),
    reasons: z.array(text),
  })
  .meta({
    id: 'Proposal',
    description: 'A widening change that somebody else than the first person puts in force, by the same request.',
  });

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

export const named = z.strictObject({ kind: z.enum(KINDS), name: text });
export const changeList = z.strictObject({
  added: z.array(named),
  removed: z.array(named),
  changed: z.array(named),
  newFaults: z.array(fault),
  goneFaults: z.array(fault),
});
const version = z
  .strictObject({
    version: z.number().int(),
    ...provenance,
    document: z.looseObject({}).optional(),
    deleted: z.literal(true).optional().meta({ description: 'In the place of the document: it was deleted.' }),
  })
  .meta({ id: 'Version' });
export const widening = z
  .strictObject({
    widens: z.boolean(),
    reasons: z.array(z.strictObject({ kind: z.enum(KINDS), name: text, field: text, why: text })),
    more: z.number().int().meta({ description: 'Reasons that are not listed.' }),
  })
  .meta({ description: 'Whether anybody may get more. What is not provably narrower counts as widening.' });
const change = z
  .strictObject({
    dryRun: z.boolean(),
    inForce: z
      .boolean()
      .meta({ description: 'False after a dry run, and while this replica could not load the change.' }),
    durable: z.enum(['store', 'replica']).optional().meta({
      description: 'Of an emergency stop: kept by the store, or until that is back by this replica and those it tells.',
    }),
    changes: changeList,
    widening,
    proposal: proposal.optional().meta({ description: 'Nothing has changed: it waits for a second person.' }),
    replay: z
      .looseObject({})
      .optional()
      .meta({ description: 'Where the query has replay: as POST /admin/v1/replay answers.' }),
  })
  .meta({ id: 'Change', description: 'What the change changes among all resources that are in force.' });

const ALWAYS: readonly ProblemKey[] = [
  'malformed',
  'unauthenticated',
  'forbidden',
  'too_many',
  'internal',
  'unavailable',
];

/** The problems that each route may answer with, and those of this one. */
export function problems(...more: readonly ProblemKey[]): Record<string, unknown> {
  const keys = (Object.keys(PROBLEMS) as ProblemKey[]).filter((key) => ALWAYS.includes(key) || more.includes(key));
  const responses: Record<string, unknown> = {};
  for (const status of new Set(keys.map((key) => PROBLEMS[key].status))) {
    const examples = Object.fromEntries(
      keys
        .filter((key) => PROBLEMS[key].status === status)
        .map((key) => [key, { summary: PROBLEMS[key].title, value: problem(new AdminError(key), TRACE_ID).body }]),
    );
    const description = STATUS_CODES[status] ?? 'Refused';
    responses[status] = answer({ description, schema: problemBody, examples, contentType: PROBLEM_TYPE });
  }
  return responses;
}

/** What the descriptions of all routes of the admin API share. */
export const ADMIN_ROUTE = { tags: ['admin'], security: [{ adminToken: [] }] };
const params = jsonSchema(z.object({ name: name.meta({ examples: ['example'] }) }));
const headers = (fields: readonly string[]) =>
  jsonSchema(z.object(Object.fromEntries(fields.map((field) => [field, text.optional()]))), 'input');
export const wish = z.object({
  dryRun: z.enum(['true', 'false']).optional().meta({ description: 'Tells what would change, and changes nothing.' }),
  replay: text.optional().meta({
    description: 'With dryRun: a duration, such as 7d; what the change would have done to the requests of that time.',
  }),
  why: text.optional().meta({ description: 'In your own words, 1 to 256 printable characters; recorded and kept.' }),
});

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

export const PROPOSAL = {
  id: '3f1b0c8e5a7d92464c1e0b7a95d3f8620e6a4b1c7d9f23588a0c5e7b1d4f6932',
  by: { issuer: 'https://idp.example.org', subject: '248289761001' },
  at: '2026-11-27T09:00:00.000Z',
  until: '2026-11-28T09:00:00.000Z',
  resources: [{ kind: 'FederationMapping', name: 'example', version: 0 }],
  reasons: ['FederationMapping example comes into force'],
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
        ...problems('read_only', 'not_found', 'from_file', 'precondition_failed', 'precondition_required'),
      },
    },
  };
}

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
