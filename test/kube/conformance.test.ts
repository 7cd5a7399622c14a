import { setTimeout as delay } from 'node:timers/promises';
import { afterAll } from 'vitest';
import { type RealClusters, startClusters } from './clusters.ts';
import { clusterConformance } from './conformance.ts';

let clusters: RealClusters | undefined;
afterAll(() => clusters?.stop());

clusterConformance('a real API server', async () => {
  clusters = await startClusters({ name: 'edge-7' });
  const [server] = clusters.servers;
  if (server === undefined) throw new Error('no server was started');
  const { url, ca, issuer, minor, adminToken } = server;
  const rotate = (maxTokenSeconds: number) => server.rotate({ maxTokenSeconds });
  return { url, ca, issuer, minor, adminToken, rotate, elapse: (milliseconds) => delay(milliseconds) };
});
