import { STATUS_CODES } from 'node:http';
import { z } from 'zod';
import { AdminError, PROBLEMS, type ProblemKey } from '../../admin/admin-error.ts';
import { KINDS } from '../../resources/document.ts';
import { PROBLEM_TYPE, problem } from '../admin/problem.ts';
import { answer } from './json-schema.ts';

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
