import type { FastifyInstance } from 'fastify';
import { AdminError } from '../../admin/admin-error.ts';
import type { Subject } from '../../admin/explain.ts';
import type { Explanation } from '../../admin/explanation.ts';
import { submittedValue } from '../../admin/submitted-document.ts';
import type { Why } from '../../admin/trail/why.ts';
import type { Ask, Grant } from '../../core/decision.ts';
import { Secret } from '../../core/secret.ts';
import { fieldName } from '../../resources/field-name.ts';
import { schemaFaults } from '../../resources/schema-faults.ts';
import type { Log } from '../../telemetry/logger.ts';
import type { AdminDeps } from '../door-deps.ts';
import { MAX_BODY_BYTES } from '../form-body.ts';
import { refuseOtherMethods } from '../methods.ts';
import { NOT_STORED, send } from '../reply.ts';
import { explainBody, explainSchema } from '../schemas/explain.ts';
import { mappingAddress } from '../token-request.ts';
import { bodyText, queryOf } from './admin-request.ts';
import { problemHandler } from './problem.ts';
import type { SignedIn } from './signed-in.ts';
import { whileWaiting } from './while-waiting.ts';

/** Whom and what a body asks about. Throws AdminError `invalid`, which repeats no value. */
function question(text: string): { trace: string } | { subject: Subject; ask: Ask } {
  const value = submittedValue(text);
  const parsed = explainBody.safeParse(value);
  if (!parsed.success) {
    const faults = schemaFaults(explainBody, value, parsed.error.issues).map(({ path, ...fault }) => ({
      ...fault,
      field: fieldName(path),
      source: 'request body',
      severity: 'error' as const,
    }));
    throw new AdminError('invalid', { faults });
  }
  const { trace, ...others } = parsed.data;
  const { token, identity, address, scope, ttlSeconds, requestedTokenType } = others;
  if (trace !== undefined) {
    if (Object.keys(others).length === 0) return { trace };
    throw new AdminError('invalid', { field: 'trace', detail: 'goes alone: the record says all else' });
  }
  if (address === undefined) throw new AdminError('invalid', { field: 'address', detail: 'is required' });
  if ((token === undefined) === (identity === undefined)) {
    throw new AdminError('invalid', { field: 'token', detail: 'exactly one of token, identity and trace is wanted' });
  }
  return {
    subject: token === undefined ? { identity: identity ?? { issuer: '' } } : { token: new Secret(token) },
    ask: {
      address: mappingAddress(address),
      scopes: scope === undefined || scope === '' ? [] : scope.split(' '),
      ...(ttlSeconds !== undefined && { ttlSeconds }),
      ...(requestedTokenType !== undefined && { requestedTokenType }),
    },
  };
}

/** The credential that would come out. */
function credentialOf({ kind, targetId, ttlSeconds, enforcedBy, deliver, issuedTokenType }: Grant) {
  return { kind, target: targetId, ttlSeconds, enforcedBy, deliver, issuedTokenType };
}

function shown({ decision, ...explanation }: Explanation) {
  const grant = 'grant' in decision ? { credential: credentialOf(decision.grant) } : {};
  const { outcome, mapping, error, reason, detail, awaiting, beside, steps } = {
    mapping: undefined,
    error: undefined,
    reason: undefined,
    detail: undefined,
    awaiting: undefined,
    beside: undefined,
    steps: [],
    ...decision,
  };
  const accessRequest = awaiting?.request;
  return {
    ...explanation,
    decision: { outcome, mapping, error, reason, detail, accessRequest, beside, steps },
    ...grant,
  };
}

function shownWhy({ today, coverage: { next: _, ...coverage }, ...why }: Why) {
  return { ...why, today: today && shown(today), coverage };
}

/** `POST /admin/v1/explain`: what would become of a request, and why. */
export function explainRoute(
  server: FastifyInstance,
  path: string,
  { explain, why, access, log }: Pick<AdminDeps, 'explain' | 'why'> & { readonly access: SignedIn; readonly log: Log },
): void {
  server.post(path, {
    schema: explainSchema,
    onRequest: access.onRequest,
    errorHandler: problemHandler(log),
    bodyLimit: MAX_BODY_BYTES,
    handler: async (request, reply) => {
      queryOf(request, []);
      const asked = question(bodyText(request));
      const actor = access.actorOf(request);
      const body =
        'trace' in asked
          ? shownWhy(await why(actor, asked.trace, whileWaiting(reply)))
          : shown(await explain(actor, asked.subject, asked.ask));
      return send(reply, { status: 200, body, headers: NOT_STORED });
    },
  });
  refuseOtherMethods(server, path, ['POST'], access.onOtherMethod);
}
