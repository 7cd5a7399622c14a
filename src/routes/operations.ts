import type { FastifyInstance } from 'fastify';
import type { DoorDeps, Part } from './door-deps.ts';
import { refuseOtherMethods } from './methods.ts';
import { NOT_STORED, send } from './reply.ts';

function statusOf(parts: readonly Part[]): 'ready' | 'degraded' | 'unavailable' {
  if (parts.some(({ state }) => state === 'failed')) return 'unavailable';
  return parts.some(({ state }) => state === 'degraded') ? 'degraded' : 'ready';
}

/** `/livez`: the process answers. `/readyz`: it can serve, and which part cannot. Details are for the admin door. */
export function healthRoutes(server: FastifyInstance, deps: DoorDeps, { details }: { details: boolean }): void {
  server.get('/livez', {
    schema: { operationId: 'getLivez' },
    exposeHeadRoute: true,
    handler: async (_request, reply) =>
      await send(reply, { status: 200, body: { status: 'alive' }, headers: NOT_STORED }),
  });
  server.get('/readyz', {
    schema: { operationId: 'getReadyz' },
    exposeHeadRoute: true,
    handler: async (_request, reply) => {
      const parts = deps.parts();
      const status = statusOf(parts);
      const body = {
        status,
        ...(deps.development ? { development: true } : {}),
        parts: parts.map(({ name, state, detail }) => ({ name, state, ...(details && detail ? { detail } : {}) })),
      };
      return await send(reply, { status: status === 'unavailable' ? 503 : 200, body, headers: NOT_STORED });
    },
  });
  for (const path of ['/livez', '/readyz']) refuseOtherMethods(server, path, ['GET', 'HEAD']);
}

/** `/metrics`: Prometheus text, admin door only. */
export function metricsRoute(server: FastifyInstance, { metrics }: DoorDeps): void {
  server.get('/metrics', {
    schema: { operationId: 'getMetrics' },
    exposeHeadRoute: true,
    handler: async (_request, reply) => {
      const { registry } = metrics;
      const text = await registry.metrics();
      return await reply.headers({ ...NOT_STORED, 'content-type': registry.contentType }).send(Buffer.from(text));
    },
  });
  refuseOtherMethods(server, '/metrics', ['GET', 'HEAD']);
}
