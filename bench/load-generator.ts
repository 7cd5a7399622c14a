import { readFile } from 'node:fs/promises';
import { Pool } from 'undici';
import type { Material, TokenClass } from './material.ts';

// Sends forms over 16 kept connections, each with one request at a time, as many as the bench asks for.
const CONNECTIONS = 16;
const PATH = '/oauth2/token';
const [url = '', materialFile = '', tokenClass = 'accepted', expected = '200'] = process.argv.slice(2);
const material = JSON.parse(await readFile(materialFile, 'utf8')) as Material;
const bodies = material.bodies[tokenClass as TokenClass].map((body) => Buffer.from(body));
const pool = new Pool(url, { connections: CONNECTIONS, pipelining: 1 });

async function one(number: number): Promise<void> {
  const { statusCode, body } = await pool.request({
    method: 'POST',
    path: PATH,
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: bodies[number % bodies.length] ?? null,
  });
  const text = await body.text();
  if (statusCode !== Number(expected)) throw new Error(`${tokenClass} was answered ${statusCode}: ${text}`);
}

async function send(count: number): Promise<void> {
  let next = 0;
  const worker = async () => {
    while (next < count) {
      next += 1;
      await one(next);
    }
  };
  await Promise.all(Array.from({ length: CONNECTIONS }, worker));
}

process.on('message', async (count: number) => {
  try {
    await send(count);
    process.send?.('done');
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    process.exit(1);
  }
});
