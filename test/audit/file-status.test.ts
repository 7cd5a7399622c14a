import { open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { statusOf } from '../../src/audit/file-status.ts';
import { temporaryDirectory } from './audit-fixture.ts';

/** As Linux names them: include/uapi/linux/magic.h. */
const LOCAL = { ext4: 0xef53, XFS: 0x58465342, Btrfs: 0x9123683e };
const OTHER = {
  NFS: 0x6969,
  FUSE: 0x65735546,
  SMB: 0xfe534d42,
  '9P': 0x01021997,
  OverlayFS: 0x794c7630,
  unknown: undefined,
};

async function openFile() {
  const path = join(await temporaryDirectory(), 'segment');
  const handle = await open(path, 'w+');
  onTestFinished(() => handle.close());
  return { path, handle };
}

describe('the status of an open file', () => {
  test.each(Object.entries(LOCAL))('is there at once on %s, which answers while its disk hangs', async (_, magic) => {
    const { handle } = await openFile();
    await handle.write('four');
    expect(statusOf(handle, magic)()).toEqual({ size: 4, linked: true });
  });

  test.each(Object.entries(OTHER))('is waited for on %s, which may keep whoever asks', async (_, magic) => {
    const { handle } = await openFile();
    await handle.write('four');
    const status = statusOf(handle, magic)();
    expect(status).toBeInstanceOf(Promise);
    expect(await status).toEqual({ size: 4, linked: true });
  });

  test.each([LOCAL.ext4, OTHER.NFS])('follows what others do to the file (%i)', async (magic) => {
    const { path, handle } = await openFile();
    const status = statusOf(handle, magic);
    const other = await open(path, 'a');
    await other.write('more');
    await other.close();
    expect(await status()).toEqual({ size: 4, linked: true });
    await rm(path);
    expect(await status()).toEqual({ size: 4, linked: false });
  });
});
