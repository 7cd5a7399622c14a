import { once } from 'node:events';
import type { Server } from 'node:http';
import { connect } from 'node:net';
import { describe, expect, onTestFinished, test } from 'vitest';
import { busyFront } from '../../src/routes/busy-front.ts';
import { httpServer } from '../../src/routes/http-server.ts';
import { createLogger } from '../../src/telemetry/logger.ts';
import { createMetrics } from '../../src/telemetry/metrics.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { sendRaw } from './door-fixture.ts';

/** A server that is too busy as long as the test says so, with `passed on` for whatever the front lets through. */
async function busyServer({ base = '' } = {}) {
  const state = { overdue: true, open: true };
  const clock = new FakeClock();
  const lines: string[] = [];
  const log = createLogger({ level: 'info', clock, destination: { write: (line) => void lines.push(line) } });
  const metrics = createMetrics();
  const passedOn: string[] = [];
  const next: Parameters<typeof busyFront>[0] = (request, response) => {
    passedOn.push(`${request.method} ${request.url}`);
    request.resume().on('end', () => response.end('passed on'));
  };
  const server: Server = httpServer(
    busyFront(next, { turns: state, open: () => state.open, base, clock, log, metrics }),
    undefined,
  );
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  const ask = (line: string, more = '', body = '') =>
    sendRaw(port, `${line} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n${more}\r\n${body}`);
  return { state, clock, lines, metrics, passedOn, port, ask };
}

/** Sends over one kept connection and resolves to all that came back by the time it holds so many answers. */
async function overOneConnection(port: number, texts: readonly string[], answers: number): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  onTestFinished(() => void socket.destroy());
  let received = '';
  const { promise, resolve } = Promise.withResolvers<void>();
  socket.on('data', (chunk) => {
    received += chunk;
    if ((received.match(/HTTP\/1\.1 /g) ?? []).length >= answers) resolve();
  });
  socket.on('close', () => resolve());
  for (const text of texts) socket.write(text);
  await promise;
  return received;
}

const POST_TOKEN = 'POST /oauth2/token HTTP/1.1\r\nhost: x\r\n';

describe('a busy front', () => {
  test.each([
    ['POST /oauth2/token', 'token', '/oauth2/token', '"error":"temporarily_unavailable"'],
    ['POST /oauth2/token?a=b', 'token', '/oauth2/token', '"trace_id":"'],
    ['POST /sdk/aws', 'sdk-aws-sts', '/sdk/aws', '<Code>ServiceUnavailable</Code>'],
    ['POST /sdk/aws/', 'sdk-aws-sts', '/sdk/aws', '<Code>ServiceUnavailable</Code>'],
    ['GET /sdk/aws/reports', 'sdk-aws', '/sdk/aws/:mapping', '"Code":"ServiceUnavailable"'],
    ['POST /sdk/gcp/reports/token', 'sdk-gcp', '/sdk/gcp/:mapping/token', '"error":"temporarily_unavailable"'],
    ['POST /sdk/azure/t/oauth2/v2.0/token', 'sdk-azure', '/sdk/azure/:tenant/oauth2/v2.0/token', '"error_description"'],
  ])(
    'answers %s with 503 and Retry-After in the words of that door, and counts it (DESIGN 9)',
    async (line, door, route, body) => {
      const { ask, passedOn, metrics } = await busyServer();
      const answer = await ask(line, 'content-length: 1400\r\n');
      expect(answer).toMatch(/^HTTP\/1\.1 503 /);
      expect(answer).toMatch(/\r\nretry-after: 5\r\n/i);
      expect(answer).toMatch(/\r\ncache-control: no-store\r\n/i);
      expect(answer).toContain(body);
      expect(passedOn).toEqual([]);
      const text = await metrics.registry.metrics();
      expect(text).toContain(`carnet_exchanges_total{door="${door}",outcome="failed",error="overloaded"} 1`);
      expect(text).toContain(`carnet_http_request_duration_seconds_count{route="${route}",status="503"} 1`);
    },
  );

  test.each([
    ['POST /oauth2/token', 1],
    ['POST /sdk/aws', 2],
    ['GET /sdk/aws/reports', 2],
  ])(
    'names the trace of each request wherever the body of %s does, and the length of that body (S1)',
    async (line, times) => {
      const { ask } = await busyServer();
      const told = await Promise.all([ask(line), ask(line)]);
      const traces = told.map((answer) => {
        const [head = '', body = ''] = answer.split('\r\n\r\n');
        expect(head).toMatch(new RegExp(`\r\ncontent-length: ${Buffer.byteLength(body)}\r\n`, 'i'));
        const named = body.match(/[0-9a-f]{32}/g) ?? [];
        expect(named).toHaveLength(times);
        expect(new Set(named).size).toBe(1);
        return named[0];
      });
      expect(traces[0]).not.toBe(traces[1]);
    },
  );

  test.each(['GET /livez', 'GET /oauth2/token', 'POST /oauth2/token/', 'POST /oauth2/tokens', 'POST /sdk/gcp/token'])(
    'passes %s on, which asks for no credential',
    async (line) => {
      const { ask, passedOn } = await busyServer();
      expect(await ask(line)).toContain('passed on');
      expect(passedOn).toEqual([line]);
    },
  );

  test('stands below the base of the workloads alone', async () => {
    const { ask } = await busyServer({ base: '/base' });
    expect(await ask('POST /base/oauth2/token')).toMatch(/^HTTP\/1\.1 503 /);
    expect(await ask('POST /oauth2/token')).toContain('passed on');
  });

  test('passes everybody on while nobody waits too long, and while the server is closing', async () => {
    const { state, ask } = await busyServer();
    state.overdue = false;
    expect(await ask('POST /oauth2/token')).toContain('passed on');
    state.overdue = true;
    expect(await ask('POST /oauth2/token')).toMatch(/^HTTP\/1\.1 503 /);
    state.open = false;
    expect(await ask('POST /oauth2/token')).toContain('passed on');
  });

  test('logs the first refusal of a second by its trace, and how many there were since', async () => {
    const { clock, lines, ask } = await busyServer();
    const traces: (string | undefined)[] = [];
    const refused = async () => traces.push(/"trace_id":"([0-9a-f]{32})"/.exec(await ask('POST /oauth2/token'))?.[1]);
    await refused();
    for (let more = 0; more < 3; more += 1) await refused();
    clock.advance(1000);
    await refused();
    const told = lines.map((line) => JSON.parse(line));
    const common = { level: 'warn', message: 'refused', error: 'overloaded', status: 503 };
    expect(told).toMatchObject([
      { ...common, traceId: traces[0], count: 1 },
      { ...common, traceId: traces[4], count: 4 },
    ]);
    expect(told).toHaveLength(2);
    expect(new Set(traces).size).toBe(5);
  });
});

