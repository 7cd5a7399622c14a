import type { RequestListener, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { BodyRequest } from './body-request.ts';

/**
 * Requests of a connection that may wait, some kilobytes each: one read of Node's can hold 2,500, from whoever takes no
 * answer.
 */
export const MAX_WAITING = 64;

/**
 * The answer that a connection waits for. Kept any longer it would hold the request, and the token in it, while nothing more
 * is asked.
 */
const answers = new WeakMap<Socket, ServerResponse>();

/**
 * Begins each request of a connection when those before it have been answered: none but safe methods might be served side by
 * side (RFC 9112 section 9.3.2), and nothing may be done for what comes behind an answer that closes the connection (section
 * 9.6). While one waits no more is read.
 */
export function oneAtATime(next: RequestListener<typeof BodyRequest>): RequestListener<typeof BodyRequest> {
  const waiting = new WeakMap<Socket, number>();
  const waitingAt = (socket: Socket) => waiting.get(socket) ?? 0;
  const begin: typeof next = (request, response) => {
    const { socket } = request;
    if (!socket.writable) return;
    answers.set(socket, response);
    response.on('close', forget);
    next(request, response);
  };
  return (request, response) => {
    // Node gives an answer its socket when all before it have left.
    if (response.socket !== null) return begin(request, response);
    const { socket } = request;
    const inLine = waitingAt(socket) + 1;
    if (inLine > MAX_WAITING) return cutShort(socket);
    waiting.set(socket, inLine);
    // Later, for Node reads on when it has parsed the end of this one.
    queueMicrotask(() => {
      if (waitingAt(socket) > 0) socket.pause();
    });
    response.once('socket', () => {
      const left = waitingAt(socket) - 1;
      waiting.set(socket, left);
      if (left === 0) socket.resume();
      begin(request, response);
    });
  };
}

function forget(this: ServerResponse): void {
  const { socket } = this.req;
  // The next may have been begun by now.
  if (answers.get(socket) === this) answers.delete(socket);
}

/** Ends a connection with the answer that is not there yet, or at once. */
function cutShort(socket: Socket): void {
  const answer = answers.get(socket);
  if (answer?.writableEnded === false) answer.shouldKeepAlive = false;
  else socket.destroy();
}

/**
 * Lets a connection end with the answer that is owed to a request which came whole, and tells whether there is one: what was
 * done for it is not lost to whatever comes behind it.
 */
export function endsWithAnswerOwed(socket: Socket): boolean {
  const answer = answers.get(socket);
  if (answer === undefined || !answer.req.complete) return false;
  if (answer.writableEnded) socket.destroySoon();
  else answer.shouldKeepAlive = false;
  return true;
}
