import { setImmediate as nextTurn, setTimeout as pause } from 'node:timers/promises';
import { promisify } from 'node:util';
import { type FastifyInstance, fastify } from 'fastify';
import { AdminError } from '../admin/admin-error.ts';
import { OAuthError } from '../core/oauth-error.ts';
import { TurnQueue } from '../core/turn-queue.ts';
import { ADMIN_PATH } from './admin/admin-path.ts';
import { problem } from './admin/problem.ts';
import { admitted, MAX_EXCHANGES_AT_ONCE } from './admission.ts';
import { awsError, stsError } from './aws-error.ts';
import { busyFront } from './busy-front.ts';
import { bundleRoute, discoveryRoutes } from './discovery.ts';
import { docsRoute } from './docs/docs-route.ts';
import type { DoorDeps } from './door-deps.ts';
import { type ErrorBody, errorHandler, oauthError } from './error-handler.ts';
import { MAX_BODY_BYTES } from './form-body.ts';
import { handshakesInLine, MAX_IN_LINE } from './handshake-line.ts';
import { refuseAllButOneHost } from './host-header.ts';
import { answerBrokenHttp, httpServer, newTraceId, type Tls } from './http-server.ts';
import { methodOf, underRoutedMethods } from './methods.ts';
import { healthRoutes, metricsRoute } from './operations.ts';
import { sdkAwsRoute } from './sdk-aws.ts';
import { sdkAwsStsRoute } from './sdk-aws-sts.ts';
import { sdkAzureRoute } from './sdk-azure.ts';
import { sdkGcpRoute } from './sdk-gcp.ts';
import { tokenRoute } from './token.ts';

/** A listener by what it serves; `all` is every door on one address. */
export type DoorName = 'public' | 'workload' | 'admin' | 'all';

/** As much work as forty exchanges. */
const HANDSHAKES = { batch: 8, batchWhenBusy: 8, mayWait: MAX_IN_LINE, mayWaitWhenBusy: MAX_IN_LINE };

/**
 * How exchanges wait. 64 in a turn cost least. 16 are two milliseconds of work: what is on its way to the disk and back goes on
 * between two batches, and few are on their way at once. Whoever waits is copied by the garbage collector: 48 cost half of
 * what 128 do, and a queue for one batch would hardly ever be seen not to be full.
 */
const PLAIN = { batch: 64, batchWhenBusy: 16, mayWait: 128, mayWaitWhenBusy: 48 };
/**
 * Whoever is refused after a handshake may have to make another, which costs five exchanges: rather served late, and ahead
 * of those who begin theirs.
 */
const OVER_TLS = { batch: 64, batchWhenBusy: 64, mayWait: 768, mayWaitWhenBusy: 768 };

/** The longest role ARN, percent-encoded three characters for one. */
const MAX_PARAM_LENGTH = 6144;

/** What machines ask every few seconds, and nobody reads about. */
const PROBES: ReadonlySet<string> = new Set(['/livez', '/readyz', '/metrics']);

/** Path of a base URL, without a slash at its end. */
function pathOf(url: string): string {
  return new URL(url).pathname.replace(/\/$/, '');
}

function serves(listener: DoorName, door: DoorName): boolean {
  return listener === door || listener === 'all';
}

/** Every route of a listener. */
export function registerRoutes(server: FastifyInstance, name: DoorName, deps: DoorDeps): void {
  healthRoutes(server, deps, { details: serves(name, 'admin') });
  if (serves(name, 'public') || serves(name, 'workload')) discoveryRoutes(server, deps);
  if (serves(name, 'public')) bundleRoute(server, deps, pathOf(deps.issuer('cloud')));
  if (serves(name, 'workload')) {
    const base = pathOf(deps.workloadUrl);
    for (const route of [tokenRoute, sdkAwsRoute, sdkAwsStsRoute, sdkGcpRoute, sdkAzureRoute]) {
      route(server, deps, base);
    }
  }
  if (serves(name, 'admin')) {
    metricsRoute(server, deps);
    docsRoute(server);
    deps.admin?.(server, deps.log);
  }
}

/** What compiles schemas into code is a sixth of the modules of a start: given something in its place, it is not loaded. */
const neverBuilt = (): never => {
  throw new Error('schemas are not compiled');
};
const NO_COMPILERS = { compilersFactory: { buildValidator: neverBuilt, buildSerializer: neverBuilt } };

/** Reading bodies is the routes' own business: everything comes as bytes, nothing is parsed by content type. */
function takeBodiesAsBytes(server: FastifyInstance): void {
  server.removeAllContentTypeParsers();
  server.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body));
  // Schemas describe the routes (openapi.yaml); parsers and renderers here are stricter than a validator could be.
  server.setValidatorCompiler(() => () => true);
  server.setSerializerCompiler(() => (value) => JSON.stringify(value));
}

