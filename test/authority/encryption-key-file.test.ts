import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { loadEncryptionKey } from '../../src/authority/encryption-key-file.ts';
import { KeyFault } from '../../src/authority/key-fault.ts';

const BYTES = Buffer.from(Array.from({ length: 32 }, (_, n) => n * 7 + 1));
const LINE = BYTES.toString('base64');

describe('loadEncryptionKey', () => {
  let folder: string;
  let path: string;
  const write = (content: string | Buffer, mode = 0o600) => {
    writeFileSync(path, content);
    chmodSync(path, mode);
  };
  const production = () => loadEncryptionKey({ path, development: false });
  const development = () => loadEncryptionKey({ path, development: true });

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'carnet-kek-'));
    path = join(folder, 'kek');
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  test.each([
    ['without line end', LINE],
    ['with a line end', `${LINE}\n`],
    ['with a CR LF', `${LINE}\r\n`],
  ])('takes one line of base64 for 32 bytes %s', async (_, content) => {
    write(content);
    expect((await production()).export()).toEqual(BYTES);
  });

  test.each([
    ['nothing', ''],
    ['31 bytes', BYTES.subarray(1).toString('base64')],
    ['33 bytes', Buffer.concat([BYTES, Buffer.of(0)]).toString('base64')],
    ['no padding', LINE.replace('=', '')],
    ['base64url', Buffer.alloc(32, 0xfb).toString('base64url')],
    ['bits after the last byte', LINE.replace(/.=$/, 'B=')],
    ['raw bytes', BYTES],
    ['hex', BYTES.toString('hex')],
    ['a space before', ` ${LINE}`],
    ['a space after', `${LINE} \n`],
    ['two line ends', `${LINE}\n\n`],
    ['two keys', `${LINE}\n${LINE}\n`],
    ['a byte order mark', `\ufeff${LINE}`],
    ['a megabyte', LINE.repeat(24_000)],
  ])('refuses a file with %s, names the field and shows none of it', async (_, content) => {
    write(content);
    for (const load of [production, development]) {
      const error: unknown = await load().catch((thrown) => thrown);
      expect(error).toBeInstanceOf(KeyFault);
      expect(String(error)).toContain(`signing.encryptionKeyFile: ${path} does not hold one line of base64`);
      expect(inspect(error)).not.toContain(LINE.slice(0, 12));
    }
  });

  test('refuses a missing file in production and makes none', async () => {
    await expect(production()).rejects.toThrow(/^signing\.encryptionKeyFile: .*kek is missing; make one with `openssl/);
    expect(readdirSync(folder)).toEqual([]);
  });

  test('makes a missing file under development, for its owner alone, and reads the same key ever after', async () => {
    path = join(folder, 'deep', 'er', 'kek');
    const first = await development();
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(readFileSync(path, 'latin1')).toMatch(/^[A-Za-z0-9+/]{43}=\n$/);
    expect(readdirSync(join(folder, 'deep', 'er'))).toEqual(['kek']);
    for (const load of [development, production]) expect((await load()).equals(first)).toBe(true);
  });

  test('makes a key of its own for each file', async () => {
    const first = await development();
    path = join(folder, 'second');
    expect((await development()).equals(first)).toBe(false);
  });

  test('gives all that start together on a missing file one key', async () => {
    const keys = await Promise.all(Array.from({ length: 20 }, development));
    expect(keys.every((key) => keys[0]?.equals(key))).toBe(true);
    expect(readdirSync(folder)).toEqual(['kek']);
  });

  test.each([0o600, 0o400, 0o440])('takes mode %o', async (mode) => {
    write(LINE, mode);
    expect((await production()).export()).toEqual(BYTES);
  });

  test.each([0o640, 0o444, 0o604, 0o660, 0o620, 0o606, 0o644, 0o601])(
    'refuses mode %o in production and takes it under development',
    async (mode) => {
      write(LINE, mode);
      await expect(production()).rejects.toThrow(/^signing\.encryptionKeyFile: .* is open to others than its owner/);
      expect((await development()).export()).toEqual(BYTES);
    },
  );

  test('judges what a link points to, not the link', async () => {
    write(LINE, 0o644);
    const link = join(folder, 'link');
    symlinkSync(path, link);
    path = link;
    await expect(production()).rejects.toThrow(/is open to others/);
    chmodSync(join(folder, 'kek'), 0o400);
    expect((await production()).export()).toEqual(BYTES);
  });

  test('refuses a folder and a pipe at once', async () => {
    const pipe = join(folder, 'pipe');
    execFileSync('sh', ['-c', 'mkfifo -m 600 "$1"', 'sh', pipe]);
    for (const wrong of [folder, pipe]) {
      path = wrong;
      await expect(production()).rejects.toThrow(/^signing\.encryptionKeyFile: .* is not a file/);
    }
  });

  test('says so where the file cannot be made', async () => {
    write(LINE);
    path = join(path, 'below-a-file');
    await expect(development()).rejects.toThrow(/^signing\.encryptionKeyFile: .* cannot be read/);
  });

  test('gives a key that prints nothing', async () => {
    write(LINE);
    const key = await production();
    expect(`${inspect(key, { depth: 9, showHidden: true })}${JSON.stringify({ key })}`).not.toContain(
      LINE.slice(0, 12),
    );
  });
});
