import type { OpenLoop, Outcome, Saturation } from './open-loop.ts';
import { benchFile, type Server, startClient } from './processes.ts';
import { askingClient, benchServer, carnet, during, type Measured, type TestBed, type Variant } from './test-bed.ts';

/** Shares of a server's own saturation, percent. */
export const SHARES = [20, 50, 65, 80, 90] as const;
const CONNECTIONS = 64;
/** More than the product lets in, so that it is the product that refuses. */
const MANY_CONNECTIONS = 4000;
/** More than are under way at once at twice the saturation, so that none has to be opened. */
const KEPT_CONNECTIONS = 2000;

type Ask = (order: Saturation | OpenLoop) => Promise<Outcome>;

/** A warm server and a client of open loops. */
async function facing<T>(bed: TestBed, start: () => Promise<Server>, run: (ask: Ask) => Promise<T>): Promise<T> {
  const server = await start();
  const warming = askingClient(bed, server.url);
  await warming.run(bed.counts.warmRequests).finally(() => warming.stop());
  const args = [benchFile('open-loop.ts'), server.url, bed.materialFile];
  const client = startClient<Saturation | OpenLoop>({ prefix: bed.cores.client, args });
  return await during([server], [client], () => run(client.run));
}

async function curve(bed: TestBed, name: string, start: () => Promise<Server>): Promise<Measured> {
  const { seconds } = bed.counts;
  return await facing(bed, start, async (ask) => {
    const { perSecond = 0 } = await ask({ kind: 'saturate', seconds, connections: CONNECTIONS });
    const measured: Record<string, number> = { [`${name}.saturation`]: perSecond };
    for (const share of SHARES) {
      const rate = (perSecond * share) / 100;
      const {
        p50 = 0,
        p99 = 0,
        broken = 0,
      } = await ask({
        kind: 'open',
        perSecond: rate,
        seconds,
        ready: CONNECTIONS,
        connections: MANY_CONNECTIONS,
      });
      if (broken > 0) throw new Error(`${broken} requests of ${name} were not answered at ${share} %`);
      Object.assign(measured, { [`${name}.${share}.p50`]: p50, [`${name}.${share}.p99`]: p99 });
    }
    return measured;
  });
}

export const latency: Variant = {
  name: 'latency',
  measure: async (bed) => ({
    ...(await curve(bed, 'latency.exchange', () => carnet(bed))),
    ...(await curve(bed, 'latency.floor', () => benchServer(bed, ['floor-server.ts', 'node']))),
  }),
};

/** Twice as many requests as the server can answer, over connections that clients have kept, and over new ones. */
export const overload: Variant = {
  name: 'overload',
  measure: async (bed) => ({
    ...(await overloaded(bed, 'overload.kept', KEPT_CONNECTIONS)),
    ...(await overloaded(bed, 'overload.new', CONNECTIONS)),
  }),
};

async function overloaded(bed: TestBed, name: string, ready: number): Promise<Measured> {
  return await facing(
    bed,
    () => carnet(bed),
    async (ask) => {
      const { seconds } = bed.counts;
      const { perSecond = 0 } = await ask({ kind: 'saturate', seconds, connections: CONNECTIONS });
      const order = { kind: 'open', perSecond: 2 * perSecond, seconds: 2 * seconds, ready } as const;
      const found = await ask({ ...order, connections: MANY_CONNECTIONS });
      return {
        [`${name}.peak`]: perSecond,
        [`${name}.goodput`]: found['goodPerSecond'] ?? 0,
        [`${name}.refusedShare`]: (found['refusedShare'] ?? 0) * 100,
        [`${name}.retryAfterShare`]: (found['retryAfterShare'] ?? 0) * 100,
        [`${name}.refusedP99`]: found['refusedP99'] ?? 0,
        [`${name}.servedP99`]: found['p99'] ?? 0,
        [`${name}.broken`]: found['broken'] ?? 0,
        [`${name}.clientTurn`]: found['longestTurn'] ?? 0,
      };
    },
  );
}