/** What has no route speaks the protocol of the paths that it stands among. */
function errorBodies(name: DoorName, { workloadUrl }: DoorDeps): ErrorBody {
  const aws = `${pathOf(workloadUrl)}/sdk/aws`;
  return (error, traceId, url) => {
    const [path = ''] = url.split('?', 1);
    if (serves(name, 'admin') && path.startsWith(ADMIN_PATH)) return problem(AdminError.from(error), traceId);
    if (!serves(name, 'workload')) return oauthError(error, traceId);
    if (path === aws || path === `${aws}/`) return stsError(error, traceId);
    return path.startsWith(`${aws}/`) ? awsError(error, traceId) : oauthError(error, traceId);
  };
}

/** For requests on their way over kept connections: until they are read these count as idle, and would be cut. */
const LAST_REQUESTS_MS = 100;

function refuseWhileClosing(server: FastifyInstance): void {
  let closing = false;
  server.addHook('preClose', async () => {
    closing = true;
    const connections = promisify(server.server.getConnections.bind(server.server));
    if ((await connections()) === 0) return;
    await pause(LAST_REQUESTS_MS);
    // A process that was held up meanwhile has read nothing yet: now it has.
    await nextTurn();
  });
  // The framework itself adds Connection: close to whatever it answers by then.
  server.addHook('onRequest', (request, _reply, done) => {
    if (request.is404) return done(new OAuthError('not_found'));
    done(closing ? new OAuthError('overloaded', { detail: 'shutting down' }) : undefined);
  });
}

function recordRequests(server: FastifyInstance, name: DoorName, { log, metrics }: DoorDeps): void {
  server.addHook('onResponse', (request, reply, done) => {
    const { elapsedTime, statusCode: status } = reply;
    const route = request.routeOptions.url ?? 'none';
    metrics.httpSeconds.observe({ route, status }, elapsedTime / 1000);
    const durationMs = Math.round(elapsedTime * 10) / 10;
    const level = PROBES.has(route) ? 'debug' : 'info';
    log[level]('request', {
      traceId: request.id,
      door: name,
      method: methodOf(request.raw),
      route,
      status,
      durationMs,
    });
    done();
  });
}

/**
 * One listener's HTTP server, not yet listening. Closing it answers new requests with 503, those of a moment later too,
 * lets running ones end and then resolves. Nothing in a Host or X-Forwarded header is believed.
 */
export function createDoor(name: DoorName, deps: DoorDeps, tls?: Tls): FastifyInstance {
  const refused = errorHandler({ log: deps.log, body: errorBodies(name, deps) });
  let connections = 0;
  const idle = () => performance.nodeTiming.idleTime;
  const queue = { clock: deps.clock, defer: setImmediate, idle, connections: () => connections };
  const turns = new TurnQueue({ ...queue, ...(tls === undefined ? PLAIN : OVER_TLS) });
  const handshakes = new TurnQueue({ ...queue, ...HANDSHAKES });
  const base = pathOf(deps.workloadUrl);
  const server = fastify({
    serverFactory: (handle) => {
      const handler = underRoutedMethods(handle);
      const open = () => server.server.listening;
      const listener = serves(name, 'workload') ? busyFront(handler, { ...deps, turns, open, base }) : handler;
      const made = httpServer(listener, tls);
      if (tls !== undefined) handshakesInLine(made, { ...deps, limit: MAX_IN_LINE, turns: handshakes });
      return made.prependListener('connection', () => {
        connections += 1;
      });
    },
    logger: false,
    schemaController: NO_COMPILERS,
    genReqId: newTraceId,
    requestIdHeader: false,
    trustProxy: false,
    bodyLimit: MAX_BODY_BYTES,
    exposeHeadRoutes: false,
    return503OnClosing: false,
    routerOptions: { maxParamLength: MAX_PARAM_LENGTH },
    clientErrorHandler: answerBrokenHttp(deps.log),
    frameworkErrors: refused,
  });
  takeBodiesAsBytes(server);
  refuseAllButOneHost(server);
  refuseWhileClosing(server);
  recordRequests(server, name, deps);
  server.setErrorHandler(refused);
  server.setNotFoundHandler(() => {
    throw new OAuthError('not_found');
  });
  const exchange = admitted(deps.exchange, { limit: MAX_EXCHANGES_AT_ONCE, turns });
  registerRoutes(server, name, { ...deps, exchange });
  return server;
}
