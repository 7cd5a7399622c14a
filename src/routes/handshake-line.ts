import type { Server } from 'node:http';
import type { Socket } from 'node:net';
import type { Clock } from '../core/clock.ts';
import type { TurnQueue } from '../core/turn-queue.ts';
import type { Metrics } from '../telemetry/metrics.ts';

/** Many clients give a connection 10 s: for whoever has waited longer a handshake would be made for nobody. */
const MAX_WAIT_MS = 9000;
/** Each holds a descriptor and some kilobytes. */
export const MAX_IN_LINE = 16_384;

interface Line {
  /** So many may wait. */
  readonly limit: number;
  readonly turns: Pick<TurnQueue, 'turn'>;
  readonly clock: Clock;
  readonly metrics: Pick<Metrics, 'connectionsDropped'>;
}

/**
 * Lets the TLS handshakes of a server begin in the order in which connections came, so many in a turn of the event loop as
 * `turns` lets go on. A handshake costs five exchanges: begun all at once, they would keep those who are done with theirs
 * waiting until they are refused, and whoever is refused may have to make another.
 *
 * Of a connection that waits nothing is read; the server must have been made with `pauseOnConnect`. Closed without an
 * answer, for without a handshake there is none: who finds the line full, and who has waited longer than clients do.
 */
export function handshakesInLine(server: Server, { limit, turns, clock, metrics }: Line): void {
  const handshakes = server.listeners('connection');
  server.removeAllListeners('connection');
  let waiting = 0;
  server.on('connection', async (socket: Socket) => {
    const drop = (reason: 'full' | 'late') => {
      metrics.connectionsDropped.inc({ reason });
      socket.destroy();
    };
    if (waiting >= limit) return drop('full');
    const since = clock.now();
    waiting += 1;
    await turns.turn();
    waiting -= 1;
    if (clock.now() - since > MAX_WAIT_MS) return drop('late');
    for (const handshake of handshakes) handshake.call(server, socket);
  });
}
