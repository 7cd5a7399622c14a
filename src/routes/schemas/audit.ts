import { z } from 'zod';
import { REPORTS } from '../../admin/reports/reports.ts';
import { ADMIN_ROUTE, problems } from './admin-route.ts';
import { ADVICE, OUTSTANDING, PAGE, PROMOTION, REVIEW } from './audit-examples.ts';
import { answer, jsonSchema } from './json-schema.ts';

const text = z.string();
const filter = (description: string) => text.min(1).max(2048).optional().meta({ description });
const instant = text.optional().meta({
  description: 'An RFC 3339 instant in UTC, or a duration ago such as 24h or 7d.',
  examples: ['2026-11-27T08:00:00Z', '24h'],
});

const query = z.object({
  from: instant,
  until: instant,
  type: filter('allowed, refused, issued, failed, reused, summary, lifecycle or changed.'),
  outcome: filter('Of records of the exchange the same word as the type.'),
  issuer: filter('Name of a TrustedIssuer.'),
  namespace: filter('Of a Kubernetes identity.'),
  serviceAccount: filter('Of a Kubernetes identity.'),
  mapping: filter('Name of a FederationMapping: what it decided, and changes of it.'),
  trace: filter('The trace_id of an answer.'),
  reason: filter('Why it was refused, one word.'),
  credential: filter('A jti, serial or access key id.'),
  limit: text.optional().meta({ description: '1 to 500; 100 where it is absent. A page may be shorter.' }),
  cursor: text.optional().meta({ description: '`next` of the page before, with the same filters.' }),
  outstanding: z.enum(['true', 'false']).optional().meta({
    description:
      'In place of records: the credentials that were issued, of issuer, namespace, serviceAccount and mapping, and have not ended. From 24 hours ago where from is absent.',
  }),
  report: z.enum(REPORTS).optional().meta({
    description:
      'In place of records: what mappings that do not enforce would have done; what use of mappings does not call for; every mapping for a review. From 30 days ago where from is absent.',
  }),
});

export const coverage = z
  .strictObject({
    streams: z.array(text).meta({ description: 'Of this replica. Others answer for what they have written.' }),
    from: text,
    until: text,
    complete: z
      .boolean()
      .meta({ description: 'False: the answer goes back to `from` and not to the beginning of what was asked for.' }),
    unreadable: z.number().int().meta({
      description:
        'Lines that are no sound record, of those that were not passed over; carnet audit verify says which. 0 for a limited role.',
    }),
  })
  .meta({ id: 'AuditCoverage', description: 'Every record of these streams between the two was looked at.' });

export const auditRecord = z
  .looseObject({
    v: z.number().int(),
    stream: text,
    seq: z.number().int(),
    at: text,
    type: text,
    outcome: text,
    traceId: text.optional(),
    issuer: text.optional(),
    identity: z.looseObject({}).optional(),
    mapping: text.optional(),
    reason: text.optional(),
    detail: text.optional().meta({ description: 'The truth behind the reason, which the caller was not told.' }),
  })
  .meta({ id: 'AuditRecord', description: 'A line of the log; docs/audit.md tells its members.' });

const outstanding = z
  .strictObject({
    id: text.meta({ description: 'A jti, serial or access key id.' }),
    kind: text,
    target: text,
    deliver: text,
    session: text.optional(),
    mapping: text.optional(),
    issuer: text.optional(),
    subject: text.optional(),
    namespace: text.optional(),
    serviceAccount: text.optional(),
    traceId: text.optional(),
    expiresAt: text,
    secondsLeft: z.number().int(),
    cutOff: z.strictObject({
      command: text.optional().meta({ description: 'For a shell with the command line of the cloud.' }),
      note: text,
    }),
  })
  .meta({ id: 'OutstandingCredential' });

const page = z.strictObject({ items: z.array(auditRecord), coverage, next: text.optional() });
const stillOut = z.strictObject({
  outstanding: z.array(outstanding).meta({ description: 'First those that live longest.' }),
  more: z.number().int().meta({ description: 'Credentials that are not listed.' }),
  coverage,
});

const example = z.strictObject({
  traceId: text.optional(),
  at: text,
  workload: text,
  reason: text.optional(),
  detail: text.optional(),
});
const count = z.number().int();
const promotion = z
  .strictObject({
    mapping: text,
    mode: z.enum(['report', 'shadow']),
    until: text.optional(),
    requests: count.meta({ description: 'It was decided on.' }),
    refuses: count.meta({ description: 'Were allowed, and would be refused if it enforced.' }),
    allows: count.meta({ description: 'Were refused, and would be allowed if it enforced.' }),
    reasons: z.record(text, count),
    refused: z.array(example),
    allowed: z.array(example),
    verdict: z.enum(['safe', 'refuses', 'unused']),
  })
  .meta({ id: 'Promotion' });
const advice = z
  .strictObject({
    mapping: text,
    kind: z.enum(['unused', 'wildcard', 'ttl']),
    says: text,
    change: text.meta({ description: 'The whole mapping as YAML, with all that is advised of it done.' }),
  })
  .meta({ id: 'Advice' });
const reviewRow = z
  .strictObject({
    mapping: text,
    owner: text,
    state: z.enum(['in-force', 'faulty']),
    mode: text,
    subject: text,
    kind: text,
    targets: z.array(text),
    intents: z.union([z.literal('unrestricted'), z.array(text)]).optional(),
    lastUsed: text.optional().meta({ description: 'Absent: not since the beginning of what was looked at.' }),
    allowed: count,
    workloads: z.array(text),
    moreWorkloads: count,
    residual: z.strictObject({ accept: z.array(text), reason: text }).optional(),
    expiresAt: text.optional(),
    reattestBy: z
      .strictObject({ at: text, from: z.enum(['label', 'expiresAt']), overdue: z.boolean() })
      .optional()
      .meta({ description: 'By the label carnet.dev/reattest-by, else by expiresAt.' }),
  })
  .meta({ id: 'ReviewRow' });
const reports = [
  z.strictObject({ promotion: z.array(promotion), coverage }),
  z.strictObject({ advice: z.array(advice), coverage }),
  z.strictObject({ review: z.array(reviewRow), coverage }),
] as const;

export const auditSchema = {
  ...ADMIN_ROUTE,
  operationId: 'readAudit',
  summary: 'Records of the audit log of this replica, newest first, and what can be told from them',
  description:
    'For auditors and owners. One reading at a time, bounded in bytes and time: `coverage` says what an answer covers.',
  querystring: jsonSchema(query, 'input'),
  response: {
    200: answer({
      description: 'A page of records, or what was asked for in place of it.',
      schema: z.union([page, stillOut, ...reports]),
      examples: {
        records: { summary: 'Records', value: PAGE },
        outstanding: { summary: 'outstanding=true', value: OUTSTANDING },
        promotion: { summary: 'report=promotion', value: PROMOTION },
        advice: { summary: 'report=advice', value: ADVICE },
        review: { summary: 'report=review', value: REVIEW },
      },
    }),
    ...problems(),
  },
};
