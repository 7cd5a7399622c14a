import { readFile } from 'node:fs/promises';
import { type Answer, HttpConnection, tokenRequest } from './http-connection.ts';
import type { Material } from './material.ts';
import { quantile } from './quantile.ts';

// Two ways to ask: `saturate`, so many connections that ask again as soon as they are answered, and `open`, requests
// that arrive by chance at a given rate whether or not earlier ones have been answered. A latency counts from when the
// request should have been sent, so that nobody who has to wait is left out.

export interface Saturation {
  readonly kind: 'saturate';
  readonly seconds: number;
  readonly connections: number;
}

export interface OpenLoop {
  readonly kind: 'open';
  readonly perSecond: number;
  readonly seconds: number;
  /** Opened before the first request is due. */
  readonly ready: number;
  /** As many as there may be; those beyond `ready` are opened for requests that find none free. */
  readonly connections: number;
}

/** Of a saturation: answers per second. Of an open loop: latencies in ms and answers of each kind. */
export type Outcome = Readonly<Record<string, number>>;

const DRAIN_MS = 20_000;
const [url = '', materialFile = ''] = process.argv.slice(2);
const material = JSON.parse(await readFile(materialFile, 'utf8')) as Material;
const requests = material.bodies.accepted.map((body) => tokenRequest(body, 'keep-alive'));
const target = new URL(url);
const idle: HttpConnection[] = [];
/** Those in `idle`, and those that are under way. */
let opened = 0;
let turn = 0;

async function ask(connection: HttpConnection): Promise<Answer> {
  turn += 1;
  return await connection.request(requests[turn % requests.length] ?? Buffer.alloc(0));
}

async function saturate({ seconds, connections }: Saturation): Promise<Outcome> {
  const until = performance.now() + seconds * 1000;
  let answered = 0;
  const worker = async () => {
    const connection = idle.pop() ?? (await HttpConnection.open(target));
    while (performance.now() < until) {
      const { status } = await ask(connection);
      if (status !== 200) throw new Error(`answered ${status}`);
      answered += 1;
    }
    idle.push(connection);
  };
  const begun = performance.now();
  await Promise.all(Array.from({ length: connections }, worker));
  opened = idle.length;
  return { perSecond: (answered * 1000) / (performance.now() - begun) };
}

interface Tally {
  readonly good: number[];
  readonly refused: number[];
  goodInTime: number;
  withRetryAfter: number;
  broken: number;
  /** Of the client's own event loop, ms: an answer may have waited so long to be read. */
  longestTurn: number;
}

async function open({ perSecond, seconds, ready, connections }: OpenLoop): Promise<Outcome> {
  while (opened < ready) idle.push(await openOne());
  const tally: Tally = { good: [], refused: [], goodInTime: 0, withRetryAfter: 0, broken: 0, longestTurn: 0 };
  const waiting: number[] = [];
  const under = new Set<Promise<void>>();
  const begun = performance.now();
  const end = begun + seconds * 1000;
  const start = (at: number) => {
    if (idle.length === 0 && opened >= connections) {
      waiting.push(at);
      return;
    }
    const work = serve(at).finally(() => under.delete(work));
    under.add(work);
  };
  const serve = async (first: number) => {
    const connection = takeIdle() ?? (await openOne());
    for (let at: number | undefined = first; at !== undefined; at = waiting.shift()) {
      try {
        count(tally, { at, end }, await ask(connection));
      } catch {
        tally.broken += 1;
        opened -= 1;
        return;
      }
    }
    idle.push(connection);
  };
  let next = begun;
  let turned = begun;
  while (next < end) {
    const now = performance.now();
    tally.longestTurn = Math.max(tally.longestTurn, now - turned);
    turned = now;
    while (next < end && performance.now() >= next) {
      start(next);
      next -= (Math.log(1 - Math.random()) / perSecond) * 1000;
    }
    await new Promise(setImmediate);
  }
  const late = new Promise((resolve) => setTimeout(resolve, DRAIN_MS).unref());
  const giveUp = () => {
    tally.broken += under.size + waiting.length;
    under.clear();
  };
  while (under.size > 0) await Promise.race([Promise.all(under), late.then(giveUp)]);
  return outcome(tally, seconds);
}

function takeIdle(): HttpConnection | undefined {
  const connection = idle.pop();
  if (connection === undefined || connection.usable) return connection;
  opened -= 1;
  return takeIdle();
}

async function openOne(): Promise<HttpConnection> {
  opened += 1;
  return await HttpConnection.open(target);
}

function count(tally: Tally, { at, end }: { at: number; end: number }, { status, retryAfter }: Answer): void {
  const now = performance.now();
  if (status === 200) {
    tally.good.push(now - at);
    if (now <= end) tally.goodInTime += 1;
  } else if (status === 503) {
    tally.refused.push(now - at);
    if (retryAfter !== undefined) tally.withRetryAfter += 1;
  } else tally.broken += 1;
}

function outcome(tally: Tally, seconds: number): Outcome {
  const { good, refused, goodInTime, withRetryAfter, broken, longestTurn } = tally;
  const rising = (values: readonly number[]) => values.toSorted((one, other) => one - other);
  const [served, shed] = [rising(good), rising(refused)];
  return {
    p50: quantile(served, 0.5),
    p99: quantile(served, 0.99),
    goodPerSecond: goodInTime / seconds,
    refused: shed.length,
    refusedShare: shed.length / (served.length + shed.length + broken),
    retryAfterShare: shed.length === 0 ? 1 : withRetryAfter / shed.length,
    refusedP99: shed.length === 0 ? 0 : quantile(shed, 0.99),
    broken,
    longestTurn,
  };
}

process.on('message', async (order: Saturation | OpenLoop) => {
  try {
    process.send?.(order.kind === 'open' ? await open(order) : await saturate(order));
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    process.exit(1);
  }
});
