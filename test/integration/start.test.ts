import { spawn } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, beforeEach, expect, test } from 'vitest';

const ROOT = join(import.meta.dirname, '../..');

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'carnet-start-'));
  await mkdir(join(folder, 'resources'));
});
afterEach(() => rm(folder, { recursive: true }));

/** What `carnet serve` has loaded when it has listened and ended: paths in the repository, names of builtin modules. */
async function loadedToServe(): Promise<readonly string[]> {
  const preload = join(ROOT, 'test/support/tell-modules.js');
  const args = ['--import', preload, join(ROOT, 'src/main.ts'), 'serve'];
  const child = spawn(process.execPath, args, { cwd: folder, stdio: ['ignore', 'ignore', 'pipe'] });
  const lines: string[] = [];
  for await (const line of createInterface(child.stderr)) {
    lines.push(line);
    if (line.includes('all doors')) child.kill('SIGTERM');
  }
  const modules = lines.filter((line) => line.startsWith('module ')).map((line) => line.slice('module '.length));
  return modules.map((url) => url.replace(`file://${ROOT}/`, ''));
}

test('loads nothing that its configuration has no use for (DESIGN 13)', async () => {
  await writeFile(
    join(folder, 'carnet.yaml'),
    `issuer: http://127.0.0.1:8080
trustDomain: example.org
development: true
listen: { host: 127.0.0.1, port: 0 }
resources: [./resources]
store: { sqlite: { path: ./data/carnet.db } }
signing: { encryptionKeyFile: ./data/kek }
audit: { directory: ./data/audit }
`,
  );
  const loaded = await loadedToServe();
  expect(loaded).toEqual(expect.arrayContaining(['src/app.ts', 'src/store/sqlite-document-store.ts']));
  const unused = [
    // Clients of stores, clouds and other servers that nobody has configured.
    /node_modules\/(kysely|pg|ioredis|undici|jose|@aws-sdk|@azure|google-auth-library)\//,
    /src\/store\/(postgres|redis)-/,
    /src\/federation\/(aws|azure|gcp|oauth)\/.*-target/,
    // All other commands, and what tells them apart.
    /node_modules\/commander\//,
    /src\/cli\/(commands|.*-commands?\.ts)/,
    // What makes documents of routes, and conditions where no resource has one.
    /node_modules\/(@fastify\/swagger|@bufbuild|@opentelemetry)\//,
    /src\/routes\/(schemas|docs\/docs-page|admin\/admin-routes)/,
    /src\/(app-admin|admin\/(?!admin-error))/,
  ];
  expect(loaded.filter((name) => unused.some((pattern) => pattern.test(name)))).toEqual([]);
});
