import { z } from 'zod';
import { TokenType } from '../../core/token-types.ts';
import { ADMIN_ROUTE, problems } from './admin-route.ts';
import { auditRecord, coverage } from './audit.ts';
import { answer, jsonSchema } from './json-schema.ts';

const text = z.string();
const short = z.string().min(1).max(2048);

/** The question: a token or stated attributes, and what would be asked of the token endpoint. */
export const explainBody = z.strictObject({
  token: z
    .string()
    .min(1)
    .max(16_384)
    .optional()
    .meta({ description: 'A token of a workload. Exactly one of token, identity and trace.' }),
  trace: z
    .string()
    .regex(/^[\x21-\x7e]{1,128}$/, 'must be the trace_id of an answer')
    .optional()
    .meta({
      description: 'The trace_id of an answer: what became of that request, and what would today. It goes alone.',
    }),
  identity: z
    .strictObject({
      issuer: short.meta({ description: 'Name of a TrustedIssuer.' }),
      namespace: short.optional(),
      serviceAccount: short.optional(),
      pod: short.optional().meta({ description: 'The token would be bound to this pod.' }),
      claims: z
        .record(z.string(), z.union([z.string(), z.number(), z.boolean(), z.array(z.string())]))
        .optional()
        .meta({ description: 'Claims of an OIDC token.' }),
    })
    .optional(),
  address: short.optional().meta({ description: 'As in audience or resource of the token endpoint.' }),
  scope: z.string().max(2048).optional(),
  ttlSeconds: z.number().int().min(1).max(315_360_000).optional(),
  requestedTokenType: z.enum(Object.values(TokenType) as [TokenType, ...TokenType[]]).optional(),
});

const step = z.strictObject({ step: text, passed: z.boolean(), detail: text });

const explanation = z
  .strictObject({
    revision: text.meta({ description: 'Of the resources that decided.' }),
    decider: text.meta({ description: 'Version of the policy code.' }),
    identity: z
      .looseObject({ issuer: text })
      .optional()
      .meta({ description: 'The attributes decided on; absent where the token is refused.' }),
    decision: z.strictObject({
      outcome: z.enum(['allowed', 'refused']),
      mapping: text.optional(),
      error: text.optional().meta({ description: 'A key of docs/errors.md.' }),
      reason: text.optional(),
      detail: text.optional(),
      accessRequest: text.optional().meta({ description: 'The AccessRequest that an exchange would open or name.' }),
      beside: z
        .array(
          z.strictObject({
            mode: z.enum(['report', 'shadow']),
            outcome: z.enum(['allowed', 'refused']),
            mapping: text.optional(),
            reason: text.optional(),
            detail: text.optional(),
          }),
        )
        .optional()
        .meta({ description: 'What mappings that do not enforce would have come to.' }),
      steps: z.array(step).meta({ description: 'The gates in their order, up to the first that refuses.' }),
    }),
    credential: z
      .strictObject({
        kind: text,
        target: text,
        ttlSeconds: z.number().int(),
        enforcedBy: z.array(text),
        deliver: z.enum(['credentials', 'assertion']),
        issuedTokenType: text,
      })
      .optional()
      .meta({ description: 'What would come out.' }),
    candidates: z
      .array(z.strictObject({ mapping: text, selected: z.boolean(), failing: step.optional() }))
      .meta({ description: 'Every mapping that matches, each decided on as if there were no other.' }),
    more: z.number().int().meta({ description: 'Candidates that are not listed.' }),
  })
  .meta({ id: 'Explanation' });

const why = z
  .strictObject({
    trace: text,
    records: z.array(auditRecord).meta({ description: 'Oldest first.' }),
    story: z.array(text).meta({ description: 'What happened, and what would today, in sentences.' }),
    today: explanation
      .optional()
      .meta({ description: 'Its request decided again; absent where policy decided nothing.' }),
    coverage,
  })
  .meta({ id: 'Why' });

const QUESTION = {
  identity: { issuer: 'prod-eu', namespace: 'payments', serviceAccount: 'reporter', pod: 'reporter-7d9f' },
  address: 'ledger',
};

const ANSWER = {
  revision: 'r-0123456789abcdef',
  decider: 'policy/4',
  identity: { issuer: 'prod-eu', kind: 'kubernetes', namespace: 'payments', serviceAccount: 'reporter' },
  decision: { outcome: 'allowed', mapping: 'mesh', steps: [{ step: 'expiry', passed: true, detail: 'never' }] },
  credential: {
    kind: 'jwtSvid',
    target: 'ledger',
    ttlSeconds: 300,
    enforcedBy: [],
    deliver: 'credentials',
    issuedTokenType: TokenType.jwtSvid,
  },
  candidates: [{ mapping: 'mesh', selected: true }],
  more: 0,
};

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
const WHY = {
  trace: TRACE,
  records: [
    {
      v: 1,
      stream: 'carnet',
      seq: 4711,
      at: '2026-11-27T07:59:12.345Z',
      type: 'refused',
      outcome: 'refused',
      traceId: TRACE,
      issuer: 'prod-eu',
      mapping: 'mesh',
      reason: 'mapping_expired',
    },
  ],
  story: [
    'At 2026-11-27T07:59:12.345Z payments/reporter of prod-eu asked for ledger. Mapping mesh selected it and refused, which the caller was told as mapping_expired: 2026-11-27T00:00:00.000Z.',
    'Under the resources of today (r-0123456789abcdef) it would now be allowed, by mapping mesh: ledger for 300 s.',
  ],
  today: ANSWER,
  coverage: {
    streams: ['carnet'],
    from: '2026-11-27T07:58:12.345Z',
    until: '2026-11-27T08:00:00.000Z',
    complete: true,
    unreadable: 0,
  },
};

export const explainSchema = {
  ...ADMIN_ROUTE,
  operationId: 'explain',
  summary: 'What would become of a request, and why',
  description:
    'By the code that decides exchanges. Issues nothing, and uses no token up. Of a trace: what became of that request; to limited roles only where a mapping of theirs refused.',
  consumes: ['application/json'],
  body: {
    content: {
      'application/json': { schema: { ...jsonSchema(explainBody, 'input'), examples: [QUESTION] } },
    },
  },
  response: {
    200: answer({
      description: 'The decision.',
      schema: z.union([explanation, why]),
      examples: { allowed: { value: ANSWER }, trace: { value: WHY } },
    }),
    ...problems('not_found', 'too_large', 'media_type', 'invalid'),
  },
};
