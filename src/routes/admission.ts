import { OAuthError } from '../core/oauth-error.ts';
import type { Exchange } from '../exchange/exchange-request.ts';

/** Each holds a token of up to 16 KiB and perhaps a call to a cloud: beyond this, waiting only makes all of them late. */
export const MAX_EXCHANGES_AT_ONCE = 1024;

/** Lets so many exchanges run at once and answers further ones with `overloaded`, before any work is done for them. */
export function admitted(exchange: Exchange, limit: number): Exchange {
  let running = 0;
  return async (request, context) => {
    if (running >= limit) throw new OAuthError('overloaded', { detail: `${limit} exchanges are running` });
    running += 1;
    try {
      return await exchange(request, context);
    } finally {
      running -= 1;
    }
  };
}
