import type { FastifyReply } from 'fastify';

/** RFC 6749 section 5.1: what holds a credential, and every answer beside it, is kept by nobody (S1, E15). */
export const NOT_STORED = { 'cache-control': 'no-store', pragma: 'no-cache' } as const;

interface Rendered {
  readonly status: number;
  readonly body: object;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Sends JSON as `application/json`, without the charset parameter that RFC 8259 does not define. */
export function sendJson(reply: FastifyReply, { status, body, headers = {} }: Rendered): FastifyReply {
  return reply
    .code(status)
    .headers({ ...headers, 'content-type': 'application/json' })
    .send(Buffer.from(JSON.stringify(body)));
}
