import { StsCredentials } from 'google-auth-library/build/src/auth/stscredentials.js';
import type { JsonObject } from '../../core/json.ts';
import type { GaxiosRequest } from '../../outbound/gaxios-adapter.ts';

/**
 * The STS client of Google's library, for one flight, sending through what it is lent. Nothing of gaxios runs: it would
 * ask the environment for proxies and try again by itself (ADR 13). `send` throws for whatever is not an answer.
 */
export class StsClient extends StsCredentials {
  constructor(tokenUrl: string, send: (request: GaxiosRequest) => Promise<JsonObject>) {
    super({ tokenExchangeEndpoint: tokenUrl });
    this.transporter.request = async <T>({ url, method, data }: GaxiosRequest = {}) => {
      const config = { headers: new Headers(), url: new URL(url ?? tokenUrl) };
      // The library writes into what it gets.
      const answer = { ...(await send({ url, method, data })) };
      return Object.assign(new Response(null), { config, data: answer as T });
    };
  }
}
