import { z } from 'zod';
import { ACCESS_STATES } from '../../resources/access-request.ts';
import { duration } from '../../resources/duration.ts';
import { ADMIN_ROUTE, problems } from './admin-route.ts';
import { answer, jsonSchema } from './json-schema.ts';

const text = z.string();
const said = z.string().min(1).max(1024);
const short = z.string().min(1).max(4096);
const instant = text.meta({ description: 'RFC 3339.' });
const person = z.strictObject({ issuer: text, subject: text, email: text.optional() });

/** Access that a person asks for: the body at `new`. */
export const accessWish = z.strictObject({
  mapping: z.string().min(1).max(127),
  identity: z
    .strictObject({
      issuer: z.string().min(1).max(63).meta({ description: 'Name of a TrustedIssuer.' }),
      namespace: z.string().min(1).max(253).optional(),
      serviceAccount: z.string().min(1).max(253).optional(),
      subject: short.optional().meta({ description: '`sub` of the tokens of an issuer that is no cluster.' }),
    })
    .meta({ description: 'The workload that it is for.' }),
  reason: said.optional(),
  duration: duration
    .optional()
    .meta({ description: "At most the mapping's maxDuration, and that when it is left out." }),
  breakGlass: z.boolean().optional().meta({ description: 'Open it alone, for an hour at most.' }),
});

/** What somebody makes of an open request: the body at its name. */
export const accessDecision = z.strictObject({
  decision: z.enum(['approve', 'deny', 'withdraw']),
  why: said.optional(),
});

const view = z
  .strictObject({
    document: z.looseObject({}).meta({ description: 'The AccessRequest: mapping, identity, reason, durationSeconds.' }),
    state: z.enum(ACCESS_STATES),
    askedAt: instant,
    askedBy: person.optional().meta({ description: 'Absent: the workload itself, by an exchange.' }),
    needed: z.number().int().meta({ description: 'How many people have to approve.' }),
    approvals: z.array(z.strictObject({ by: person, at: instant, why: text.optional() })),
    approvers: z.array(text).optional().meta({ description: 'Whom the mapping names; absent where it is gone.' }),
    owner: text.optional().meta({ description: 'Of the mapping: who does not approve.' }),
    breakGlass: z.boolean(),
    from: instant.optional(),
    notAfter: instant.optional().meta({ description: 'When the access ends, and every credential with it.' }),
    uses: z.number().int(),
    maxUses: z.number().int().optional(),
    endedAt: instant.optional(),
    why: text.optional(),
  })
  .meta({ id: 'AccessRequest' });

const changed = z
  .strictObject({ dryRun: z.boolean(), name: text, request: view })
  .meta({ id: 'AccessChange', description: 'The request as it is now, or would be after a dry run.' });

const NAME = 'ar-3f0c5a1b9d2e4c7788aa01b2c3d4e5f6';
const ALICE = { issuer: 'https://idp.example.org', subject: 'alice' };
const VIEW = {
  document: {
    apiVersion: 'carnet.dev/v1alpha1',
    kind: 'AccessRequest',
    metadata: { name: NAME },
    spec: {
      mapping: 'db-repair',
      identity: { issuer: 'prod-eu', subject: 'system:serviceaccount:payments:repair' },
      durationSeconds: 3600,
    },
  },
  state: 'asked',
  askedAt: '2026-11-22T09:00:00.000Z',
  needed: 2,
  approvals: [{ by: ALICE, at: '2026-11-22T09:05:00.000Z', why: 'INC-42' }],
  approvers: ['payments-leads'],
  owner: 'payments@example.org',
  breakGlass: false,
  uses: 0,
};
const WISH = {
  mapping: 'db-repair',
  identity: { issuer: 'prod-eu', namespace: 'payments', serviceAccount: 'repair' },
  reason: 'INC-42',
  duration: '30m',
};

const params = jsonSchema(z.object({ name: text.meta({ description: '`new`, or the name of a request.' }) }));
const ifMatch = jsonSchema(z.object({ 'if-match': text.optional() }), 'input');
const dryRun = jsonSchema(z.object({ dryRun: z.enum(['true', 'false']).optional() }), 'input');
const CHANGED = { example: { value: { dryRun: false, name: NAME, request: VIEW } } };
const change = (description: string) => answer({ description, schema: changed, examples: CHANGED });
const body = {
  schema: {
    ...jsonSchema(z.union([accessWish, accessDecision]), 'input'),
    examples: [WISH, { decision: 'approve', why: 'INC-42' }],
  },
};

/** How the routes of AccessRequests are described. */
export const accessSchemas = {
  list: {
    ...ADMIN_ROUTE,
    operationId: 'listAccessRequests',
    summary: 'List AccessRequests, by name',
    querystring: jsonSchema(
      z.object({
        limit: text.optional().meta({ description: '1 to 500; 100 where it is absent.' }),
        after: text.optional().meta({ description: 'A name after which to go on: `next` of the page before.' }),
        state: z.enum(ACCESS_STATES).optional(),
        mapping: text.optional(),
      }),
      'input',
    ),
    response: {
      200: answer({
        description: 'A page; `next` is there where more follow.',
        schema: z.strictObject({ items: z.array(view), next: text.optional() }),
        examples: { page: { value: { items: [VIEW] } } },
      }),
      ...problems(),
    },
  },
  get: {
    ...ADMIN_ROUTE,
    operationId: 'getAccessRequest',
    summary: 'One AccessRequest, with its ETag',
    params,
    response: {
      200: answer({ description: 'It.', schema: view, examples: { asked: { value: VIEW } } }),
      ...problems('not_found'),
    },
  },
  put: {
    ...ADMIN_ROUTE,
    operationId: 'putAccessRequest',
    summary: 'Ask for access under the name new, or decide on the request that If-Match names',
    description:
      'A name follows from mapping, version of the mapping and workload: asking again gives the request that is open.',
    params,
    querystring: dryRun,
    headers: ifMatch,
    consumes: ['application/json', 'application/yaml'],
    body: { content: { 'application/json': body, 'application/yaml': body } },
    response: {
      200: change('Decided, or asked again, or a dry run.'),
      201: change('Asked, or opened by break-glass.'),
      ...problems(
        'not_found',
        'not_entitled',
        'not_open',
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
    operationId: 'withdrawAccessRequest',
    summary: 'Withdraw the request that If-Match names; approved access ends',
    params,
    querystring: dryRun,
    headers: ifMatch,
    response: {
      200: change('Withdrawn, or a dry run.'),
      ...problems('not_found', 'not_entitled', 'not_open', 'precondition_failed', 'precondition_required'),
    },
  },
};
