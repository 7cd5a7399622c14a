import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Credential } from '../core/credential.ts';
import { OAuthError } from '../core/oauth-error.ts';
import type { DoorOfExchange, ExchangeRequest } from '../exchange/exchange-request.ts';
import type { DoorDeps } from './door-deps.ts';
import { type ErrorBody, errorHandler } from './error-handler.ts';
import { exchangeMeter } from './exchange-meter.ts';
import { assertFormType, type Form, parseForm, queryNames } from './form.ts';
import { refuseOtherMethods } from './methods.ts';
import { NOT_STORED, send } from './reply.ts';

/** Largest request body in bytes (T8). */
export const MAX_BODY_BYTES = 64 * 1024;

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

/** Size comes before content type (E14), and the framework looks at the type first. */
function assertAnnouncedSize(request: FastifyRequest): void {
  if (Number(request.headers['content-length'] ?? 0) > MAX_BODY_BYTES) throw new OAuthError('body_too_large');
}

function formOf(request: FastifyRequest, { recognised, repeatable = NO_NAMES }: FormRoute): Form {
  assertFormType(request.raw.rawHeaders);
  const body: unknown = request.body;
  const form = parseForm(body instanceof Uint8Array ? body : new Uint8Array(), repeatable);
  if (queryNames(request.raw.url ?? '').some((name) => recognised.has(name))) {
    throw new OAuthError('parameter_in_query');
  }
  return form;
}

/** A path at which a form is exchanged for a credential: POST alone, of bounded size, answered so that nobody stores it. */
export function formRoute(server: FastifyInstance, { exchange, log, metrics }: DoorDeps, route: FormRoute): void {
  const { door, paths, operationId, errorBody, read, render } = route;
  const meter = exchangeMeter(metrics, door);
  const [described] = paths;
  for (const path of paths) {
    server.post(path, {
      schema: path === described ? { operationId } : { hide: true },
      bodyLimit: MAX_BODY_BYTES,
      errorHandler: errorHandler({ log, ...(errorBody && { body: errorBody }), onRefused: meter.refused }),
      onRequest: async (request, reply) => {
        try {
          assertAnnouncedSize(request);
        } catch (error) {
          reply.header('connection', 'close');
          throw error;
        }
      },
      handler: async (request, reply) => {
        const traceId = request.id;
        const credential = await exchange(read(formOf(request, route), request), { traceId, door });
        const body = render(credential, traceId);
        meter.issued(reply);
        return send(reply, { status: 200, body, headers: NOT_STORED });
      },
    });
    refuseOtherMethods(server, path, ['POST']);
  }
}
