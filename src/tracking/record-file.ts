// The two ways in which protobuf records follow each other in files: TensorFlow's, and LevelDB's as W&B has it.

import { closeSync, openSync, readSync, truncateSync, writeSync } from 'node:fs';
import { crc32 } from 'node:zlib';

/** A file that records are appended to. They wait in memory until `flush`: a call of the system for each would cost more than they do. */
abstract class RecordFile {
  readonly #file: number;
  #waiting: Uint8Array[] = [];

  /** @param path must not be there, unless `flags` say otherwise */
  constructor(path: string, flags: 'wx' | 'a' = 'wx') {
    this.#file = openSync(path, flags);
  }

  abstract append(record: Uint8Array): void;

  protected write(bytes: Uint8Array): void {
    this.#waiting.push(bytes);
  }

  /** From now on they are in the file, whatever happens to this process. */
  flush(): void {
    const bytes = Buffer.concat(this.#waiting);
    this.#waiting = [];
    for (let written = 0; written < bytes.length; ) written += writeSync(this.#file, bytes, written);
  }

  close(): void {
    this.flush();
    closeSync(this.#file);
  }
}

/** Castagnoli's polynomial, reversed. RFC 3720, appendix B.4. */
const CRC32C = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0x82f63b78 : 0);
  return crc;
});

/** @returns the CRC-32C of bytes, unsigned */
export function crc32c(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) crc = (crc >>> 8) ^ CRC32C[(crc ^ byte) & 0xff]!;
  return (crc ^ 0xffffffff) >>> 0;
}

/** TensorFlow masks checksums of data that holds checksums. tensorflow/core/lib/hash/crc32c.h */
function masked(crc: number): number {
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
}

/** A file of TFRecords: length (uint64), its masked CRC-32C, the record, its masked CRC-32C. */
export class TFRecordFile extends RecordFile {
  override append(record: Uint8Array): void {
    const framed = Buffer.allocUnsafe(record.length + 16);
    framed.writeBigUInt64LE(BigInt(record.length), 0);
    framed.writeUInt32LE(masked(crc32c(framed.subarray(0, 8))), 8);
    framed.set(record, 12);
    framed.writeUInt32LE(masked(crc32c(record)), 12 + record.length);
    this.write(framed);
  }
}

const BLOCK = 32768;
const BLOCK_HEADER = 7;
const FULL = 1;
const FIRST = 2;
const MIDDLE = 3;
const LAST = 4;

const WANDB_HEADER = Buffer.from([...Buffer.from(':W&B'), 0xe1, 0xbe, 0]);

/**
 * W&B's log of a run: `:W&B`, the magic 0xBEE1 and version 0, then LevelDB's log format, in blocks of 32 KiB that a record may span. The
 * checksum is the zlib CRC-32 of type and data. github.com/google/leveldb/blob/main/doc/log_format.md
 */
export class WandbLogFile extends RecordFile {
  #position: number;

  /** @param path must not be there, unless the log goes on behind its first `length` bytes, where a record ends */
  constructor(path: string, length = 0) {
    if (length > 0) truncateSync(path, length);
    super(path, length > 0 ? 'a' : 'wx');
    this.#position = length;
    if (length > 0) return;
    this.write(WANDB_HEADER);
    this.#position = WANDB_HEADER.length;
  }

  override append(record: Uint8Array): void {
    let rest = record;
    let isFirst = true;
    do {
      let room = BLOCK - (this.#position % BLOCK);
      if (room < BLOCK_HEADER) {
        this.write(new Uint8Array(room));
        this.#position += room;
        room = BLOCK;
      }
      const data = rest.subarray(0, room - BLOCK_HEADER);
      rest = rest.subarray(data.length);
      const isLast = rest.length === 0;
      this.write(chunk(data, isFirst ? (isLast ? FULL : FIRST) : isLast ? LAST : MIDDLE));
      this.#position += BLOCK_HEADER + data.length;
      isFirst = false;
    } while (rest.length > 0);
  }
}

/**
 * The records of such a log, each with the position of its end, up to the first that is torn or damaged. A block is read at a time: no more
 * is in memory than that and one record.
 */
export function* wandbRecords(path: string): Generator<{ readonly record: Uint8Array; readonly end: number }> {
  const file = openSync(path, 'r');
  try {
    let parts: Uint8Array[] = [];
    for (let start = 0; ; start += BLOCK) {
      const block = readBlock(file, start);
      let at = 0;
      if (start === 0) {
        at = WANDB_HEADER.length;
        if (!block.subarray(0, at).equals(WANDB_HEADER)) return;
      }
      while (BLOCK - at >= BLOCK_HEADER) {
        if (at + BLOCK_HEADER > block.length) return;
        const end = at + BLOCK_HEADER + block.readUInt16LE(at + 4);
        if (end > block.length || crc32(block.subarray(at + 6, end)) !== block.readUInt32LE(at)) return;
        const type = block[at + 6]!;
        parts.push(block.subarray(at + BLOCK_HEADER, end));
        at = end;
        if (type === FIRST || type === MIDDLE) continue;
        yield { record: parts.length === 1 ? parts[0]! : Buffer.concat(parts), end: start + end };
        parts = [];
      }
    }
  } finally {
    closeSync(file);
  }
}

/** A block of a file; less of it where the file ends. */
function readBlock(file: number, start: number): Buffer {
  const block = Buffer.allocUnsafe(BLOCK);
  let read = 0;
  for (let more = -1; more !== 0 && read < BLOCK; read += more)
    more = readSync(file, block, read, BLOCK - read, start + read);
  return block.subarray(0, read);
}

function chunk(data: Uint8Array, type: number): Uint8Array {
  const bytes = Buffer.allocUnsafe(BLOCK_HEADER + data.length);
  bytes.writeUInt16LE(data.length, 4);
  bytes[6] = type;
  bytes.set(data, BLOCK_HEADER);
  bytes.writeUInt32LE(crc32(bytes.subarray(6)), 0);
  return bytes;
}
