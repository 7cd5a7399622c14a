import { type Dispatcher, errors, Pool } from 'undici';
import type { Clock } from '../core/clock.ts';
import { FairLine } from '../core/fair-line.ts';
import { Breaker } from './breaker.ts';
import { checkedLookup, type Resolve } from './checked-lookup.ts';
import type { Destination } from './destination.ts';
import { type OutboundAnswer, OutboundError, type OutboundRequest } from './outbound.ts';

/** Requests under way, each on a socket of its own, and those that wait: together as many as callers of one kind of target. */
const LINE = { atOnce: 64, places: 448 };
const CONNECT_TIMEOUT_MS = 5_000;
const DEFAULT_TIMEOUT_MS = 5_000;
const DEFAULT_MAX_BYTES = 512 * 1024;

/** Codes of the network, its names and undici for an origin that says nothing; others are of TLS, which takes two. */
const SILENCE = /^(?:E(?!PROTO$)[A-Z0-9]+|EAI_[A-Z]+|UND_ERR_[A-Z_]+)$/;

/** Headers that this room sets or forbids; whoever calls cannot. */
const OWN_HEADERS = new Set([
  'accept-encoding',
  'connection',
  'content-length',
  'cookie',
  'expect',
  'host',
  'proxy-authorization',
  'transfer-encoding',
  'upgrade',
]);

export interface DoorDeps {
  readonly destination: Destination;
  readonly ca: string | undefined;
  readonly resolve: Resolve;
  readonly clock: Clock;
}

/**
 * Everything that belongs to one origin under one set of roots: sockets, a waiting line, breaker. A hanging or dead
 * origin uses up its own door only.
 */
export class Door {
  readonly #host: string;
  readonly #pool: Pool;
  readonly #breaker: Breaker;
  readonly #line = new FairLine(LINE);
  readonly #pending = new Set<Promise<OutboundAnswer>>();

