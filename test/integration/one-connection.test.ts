import { once } from 'node:events';
import { connect } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { readAuditLog } from '../../src/audit/read-log.ts';
import { FakeCluster } from '../fakes/cluster.ts';
import {
  AUDIENCE,
  clusterIssuer,
  exchangeForm,
  install,
  type RunningCarnet,
  start,
} from '../support/running-carnet.ts';

let cluster: FakeCluster;
let carnet: RunningCarnet;

beforeEach(async () => {
  cluster = await FakeCluster.start();
  const resources = `${clusterIssuer(cluster)}apiVersion: carnet.dev/v1alpha1
kind: FederationMapping
metadata: { name: mesh }
spec:
  owner: platform@example.org
  subject: { issuer: prod-eu, namespace: '*', serviceAccount: '*' }
  target: { jwtSvid: { audiences: [ledger] } }
`;
  carnet = await start(await install({ cluster, resources }));
});

afterEach(async () => {
  await carnet.stop();
  await carnet.remove();
  await cluster.close();
});

function request(token: string, more = ''): string {
  const body = new URLSearchParams(exchangeForm(token, 'ledger')).toString();
  const type = 'Content-Type: application/x-www-form-urlencoded';
  return `POST /oauth2/token HTTP/1.1\r\nHost: x\r\n${type}\r\n${more}Content-Length: ${body.length}\r\n\r\n${body}`;
}

const podToken = () => cluster.token({ audiences: [AUDIENCE], boundTo: { kind: 'pod', name: 'reporter-7d9f' } });
const exchangeElsewhere = async () =>
  expect((await carnet.exchange(exchangeForm(podToken(), 'ledger'))).status).toBe(200);

/** The credentials that were answered to what is sent over one connection, and those on record of it once it is closed. */
async function exchanged(bytes: string) {
  // The keys are there then.
  await exchangeElsewhere();
  const socket = connect(Number(new URL(carnet.url).port), '127.0.0.1');
  await once(socket, 'connect');
  socket.write(bytes);
  const answered = (await text(socket)).match(/"access_token"/g)?.length ?? 0;
  // Whatever had begun is on record before this.
  await exchangeElsewhere();
  await carnet.app.close();
  const recorded: string[] = [];
  const directory = join(carnet.folder, 'data/audit');
  for await (const { type } of readAuditLog({ directory, stream: 'carnet' })) {
    if (type === 'allowed' || type === 'issued') recorded.push(type);
  }
  return { answered, recorded: recorded.slice(ISSUED.length, -ISSUED.length) };
}

const CLOSE = 'Connection: close\r\n';
const ISSUED = ['allowed', 'issued'];

test('what comes behind an answer that closes the connection leaves no record of a credential (RFC 9112 section 9.6)', async () => {
  const twoHosts = 'GET /livez HTTP/1.1\r\nHost: x\r\nHost: x\r\n\r\n';
  expect(await exchanged(twoHosts + request(podToken()))).toEqual({ answered: 0, recorded: [] });
});

test.each([
  ['another request', () => request(podToken())],
  ['what is no HTTP', () => 'hello\r\n\r\n'],
])('a credential that is on record was answered, though %s comes behind Connection: close', async (_, behind) => {
  expect(await exchanged(request(podToken(), CLOSE) + behind())).toEqual({ answered: 1, recorded: ISSUED });
});

test('behind an answer that does not, each credential is answered and on record', async () => {
  const livez = 'GET /livez HTTP/1.1\r\nHost: x\r\n\r\n';
  const both = await exchanged(livez + request(podToken()) + request(podToken(), CLOSE));
  expect(both).toEqual({ answered: 2, recorded: [...ISSUED, ...ISSUED] });
});
