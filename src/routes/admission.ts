import { OAuthError } from '../core/oauth-error.ts';
import type { TurnQueue } from '../core/turn-queue.ts';
import type { Exchange } from '../exchange/exchange-request.ts';
import { TOO_BUSY } from './busy-front.ts';

/** Each holds a token of up to 16 KiB and perhaps a call to a cloud: beyond this, waiting only makes all of them late. */
export const MAX_EXCHANGES_AT_ONCE = 1024;

interface Admission {
  /** Exchanges that run or wait for their turn. */
  readonly limit: number;
  readonly turns: Pick<TurnQueue, 'turn' | 'overdue'>;
}

/**
 * Lets so many exchanges in at once, those of one turn of the event loop one after the other, and answers further ones
 * with `overloaded` before any work is done for them: when there are too many, and while those who wait have waited so
 * long that more is asked than can be answered.
 */
export function admitted(exchange: Exchange, { limit, turns }: Admission): Exchange {
  let running = 0;
  return async (request, context) => {
    if (running >= limit) throw new OAuthError('overloaded', { detail: `${limit} exchanges are running` });
    if (turns.overdue) throw TOO_BUSY;
    running += 1;
    try {
      await turns.turn();
      return await exchange(request, context);
    } finally {
      running -= 1;
    }
  };
}
