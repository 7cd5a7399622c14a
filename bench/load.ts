import type { TokenClass } from './material.ts';
import type { Server } from './processes.ts';
import {
  type Asking,
  askingClient,
  benchServer,
  carnet,
  cpuOf,
  during,
  type TestBed,
  type Variant,
} from './test-bed.ts';

// Rows of one kind: server CPU per request over kept connections, after a warm-up by count.

interface Load extends Asking {
  readonly servers: () => Promise<readonly Server[]>;
}

async function load(bed: TestBed, { servers: start, ...asking }: Load): Promise<number> {
  const { warmRequests, requests } = bed.counts;
  const servers = await start();
  const clients = servers.map(({ url }) => askingClient(bed, url, asking));
  const send = (count: number) => Promise.all(clients.map((client) => client.run(count)));
  return await during(servers, clients, async () => {
    await send(warmRequests);
    const micros = await cpuOf(servers, () => send(requests));
    return micros / (requests * servers.length);
  });
}

function loadVariant(
  name: string,
  servers: (bed: TestBed) => Promise<readonly Server[]>,
  asking: Asking = {},
): Variant {
  return {
    name,
    measure: async (bed) => ({ [name]: await load(bed, { servers: () => servers(bed), ...asking }) }),
  };
}

export function floor(kind: 'node' | 'fastify'): Variant {
  return loadVariant(`floor.${kind}`, async (bed) => [await benchServer(bed, ['floor-server.ts', kind])]);
}

export const exchangeCore = loadVariant('exchange.core', async (bed) => [await benchServer(bed, ['core-server.ts'])]);

export const exchangeFull = loadVariant('exchange.full', async (bed) => [await carnet(bed)]);

/** As before, with so few requests at a time that fewer of them share a batch and an fsync. */
export const exchangeFew = loadVariant('exchange.few', async (bed) => [await carnet(bed)], { connections: 16 });

/** Two replicas, a core for each; the client shares one with the second. */
export const exchangeTwo = loadVariant('exchange.two', (bed) =>
  Promise.all([carnet(bed), carnet(bed, { prefix: bed.cores.client })]),
);

export const peer = loadVariant('peer', async (bed) => [await benchServer(bed, ['peer-server.js'])], {
  tokens: 'peer',
});

export function refused(tokens: TokenClass): Variant {
  return loadVariant(`refused.${tokens}`, async (bed) => [await carnet(bed)], { tokens, status: 400 });
}

/** A 503 for want of time, as the door writes it before anything else is done. */
export const refusedBusy = loadVariant('refused.busy', async (bed) => [await benchServer(bed, ['busy-server.ts'])], {
  status: 503,
});
