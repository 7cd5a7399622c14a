import { once } from 'node:events';
import { connect as connectPlain, type Socket } from 'node:net';
import { connect, type TLSSocket } from 'node:tls';
import { describe, expect, onTestFinished, test } from 'vitest';
import { Secret } from '../../src/core/secret.ts';
import { TurnQueue } from '../../src/core/turn-queue.ts';
import { handshakesInLine } from '../../src/routes/handshake-line.ts';
import { httpServer } from '../../src/routes/http-server.ts';
import { createMetrics } from '../../src/telemetry/metrics.ts';
import { loopbackCertificate } from '../support/certificate-authority.ts';
import { FakeClock } from '../support/fake-clock.ts';

/** A server whose handshakes wait until the test calls `next`, unless it brings turns of its own. */
async function serverWithLine({ limit = 10, turns }: { limit?: number; turns?: Pick<TurnQueue, 'turn'> } = {}) {
  const { ca, cert, key } = await loopbackCertificate('carnet');
  const clock = new FakeClock();
  const metrics = createMetrics();
  const line: (() => void)[] = [];
  const byHand = { turn: () => new Promise<void>((resolve) => line.push(resolve)) };
  const server = httpServer((_request, response) => response.end('served'), { cert, key: new Secret(key) });
  handshakesInLine(server, { limit, turns: turns ?? byHand, clock, metrics });
  const accepted: Socket[] = [];
  server.on('connection', (socket: Socket) => accepted.push(socket));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.close();
    for (const socket of accepted) socket.destroy();
  });
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  /** Connects, and asks as soon as the handshake is done. */
  const client = (): TLSSocket => {
    const socket = connect({ host: '127.0.0.1', port, ca }, () => socket.write('GET / HTTP/1.1\r\nhost: x\r\n\r\n'));
    socket.on('error', () => undefined);
    return socket;
  };
  /** A client whose connection the server has accepted. */
  const waitingClient = async (): Promise<TLSSocket> => {
    const before = accepted.length;
    const socket = client();
    while (accepted.length === before) await once(server, 'connection');
    return socket;
  };
  const next = () => line.shift()?.();
  const dropped = async (reason: string) => {
    const { values } = await metrics.connectionsDropped.get();
    return values.find(({ labels }) => labels.reason === reason)?.value ?? 0;
  };
  return { port, clock, accepted, client, waitingClient, next, dropped };
}

async function answerOf(socket: TLSSocket): Promise<string> {
  const [chunk] = await once(socket, 'data');
  return String(chunk).split('\r\n', 1)[0] ?? '';
}

function closed(socket: Socket): Promise<void> {
  return new Promise((resolve) => socket.once('close', () => resolve()));
}

describe('the line before TLS handshakes', () => {
  test('reads nothing of a connection before its turn, and serves it afterwards', async () => {
    const { port, accepted, waitingClient, next } = await serverWithLine();
    const stranger = connectPlain(port, '127.0.0.1');
    onTestFinished(() => void stranger.destroy());
    await new Promise<void>((resolve) => stranger.write('no TLS at all', () => resolve()));
    const client = await waitingClient();
    if (client.connecting) await once(client, 'connect');
    for (let turn = 0; turn < 20; turn += 1) await new Promise((resolve) => setImmediate(resolve));
    expect(accepted.map(({ bytesRead }) => bytesRead)).toEqual([0, 0]);
    next();
    await closed(stranger);
    next();
    expect(await answerOf(client)).toBe('HTTP/1.1 200 OK');
  });

  test('closes unread whoever has waited more than 9 s, and serves who has waited 9 s', async () => {
    const { clock, waitingClient, next, dropped } = await serverWithLine();
    const patient = await waitingClient();
    clock.advance(9000);
    next();
    expect(await answerOf(patient)).toBe('HTTP/1.1 200 OK');
    const late = await waitingClient();
    const gone = closed(late);
    clock.advance(9001);
    next();
    await gone;
    expect(late.authorized).toBe(false);
    expect(await dropped('late')).toBe(1);
  });

  test('closes at once whoever finds it full, and takes another when somebody has left it', async () => {
    const { client, waitingClient, next, dropped } = await serverWithLine({ limit: 1 });
    const first = await waitingClient();
    await closed(client());
    expect(await dropped('full')).toBe(1);
    next();
    expect(await answerOf(first)).toBe('HTTP/1.1 200 OK');
    const third = await waitingClient();
    next();
    expect(await answerOf(third)).toBe('HTTP/1.1 200 OK');
    expect(await dropped('full')).toBe(1);
  });

  test('goes on to the next where somebody has gone, or was cut off, while waiting', async () => {
    const { port, accepted, waitingClient, next } = await serverWithLine();
    for (const isCutOff of [false, true]) {
      const before = accepted.length;
      const gone = connectPlain(port, '127.0.0.1');
      while (accepted.length === before) await new Promise((resolve) => setImmediate(resolve));
      if (isCutOff) accepted.at(-1)?.destroy();
      gone.on('error', () => undefined).resetAndDestroy();
      await closed(gone);
      next();
    }
    const client = await waitingClient();
    next();
    expect(await answerOf(client)).toBe('HTTP/1.1 200 OK');
  });

  test('serves everybody of a crowd, some in each turn', async () => {
    const events = { clock: new FakeClock(), defer: setImmediate, idle: () => 0, connections: () => 0 };
    const { client } = await serverWithLine({
      limit: 100,
      turns: new TurnQueue({ ...events, batch: 8, batchWhenBusy: 8, mayWait: 100, mayWaitWhenBusy: 100 }),
    });
    const answers = await Promise.all(Array.from({ length: 40 }, () => answerOf(client())));
    expect(new Set(answers)).toEqual(new Set(['HTTP/1.1 200 OK']));
  });
});
