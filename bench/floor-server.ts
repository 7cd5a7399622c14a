import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { fastify } from 'fastify';
import type { Material } from './material.ts';

// What any endpoint pays that takes this form and gives this answer: node:http or Fastify, and nothing behind it.
const [kind = 'node', materialFile = ''] = process.argv.slice(2);
const { answer } = JSON.parse(await readFile(materialFile, 'utf8')) as Material;
const bytes = Buffer.from(answer);
const headers = { 'content-type': 'application/json', 'cache-control': 'no-store', pragma: 'no-cache' };

/** Reading the token out of the form is part of the floor. */
function hasToken(body: Buffer): boolean {
  return new URLSearchParams(body.toString('latin1')).has('subject_token');
}

/** As long as the product keeps one: a client that comes back must not find it closed. */
const keepAliveTimeout = 65_000;

async function nodeServer(): Promise<string> {
  const server = createServer({ keepAliveTimeout }, (request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      response.writeHead(hasToken(Buffer.concat(chunks)) ? 200 : 400, { ...headers, 'content-length': bytes.length });
      response.end(bytes);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the floor has no port');
  return `http://127.0.0.1:${address.port}`;
}

async function fastifyServer(): Promise<string> {
  const server = fastify({ logger: false, keepAliveTimeout });
  server.removeAllContentTypeParsers();
  server.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body));
  server.post('/oauth2/token', async (request, reply) => {
    const status = hasToken(request.body as Buffer) ? 200 : 400;
    return await reply.code(status).headers(headers).send(bytes);
  });
  return await server.listen({ host: '127.0.0.1', port: 0 });
}

process.on('SIGTERM', () => process.exit(0));
process.stderr.write(`listening ${await (kind === 'fastify' ? fastifyServer() : nodeServer())}\n`);
