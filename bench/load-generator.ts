import { readFile } from 'node:fs/promises';
import { Pool } from 'undici';
import type { Material, TokenClass } from './material.ts';
import { peerForm } from './peer-material.ts';

// Sends forms over kept connections, each with one request at a time, as many as the bench asks for.
const PATH = '/oauth2/token';
const [url = '', materialFile = '', tokenClass = 'accepted', expected = '200', many = '64'] = process.argv.slice(2);
const connections = Number(many);
const material = JSON.parse(await readFile(materialFile, 'utf8')) as Material;
const nextBody = bodySource();
const pool = new Pool(url, { connections, pipelining: 1 });

function bodySource(): (number: number) => Buffer {
  if (tokenClass === 'peer') return peerForm(material.peer);
  const bodies = material.bodies[tokenClass as TokenClass];
  const at = (number: number) => bodies[number % bodies.length] ?? '';
  if (tokenClass === 'badSignature') return (number) => Buffer.from(forgedAnew(at(number), number));
  const buffers = bodies.map((body) => Buffer.from(body));
  return (number) => buffers[number % buffers.length] ?? Buffer.alloc(0);
}

/** The same forgery with some other characters in the middle of its signature: one that nobody has seen. */
function forgedAnew(body: string, number: number): string {
  const token = /(?<=subject_token=)[^&]+/.exec(body);
  if (token === null) throw new Error('the form has no token');
  const end = token.index + token[0].length - 40;
  return `${body.slice(0, end - 8)}${String(number).padStart(8, '0')}${body.slice(end)}`;
}

let sent = 0;

async function one(number: number): Promise<void> {
  const { statusCode, body } = await pool.request({
    method: 'POST',
    path: PATH,
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: nextBody(number),
  });
  const text = await body.text();
  if (statusCode !== Number(expected)) throw new Error(`${tokenClass} was answered ${statusCode}: ${text}`);
}

async function send(count: number): Promise<void> {
  const last = sent + count;
  const worker = async () => {
    while (sent < last) {
      sent += 1;
      await one(sent);
    }
  };
  await Promise.all(Array.from({ length: connections }, worker));
}

process.on('message', async (count: number) => {
  try {
    await send(count);
    process.send?.({ sent });
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    process.exit(1);
  }
});
