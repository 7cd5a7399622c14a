import { z } from 'zod';
import { errorResponses } from './errors.ts';
import { answer } from './json-schema.ts';

const readiness = z
  .strictObject({
    status: z.enum(['ready', 'degraded', 'unavailable']),
    development: z.literal(true).optional(),
    parts: z.array(
      z.strictObject({
        name: z.string(),
        state: z.enum(['ok', 'degraded', 'failed']),
        detail: z.string().optional().meta({ description: 'On the admin door only.' }),
      }),
    ),
  })
  .meta({ id: 'Readiness' });

const common = { security: [] };
const refusals = errorResponses({ keys: ['method_not_served', 'overloaded'] });
const example = { status: 'unavailable', parts: [{ name: 'audit', state: 'failed' }] };

export const operationSchemas = {
  livez: {
    ...common,
    operationId: 'getLivez',
    tags: ['all doors'],
    summary: 'The process answers',
    response: {
      200: answer({ description: 'It does.', schema: z.strictObject({ status: z.literal('alive') }) }),
      ...refusals,
    },
  },
  readyz: {
    ...common,
    operationId: 'getReadyz',
    tags: ['all doors'],
    summary: 'The service can serve, and which part of it cannot',
    response: {
      200: answer({ description: 'It serves, if with degraded parts.', schema: readiness }),
      405: refusals[405],
      503: answer({
        description: 'A part without which nothing is issued has failed.',
        schema: readiness,
        examples: { audit: { value: example } },
      }),
    },
  },
  metrics: {
    ...common,
    operationId: 'getMetrics',
    tags: ['admin'],
    summary: 'Metrics for Prometheus',
    response: {
      200: answer({ description: 'Text format 0.0.4.', schema: z.string(), contentType: 'text/plain' }),
      ...refusals,
    },
  },
};
