import type { FastifyReply } from 'fastify';

/** RFC 6749 section 5.1: what holds a credential, and every answer beside it, is kept by nobody (S1, E15). */
export const NOT_STORED = { 'cache-control': 'no-store', pragma: 'no-cache' } as const;

export interface Rendered {
  readonly status: number;
  /** JSON; a text is XML already. */
  readonly body: object | string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** JSON goes as `application/json` unless told, without the charset parameter that RFC 8259 does not define. */
export function asText({ status, body, headers = {} }: Rendered) {
  const isXml = typeof body === 'string';
  return {
    status,
    headers: { 'content-type': isXml ? 'text/xml' : 'application/json', ...headers },
    text: isXml ? body : JSON.stringify(body),
  };
}

/** The framework closes connections whose requests come while it is closing; this goes for those of before. */
function leaveOnceClosing({ server, raw }: FastifyReply): void {
  if (!server.server.listening) raw.shouldKeepAlive = false;
}

/** As `send`, past everything of the framework but its hooks for what has been answered; a text leaves with its head. */
export function sendAtOnce(reply: FastifyReply, rendered: Rendered): FastifyReply {
  const { status, headers, text } = asText(rendered);
  leaveOnceClosing(reply);
  reply.hijack();
  reply.raw.writeHead(status, { 'content-length': Buffer.byteLength(text), ...headers }).end(text);
  return reply;
}

export function send(reply: FastifyReply, rendered: Rendered): FastifyReply {
  const { status, headers, text } = asText(rendered);
  leaveOnceClosing(reply);
  return reply.code(status).headers(headers).send(Buffer.from(text));
}
