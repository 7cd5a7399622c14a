import { afterAll } from 'vitest';
import { FakeCluster } from '../fakes/cluster.ts';
import { clusterConformance } from '../kube/conformance.ts';
import { FakeClock } from '../support/fake-clock.ts';

const clusters: FakeCluster[] = [];
afterAll(() => Promise.all(clusters.map((cluster) => cluster.close())));

// What `npm run test:kube` asserts on a real API server, on versions whose tokens differ.
for (const minor of [22, 29, 36]) {
  clusterConformance(`the double of Kubernetes 1.${minor}`, async () => {
    const clock = new FakeClock(Date.now());
    const cluster = await FakeCluster.start({ minor, reviewBound: false, now: () => clock.now() });
    clusters.push(cluster);
    const { url, ca, issuer, adminToken } = cluster;
    const elapse = async (milliseconds: number) => clock.advance(milliseconds);
    const rotate = async (maxTokenSeconds: number) => {
      cluster.rotate();
      cluster.maxTokenSeconds = maxTokenSeconds;
    };
    return { url, ca, issuer, minor, adminToken, rotate, elapse };
  });
}
