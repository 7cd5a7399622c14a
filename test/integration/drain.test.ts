import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { createApp } from '../../src/app.ts';
import { loadConfig } from '../../src/config/load-config.ts';
import { systemClock } from '../../src/core/clock.ts';
import { FakeCluster } from '../fakes/cluster.ts';
import { clusterIssuer, type Installation, install } from '../support/running-carnet.ts';

let installation: Installation;
let cluster: FakeCluster;
let client: Socket | undefined;

afterEach(async () => {
  client?.destroy();
  await cluster.close();
  await installation.remove();
});

test('a client that never ends its request cannot hold up the end: it is cut off after the drain', async () => {
  cluster = await FakeCluster.start();
  installation = await install({ cluster, resources: clusterIssuer(cluster) });
  const { configFile: file, configText: text, url } = installation;
  const log: string[] = [];
  const destination = { write: (lines: string) => log.push(...lines.split(/(?<=\n)/)) };
  const app = await createApp(loadConfig({ file, text, environment: {} }), {
    clock: systemClock,
    destination,
    drainMilliseconds: 50,
  });
  await app.start();
  client = connect(Number(new URL(url).port), '127.0.0.1');
  client.on('error', () => undefined);
  const headers = 'host: x\r\ncontent-type: application/x-www-form-urlencoded\r\ncontent-length: 100';
  client.write(`POST /oauth2/token HTTP/1.1\r\n${headers}\r\nexpect: 100-continue\r\n\r\n`);
  // The interim answer says that the request is under way.
  const [interim] = await once(client, 'data');
  expect(String(interim)).toContain('100 Continue');
  const cut = once(client, 'close');
  await app.close();
  await cut;
  const stopped = log.map((line) => JSON.parse(line)).filter(({ level }) => level === 'error');
  expect(stopped).toEqual([]);
});
