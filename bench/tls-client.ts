import { readFile } from 'node:fs/promises';
import { setTimeout } from 'node:timers/promises';
import type { TLSSocket } from 'node:tls';
import { type Answer, HttpConnection, tokenRequest } from './http-connection.ts';
import type { Material } from './material.ts';
import { quantile } from './quantile.ts';

// One new TLS connection for each exchange: `each` one after the other on 16 lines, with or without taking up the
// session of the connection before, or a `storm` of pods that all ask at once, each until it is served.

export interface Each {
  readonly kind: 'each';
  readonly count: number;
  readonly resume: boolean;
}

export interface Storm {
  readonly kind: 'storm';
  readonly pods: number;
}

const LINES = 16;
const ATTEMPTS = 100;
const [urls = '', materialFile = ''] = process.argv.slice(2);
const targets = urls.split(',').map((url) => new URL(url));
const material = JSON.parse(await readFile(materialFile, 'utf8')) as Material;
const { ca } = material.certificate;
const requests = material.bodies.accepted.map((body) => tokenRequest(body, 'close'));

function requestOf(number: number): Buffer {
  return requests[number % requests.length] ?? Buffer.alloc(0);
}

async function each({ count, resume }: Each): Promise<Record<string, number>> {
  const [target] = targets;
  let next = 0;
  let resumed = 0;
  const line = async () => {
    let session: Buffer | undefined;
    while (next < count && target !== undefined) {
      next += 1;
      const connection = await HttpConnection.open(target, { ca, session });
      const socket = connection.socket as TLSSocket;
      const { status } = await connection.request(requestOf(next));
      if (status !== 200) throw new Error(`answered ${status}`);
      if (socket.isSessionReused()) resumed += 1;
      if (resume) session = connection.session ?? session;
      connection.close();
    }
  };
  await Promise.all(Array.from({ length: LINES }, line));
  if (resumed < (resume ? count - LINES : 0)) throw new Error(`only ${resumed} of ${count} sessions were taken up`);
  return { resumed };
}

/** Seconds until so much of the pods had been served, and how often one had to ask again. */
async function storm({ pods }: Storm): Promise<Record<string, number>> {
  const begun = performance.now();
  const served: number[] = [];
  let again = 0;
  const pod = async (number: number) => {
    for (let attempt = 1; attempt <= ATTEMPTS; attempt += 1) {
      const pause = await attemptOf(number);
      if (pause === undefined) {
        served.push((performance.now() - begun) / 1000);
        return;
      }
      again += 1;
      await setTimeout((pause + Math.random()) * 1000);
    }
  };
  await Promise.all(Array.from({ length: pods }, (_, number) => pod(number)));
  if (served.length !== pods) throw new Error(`${pods - served.length} pods were never served`);
  const tenths = Array.from({ length: 10 }, (_, tenth) => (tenth + 1) * 10);
  const times = tenths.map((percent) => [`t${percent}`, quantile(served, percent / 100)]);
  return { t0: quantile(served, 0), ...Object.fromEntries(times), p99: quantile(served, 0.99), again };
}

/** Seconds to wait before the next attempt; undefined when this one was served. */
async function attemptOf(number: number): Promise<number | undefined> {
  const target = targets[number % targets.length];
  if (target === undefined) throw new Error('there is no server');
  try {
    const connection = await HttpConnection.open(target, { ca });
    const answer: Answer = await connection.request(requestOf(number)).finally(() => connection.close());
    return answer.status === 200 ? undefined : (answer.retryAfter ?? 1);
  } catch {
    return 1;
  }
}

process.on('message', async (order: Each | Storm) => {
  try {
    process.send?.(order.kind === 'each' ? await each(order) : await storm(order));
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    process.exit(1);
  }
});
