import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import type { JsonObject } from '../../src/core/json.ts';
import { docsPage } from '../../src/routes/docs/docs-page.ts';
import { openDoor, send } from './door-fixture.ts';

describe('the documentation page (DESIGN 9)', () => {
  test('has every operation of openapi.yaml with its method, its path and its answers', async () => {
    const text = await readFile(join(import.meta.dirname, '../../openapi.yaml'), 'utf8');
    const document: JsonObject = parse(text);
    const page = docsPage(document);
    const paths = Object.entries((document['paths'] ?? {}) as Record<string, Record<string, { operationId: string }>>);
    expect(paths.length).toBeGreaterThan(10);
    for (const [path, item] of paths) {
      for (const [method, { operationId }] of Object.entries(item)) {
        expect(page).toContain(
          `<article id="${operationId}"><h3><span class="method">${method.toUpperCase()}</span> <code>${path}</code>`,
        );
        expect(page).toContain(`href="#${operationId}"`);
      }
    }
    for (const [, target] of page.matchAll(/href="#([^"]+)"/g)) expect(page).toContain(`id="${target}"`);
    // A body of any fields is said to be an object, not shown as a table of none.
    expect(page).not.toContain('<tbody></tbody>');
  });

  test('has nothing that a browser would fetch or run', async () => {
    const { status, headers, text } = await send((await openDoor({ name: 'admin' })).port, { path: '/docs/' });
    expect(status).toBe(200);
    expect(headers['content-type']).toBe('text/html; charset=utf-8');
    expect(headers['content-security-policy']).toMatch(/^default-src 'none'; style-src 'sha256-[A-Za-z0-9+/]{43}='; /);
    expect(text).not.toMatch(/<(script|img|link|iframe)|\son[a-z]+=|url\(|@import/i);
  });

  test('is on the admin door alone, and takes nothing but GET', async () => {
    const [admin, workload] = [await openDoor({ name: 'admin' }), await openDoor({ name: 'workload' })];
    expect((await send(admin.port, { method: 'POST', path: '/docs/' })).status).toBe(405);
    expect((await send(workload.port, { path: '/docs/' })).status).toBe(404);
  });

  test('shows what a document says as text, whatever it says', () => {
    const operation = { operationId: 'x', summary: '<script>alert(1)</script>', tags: ['admin'], responses: {} };
    expect(docsPage({ info: { title: 'T', version: '1' }, paths: { '/a': { get: operation } } })).not.toContain(
      '<script',
    );
  });
});
