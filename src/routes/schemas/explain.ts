import { z } from 'zod';
import { TokenType } from '../../core/token-types.ts';
import { ADMIN_ROUTE, problems } from './admin.ts';
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
    .meta({ description: 'A token of a workload. Exactly one of token and identity.' }),
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
  address: short.meta({ description: 'As in audience or resource of the token endpoint.' }),
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

const QUESTION = {
  identity: { issuer: 'prod-eu', namespace: 'payments', serviceAccount: 'reporter', pod: 'reporter-7d9f' },
  address: 'ledger',
};

const ANSWER = {
  revision: 'r-0123456789abcdef',
  decider: 'policy/2',
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

export const explainSchema = {
  ...ADMIN_ROUTE,
  operationId: 'explain',
  summary: 'What would become of a request, and why',
  description: 'By the code that decides exchanges. Issues nothing, and uses no token up.',
  consumes: ['application/json'],
  body: { content: { 'application/json': { schema: { ...jsonSchema(explainBody, 'input'), examples: [QUESTION] } } } },
  response: {
    200: answer({ description: 'The decision.', schema: explanation, examples: { allowed: { value: ANSWER } } }),
    ...problems('too_large', 'media_type', 'invalid'),
  },
};