  constructor({ destination, ca, resolve, clock }: DoorDeps) {
    this.#host = destination.host;
    this.#breaker = new Breaker(clock);
    this.#pool = new Pool(destination.url.origin, {
      connections: LINE.atOnce,
      pipelining: 1,
      allowH2: false,
      // The deadline of `send` is the only clock: it also ends a body that drips.
      headersTimeout: 0,
      bodyTimeout: 0,
      connect: {
        timeout: CONNECT_TIMEOUT_MS,
        lookup: checkedLookup(resolve, destination.host, destination.reach),
        // Said outright, because the environment can change both defaults of Node.
        rejectUnauthorized: true,
        minVersion: 'TLSv1.2',
        ...(ca === undefined ? {} : { ca }),
      },
    });
  }

  get idle(): boolean {
    return this.#pending.size === 0;
  }

  /** Throws OutboundError. The deadline is of the whole, the time in line with it. */
  async send(url: URL, request: OutboundRequest): Promise<OutboundAnswer> {
    let sent = false;
    try {
      const answer = await this.#remember(
        this.#inTurn(request, (signal) => {
          if (!this.#breaker.admit()) return Promise.reject(this.#resting());
          sent = true;
          return this.#exchange(url, request, signal);
        }),
      );
      this.#breaker.succeeded();
      return answer;
    } catch (thrown) {
      const error = this.#translate(thrown);
      // What never went out says nothing of the origin.
      if (!sent) throw error;
      if (error.failure === 'timeout' || error.failure === 'unreachable') this.#breaker.failed();
      else this.#breaker.succeeded();
      throw error;
    }
  }

  /** Waits for the callers' answers or deadlines, not for sockets that are still trying to connect. */
  async close(): Promise<void> {
    await Promise.allSettled(this.#pending);
    await this.#pool.destroy();
  }

  async #remember(answer: Promise<OutboundAnswer>): Promise<OutboundAnswer> {
    this.#pending.add(answer);
    try {
      return await answer;
    } finally {
      this.#pending.delete(answer);
    }
  }

  /** Purposes take turns. The place is given back when the work really ends, which after a deadline may be a little later. */
  #inTurn<T>(
    { purpose, timeoutMs = DEFAULT_TIMEOUT_MS }: OutboundRequest,
    work: (signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    const controller = new AbortController();
    return new Promise<T>((resolve, reject) => {
      let begun = false;
      const timer = setTimeout(() => {
        const late = new OutboundError('timeout', `${this.#host} did not answer within ${timeoutMs} ms`);
        const error = begun ? late : this.#tooMany();
        controller.abort(error);
        reject(error);
      }, timeoutMs);
      const turn = async () => {
        if (controller.signal.aborted) return;
        begun = true;
        await work(controller.signal).then(resolve, reject);
      };
      this.#line.run(purpose, turn).then((outcome) => {
        clearTimeout(timer);
        if (outcome === 'refused') reject(this.#tooMany());
      }, reject);
    });
  }

  #tooMany(): OutboundError {
    return new OutboundError('overloaded', `${this.#host} has too many requests under way`);
  }

  #resting(): OutboundError {
    return new OutboundError('unreachable', `${this.#host} failed several times; waiting before the next try`);
  }

  async #exchange(url: URL, request: OutboundRequest, signal: AbortSignal): Promise<OutboundAnswer> {
    const { statusCode, headers, body } = await this.#pool.request({
      path: `${url.pathname}${url.search}`,
      method: request.method ?? 'GET',
      headers: requestHeaders(request.headers ?? {}),
      body: request.body ?? null,
      signal,
    });
    const refusal = this.#refusalOf(statusCode, headers['content-encoding']);
    if (refusal !== undefined) {
      discard(body);
      throw refusal;
    }
    const maxBytes = request.maxBytes ?? DEFAULT_MAX_BYTES;
    return { status: statusCode, headers: plainHeaders(headers), body: await this.#read(body, headers, maxBytes) };
  }

  #refusalOf(status: number, encoding: string | string[] | undefined): OutboundError | undefined {
    // 304 answers a conditional request and leads nowhere.
    if (status >= 300 && status < 400 && status !== 304) {
      return new OutboundError('redirect', `${this.#host} answered with a redirect, which is not followed`);
    }
    // Nothing is ever decompressed, so a small body cannot become a large one.
    if (encoding !== undefined && String(encoding).toLowerCase() !== 'identity') {
      return new OutboundError('blocked', `${this.#host} sent a compressed body, which was not asked for`);
    }
    return undefined;
  }

  async #read(
    body: Dispatcher.ResponseData['body'],
    headers: Dispatcher.ResponseData['headers'],
    maxBytes: number,
  ): Promise<Buffer> {
    const tooLarge = new OutboundError('too_large', `${this.#host} sent more than ${maxBytes} bytes`);
    if (Number(headers['content-length'] ?? 0) > maxBytes) {
      discard(body);
      throw tooLarge;
    }
    const chunks: Buffer[] = [];
    let size = 0;
    for await (const chunk of body) {
      size += chunk.length;
      if (size > maxBytes) throw tooLarge;
      chunks.push(chunk);
    }
    return Buffer.concat(chunks, size);
  }

  /** Network errors keep their code only: their texts hold addresses, names from certificates and paths. */
  #translate(thrown: unknown): OutboundError {
    if (thrown instanceof OutboundError) return thrown;
    const code = thrown instanceof Error && 'code' in thrown ? String(thrown.code) : '';
    // Somebody did answer: whoever asks must not take nonsense for silence.
    if (thrown instanceof errors.HTTPParserError || thrown instanceof errors.HeadersOverflowError) {
      return new OutboundError('blocked', `${this.#host} does not answer in HTTP`);
    }
    const reason = /^[A-Z][A-Z0-9_]{1,63}$/.test(code) ? ` (${code})` : '';
    if (SILENCE.test(code)) return new OutboundError('unreachable', `${this.#host} cannot be reached${reason}`);
    return new OutboundError('untrusted', `${this.#host} answers, but not in TLS that can be trusted${reason}`);
  }
}

function requestHeaders(given: Readonly<Record<string, string>>): Record<string, string> {
  const kept = Object.entries(given)
    .map(([name, value]) => [name.toLowerCase(), value] as const)
    .filter(([name]) => !OWN_HEADERS.has(name));
  return { 'user-agent': 'carnet', ...Object.fromEntries(kept), 'accept-encoding': 'identity' };
}

/** Cookies end here: none is kept, none is handed on. */
function plainHeaders(headers: Dispatcher.ResponseData['headers']): Record<string, string> {
  const kept = Object.entries(headers).filter(([name]) => name !== 'set-cookie' && name !== 'set-cookie2');
  return Object.fromEntries(
    kept.map(([name, value]) => [name, Array.isArray(value) ? value.join(', ') : (value ?? '')]),
  );
}

function discard(body: Dispatcher.ResponseData['body']): void {
  body.on('error', () => undefined).destroy();
}
