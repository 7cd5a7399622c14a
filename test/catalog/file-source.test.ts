import { writeFileSync } from 'node:fs';
import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { readFiles, signatureOf, UnsteadyFiles } from '../../src/catalog/file-source.ts';
import { fill, publishConfigMap, temporaryFolder } from './folder.ts';

async function namesIn(folder: string, paths = [folder]): Promise<readonly string[]> {
  return (await readFiles(paths)).files.map(({ path }) => path.slice(folder.length + 1));
}

describe('readFiles', () => {
  test('takes *.yaml and *.yml of a folder, recursively, and skips hidden and other names', async () => {
    const folder = await temporaryFolder();
    await fill(folder, {
      'b.yaml': '',
      'a.yml': '',
      'sub/deep/c.yaml': '',
      '.hidden.yaml': '',
      '.git/d.yaml': '',
      'e.json': '',
      'f.yaml.bak': '',
      yaml: '',
    });
    expect(await readFiles([folder])).toMatchObject({ faults: [], unread: [] });
    expect(await namesIn(folder)).toEqual(['a.yml', 'b.yaml', 'sub/deep/c.yaml']);
  });

  test('takes a configured file whatever its name, and a file named twice once', async () => {
    const folder = await temporaryFolder();
    await fill(folder, { 'stop.txt': 'a', 'b.yaml': '' });
    expect(await namesIn(folder, [join(folder, 'stop.txt'), folder, `${folder}/./b.yaml`])).toEqual([
      'b.yaml',
      'stop.txt',
    ]);
  });

  test('follows links to files into hidden folders, as ConfigMaps have them, and reads each once', async () => {
    const folder = await temporaryFolder();
    await publishConfigMap(folder, '1', { 'a.yaml': 'one', 'b.yaml': 'two' });
    expect((await readFiles([folder])).files.map(({ text }) => text)).toEqual(['one', 'two']);
    await publishConfigMap(folder, '2', { 'a.yaml': 'three' });
    const { files, unread } = await readFiles([folder]);
    expect(files.map(({ text }) => text)).toEqual(['three']);
    expect(unread).toEqual([join(folder, 'b.yaml')]);
  });

  test('never mixes two states of a set of files that is being written', async () => {
    const folder = await temporaryFolder();
    const names = Array.from({ length: 12 }, (_, at) => join(folder, `${at}.yaml`));
    let state = 0;
    const write = () => {
      state += 1;
      for (const name of names) writeFileSync(name, `state: ${state}`);
    };
    write();
    for (let round = 0; round < 3; round += 1) {
      let left = 4 * round;
      const writer = setInterval(() => (left-- > 0 ? write() : clearInterval(writer)), 2);
      const result = await readFiles([folder]).catch((error: unknown) => error);
      clearInterval(writer);
      if (result instanceof UnsteadyFiles) continue;
      const { files } = result as Awaited<ReturnType<typeof readFiles>>;
      expect(new Set(files.map(({ text }) => text)).size).toBe(1);
    }
  });

  test('gives up on files that never stand still, and reads them once they do', async () => {
    const folder = await temporaryFolder();
    let state = 0;
    const write = () => writeFileSync(join(folder, 'a.yaml'), `state: ${++state}`);
    write();
    let writing = true;
    const writeOn = () => {
      write();
      if (writing) setImmediate(writeOn);
    };
    writeOn();
    const thrown = await readFiles([folder]).catch((error: unknown) => error);
    writing = false;
    expect(thrown).toBeInstanceOf(UnsteadyFiles);
    await new Promise(setImmediate);
    const { files } = await readFiles([folder]);
    expect(files.map(({ text }) => text)).toEqual([`state: ${state}`]);
  });

  test('does not follow links to folders, which could be a loop, and says so', async () => {
    const folder = await temporaryFolder();
    await fill(folder, { 'sub/a.yaml': '' });
    await symlink('..', join(folder, 'sub/up'));
    const { files, faults, unread } = await readFiles([folder]);
    expect([files.length, unread]).toEqual([1, []]);
    expect(faults).toMatchObject([{ source: join(folder, 'sub/up'), severity: 'warning' }]);
  });

  test('says of a file that it is not read when only the case of its name is in the way', async () => {
    const folder = await temporaryFolder();
    await fill(folder, { 'a.yaml': 'x', 'stop.YAML': 'x', 'sub/b.Yml': 'x', 'notes.md': 'x', 'old.yaml.bak': 'x' });
    await symlink('a.yaml', join(folder, 'link.YML'));
    const { files, faults, unread } = await readFiles([folder]);
    expect([files.length, unread]).toEqual([1, []]);
    expect(faults.map(({ source, severity }) => `${severity} ${source.slice(folder.length + 1)}`).sort()).toEqual([
      'warning link.YML',
      'warning stop.YAML',
      'warning sub/b.Yml',
    ]);
  });

  test('follows a configured path that is itself a link to a folder', async () => {
    const folder = await temporaryFolder();
    await fill(folder, { 'real/a.yaml': 'x' });
    await symlink('real', join(folder, 'link'));
    expect(await namesIn(folder, [join(folder, 'link')])).toEqual(['link/a.yaml']);
  });

  test('has a fault for a path that does not exist, and reads the others', async () => {
    const folder = await temporaryFolder();
    await fill(folder, { 'a.yaml': 'x' });
    const missing = join(folder, 'missing');
    const { files, faults, unread } = await readFiles([missing, folder]);
    expect(files).toHaveLength(1);
    expect(faults).toMatchObject([{ source: missing, message: 'does not exist', severity: 'error' }]);
    expect(unread).toEqual([missing]);
  });

  test('takes a file of 1 MiB and refuses one byte more, beside others', async () => {
    const folder = await temporaryFolder();
    await fill(folder, { 'a.yaml': ' '.repeat(1024 * 1024), 'b.yaml': ' '.repeat(1024 * 1024 + 1), 'c.yaml': 'x' });
    const { faults, unread } = await readFiles([folder]);
    expect(await namesIn(folder)).toEqual(['a.yaml', 'c.yaml']);
    expect(faults).toMatchObject([{ source: join(folder, 'b.yaml'), message: 'must not be larger than 1 MiB' }]);
    expect(unread).toEqual([join(folder, 'b.yaml')]);
  });

  test('refuses what is not UTF-8, and never replaces a byte', async () => {
    const folder = await temporaryFolder();
    await writeFile(join(folder, 'a.yaml'), Buffer.from([0x61, 0xff]));
    await writeFile(join(folder, 'b.yaml'), 'ä');
    const { files, faults } = await readFiles([folder]);
    expect(files.map(({ text }) => text)).toEqual(['ä']);
    expect(faults).toMatchObject([{ message: 'must be UTF-8' }]);
  });

  test('has a fault for a folder that is called like a file, without looking for a file in it twice', async () => {
    const folder = await temporaryFolder();
    await mkdir(join(folder, 'a.yaml'));
    await fill(folder, { 'a.yaml/b.yaml': 'x' });
    expect(await namesIn(folder)).toEqual(['a.yaml/b.yaml']);
  });
});

describe('signatureOf', () => {
  test('is the one of the reading until a file is written, replaced, added or removed', async () => {
    const folder = await temporaryFolder();
    await publishConfigMap(folder, '1', { 'a.yaml': 'x' });
    const { signature } = await readFiles([folder]);
    expect(await signatureOf([folder])).toBe(signature);
    await publishConfigMap(folder, '2', { 'a.yaml': 'x' });
    const swapped = await signatureOf([folder]);
    expect(swapped).not.toBe(signature);
    await fill(folder, { 'c.yaml': '' });
    expect(await signatureOf([folder])).not.toBe(swapped);
  });
});
