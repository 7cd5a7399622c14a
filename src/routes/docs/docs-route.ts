import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { FastifyInstance } from 'fastify';
import { isJsonObject } from '../../core/json.ts';
import { lazily } from '../../core/lazily.ts';
import { yamlDocuments } from '../../resources/yaml-documents.ts';
import { refuseOtherMethods } from '../methods.ts';
import { STYLE } from './style.ts';

const PATH = '/docs/';
const CONTRACT = new URL('../../../openapi.yaml', import.meta.url);
const STYLE_HASH = createHash('sha256').update(STYLE).digest('base64');

/** Nothing but the page itself: no script, no image, no font, no frame, and a style that is exactly this one. */
const HEADERS = {
  'content-type': 'text/html; charset=utf-8',
  'content-security-policy': `default-src 'none'; style-src 'sha256-${STYLE_HASH}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`,
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'cache-control': 'no-cache',
} as const;

/** `GET /docs/`: openapi.yaml for people. Open to whoever reaches the door: it is what the repository has, and no more. */
export function docsRoute(server: FastifyInstance): void {
  const page = lazily(read);
  server.get(PATH, {
    schema: { hide: true },
    handler: async (_request, reply) => reply.headers(HEADERS).send(await page()),
  });
  refuseOtherMethods(server, PATH, ['GET']);
}

async function read(): Promise<Buffer> {
  const [document] = yamlDocuments(await readFile(CONTRACT, 'utf8'), Number.POSITIVE_INFINITY).documents;
  if (!isJsonObject(document?.value)) throw new Error('openapi.yaml cannot be read');
  // Who does not read it does not load it.
  const { docsPage } = await import('./docs-page.ts');
  return Buffer.from(docsPage(document.value));
}
