import type { FastifyReply } from 'fastify';

/** Aborted when the client ends the connection before the answer: what only this client waits for can end. */
export function whileWaiting({ raw }: FastifyReply): AbortSignal {
  const waiting = new AbortController();
  const { socket } = raw;
  // Nobody tells one who has no more to say from one who has left, until something is written.
  const left = () => waiting.abort();
  socket?.once('end', left);
  raw.once('close', () => {
    socket?.off('end', left);
    if (!raw.writableFinished) left();
  });
  return waiting.signal;
}
