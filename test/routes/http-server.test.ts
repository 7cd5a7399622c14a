import { once } from 'node:events';
import { request } from 'node:https';
import { Socket } from 'node:net';
import { connect } from 'node:tls';
import { describe, expect, onTestFinished, test } from 'vitest';
import { Secret } from '../../src/core/secret.ts';
import { createDoor } from '../../src/routes/doors.ts';
import { httpServer } from '../../src/routes/http-server.ts';
import { loopbackCertificate } from '../support/certificate-authority.ts';
import { openDoor } from './door-fixture.ts';

async function tlsDoor() {
  const { ca, cert, key } = await loopbackCertificate('carnet');
  const { deps } = await openDoor();
  const server = createDoor('public', deps, { cert, key: new Secret(key) });
  await server.listen({ host: '127.0.0.1', port: 0 });
  onTestFinished(async () => {
    await server.close();
  });
  const address = server.server.address();
  return { ca, port: typeof address === 'object' && address !== null ? address.port : 0 };
}

describe('a listener with TLS (T10)', () => {
  test('serves https to whoever trusts its certificate', async () => {
    const { ca, port } = await tlsDoor();
    const outgoing = request({ host: '127.0.0.1', port, path: '/livez', ca, agent: false }).end();
    const [response] = await once(outgoing, 'response');
    response.resume();
    expect(response.statusCode).toBe(200);
  });

  test('is not believed by anybody else and does not speak versions before TLS 1.2', async () => {
    const { ca, port } = await tlsDoor();
    const stranger = request({ host: '127.0.0.1', port, path: '/livez', agent: false }).end();
    await expect(once(stranger, 'response')).rejects.toThrow();
    const old = connect({ host: '127.0.0.1', port, ca, minVersion: 'TLSv1', maxVersion: 'TLSv1.1' });
    await expect(once(old, 'secureConnect')).rejects.toThrow();
  });
});

describe('a connection without a handshake', () => {
  test('is closed when the handshake fails or takes too long, whoever else hears of it', async () => {
    const { cert, key } = await loopbackCertificate('carnet');
    const server = httpServer(() => undefined, { cert, key: new Secret(key) }).on('clientError', () => undefined);
    const socket = new Socket();
    server.emit('tlsClientError', new Error('no handshake'), socket);
    expect(socket.destroyed).toBe(true);
  });
});

describe('limits of a client', () => {
  test('are set on time and size, so that nobody holds a connection by being slow', async () => {
    const { server } = (await openDoor()).server;
    expect(server.headersTimeout).toBeLessThanOrEqual(10_000);
    expect(server.requestTimeout).toBeLessThanOrEqual(15_000);
    expect(server.requestTimeout).toBeGreaterThan(0);
    expect(server.keepAliveTimeout).toBe(65_000);
  });
});
