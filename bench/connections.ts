import { benchFile, type Server, startClient } from './processes.ts';
import { carnet, cpuOf, during, type Measured, type TestBed, type Variant } from './test-bed.ts';
import type { Each, Storm } from './tls-client.ts';

function tlsClient({ cores, materialFile }: TestBed, servers: readonly Server[]) {
  const urls = servers.map(({ url }) => url).join();
  return startClient<Each | Storm>({ prefix: cores.client, args: [benchFile('tls-client.ts'), urls, materialFile] });
}

/** Server CPU of an exchange that opens a TLS connection of its own. */
export function newConnection(name: 'tls.new' | 'tls.resumed'): Variant {
  const resume = name === 'tls.resumed';
  return {
    name,
    async measure(bed) {
      const { connections } = bed.counts;
      const servers = [await carnet(bed, { tls: true })];
      const client = tlsClient(bed, servers);
      return await during(servers, [client], async () => {
        await client.run({ kind: 'each', count: connections / 2, resume });
        const micros = await cpuOf(servers, () => client.run({ kind: 'each', count: connections, resume }));
        return { [name]: micros / connections };
      });
    },
  };
}

/** A rollout: all pods at once, each over a TLS connection of its own, at one replica or two. */
export function storm(replicas: 1 | 2): Variant {
  const name = `storm.${replicas}`;
  return {
    name,
    async measure(bed) {
      const { pods, connections } = bed.counts;
      const prefixes = [bed.cores.server, bed.cores.client].slice(0, replicas);
      const servers = await Promise.all(prefixes.map((prefix) => carnet(bed, { tls: true, prefix })));
      const warming = servers.map((server) => tlsClient(bed, [server]));
      const warm = (client: (typeof warming)[number]) =>
        client.run({ kind: 'each', count: connections / 2, resume: false });
      await during([], warming, () => Promise.all(warming.map(warm)));
      const client = tlsClient(bed, servers);
      return await during(servers, [client], async () => {
        let figures: Measured = {};
        const micros = await cpuOf(servers, async () => {
          figures = await client.run({ kind: 'storm', pods });
        });
        const named = Object.entries(figures).map(([key, value]) => [`${name}.${key}`, value]);
        return { ...Object.fromEntries(named), [`${name}.cpu`]: micros / 1e6 };
      });
    },
  };
}
