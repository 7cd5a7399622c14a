import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { z } from 'zod';
import type { AccessDecision, AccessOutcome, AccessQuery } from '../../admin/access/access-admin.ts';
import type { AccessWish } from '../../admin/access/asked-access.ts';
import { AdminError } from '../../admin/admin-error.ts';
import { submittedValue } from '../../admin/submitted-document.ts';
import { ACCESS_STATES } from '../../resources/access-request.ts';
import { durationSeconds } from '../../resources/duration.ts';
import { fieldName } from '../../resources/field-name.ts';
import { schemaFaults } from '../../resources/schema-faults.ts';
import type { Log } from '../../telemetry/logger.ts';
import type { AdminDeps } from '../door-deps.ts';
import { MAX_BODY_BYTES } from '../form-body.ts';
import { refuseOtherMethods } from '../methods.ts';
import { NOT_STORED, send } from '../reply.ts';
import { accessDecision, accessSchemas, accessWish } from '../schemas/access.ts';
import { bodyText, limitOf, queryOf, wishOf } from './admin-request.ts';
import { problemHandler } from './problem.ts';
import type { SignedIn } from './signed-in.ts';

/** Under which access is asked for: its name follows from what is asked. */
const NEW = 'new';
const NAME = /^ar-[0-9a-f]{32}$/;

function nameOf(request: FastifyRequest): string {
  const { name } = request.params as { name: string };
  if (!NAME.test(name)) throw new AdminError('not_found');
  return name;
}

function bodyOf<T>(request: FastifyRequest, schema: z.ZodType<T>): T {
  const value = submittedValue(bodyText(request));
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const faults = schemaFaults(schema, value, parsed.error.issues).map(({ path, ...fault }) => ({
    ...fault,
    field: fieldName(path),
    source: 'request body',
    severity: 'error' as const,
  }));
  throw new AdminError('invalid', { faults });
}

function queryOfList(request: FastifyRequest): AccessQuery {
  const query = queryOf(request, ['limit', 'after', 'state', 'mapping']);
  const after = query.get('after');
  if (after !== undefined && !NAME.test(after))
    throw new AdminError('malformed', { field: 'after', detail: 'must be a name' });
  const wanted = query.get('state');
  const state = ACCESS_STATES.find((known) => known === wanted);
  if (wanted !== undefined && state === undefined) {
    throw new AdminError('malformed', { field: 'state', detail: `must be ${ACCESS_STATES.join(', ')}` });
  }
  return { limit: limitOf(query.get('limit')), after, state, mapping: query.get('mapping') };
}

function wishIn(request: FastifyRequest): AccessWish {
  const { duration, ...wish } = bodyOf(request, accessWish);
  return { ...wish, ...(duration !== undefined && { durationSeconds: durationSeconds(duration) }) };
}

function answerChange(reply: FastifyReply, { name, view, etag, created }: AccessOutcome, dryRun: boolean) {
  return send(reply, {
    status: created && !dryRun ? 201 : 200,
    body: { dryRun, name, request: view },
    headers: { ...NOT_STORED, ...(etag !== undefined && { etag }) },
  });
}

/** List, get, put and delete of AccessRequests: asking for just-in-time access and deciding on it. */
export function accessRoutes(
  server: FastifyInstance,
  path: string,
  { requests, access, log }: Pick<AdminDeps, 'requests'> & { readonly access: SignedIn; readonly log: Log },
): void {
  const { actorOf, onRequest } = access;
  const common = { onRequest, errorHandler: problemHandler(log), bodyLimit: MAX_BODY_BYTES };
  const changing = { ...common, errorHandler: problemHandler(log, access.onRefused) };
  server.get(path, {
    ...common,
    schema: accessSchemas.list,
    handler: async (request, reply) =>
      send(reply, {
        status: 200,
        body: requests.list(actorOf(request), queryOfList(request)),
        headers: NOT_STORED,
      }),
  });
  const one = `${path}/:name`;
  server.get(one, {
    ...common,
    schema: accessSchemas.get,
    handler: async (request, reply) => {
      queryOf(request, []);
      const { view, etag = '' } = await requests.get(actorOf(request), nameOf(request));
      return send(reply, { status: 200, body: view, headers: { ...NOT_STORED, etag } });
    },
  });
  server.put(one, {
    ...changing,
    schema: accessSchemas.put,
    handler: async (request, reply) => {
      const how = wishOf(request);
      const isNew = (request.params as { name: string }).name === NEW;
      const outcome = isNew
        ? await requests.ask(actorOf(request), wishIn(request), how)
        : await requests.decide(
            actorOf(request),
            nameOf(request),
            bodyOf<AccessDecision>(request, accessDecision),
            how,
          );
      return answerChange(reply, outcome, how.dryRun);
    },
  });
  server.delete(one, {
    ...changing,
    schema: accessSchemas.delete,
    handler: async (request, reply) => {
      const how = wishOf(request);
      const outcome = await requests.decide(actorOf(request), nameOf(request), { decision: 'withdraw' }, how);
      return answerChange(reply, outcome, how.dryRun);
    },
  });
  refuseOtherMethods(server, path, ['GET'], access.onOtherMethod);
  refuseOtherMethods(server, one, ['GET', 'PUT', 'DELETE'], access.onOtherMethod);
}
