import { z } from 'zod';
import { KINDS } from '../../resources/document.ts';
import { ADMIN_ROUTE, fault, problems } from './admin-route.ts';
import { coverage } from './audit.ts';
import { named } from './change.ts';
import { answer, jsonSchema } from './json-schema.ts';

const text = z.string();
const count = z.number().int().min(0);

const query = z.object({
  window: text.optional().meta({ description: 'How far back, up to now; 7d where it is absent.', examples: ['7d'] }),
  replace: z.enum(['same', 'all']).optional().meta({
    description: 'What the documents take the place of: what has the same kind and name, or all that is in force.',
  }),
});

const example = z.strictObject({
  identity: text.meta({ description: 'TrustedIssuer and subject.' }),
  address: text,
  traceId: text.optional(),
  at: text,
});

function groups(label: z.ZodType) {
  return z.strictObject({
    count,
    groups: z.array(z.strictObject({ count, examples: z.array(example), label })),
    others: count.meta({ description: 'Requests whose groups were too many to be told apart.' }),
  });
}

const mappings = {
  before: text.optional().meta({ description: 'The mapping that selects the caller before.' }),
  after: text.optional().meta({ description: 'The one after.' }),
};
const flips = groups(z.strictObject({ ...mappings, reason: text.optional() }));
const changed = groups(
  z.strictObject({
    ...mappings,
    differs: z.array(z.enum(['mapping', 'target', 'ttl shorter', 'ttl longer', 'narrowing', 'terms'])),
  }),
);
const differences = {
  same: count,
  toRefused: flips.meta({ description: 'Allowed before, refused after.' }),
  toAllowed: flips.meta({ description: 'Refused before, allowed after.' }),
  refusedOtherwise: count.meta({ description: 'Refused both times, for another reason or by another mapping.' }),
};

const replay = z
  .strictObject({
    decider: text.meta({ description: 'Version of the policy code that decided both.' }),
    revisions: z.strictObject({ base: text, candidate: text }),
    coverage,
    requests: z.strictObject({
      seen: count,
      replayed: count,
      notReplayable: z
        .strictObject({ incomplete: count.optional(), cut: count.optional(), unknown_form: count.optional() })
        .meta({ description: 'Records that cannot be decided on again, by reason.' }),
      limited: count.meta({ description: 'Refused by a limit and not by policy.' }),
    }),
    decided: count.meta({ description: 'Questions that were decided; many requests ask the same.' }),
    candidate: z
      .strictObject({ ...differences, changed: changed.meta({ description: 'Allowed both times, otherwise.' }) })
      .meta({ description: 'The resources in force against the documents, by the same code.' }),
    recorded: z
      .strictObject({ ...differences, otherMapping: count, deciders: z.record(text, count) })
      .meta({ description: 'What was answered then against what the resources in force say now.' }),
    changes: z.strictObject({
      added: z.array(named),
      removed: z.array(named),
      changed: z.array(named),
      newFaults: z.array(fault),
      goneFaults: z.array(fault),
    }),
    widening: z.strictObject({
      widens: z.boolean().meta({ description: 'Whether anybody could get more, asked for or not.' }),
      reasons: z.array(z.strictObject({ kind: z.enum(KINDS), name: text, field: text, why: text })),
      more: count,
    }),
    unused: z
      .strictObject({ count, mappings: z.array(text) })
      .meta({ description: 'Mappings that would have allowed none of the requests; at most 1,000 are named.' }),
    issuersNotReplayed: z
      .array(text)
      .meta({ description: 'TrustedIssuers that change: which tokens would still verify is not replayed.' }),
    notRecorded: z.array(text).meta({ description: 'What no record holds: decisions that depend on it may differ.' }),
  })
  .meta({ id: 'Replay' });

const NONE = { count: 0, groups: [], others: 0 };
const DOCUMENTS = `apiVersion: carnet.dev/v1alpha1
kind: FederationMapping
metadata: { name: mesh }
spec:
  owner: platform@example.org
  subject: { issuer: prod-eu, namespace: payments, serviceAccount: reporter }
  target: { jwtSvid: { audiences: [ledger] } }
`;

const ANSWER = {
  decider: 'policy/3',
  revisions: { base: 'r-0123456789abcdef', candidate: 'r-fedcba9876543210' },
  coverage: {
    streams: ['carnet'],
    from: '2026-11-20T09:00:00.000Z',
    until: '2026-11-27T09:00:00.000Z',
    complete: true,
    unreadable: 0,
  },
  requests: { seen: 1200, replayed: 1199, notReplayable: {}, limited: 1 },
  decided: 14,
  candidate: {
    same: 1000,
    toRefused: {
      count: 199,
      groups: [
        {
          count: 199,
          label: { before: 'mesh', reason: 'target_refused' },
          examples: [
            {
              identity: 'prod-eu system:serviceaccount:payments:clerk',
              address: 'ledger',
              traceId: '4bf92f3577b34da6a3ce929d0e0e4736',
              at: '2026-11-27T08:59:59.120Z',
            },
          ],
        },
      ],
      others: 0,
    },
    toAllowed: NONE,
    changed: NONE,
    refusedOtherwise: 0,
  },
  recorded: {
    same: 1199,
    toRefused: NONE,
    toAllowed: NONE,
    refusedOtherwise: 0,
    otherMapping: 0,
    deciders: { 'policy/3': 1199 },
  },
  changes: {
    added: [],
    removed: [],
    changed: [{ kind: 'FederationMapping', name: 'mesh' }],
    newFaults: [],
    goneFaults: [],
  },
  widening: { widens: false, reasons: [], more: 0 },
  unused: { count: 0, mappings: [] },
  issuersNotReplayed: [],
  notRecorded: ['the claim jti', "a narrowing in the cloud's own words"],
};

export const replaySchema = {
  ...ADMIN_ROUTE,
  operationId: 'replay',
  summary: 'What other resources would have done to the requests of the last days',
  description:
    'Decides every request that is on record on the resources in force and on these documents in their place, each at its own time. Changes nothing. For editors, auditors and owners; one at a time.',
  consumes: ['application/yaml', 'application/json'],
  querystring: jsonSchema(query, 'input'),
  body: {
    content: {
      'application/yaml': {
        schema: { type: 'string', description: 'Documents, `---` between them; at most 4 MiB.', examples: [DOCUMENTS] },
      },
      'application/json': { schema: { type: 'object', description: 'One document.' } },
    },
  },
  response: {
    200: answer({ description: 'What differs.', schema: replay, examples: { narrower: { value: ANSWER } } }),
    ...problems('too_large', 'media_type', 'invalid'),
  },
};
