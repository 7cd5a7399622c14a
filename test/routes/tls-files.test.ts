import { mkdirSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ConfigFaults } from '../../src/config/config-faults.ts';
import { readTlsFiles } from '../../src/routes/tls-files.ts';
import { loopbackCertificate, type TestCertificate } from '../support/certificate-authority.ts';

let folder: string;
let own: TestCertificate;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'carnet-tls-'));
  own = await loopbackCertificate('own');
  const other = await loopbackCertificate('other');
  await writeFile(join(folder, 'cert'), own.cert);
  await writeFile(join(folder, 'key'), own.key);
  await writeFile(join(folder, 'other-key'), other.key);
  await writeFile(join(folder, 'garbage'), 'secret');
  await writeFile(join(folder, 'empty'), '');
  mkdirSync(join(folder, 'folder'));
});
afterAll(() => rm(folder, { recursive: true }));

const read = (cert: string, key: string) =>
  readTlsFiles({ field: 'listeners.public.tls', certFile: join(folder, cert), keyFile: join(folder, key) });

describe('readTlsFiles', () => {
  test('reads a chain and its key', async () => {
    const { cert, key } = await read('cert', 'key');
    expect([cert, key.reveal()]).toEqual([own.cert, own.key]);
  });

  const CERTIFICATE = 'listeners.public.tls.certFile';
  const KEY = 'listeners.public.tls.keyFile';
  test.each([
    ['missing', 'key', [CERTIFICATE], '(ENOENT)'],
    ['folder', 'key', [CERTIFICATE], '(EISDIR)'],
    ['garbage', 'key', [CERTIFICATE], 'no certificates'],
    ['empty', 'key', [CERTIFICATE], 'no certificates'],
    ['key', 'key', [CERTIFICATE], 'no certificates'],
    ['cert', 'missing', [KEY], '(ENOENT)'],
    ['cert', 'garbage', [KEY], 'no private key'],
    ['cert', 'empty', [KEY], 'no private key'],
    ['cert', 'cert', [KEY], 'no private key'],
    ['cert', 'other-key', [KEY], 'not the key of the certificate'],
    ['missing', 'missing', [CERTIFICATE, KEY], '(ENOENT)'],
    ['garbage', 'garbage', [CERTIFICATE, KEY], 'no private key'],
  ])(
    'names the field of certFile %s with keyFile %s, and nothing that the files hold',
    async (cert, key, fields, says) => {
      const error = await read(cert, key).then(
        () => undefined,
        (thrown: unknown) => thrown,
      );
      expect(error).toBeInstanceOf(ConfigFaults);
      const { faults, message } = error as ConfigFaults;
      expect(faults.map(({ path }) => path)).toEqual(fields);
      expect(message).toContain(says);
      expect(message).not.toContain('secret');
      expect(message).not.toContain(folder);
    },
  );
});
