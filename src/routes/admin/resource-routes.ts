import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { AdminError } from '../../admin/admin-error.ts';
import type { AdminKind, Target } from '../../admin/change/edit.ts';
import type { Outcome } from '../../admin/resource-admin.ts';
import type { ResourceView } from '../../admin/resource-view.ts';
import { submittedValue } from '../../admin/submitted-document.ts';
import type { CandidateDocuments } from '../../catalog/candidate.ts';
import type { StoredResource } from '../../catalog/stored-resources.ts';
import { name as nameSchema } from '../../resources/names.ts';
import type { Log } from '../../telemetry/logger.ts';
import type { AdminDeps } from '../door-deps.ts';
import { MAX_BODY_BYTES } from '../form-body.ts';
import { refuseOtherMethods } from '../methods.ts';
import { NOT_STORED, send } from '../reply.ts';
import { resourceSchemas } from '../schemas/resources.ts';
import {
  bodyText,
  durationOf,
  historyQuery,
  listQuery,
  meansProposals,
  putWish,
  queryOf,
  wishOf,
} from './admin-request.ts';
import { problemHandler, shownFault } from './problem.ts';
import { shownReplay } from './replay-route.ts';
import { shownChange, shownProposal } from './shown-change.ts';
import type { SignedIn } from './signed-in.ts';
import { whileWaiting } from './while-waiting.ts';

function shown({ document, source, state, faults }: ResourceView) {
  return { document, source: shownSource(source), state, faults: faults.map(shownFault) };
}

function shownSource(source: ResourceView['source']) {
  return source.type === 'store' ? { ...source, ...shownAt(source.at) } : source;
}

function shownVersion({ at, document, ...version }: StoredResource) {
  return { ...version, ...shownAt(at), ...(document === undefined ? { deleted: true } : { document }) };
}

function shownAt(at: number | undefined) {
  return at === undefined ? {} : { at: new Date(at).toISOString() };
}

/** The body of a rollback is the document of the version that it names, and nothing of its own. */
function assertEmpty(text: string): void {
  if (Object.keys(submittedValue(text)).length === 0) return;
  throw new AdminError('malformed', { field: 'rollback', detail: 'its body is {}' });
}

function targetOf(request: FastifyRequest, kind: AdminKind): Target {
  const { name } = request.params as { name: string };
  if (!nameSchema.safeParse(name).success) throw new AdminError('not_found');
  return { kind, name };
}

function answer(reply: FastifyReply, body: object, { status = 200, etag }: { status?: number; etag?: string } = {}) {
  return send(reply, { status, body, headers: { ...NOT_STORED, ...(etag !== undefined && { etag }) } });
}

function answerChange(
  reply: FastifyReply,
  { etag, created, durable, otherName, ...changed }: Outcome,
  { dryRun, replay }: { readonly dryRun: boolean; readonly replay: object | undefined },
) {
  const body = { dryRun, durable, otherName, ...shownChange(changed), replay };
  if (changed.proposal !== undefined) return answer(reply, body, { status: 202 });
  return answer(reply, body, { status: created && !dryRun ? 201 : 200, ...(etag !== undefined && { etag }) });
}

interface Kind {
  readonly kind: AdminKind;
  /** The whole path of the collection. */
  readonly path: string;
}

/** List, get, put and delete of one kind of resource. */
export function resourceRoutes(
  server: FastifyInstance,
  { kind, path }: Kind,
  {
    resources,
    replay,
    access,
    log,
  }: Pick<AdminDeps, 'resources' | 'replay'> & { readonly access: SignedIn; readonly log: Log },
): void {
  const { actorOf, onRequest } = access;
  const common = { onRequest, errorHandler: problemHandler(log), bodyLimit: MAX_BODY_BYTES };
  const changing = { ...common, errorHandler: problemHandler(log, access.onRefused) };
  const schemas = resourceSchemas(kind);
  /** What a dry run that names a window would have done to its requests. */
  const replayed = async (request: FastifyRequest, reply: FastifyReply, candidate: CandidateDocuments) => {
    const query = queryOf(request, ['dryRun', 'why', 'replay']);
    if (!query.has('replay')) return undefined;
    const windowSeconds = durationOf(query, 'replay', '');
    return shownReplay(await replay(actorOf(request), { candidate, windowSeconds, signal: whileWaiting(reply) }));
  };
  server.get(path, {
    ...common,
    schema: schemas.list,
    handler: async (request, reply) => {
      if (meansProposals(request)) {
        const proposals = await resources.proposals(actorOf(request), kind);
        return answer(reply, { items: [], proposals: proposals.map(shownProposal) });
      }
      const { items, next } = resources.list(actorOf(request), kind, listQuery(request));
      return answer(reply, { items: items.map(shown), next });
    },
  });
  const one = `${path}/:name`;
  server.get(one, {
    ...common,
    schema: schemas.get,
    handler: async (request, reply) => {
      const query = historyQuery(request);
      const target = targetOf(request, kind);
      if (query !== undefined) {
        const { items, next } = await resources.history(actorOf(request), target, query);
        return answer(reply, { items: items.map(shownVersion), next });
      }
      const { etag, ...view } = await resources.get(actorOf(request), target);
      const proposals = await resources.proposals(actorOf(request), kind, target.name);
      const body = { ...shown(view), proposals: proposals.length > 0 ? proposals.map(shownProposal) : undefined };
      return answer(reply, body, etag === undefined ? {} : { etag });
    },
  });
  server.put(one, {
    ...changing,
    schema: schemas.put,
    handler: async (request, reply) => {
      const { rollback, ...wish } = putWish(request);
      const [actor, target, text] = [actorOf(request), targetOf(request, kind), bodyText(request)];
      if (rollback !== undefined) {
        assertEmpty(text);
        const outcome = await resources.rollback(actor, target, rollback, wish);
        return answerChange(reply, outcome, { dryRun: wish.dryRun, replay: undefined });
      }
      const outcome = await resources.put(actor, target, text, wish);
      return answerChange(reply, outcome, { dryRun: wish.dryRun, replay: await replayed(request, reply, { text }) });
    },
  });
  server.delete(one, {
    ...changing,
    schema: schemas.delete,
    handler: async (request, reply) => {
      if (meansProposals(request)) {
        const withdrawn = await resources.withdraw(actorOf(request), targetOf(request, kind), request.id);
        return answer(reply, { withdrawn: withdrawn.map(shownProposal) });
      }
      const wish = wishOf(request);
      const target = targetOf(request, kind);
      const outcome = await resources.delete(actorOf(request), target, wish);
      const replay = await replayed(request, reply, { text: '', remove: [target] });
      return answerChange(reply, outcome, { dryRun: wish.dryRun, replay });
    },
  });
  refuseOtherMethods(server, path, ['GET'], access.onOtherMethod);
  refuseOtherMethods(server, one, ['GET', 'PUT', 'DELETE'], access.onOtherMethod);
}
