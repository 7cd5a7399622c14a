import { readFile } from 'node:fs/promises';
import { setTimeout } from 'node:timers/promises';
import { createSecureContext, type TLSSocket } from 'node:tls';
import { HttpConnection, tokenRequest } from './http-connection.ts';
import type { Material } from './material.ts';
import { quantile } from './quantile.ts';

// One new TLS connection for each exchange: `each` one after the other on 16 lines, with or without taking up the
// session of the connection before, or a `storm` of pods that all ask at once, each until it is served: over the same
// connection when it was refused, over another when it was cut off.

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
// One for all, and nothing of the server's certificate is checked: each pod of a rollout does that on a core of its own.
const secureContext = createSecureContext();
const requestsOf = (connection: 'close' | 'keep-alive') => {
  const requests = material.bodies.accepted.map((body) => tokenRequest(body, connection));
  return (number: number): Buffer => requests[number % requests.length] ?? Buffer.alloc(0);
};
const lastRequest = requestsOf('close');
/** Clients keep their connection after a 503 that they have read. */
const keptRequest = requestsOf('keep-alive');

async function each({ count, resume }: Each): Promise<Record<string, number>> {
  const [target] = targets;
  let next = 0;
  let resumed = 0;
  const line = async () => {
    let session: Buffer | undefined;
    while (next < count && target !== undefined) {
      next += 1;
      const connection = await HttpConnection.open(target, { secureContext, session });
      const socket = connection.socket as TLSSocket;
      const { status } = await connection.request(lastRequest(next));
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

/** Seconds until so much of the pods had been served, and how often one had to ask again or was cut off. */
async function storm({ pods }: Storm): Promise<Record<string, number>> {
  const begun = performance.now();
  const served: number[] = [];
  const tally = { again: 0, cut: 0 };
  const pod = async (number: number) => {
    let connection: HttpConnection | undefined;
    for (let attempt = 1; attempt <= ATTEMPTS; attempt += 1) {
      try {
        connection = connection?.usable ? connection : await openOne(number);
        const { status, retryAfter = 1 } = await connection.request(keptRequest(number));
        if (status === 200) {
          served.push((performance.now() - begun) / 1000);
          connection.close();
          return;
        }
        tally.again += 1;
        await setTimeout((retryAfter + Math.random()) * 1000);
      } catch {
        tally.cut += 1;
        await setTimeout((1 + Math.random()) * 1000);
      }
    }
  };
  await Promise.all(Array.from({ length: pods }, (_, number) => pod(number)));
  if (served.length !== pods) throw new Error(`${pods - served.length} pods were never served`);
  const tenths = Array.from({ length: 10 }, (_, tenth) => (tenth + 1) * 10);
  const times = tenths.map((percent) => [`t${percent}`, quantile(served, percent / 100)]);
  return { t0: quantile(served, 0), ...Object.fromEntries(times), p99: quantile(served, 0.99), ...tally };
}

async function openOne(number: number): Promise<HttpConnection> {
  const target = targets[number % targets.length];
  if (target === undefined) throw new Error('there is no server');
  return await HttpConnection.open(target, { secureContext });
}

process.on('message', async (order: Each | Storm) => {
  try {
    process.send?.(order.kind === 'each' ? await each(order) : await storm(order));
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    process.exit(1);
  }
});
