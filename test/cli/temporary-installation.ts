import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { onTestFinished } from 'vitest';

export const CARNET_YAML = `issuer: http://127.0.0.1:8080
trustDomain: example.org
development: true
listen: { host: 127.0.0.1, port: 8080 }
resources: [./resources]
store: { sqlite: { path: ./var/carnet.db } }
signing: { encryptionKeyFile: ./var/kek }
audit: { directory: ./audit }
`;

/** A folder with these files, removed after the test. */
export function installation(files: Readonly<Record<string, string>>): string {
  const folder = mkdtempSync(join(tmpdir(), 'carnet-cli-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
  return folder;
}
