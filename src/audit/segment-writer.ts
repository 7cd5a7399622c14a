import { join } from 'node:path';
import type { Disk, DiskFile } from './disk.ts';
import { segmentName } from './segments.ts';

/** The file is not as this writer left it: somebody else wrote, cut or removed it. Nothing may be chained on it. */
export class ForeignWrite extends Error {
  override readonly name = 'ForeignWrite';
}

export interface WriterStart {
  readonly disk: Disk;
  readonly folder: string;
  readonly maxSegmentBytes: number;
  /** The last segment, how much of it is good and how long it is; absent: the next append begins a segment. */
  readonly last?: { readonly path: string; readonly goodBytes: number; readonly sizeBytes: number } | undefined;
}

/**
 * Appends whole batches to the segments of one stream. A batch is on disk once `append` has resolved; when it has
 * rejected, the next append first takes off whatever the failed one left, so that nothing is ever chained onto a torn
 * line. Calls must not overlap.
 */
export class SegmentWriter {
  readonly #disk: Disk;
  readonly #folder: string;
  readonly #maxSegmentBytes: number;
  #path: string | undefined;
  #file: DiskFile | undefined;
  #goodBytes: number;
  /** How far a failed write may have reached; equal to `#goodBytes` while all is well. */
  #touchedBytes: number;
  /** Whether the name of the segment is on disk too. */
  #named = false;

  constructor({ disk, folder, maxSegmentBytes, last }: WriterStart) {
    this.#disk = disk;
    this.#folder = folder;
    this.#maxSegmentBytes = maxSegmentBytes;
    this.#path = last?.path;
    this.#goodBytes = last?.goodBytes ?? 0;
    this.#touchedBytes = last?.sizeBytes ?? 0;
  }

  /** Throws what the disk threw, or ForeignWrite. `firstSeq` names the segment that may have to begin here. */
  async append(bytes: Buffer, firstSeq: number): Promise<void> {
    try {
      const file = await this.#fileFor(bytes.length, firstSeq);
      await this.#takeOffLeftovers(file);
      await this.#makeNameDurable();
      this.#touchedBytes = this.#goodBytes + bytes.length;
      await writeFully(file, bytes, this.#goodBytes);
      await file.sync();
      this.#goodBytes = this.#touchedBytes;
    } catch (error) {
      await this.#dropFile();
      throw error;
    }
  }

  /**
   * An open file stays what it is when its name is given to another one, and so does the way to it: looked at beside the
   * appends, the segment still has to be found where readers look for it. Throws ForeignWrite, or what the disk threw.
   */
  async assertInPlace(): Promise<void> {
    const path = this.#path;
    if (path === undefined) return;
    const written = this.#goodBytes;
    const found = await this.#disk.sizeOf(path);
    if (found < written) throw new ForeignWrite(`${path} has ${found} bytes where ${written} were written`);
  }

  async close(): Promise<void> {
    await this.#dropFile();
  }

  async #fileFor(length: number, firstSeq: number): Promise<DiskFile> {
    const full = this.#goodBytes > 0 && this.#goodBytes + length > this.#maxSegmentBytes;
    if (this.#path !== undefined && !full) {
      this.#file ??= await this.#disk.open(this.#path);
      return this.#file;
    }
    if (full) await this.#leaveFullSegment();
    const path = join(this.#folder, segmentName(firstSeq));
    const file = await this.#disk.open(path);
    this.#file = file;
    this.#path = path;
    this.#goodBytes = 0;
    this.#touchedBytes = 0;
    this.#named = false;
    return file;
  }

  async #makeNameDurable(): Promise<void> {
    if (this.#named) return;
    await this.#disk.syncDirectory(this.#folder);
    this.#named = true;
  }

  async #leaveFullSegment(): Promise<void> {
    if (this.#touchedBytes !== this.#goodBytes && this.#path !== undefined) {
      this.#file ??= await this.#disk.open(this.#path);
      await this.#takeOffLeftovers(this.#file);
    }
    await this.#dropFile();
  }

  async #takeOffLeftovers(file: DiskFile): Promise<void> {
    const { size, linked } = await file.stat();
    if (!linked || size < this.#goodBytes || size > this.#touchedBytes) {
      throw new ForeignWrite(`${this.#path} has ${size} bytes where ${this.#goodBytes} were written`);
    }
    if (this.#touchedBytes === this.#goodBytes) return;
    await file.truncate(this.#goodBytes);
    await file.sync();
    this.#touchedBytes = this.#goodBytes;
  }

  // After a failed fsync the kernel may call lost pages clean: a new handle and a rewrite never rely on them.
  async #dropFile(): Promise<void> {
    const file = this.#file;
    this.#file = undefined;
    await file?.close().catch(() => undefined);
  }
}

async function writeFully(file: DiskFile, bytes: Buffer, position: number): Promise<void> {
  let done = 0;
  while (done < bytes.length) {
    const written = await file.write(bytes.subarray(done), position + done);
    if (written === 0) throw new Error('the disk takes no more bytes');
    done += written;
  }
}
