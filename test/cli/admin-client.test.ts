import { writeFile } from 'node:fs/promises';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { adminClient } from '../../src/cli/admin-client.ts';
import { temporaryFolder } from '../catalog/folder.ts';
import { FakeSurroundings } from './fake-surroundings.ts';

let server: Server | undefined;

afterEach(async () => {
  server?.closeAllConnections();
  await new Promise((resolve) => server?.close(resolve) ?? resolve(undefined));
  server = undefined;
});

async function clientOf(listener: RequestListener) {
  const started = createServer(listener);
  server = started;
  await new Promise<void>((resolve) => started.listen(0, '127.0.0.1', resolve));
  const workingDirectory = await temporaryFolder();
  await writeFile(join(workingDirectory, 'token'), 'a.b.c\n');
  const endpoint = `http://127.0.0.1:${(started.address() as AddressInfo).port}/carnet/`;
  return adminClient({ endpoint, tokenFile: 'token' }, new FakeSurroundings({ workingDirectory }));
}

function answering(status: number, body: unknown, headers: Readonly<Record<string, string>> = {}): RequestListener {
  return (_request, response) => response.writeHead(status, headers).end(JSON.stringify(body));
}

describe('the client of the admin API', () => {
  test('sends a document with its type and the token, below the path of its endpoint', async () => {
    const client = await clientOf(async (request, response) => {
      let text = '';
      for await (const chunk of request) text += String(chunk);
      const { method, url, headers } = request;
      const seen = { method, url, authorization: headers.authorization, type: headers['content-type'], text };
      response.writeHead(201, { etag: '"4"' }).end(JSON.stringify(seen));
    });
    const ask = {
      method: 'PUT',
      path: 'guardrails/night',
      query: { dryRun: 'true' },
      body: { kind: 'Guardrail' },
    } as const;
    expect(await client.ask(ask)).toEqual({
      status: 201,
      etag: '"4"',
      body: {
        method: 'PUT',
        url: '/carnet/admin/v1/guardrails/night?dryRun=true',
        authorization: 'Bearer a.b.c',
        type: 'application/json',
        text: '{"kind":"Guardrail"}',
      },
    });
  });

  test('tells of a problem the title, the detail, and each fault with its field and mend (RFC 9457)', async () => {
    const faults = [
      { field: 'spec.deny', message: 'is no CEL', mend: 'close the bracket' },
      { field: 'spec.owner', message: 'is missing' },
    ];
    const client = await clientOf(answering(422, { title: 'the document is faulty', detail: 'two faults', faults }));
    await expect(client.ask({ method: 'GET', path: 'whoami' })).rejects.toMatchObject({
      exitCode: 1,
      message:
        'the document is faulty: two faults\n  spec.deny: is no CEL; close the bracket\n  spec.owner: is missing',
    });
  });

  test.each([
    [429, { 'retry-after': '3' }, 69, 'try again in 3 s'],
    [503, {}, 69, 'try again'],
    [307, { location: '/elsewhere' }, 69, 'a redirect, which is not followed'],
    [403, {}, 1, 'not allowed'],
  ])(
    'ends a command that is answered %i as one that may be tried again, or not',
    async (status, headers, exitCode, text) => {
      const client = await clientOf(answering(status, { title: 'not allowed' }, headers));
      const message = expect.stringContaining(text);
      await expect(client.ask({ method: 'GET', path: 'whoami' })).rejects.toMatchObject({ exitCode, message });
    },
  );

  test('lets nothing that a server says act on a terminal', async () => {
    const client = await clientOf(answering(400, { title: 'a\u001b[2Jb' }));
    await expect(client.ask({ method: 'GET', path: 'whoami' })).rejects.toMatchObject({ message: 'a?[2Jb' });
  });

  test.each([
    ['another door of Carnet', 404, JSON.stringify({ error: 'invalid_request', trace_id: 'a' })],
    ['a proxy', 403, '<html>'],
  ])('calls the refusal of %s no answer of the admin API, and says what to name', async (_, status, text) => {
    const client = await clientOf((_request, response) => response.writeHead(status).end(text));
    await expect(client.ask({ method: 'GET', path: 'whoami' })).rejects.toMatchObject({
      exitCode: 69,
      message: expect.stringMatching(
        new RegExp(`^http://127\\.0\\.0\\.1:\\d+ answered ${status}, .* name the admin door`),
      ),
    });
  });

  test('names the server that answers 502 without a word', async () => {
    const client = await clientOf((_request, response) => response.writeHead(502).end());
    await expect(client.ask({ method: 'GET', path: 'whoami' })).rejects.toMatchObject({
      exitCode: 69,
      message: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+ answered 502\n {2}try again$/),
    });
  });

  test('calls what is no JSON object no answer of the admin API', async () => {
    const client = await clientOf(answering(200, ['a']));
    await expect(client.ask({ method: 'GET', path: 'whoami' })).rejects.toMatchObject({ exitCode: 69 });
  });
});
