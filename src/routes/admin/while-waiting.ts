import type { FastifyReply } from 'fastify';

/** Aborted when the connection goes before the answer: what only this client waits for can end. */
export function whileWaiting({ raw }: FastifyReply): AbortSignal {
  const waiting = new AbortController();
  raw.once('close', () => {
    if (!raw.writableFinished) waiting.abort();
  });
  return waiting.signal;
}
