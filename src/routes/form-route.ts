import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Credential } from '../core/credential.ts';
import { OAuthError } from '../core/oauth-error.ts';
import type { DoorOfExchange, ExchangeRequest } from '../exchange/exchange-request.ts';
import type { DoorDeps } from './door-deps.ts';
import { type ErrorBody, errorHandler } from './error-handler.ts';
import { exchangeMeter } from './exchange-meter.ts';
import { assertFormType, type Form, parseForm, queryNames } from './form.ts';
import { bodyOf, MAX_BODY_BYTES } from './form-body.ts';
import { refuseOtherMethods } from './methods.ts';
import { NOT_STORED, sendAtOnce } from './reply.ts';

/** Names that have a meaning, which are refused in a URL's query (T4). */
interface Names {
  has(name: string): boolean;
}

interface FormRoute {
  readonly door: DoorOfExchange;
  /** Every spelling of the one path; the first is the one that openapi.yaml describes. */
  readonly paths: readonly [string, ...string[]];
  readonly operationId: string;
  readonly recognised: Names;
  readonly repeatable?: ReadonlySet<string>;
  /** Default: OAuth's. */
  readonly errorBody?: ErrorBody;
  /** Throws OAuthError. */
  readonly read: (form: Form, request: FastifyRequest) => ExchangeRequest;
  /** JSON as an object, XML as a text. */
  readonly render: (credential: Credential, traceId: string) => object | string;
}

const NO_NAMES: ReadonlySet<string> = new Set();

function formOf(request: FastifyRequest, body: Uint8Array, { recognised, repeatable = NO_NAMES }: FormRoute): Form {
  assertFormType(request.raw.rawHeaders);
  const form = parseForm(body, repeatable);
  if (queryNames(request.raw.url ?? '').some((name) => recognised.has(name))) {
    throw new OAuthError('parameter_in_query');
  }
  return form;
}

/** The hook has answered by then. */
const neverCalled = () => undefined;

/**
 * A path at which a form is exchanged for a credential: POST alone, of bounded size, answered so that nobody stores it.
 *
 * All of it happens in the first hook of the route. What the framework does between that and a handler (parsers by content
 * type, their asynchronous scopes, validation, serialization) is of no use to a form and costs a tenth of an exchange.
 */
export function formRoute(server: FastifyInstance, { exchange, log, metrics }: DoorDeps, route: FormRoute): void {
  const { door, paths, operationId, errorBody, read, render } = route;
  const meter = exchangeMeter(metrics, door);
  const refusal = { log, onRefused: meter.refused, ...(errorBody && { body: errorBody }) };
  const refused = errorHandler({ ...refusal, by: sendAtOnce });
  const [described] = paths;
  const answer = async (request: FastifyRequest, reply: FastifyReply) => {
    const traceId = request.id;
    const form = formOf(request, await bodyOf(request.raw), route);
    const credential = await exchange(read(form, request), { traceId, door });
    const rendered = render(credential, traceId);
    meter.issued(reply);
    sendAtOnce(reply, { status: 200, body: rendered, headers: NOT_STORED });
  };
  for (const path of paths) {
    server.post(path, {
      schema: path === described ? { operationId } : { hide: true },
      bodyLimit: MAX_BODY_BYTES,
      errorHandler: errorHandler(refusal),
      onRequest: (request, reply) => {
        answer(request, reply).catch((thrown) => {
          // What is left of a body that is not read ends with its connection.
          if (!request.raw.complete) reply.raw.setHeader('connection', 'close');
          refused(thrown, request, reply);
        });
      },
      handler: neverCalled,
    });
    refuseOtherMethods(server, path, ['POST']);
  }
}
