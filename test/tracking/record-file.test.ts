import { readFileSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { expect, test } from 'vitest';
import { crc32c, TFRecordFile, wandbRecords, WandbLogFile } from '../../src/tracking/record-file.ts';
import { temporaryDirectory } from '../trainer/tiny-run.ts';

const root = temporaryDirectory();

test('CRC-32C: the check value of the catalogue of CRCs, and RFC 3720, B.4', () => {
  expect(crc32c(Buffer.from('123456789'))).toBe(0xe3069283);
  expect(crc32c(new Uint8Array(32))).toBe(0x8a9136aa);
  expect(crc32c(new Uint8Array(32).fill(255))).toBe(0x62a8ab43);
});

test('TFRecord: length, its checksum, the record, its checksum', () => {
  const path = join(root, 'records');
  const file = new TFRecordFile(path);
  file.append(Buffer.from('123456789'));
  file.close();
  const bytes = readFileSync(path);
  expect(bytes.length).toBe(8 + 4 + 9 + 4);
  expect(bytes.readBigUInt64LE(0)).toBe(9n);
  // Masked: rotated right by 15 bits, plus 0xa282ead8 (tensorflow/core/lib/hash/crc32c.h).
  const rotated = BigInt.asUintN(32, (0xe3069283n >> 15n) | (0xe3069283n << 17n));
  expect(bytes.readUInt32LE(21)).toBe(Number(BigInt.asUintN(32, rotated + 0xa282ead8n)));
});

/** Reads as github.com/google/leveldb/blob/main/doc/log_format.md says, with W&B's checksum. */
function readLog(bytes: Buffer): Buffer[] {
  const records: Buffer[] = [];
  let parts: Buffer[] = [];
  for (let at = 7; at < bytes.length; ) {
    const left = 32768 - (at % 32768);
    if (left < 7) {
      expect(bytes.subarray(at, at + left).every((byte) => byte === 0)).toBe(true);
      at += left;
      continue;
    }
    const [length, type] = [bytes.readUInt16LE(at + 4), bytes[at + 6]!];
    expect(7 + length).toBeLessThanOrEqual(left);
    expect(bytes.readUInt32LE(at)).toBe(crc32(bytes.subarray(at + 6, at + 7 + length)));
    expect([1, 2].includes(type)).toBe(parts.length === 0);
    parts.push(bytes.subarray(at + 7, at + 7 + length));
    if (type === 1 || type === 4) {
      records.push(Buffer.concat(parts));
      parts = [];
    }
    at += 7 + length;
  }
  return records;
}

test("W&B's log: records of every length around the ends of blocks", () => {
  // What leaves 0 to 14 bytes of a block, among them just room for a header.
  const lengths = Array.from({ length: 15 }, (_, room) => [32768 - 14 - room, 1, 32768 - 8 - 7 - 7, 70_000, 0]).flat();
  lengths.forEach((_, first) => {
    if (first % 5 !== 0) return;
    const path = join(root, `log ${first}`);
    const file = new WandbLogFile(path);
    const records = lengths.slice(first, first + 5).map((length, i) => Buffer.alloc(length, i + 1));
    for (const record of records) file.append(record);
    file.close();
    const bytes = readFileSync(path);
    expect([...bytes.subarray(0, 7)]).toEqual([...Buffer.from(':W&B'), 0xe1, 0xbe, 0]);
    expect(readLog(bytes).map(({ length }) => length)).toEqual(records.map(({ length }) => length));
    expect(Buffer.concat(readLog(bytes)).equals(Buffer.concat(records))).toBe(true);
    const read = [...wandbRecords(path)];
    expect(read.map(({ record }) => Buffer.from(record).equals(records.shift()!))).toEqual(read.map(() => true));
    expect([records.length, read.at(-1)!.end]).toEqual([0, bytes.length]);
    // Torn within its last record, which is empty: the rest of it is left out.
    truncateSync(path, bytes.length - 1);
    expect([...wandbRecords(path)]).toHaveLength(read.length - 1);
  });
});
