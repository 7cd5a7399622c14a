import { z } from 'zod';
import { ERRORS, type ErrorKey, OAuthError, type OAuthErrorCode, REASONS, STATUS } from '../../core/oauth-error.ts';
import { http } from '../../outbound/node-http.ts';
import { oauthErrorBody } from '../error-handler.ts';
import { answer } from './json-schema.ts';

const TRACE_ID = '4bf92f3577b34da6a3ce929d0e0e4736';

/** Every error body of OAuth's doors (DESIGN section 6). */
export const errorBody = z
  .strictObject({
    error: z.enum(Object.keys(STATUS) as [OAuthErrorCode, ...OAuthErrorCode[]]),
    error_description: z
      .string()
      .regex(/^[\x20-\x21\x23-\x5b\x5d-\x7e]+$/)
      .meta({ description: 'A fixed sentence of docs/errors.md.' }),
    trace_id: z
      .string()
      .regex(/^[0-9a-f]{32}$/)
      .meta({ description: 'Names this request in the log and the audit trail.' }),
    reason: z
      .enum(REASONS)
      .optional()
      .meta({ description: 'One word of policy, for a caller whom a mapping selected and then refused.' }),
  })
  .meta({ id: 'Error' });

type Render = (error: OAuthError, traceId: string) => { readonly status: number; readonly body: object | string };

interface Rows {
  readonly keys: readonly ErrorKey[];
  readonly schema?: z.ZodType;
  readonly render?: Render;
  readonly contentType?: string;
}

const oauth: Render = (error, traceId) => ({ status: error.status, body: oauthErrorBody(error, traceId) });

function sample(key: ErrorKey): OAuthError {
  return new OAuthError(key, key === 'target_denied' ? { reason: 'guardrail' } : {});
}

/** The responses of some rows of the table by status, each row an example under its key. */
export function errorResponses({
  keys,
  schema = errorBody,
  render = oauth,
  contentType,
}: Rows): Record<string, unknown> {
  const responses: Record<string, unknown> = {};
  const rendered = keys.map((key) => ({ key, ...render(sample(key), TRACE_ID) }));
  for (const status of [...new Set(rendered.map((row) => row.status))].sort((a, b) => a - b)) {
    const rows = rendered.filter((row) => row.status === status);
    const examples = Object.fromEntries(
      rows.map(({ key, body }) => [key, { summary: ERRORS[key].description, value: body }]),
    );
    const described = { description: http.STATUS_CODES[status] ?? 'Refused', schema, examples };
    responses[status] = answer({ ...described, ...(contentType !== undefined && { contentType }) });
  }
  return responses;
}