describe('the connection of a request that was refused unread', () => {
  const smuggled = 'GET /smuggled HTTP/1.1\r\nhost: x\r\n\r\n';

  test('never takes a body for a request, and answers what comes after it', async () => {
    const { port, passedOn } = await busyServer();
    const post = `${POST_TOKEN}content-length: ${smuggled.length}\r\n\r\n${smuggled}`;
    const received = await overOneConnection(port, [post, 'GET /livez HTTP/1.1\r\nhost: x\r\n\r\n'], 2);
    expect(received.match(/HTTP\/1\.1 \d+/g)).toEqual(['HTTP/1.1 503', 'HTTP/1.1 200']);
    expect(passedOn).toEqual(['GET /livez']);
  });

  test('does so too when the body comes after the answer, in pieces', async () => {
    const { port, passedOn } = await busyServer();
    const socket = connect(port, '127.0.0.1');
    onTestFinished(() => void socket.destroy());
    socket.write(`${POST_TOKEN}content-length: ${smuggled.length}\r\n\r\n`);
    const [first] = await once(socket, 'data');
    expect(String(first)).toMatch(/^HTTP\/1\.1 503 /);
    socket.write(smuggled.slice(0, 7));
    socket.write(`${smuggled.slice(7)}GET /livez HTTP/1.1\r\nhost: x\r\n\r\n`);
    const [second] = await once(socket, 'data');
    expect(String(second)).toMatch(/^HTTP\/1\.1 200 /);
    expect(passedOn).toEqual(['GET /livez']);
  });

  test.each([
    ['of unknown length', 'transfer-encoding: chunked\r\n', '0\r\n\r\n'],
    ['above 64 KiB', 'content-length: 65537\r\n', 'x'.repeat(65_537)],
  ])('is not kept for a body %s: the request is passed on to who bounds it (T8)', async (_name, header, body) => {
    const { ask, passedOn } = await busyServer();
    expect(await ask('POST /oauth2/token', header, body)).toContain('passed on');
    expect(passedOn).toEqual(['POST /oauth2/token']);
    expect(await ask('POST /oauth2/token', 'content-length: 65536\r\n')).toMatch(/^HTTP\/1\.1 503 /);
  });

  test('is refused, as everywhere, when a length is given twice or beside chunks', async () => {
    const { ask, passedOn } = await busyServer();
    const both = 'content-length: 4\r\ntransfer-encoding: chunked\r\n';
    expect(await ask('POST /oauth2/token', both, `0\r\n\r\n${smuggled}`)).toMatch(/^HTTP\/1\.1 400 /);
    expect(await ask('POST /oauth2/token', 'content-length: 4\r\ncontent-length: 0\r\n', smuggled)).toMatch(
      /^HTTP\/1\.1 400 /,
    );
    expect(passedOn).toEqual([]);
  });
});
